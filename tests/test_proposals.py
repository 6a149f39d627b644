"""Proposals: API models in files of their own, and what is told of the bad ones."""

from pathlib import Path

import pytest

import simulator
from simulator.apis.proposals import loading
from simulator.apis.proposals.template import write_proposal
from tests.checkout import ROOT, command

END_BOUNDARY = "scenarios/proposals/end_boundary.py"

HEAD = """\
from simulator.apis.base import ApiModel
from simulator.apis.libvirt import Libvirt
from simulator.model.operations import Refusal


"""

NAMED = '    id = "mine"\n    title = "t"\n    source = "s"\n'

PLAIN = f"{HEAD}class Mine(Libvirt):\n{NAMED}"

SINCE = f"{PLAIN}\n    def bitmaps_since(self, machine, disk, checkpoint):\n        "

MISTAKES = {
    "no Python": ("class Mine(\n", "no Python: '(' was never closed", 1),
    "no model": ("x = 1\n", "there is no model here", None),
    "two models": (
        f"{PLAIN}\n\nclass Other(Libvirt):\n{NAMED}",
        "Mine and Other are two models",
        12,
    ),
    "no title": (
        f'{HEAD}class Mine(Libvirt):\n    id = "mine"\n    title = 7\n',
        "is no text: 7",
        8,
    ),
    "no name of its own": (f"{HEAD}class Mine(Libvirt):\n    pass\n", "libvirt is the id of", 6),
    "no since": (f"{HEAD}class Mine(ApiModel):\n{NAMED}", "Mine has no bitmaps_since", 6),
    "a misspelt policy": (
        f"{PLAIN}\n    def bitmap_since(self, machine, disk, checkpoint):\n        return ()\n",
        "bitmap_since is no policy",
        11,
    ),
    "too few parameters": (
        f"{PLAIN}\n    def bitmaps_since(self, machine):\n        return ()\n",
        "bitmaps_since takes self, machine",
        11,
    ),
    "raises when read": (f"{HEAD}1 / 0\n", "ZeroDivisionError: division by zero", 6),
    "ends the program": (f"{HEAD}raise SystemExit(0)\n", "SystemExit: 0", 6),
    "raises when asked": (
        f"{SINCE}return machine.nothing\n",
        "asked for take backup: AttributeError: 'Machine' object has no attribute 'nothing'",
        12,
    ),
    "gives what is no plan": (
        f"{PLAIN}\n    def delete(self, machine, name):\n        return [name]\n",
        "asked for delete checkpoint, Mine gives list: ['c1']",
        6,
    ),
    "gives what is no primitive": (
        f"{PLAIN}\n    def delete(self, machine, name):\n        return (name,)\n",
        "asked for delete checkpoint, Mine gives str: 'c1'",
        6,
    ),
    "never ends": (f"{SINCE}while True:\n            pass\n", "no answer after", None),
}

SCENARIO = """\
scenario: s
disk: 8
timeline:
  - {at: T1, do: [{create: S1}, {checkpoint: c1}]}
  - {at: T2, do: [{backup: {since: c1, to: inc.bak}}, {delete: {checkpoint: c1}}]}
"""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_proposal_is_told_with_its_file_and_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SECONDS_MAX", 0.2)
    text, message, line = MISTAKES[name]
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(simulator.InputError) as told:
        simulator.loads(SCENARIO).run(str(path))
    (problem, *_) = told.value.problems
    assert message in problem.message
    assert told.value.path == str(path)
    if line is not None:
        assert problem.span is not None
        assert problem.span.line == line


def test_a_proposal_that_prints_is_in_nobodys_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{SINCE}print('here')\n        return ()\n")
    simulator.loads(SCENARIO).run(str(path))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "here" in captured.err


def test_a_mistake_in_a_proposal_ends_a_command_with_status_2(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{SINCE}return machine.nothing\n")
    outcome = command("run", "scenarios/valid/weekly-chain.yaml", "--model", str(path))
    assert outcome.status == 2
    assert f"--> {path}:12:9" in outcome.err
    missing = command("run", "scenarios/valid/weekly-chain.yaml", "--model", "./nothing.py")
    assert missing.status == 2
    assert "cannot read ./nothing.py" in missing.err


def test_the_end_boundary_gives_what_a_snapshot_froze_and_refuses_the_rest() -> None:
    can = simulator.load(ROOT / "scenarios/proposals/end-at-a-snapshot.yaml")
    backups = can.run(END_BOUNDARY).document()["backups"]
    assert backups["monday.bak"]["cells"] == "AAAA----"
    assert backups["tuesday.bak"]["cells"] == "D--BB---"
    cannot = simulator.load(ROOT / "scenarios/proposals/end-without-a-snapshot.yaml")
    assert "monday.bak" not in cannot.run(END_BOUNDARY).document()["backups"]
    assert [f.code for f in cannot.run("nir-2018").findings if f.failing] == ["BT201"]


def test_a_written_proposal_can_be_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "two-ends.py"
    assert command("new", "--model", str(path)).status == 0
    assert path.read_text() == write_proposal(str(path))
    outcome = command("models", str(path), "--against", "libvirt")
    assert outcome.status == 0
    assert outcome.out.startswith("two-ends: one line for reviewers")
    assert "  checkpoint\n" in outcome.out
    assert command("run", "scenarios/valid/weekly-chain.yaml", "-m", str(path)).status == 0
    assert command("new", "--model", str(path)).status == 2


def test_policies_of_two_models_are_told_where_they_differ() -> None:
    out = command("models", "libvirt", "--against", "mail-2018").out
    assert "mail-2018: Merge the checkpoint's bitmap into its parent's" in out
    assert "the same: create" in out
    assert all(len(line) <= 72 for line in out.splitlines())
    assert command("models", "--against", "libvirt").status == 2
    near = command("models", "libvrt")
    assert "did you mean libvirt?" in near.err
