"""What ``check`` tells of many files: folded, counted, selected; and whom a folder means."""

from pathlib import Path

import pytest

from tests.checkout import command
from tests.formats.test_formats import STALE


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    path = tmp_path / "stale.yaml"
    path.write_text(STALE)
    return path


def test_of_many_files_what_is_expected_is_folded_and_one_line_counts_all() -> None:
    outcome = command("check", "scenarios/flagged")
    assert outcome.status == 0
    assert "error[" not in outcome.out
    *_, blank, last = outcome.out.splitlines()
    assert blank == ""
    assert last.startswith("105 scenarios, ") or " scenarios, " in last
    assert " expected" in last
    one = command("check", "scenarios/mail/2018.yaml")
    assert "error[BT201] stale-bitmap" in one.out
    assert one.out.rstrip().count("\n\n") == 2


def test_quiet_tells_findings_alone_and_statistics_how_often(stale: Path) -> None:
    quiet = command("check", str(stale), "scenarios/mail", "--quiet")
    assert quiet.status == 1
    assert quiet.out.startswith("error[BT201]")
    assert not quiet.out.splitlines()[-1].startswith("8 scenarios")
    assert " instants, " not in quiet.out
    assert command("check", "scenarios/mail", "-q").out == ""
    counted = command("check", str(stale), "scenarios/mail", "--statistics").out
    assert "     3  BT201  stale-bitmap (2 expected or allowed)\n" in counted
    assert "     1  EX001  unmet-figure\n" in counted


def test_what_is_selected_gives_the_status(stale: Path) -> None:
    assert command("check", str(stale)).status == 1
    assert command("check", str(stale), "--select", "BT5").status == 0
    only = command("check", str(stale), "--select", "unmet-figure,BT3")
    assert (only.status, "BT201" in only.out) == (1, False)
    rest = command("check", str(stale), "--ignore", "EX", "--ignore", "BT201")
    counts = "3 instants, 1 backup, 2 findings, 2 of them not told"
    assert (rest.status, rest.out) == (0, f"{stale}: {counts}\n")
    zero = command("check", str(stale), "--exit-zero")
    assert (zero.status, zero.out) == (0, command("check", str(stale)).out)
    assert command("check", "none.yaml", "--exit-zero").status == 2


COMMANDS = (
    ("check",),
    ("run",),
    ("verify",),
    ("compare", "--models", "libvirt,qemu"),
    ("compat", "libvirt", "qemu"),
    ("review", "--reject-all"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_folder_and_a_pattern_mean_the_same_everywhere(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.yaml").write_text("scenario: [")
    (tmp_path / "other.yml").write_text("services: {}\n")
    for given, told in (
        (tmp_path, f"no scenario in {tmp_path}"),
        (tmp_path / "empty", f"no scenario in {tmp_path / 'empty'}"),
        (tmp_path / "*.yaml", f"no scenario fits {tmp_path / '*.yaml'}"),
    ):
        outcome = command(*words, str(given))
        assert outcome.status == 2
        assert told in outcome.err
    (tmp_path / "deep").mkdir()
    plain = STALE.split("  - {at: T2")[0]
    for name in ("deep/b.yaml", "a.yml"):
        (tmp_path / name).write_text(plain)
    by_name = command(*words, str(tmp_path / "a.yml"), str(tmp_path / "deep" / "b.yaml"))
    by_folder = command(*words, str(tmp_path))
    by_pattern = command(*words, f"{tmp_path}/a.*", f"{tmp_path}/**/b.yaml")
    assert by_name == by_folder == by_pattern
    assert by_name.status == 0


def test_a_folder_of_documents_means_those_with_figures(tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("# nothing here\n")
    (tmp_path / "page.md").write_text(f"```yaml\n{STALE}```\n")
    outcome = command("lint", str(tmp_path))
    assert outcome.status == 1
    assert "plain.md" not in outcome.out + outcome.err
    assert command("lint", str(tmp_path / "plain.md")).status == 0


@pytest.mark.parametrize(
    ("environment", "painted"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "0"}, False),
    ],
)
def test_colour_can_be_forced(
    environment: dict[str, str], painted: bool, stale: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in command("check", str(stale)).out) is painted
