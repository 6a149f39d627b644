"""Proposals: API models in files of their own, and what is told of the bad ones."""

import importlib.metadata
import subprocess
import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import simulator
from simulator.apis import MODELS
from simulator.apis.proposals import asking, loading
from simulator.apis.proposals.template import write_proposal, write_proposal_from
from simulator.apis.telling.describe import POLICIES
from simulator.apis.telling.reference import example_of, primitives, write_reference
from simulator.model import clusters, machine, notes, operations
from tests.checkout import ROOT, command

END_BOUNDARY = "scenarios/proposals/end_boundary.py"

HEAD = """\
from simulator.apis.base import ApiModel
from simulator.apis.libvirt import Libvirt
from simulator.model.operations import DetachDisk, Refusal


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
        11,
    ),
    "gives what is no primitive": (
        f"{PLAIN}\n    def delete(self, machine, name):\n        return (name,)\n",
        "asked for delete checkpoint, Mine gives str: 'c1'",
        11,
    ),
    "gives nothing": (
        f"{SINCE}return None\n",
        "asked for take backup, Mine gives NoneType: None",
        11,
    ),
    "gives a primitive of something else": (
        f"{PLAIN}\n    def delete(self, machine, name):\n        return (DetachDisk(7),)\n",
        "asked for delete checkpoint, Mine gives DetachDisk: DetachDisk(disk=7)",
        11,
    ),
    "refuses with a number": (
        f"{PLAIN}\n    def delete(self, machine, name):\n        return Refusal(7)\n",
        "asked for delete checkpoint, Mine gives Refusal: Refusal(text=7",
        11,
    ),
    "never ends": (
        f"{SINCE}while True:\n            pass\n",
        "asked for take backup: no answer after 0.2 seconds in bitmaps_since",
        None,
    ),
    "never ends, whatever it is told": (
        f"{SINCE}while True:\n            try:\n                while True:\n"
        "                    pass\n            except BaseException:\n                pass\n",
        "no answer after 0.2 seconds in bitmaps_since",
        None,
    ),
    "sleeps": (f"{HEAD}import time\ntime.sleep(1000)\n", "no answer after 0.2 seconds", 7),
    "raises what cannot be told": (
        f"{HEAD}class E(Exception):\n    def __str__(self):\n        raise self\n\n\nraise E\n",
        "E, which cannot be told",
        11,
    ),
    "raises what is told without end": (
        f"{HEAD}class E(Exception):\n    def __str__(self):\n        while True:\n"
        "            pass\n\n\nraise E\n",
        "no answer after 0.2 seconds in __str__",
        None,
    ),
    "raises an error of ours": (
        f"{HEAD}from simulator.diagnostics import InputError\nraise InputError('x', '', [7])\n",
        "AttributeError: 'int' object has no attribute 'span'",
        7,
    ),
    "is of a class that raises": (
        f"{HEAD}class Meta(type):\n    def __getattribute__(self, name):\n"
        f"        raise ValueError(name)\n\n\nclass Mine(Libvirt, metaclass=Meta):\n{NAMED}",
        "ValueError: __module__ in __getattribute__",
        8,
    ),
    "is named by what raises": (
        f"{HEAD}class Mine(Libvirt):\n{NAMED}\n    def __init__(self):\n        self.id = 7\n",
        "TypeError: descriptor '__str__' requires a 'str' object but received a 'int'",
        None,
    ),
    "is within itself too often": (f"x = {'-' * 100_000}1\n", "no Python: too", None),
    "is no text": ("# coding: utf-8\nx = '\udc80'\n", "is not text in UTF-8", None),
    "has an encoding that nobody knows": ("# coding: nothing\n", "no Python: unknown enc", None),
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
    monkeypatch.setattr(asking, "SECONDS_MAX", 0.2)
    text, message, line = MISTAKES[name]
    path = tmp_path / "mine.py"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(simulator.InputError) as told:
        simulator.loads(SCENARIO).run(str(path))
    (problem, *_) = told.value.problems
    assert message in problem.message
    assert told.value.path == str(path)
    if line is not None:
        assert problem.span is not None
        assert problem.span.line == line


def test_a_proposal_that_calls_itself_without_end_is_told_in_a_process_of_its_own(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        f"{HEAD}import sys\nsys.setrecursionlimit(10**9)\n\n\ndef f():\n    f()\n\n\nf()\n"
    )
    words = ("run", "scenarios/valid/weekly-chain.yaml", "--model", str(path))
    ran = subprocess.run(
        [sys.executable, "-m", "simulator", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: RecursionError: maximum recursion depth exceeded in f\n")
    assert f"--> {path}:11:5" in ran.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_a_proposal_is_read_as_python_reads_it(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    named = NAMED.replace('title = "t"', 'title = "\N{LATIN SMALL LETTER A WITH DIAERESIS}"')
    cookie = "# coding: latin-1\r\n" if encoding == "latin-1" else ""
    path.write_bytes(f"{cookie}{HEAD}class Mine(Libvirt):\r\n{named}".encode(encoding))
    assert loading.find_model(str(path)).title == "\N{LATIN SMALL LETTER A WITH DIAERESIS}"


def test_a_line_is_counted_as_python_counts_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"# \x0c \x85 \u2028\n{HEAD}1 / 0\n", encoding="utf-8")
    with pytest.raises(simulator.InputError) as told:
        loading.find_model(str(path))
    assert told.value.problems[0].span == (7, 1, 7, 6)


def test_a_thread_without_a_timer_gets_its_answer_in_time_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS_MAX", 0.2)
    path, told = tmp_path / "mine.py", []
    path.write_text(f"{SINCE}while True:\n            pass\n")

    def run() -> None:
        with pytest.raises(simulator.InputError) as caught:
            simulator.loads(SCENARIO).run(str(path))
        told.append(caught.value.problems[0].message)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert told == ["asked for take backup: no answer after 0.2 seconds in bitmaps_since"]


MODULES = {
    "an instance": ("class A:\n    pass\n\n\nmodel = A()\n", "object at 0x"),
    "a number": ("model = 7\n", "7 is no model"),
    "a class of nowhere": (
        'model = type("A", (), {"__module__": "nowhere"})\n',
        "<class 'nowhere.A'> is no model",
    ),
    "a module that never ends": ("while True:\n    pass\n", "no answer after 0.2 seconds"),
    "a module that raises": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "nothing of that name": ("x = 1\n", "has no attribute 'model'"),
}


@pytest.mark.parametrize("name", MODULES)
def test_what_an_installed_package_names_is_told_if_it_is_no_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, message = MODULES[name]
    monkeypatch.setattr(asking, "SECONDS_MAX", 0.2)
    (tmp_path / "installed_model.py").write_text(text)
    point = EntryPoint("theirs", "installed_model:model", loading.ENTRY_POINTS)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: (point,))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "installed_model", raising=False)
    outcome = command("run", "scenarios/valid/weekly-chain.yaml", "--model", "theirs")
    assert outcome.status == 2
    assert outcome.out == ""
    assert message in outcome.err
    assert "Traceback" not in outcome.err


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
    assert "mail-2018: Make the base image" in out
    assert "the same: attach, detach, end_at, job" in out
    assert all(len(line) <= 72 for line in out.splitlines())
    assert command("models", "--against", "libvirt").status == 2
    near = command("models", "libvrt")
    assert "did you mean libvirt?" in near.err


def test_the_page_about_policies_and_primitives_is_the_one_that_the_code_makes() -> None:
    page = (ROOT / "docs/policies.md").read_text()
    assert write_reference() == page, "make outs writes it anew"
    assert command("models", "--reference").out == page
    assert all(f"### {name}\n" in page for name in POLICIES)


@pytest.mark.parametrize("kind", primitives(), ids=lambda kind: kind.__name__)
def test_the_example_of_a_primitive_makes_one(kind: type) -> None:
    known = {**vars(clusters), **vars(notes), **vars(machine), **vars(operations)}
    made = eval(example_of(kind), known)
    assert isinstance(made, kind)


@pytest.mark.parametrize("id", MODELS)
def test_a_proposal_from_a_model_does_just_what_that_does(id: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(write_proposal_from("mine", MODELS[id], POLICIES))
    for scenario in ("scenarios/mail/2018.yaml", "scenarios/valid/two-disks.yaml"):
        runs = [
            simulator.load(str(ROOT / scenario)).run(loading.find_model(str(path))),
            simulator.load(str(ROOT / scenario)).run(MODELS[id]),
        ]
        mine, own = (run.document() for run in runs)
        for key in ("frames", "backups", "restores"):
            assert mine[key] == own[key]


def test_new_takes_a_policy_from_a_model(tmp_path: Path) -> None:
    out = command("new", "--model", "-", "--from", "mail-2018", "--policy", "delete").out
    assert "return merge_into_parent(machine, name)" in out
    assert "from simulator.apis.mail2018 import Mail2018, merge_into_parent" in out
    misspelt = command("new", "--model", "-", "--from", "libvirt", "--policy", "delte")
    assert (misspelt.status, "did you mean delete?" in misspelt.err) == (2, True)
    assert command("new", "--model", "-", "--from", "libvirt").status == 2
    assert command("new", "--model", "-", "--policy", "delete").status == 2
    assert command("new", "monday", "--from", "libvirt").status == 2
