"""Figures in mails and documents, and expected figures that are rewritten."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout import ROOT, command
from tests.mail_rows import DRAWN

SCENARIO = """\
scenario: two instants
model: mail-2018
disk: 8
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
  - write: AAAA----
  - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
  - write: ---BBB--
  - {at: T3, do: [{checkpoint: B3}]}
"""

AT_T2 = "S1: |AAAA----| <- S2: |--------|\nB1: |XXXX----|    B2: |--------|+\n"
AT_T3 = "S1: |AAAA----| <- S2: |---BBB--|\nguest sees: |AAABBB--|\n"


def fenced(text: str, kind: str = "") -> str:
    return f"```{kind}\n{text}```\n"


def indented(text: str, by: str = "    ") -> str:
    return "".join(f"{by}{line}" for line in text.splitlines(keepends=True))


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run in CI too, where ``--update`` never runs: one test below asks for that."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "proposal.md"


FORMS: dict[str, Callable[[str], str]] = {
    "fenced": lambda text: fenced(text, "yaml"),
    "indented": indented,
    "quoted": lambda text: indented(text, "> "),
    "quoted twice": lambda text: indented(text, ">> "),
    "fenced in a quote": lambda text: indented(fenced(text), "> "),
    "bare": lambda text: text,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_cell_is_found_with_its_place_in_every_form(form: str, document: Path) -> None:
    write = FORMS[form]
    right = f"# Title\n\n{write(SCENARIO)}\nAt T2:\n\n{write(AT_T2)}\nAnd at T3:\n\n{write(AT_T3)}"
    document.write_text(right)
    assert command("lint", str(document)).status == 0
    wrong = right.replace("AAABBB--", "AAABBC--")
    document.write_text(wrong)
    outcome = command("lint", str(document))
    assert outcome.status == 1
    line = next(n for n, text in enumerate(wrong.splitlines(), 1) if "AAABBC" in text)
    column = wrong.splitlines()[line - 1].index("BBC") + 3
    assert f"--> {document}:{line}:{column}\n" in outcome.out
    assert "guest sees is not so at T3" in outcome.out
    assert "1 scenario, 2 figures, 1 wrong row" in outcome.out


def test_a_figure_without_a_name_is_like_some_instant_or_shown_the_nearest(document: Path) -> None:
    document.write_text(f"{fenced(SCENARIO)}\nIt looks so:\n\n{fenced(AT_T2)}")
    assert command("lint", str(document)).status == 0
    document.write_text(
        f"{fenced(SCENARIO)}\nIt looks so:\n\n{fenced(AT_T3.replace('BBB', 'CBB'))}"
    )
    out = command("lint", str(document)).out
    assert "T3 is the nearest" in out
    named = f"{fenced(SCENARIO)}\nAt T3 it looks so:\n\n{fenced(AT_T2)}"
    document.write_text(named)
    assert command("lint", str(document)).status == 1


def test_update_corrects_the_rows_and_nothing_else_and_does_so_once(document: Path) -> None:
    wrong = f"Hello,\r\n\n{indented(SCENARIO, '> ')}\nAt T3:\n\n{indented(AT_T3, '> ')}-- \nme\n"
    wrong = wrong.replace("|---BBB--|", "|---BB---|").replace("|AAABBB--|", "|AAAB-B--|")
    document.write_bytes(wrong.encode())
    outcome = command("lint", "--update", str(document))
    assert outcome.status == 0
    assert "\n-> guest sees: |AAAB-B--|\n" in outcome.out
    assert "\n+> guest sees: |AAABBB--|\n" in outcome.out
    fixed = wrong.replace("|AAAB-B--|", "|AAABBB--|").replace("|---BB---|", "|---BBB--|")
    assert document.read_bytes() == fixed.encode()
    again = command("lint", "--update", str(document))
    assert again.status == 0
    assert "+++" not in again.out


def test_the_mail_is_right_with_and_without_its_scenario(document: Path) -> None:
    document.write_text(DRAWN)
    alone = command("lint", str(document))
    assert alone.status == 0
    assert "8 figures, 0 wrong" in alone.out
    document.write_text((ROOT / "scenarios/mail/2018.yaml").read_text() + DRAWN)
    assert command("lint", str(document)).status == 0
    document.write_text(DRAWN.replace("guest sees: |DAABBDD-|", "guest sees: |DAABBD--|"))
    outcome = command("lint", str(document))
    assert outcome.status == 1
    assert "LT102" in outcome.out
    assert "chain:    |DAABBDD-|" in outcome.out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("S1: |AAAA----", "the row has no bar at its end"),
        ("S1:\t|AAAA----|", "a tab stands in the row"),
        ("S1: \u2502AAAA----\u2502", "the bars of the row are not |"),
        ("S1: |AAAA----|\nB1: |XXXX---|", "B1 has 7 cells, S1 has 8"),
    ],
)
def test_a_row_that_cannot_be_is_told(line: str, message: str, document: Path) -> None:
    document.write_text(f"text\n\n{line}\n")
    outcome = command("lint", str(document))
    assert outcome.status == 1
    assert message in outcome.out


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n| --- | --- |\n| x: |yes| no |\n",
        "run `ls | grep x` and so on\n",
        "a: | b\n",
        "+----+\n| S1 |\n+----+\n",
    ],
)
def test_other_drawings_are_no_figures(text: str, document: Path) -> None:
    document.write_text(text)
    outcome = command("lint", str(document))
    assert outcome.status == 2
    assert "neither figures nor scenarios" in outcome.err


def test_a_scenario_that_cannot_be_used_is_told_at_its_place_in_the_document(
    document: Path,
) -> None:
    text = f"# Title\n\n{indented(SCENARIO.replace('write: AAAA----', 'write: AAAA'), '> ')}"
    document.write_text(text)
    outcome = command("lint", str(document))
    assert outcome.status == 2
    assert f"--> {document}:8:14" in outcome.err
    unmet = SCENARIO + "  - {at: T4, do: [{expect: 'S1: |BBBB----|'}]}\n"
    document.write_text(fenced(unmet))
    outcome = command("lint", str(document))
    assert outcome.status == 1
    assert "error[EX001]" in outcome.out
    document.write_text(fenced(unmet.replace("'S1: |BBBB----|'", "{stored: 5}")))
    outcome = command("lint", str(document))
    assert outcome.status == 1
    assert "error[EX003] unmet-measure: stored is" in outcome.out


def test_what_is_no_document_is_told(tmp_path: Path) -> None:
    assert "cannot read" in command("lint", str(tmp_path / "none.md")).err
    assert command("lint", str(tmp_path)).status == 2
    binary = tmp_path / "x.md"
    binary.write_bytes(b"\xff\xfe\x00")
    outcome = command("lint", str(binary))
    assert outcome.status == 2
    assert "no text in UTF-8" in outcome.err
    assert command("lint", "-", stdin=fenced(SCENARIO) + fenced(AT_T2)).status == 0


EXPECTING = (
    SCENARIO
    + """\
      # what came of it
  - at: T4
    do:
      - expect: |
          S1: |AAAB----| <- S2: |---BBB--|     # not a comment
          guest sees: |AAABB---|
"""
)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(EXPECTING.replace("     # not a comment", ""))
    return path


def test_check_update_rewrites_the_cells_and_shows_the_change(scenario: Path) -> None:
    before = scenario.read_text()
    assert command("check", str(scenario)).status == 1
    outcome = command("check", "--update", str(scenario))
    assert outcome.status == 0
    assert "-          guest sees: |AAABB---|" in outcome.out
    fixed = before.replace("|AAAB----|", "|AAAA----|").replace("|AAABB---|", "|AAABBB--|")
    assert scenario.read_text() == fixed
    assert "+++" not in command("check", "--update", str(scenario)).out


def test_update_never_runs_in_ci(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    before = scenario.read_text()
    for words in (("check", "--update"), ("review", "--accept-all"), ("lint", "--update")):
        outcome = command(*words, str(scenario))
        assert outcome.status == 2
        assert "this is CI" in outcome.err
    assert scenario.read_text() == before


def test_review_accepts_or_rejects(scenario: Path) -> None:
    before = scenario.read_text()
    assert "there is no terminal" in command("review", str(scenario)).err
    rejected = command("review", "--reject-all", str(scenario))
    assert (rejected.status, scenario.read_text()) == (1, before)
    assert "0 accepted, 2 rejected, 0 skipped" in rejected.out
    accepted = command("review", "--accept-all", str(scenario))
    assert accepted.status == 0
    assert "2 accepted" in accepted.out
    assert command("check", str(scenario)).status == 0


def test_what_cannot_be_rewritten_is_told() -> None:
    outcome = command("check", "--update", "-", stdin=EXPECTING)
    assert outcome.status == 2
    assert "standard input cannot be rewritten" in outcome.err
