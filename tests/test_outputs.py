"""What commands leave behind: whole files, never over what they read, and no traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import writing
from tests.checkout import MAIL, ROOT, command

SCENARIO = MAIL.read_text(encoding="utf-8")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that is written meets a full disk when it is to be whole."""

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "_take_place", full)


OUTPUTS = {
    "pdf": ("draw", str(MAIL), "-o", "{}/out.pdf"),
    "gif": ("draw", str(MAIL), "-o", "{}/out.gif"),
    "svg": ("draw", str(MAIL), "-o", "{}/out.svg"),
    "html": ("draw", str(MAIL), "-o", "{}/out.html"),
    "export": ("export", str(MAIL), "--to", "sh", "-o", "{}/out.sh"),
    "record": ("record", str(MAIL), "-o", "{}"),
    "new": ("new", "{}/out"),
    "proposal": ("new", "--model", "{}/out"),
}


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("words", OUTPUTS.values(), ids=OUTPUTS)
def test_on_a_full_disk_an_output_is_not_there_and_the_reason_is_told(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    outcome = command(*(word.format(tmp_path) for word in words))
    assert outcome.status == 2
    assert outcome.err.startswith("error: cannot write ")
    assert outcome.err.endswith("No space left on device\n")
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize("name", ["pdf", "svg", "export", "record"])
def test_on_a_full_disk_an_output_that_was_good_stays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [word.format(tmp_path) for word in OUTPUTS[name]]
    assert command(*words).status == 0
    (path,) = [each for each in tmp_path.rglob("*") if each.is_file()]
    good = path.read_bytes()
    real = os.fdopen

    def open_full(handle: int, mode: str) -> object:
        os.close(handle)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", open_full)
    assert command(*words).status == 2
    assert path.read_bytes() == good


@pytest.mark.parametrize("words", [("export", "--to", "sh"), ("draw",)], ids=["export", "draw"])
def test_an_output_is_never_written_over_what_is_read(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    scenario, link = tmp_path / "base.svg", tmp_path / "link.svg"
    scenario.write_text(SCENARIO)
    link.symlink_to(scenario)
    for output in (scenario, link):
        outcome = command(*words, str(scenario), "-o", str(output))
        assert outcome.status == 2
        assert outcome.err == f"error: {output} is what is read here, and is left as it is\n"
    assert scenario.read_text() == SCENARIO


def test_an_output_is_never_written_over_the_proposal(tmp_path: Path) -> None:
    proposal = tmp_path / "mine.py"
    assert command("new", "--model", str(proposal)).status == 0
    source = proposal.read_bytes()
    words = ("export", str(MAIL), "--to", "sh", "-m", str(proposal), "-o", str(proposal))
    assert command(*words).status == 2
    assert proposal.read_bytes() == source


def test_a_record_has_a_file_for_each_scenario_and_none_is_the_scenario(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.yml", "b.jsonl"):
        (tmp_path / name).write_text(SCENARIO)
    program = [sys.executable, "-m", "simulator", "record", "-o", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for words, told in (
        (["a.yaml", "a.yml"], "a.yaml and a.yml would both be written to a.jsonl"),
        (["b.jsonl"], "b.jsonl is what is read here, and is left as it is"),
    ):
        ran = subprocess.run(
            [*program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"error: {told}\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.yaml", "a.yml", "b.jsonl"]
    assert (tmp_path / "b.jsonl").read_text() == SCENARIO


WRONG = SCENARIO.replace("guest sees: |DAABBDD-|", "guest sees: |DAABBD--|")


def test_update_keeps_the_mark_of_the_byte_order_the_line_ends_and_every_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert WRONG != SCENARIO
    path, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + WRONG.replace("\n", "\r\n").encode())
    other.hardlink_to(path)
    assert command("check", "--update", str(path)).status == 0
    assert other.read_bytes() == b"\xef\xbb\xbf" + SCENARIO.replace("\n", "\r\n").encode()


@pytest.mark.usefixtures("full_disk")
def test_update_on_a_full_disk_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    path = tmp_path / "a.yaml"
    path.write_text(WRONG)
    outcome = command("check", "--update", str(path))
    assert outcome.status == 2
    assert outcome.err == f"error: cannot write {path}: No space left on device\n"
    assert path.read_text() == WRONG
    assert list(tmp_path.iterdir()) == [path]


def test_review_never_wins_over_what_was_saved_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulator.cli import figures

    monkeypatch.delenv("CI", raising=False)
    path = tmp_path / "a.yaml"
    path.write_text(WRONG)
    real = figures.edited_scenario

    def edited(*args: object, **options: object) -> object:
        found = real(*args, **options)  # type: ignore[arg-type]  # as it was called
        path.write_text(f"{WRONG}# newer\n")
        return found

    monkeypatch.setattr(figures, "edited_scenario", edited)
    outcome = command("review", "--accept-all", str(path))
    assert outcome.status == 2
    assert outcome.err.endswith("it was changed meanwhile, and is left as it is\n")
    assert path.read_text() == f"{WRONG}# newer\n"


def test_names_from_the_command_line_reach_no_terminal_raw(tmp_path: Path) -> None:
    name = tmp_path / "a\x1b[31m\n.svg"
    told = [
        command("draw", str(MAIL), "-o", str(name)),
        command("draw", str(MAIL), "-o", f"{tmp_path}/no/\x1b.svg"),
        command("explain", "BT\x1b[31m"),
        command("models", "x\x1b[31m"),
        command("run", "x\x1b[31m.yaml"),
        command("export", str(MAIL), "--to", "sh", "-o", str(tmp_path / "\x1b")),
        command("record", str(MAIL), "-o", str(tmp_path / "\x1b\x1b")),
    ]
    assert name.exists()
    for each in told:
        assert "\\x1b" in each.out + each.err
        assert "\x1b" not in each.out + each.err
