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
    assert (outcome.status, outcome.err) == (0, "")
    assert "0 scenarios, 0 figures, 0 wrong rows" in outcome.out


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


PROPOSAL = """\
from simulator.apis.mail2018 import Mail2018


class Low(Mail2018):
    id = "low"
    title = "a snapshot starts no bitmap"
    source = "a test"

    def snapshot(self, machine, request):
        return super().snapshot(machine, request._replace(bitmap=None))
"""
BELOW = "S1: |AAAA----| <- S2: |--------|\nB1: |XXXX----|\n"
"""What is there at T2 where the snapshot starts no bitmap, and all the same at any model."""


@pytest.fixture
def proposal(tmp_path: Path) -> Path:
    path = tmp_path / "low.py"
    path.write_text(PROPOSAL)
    return path


def wrong_rows(path: Path, *more: str) -> str:
    """Return the last line that is printed of a document."""
    return command("lint", str(path), *more).out.splitlines()[-1]


def test_a_document_about_a_proposal_is_held_against_it(document: Path, proposal: Path) -> None:
    document.write_text(f"{fenced(SCENARIO)}\nAt T2:\n\n{fenced(AT_T2)}")
    assert "0 wrong rows" in wrong_rows(document)
    under = command("lint", str(document), "--model", str(proposal))
    assert "there is no B2 at T2" in under.out


@pytest.mark.parametrize("name", ["low.py", "`low.py`"])
def test_a_figure_names_the_model_that_it_is_of(name: str, document: Path, proposal: Path) -> None:
    now, then = f"At T2:\n\n{fenced(AT_T2)}", f"At T2, under {name}:\n\n{fenced(AT_T2)}"
    document.write_text(f"{fenced(SCENARIO)}\n{now}\n{then}")
    outcome = command("lint", str(document))
    assert outcome.status == 1
    assert "at T2 under low.py" in " ".join(outcome.out.split())
    document.write_text(f"{fenced(SCENARIO)}\nAt T2, under load:\n\n{fenced(AT_T2)}")
    assert command("lint", str(document)).status == 0


def test_under_a_model_of_an_option_a_document_may_name_it_and_its_own(
    document: Path, proposal: Path
) -> None:
    own = f"At T2, under mail-2018:\n\n{fenced(AT_T2)}"
    text = f"{fenced(SCENARIO)}\n{own}\nAt T2, under low:\n\n{fenced(BELOW)}"
    document.write_text(text)
    assert command("lint", str(document), "--model", str(proposal)).status == 0


def test_a_proposal_that_is_not_there_is_told_at_the_figure(document: Path) -> None:
    document.write_text(f"{fenced(SCENARIO)}\nAt T2, under none.py:\n\n{fenced(AT_T2)}")
    outcome = command("lint", str(document))
    assert outcome.status == 2
    line = document.read_text().splitlines().index(AT_T2.splitlines()[0]) + 1
    assert "none.py" in outcome.err
    assert f"{document}:{line}:1" in outcome.err


NAMING = {
    "proposal.md": "<!-- scenario: two.yaml -->",
    "proposal.rst": ".. scenario: two.yaml",
    "mail.txt": "scenario: two.yaml",
}


@pytest.mark.parametrize("name", NAMING)
def test_a_document_names_the_file_of_its_scenario(name: str, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(SCENARIO)
    document = tmp_path / name
    document.write_text(f"{NAMING[name]}\n\nAt T3:\n\n{indented(AT_T3)}")
    assert "1 scenario, 1 figure, 0 wrong rows" in wrong_rows(document)
    document.write_text(f"{NAMING[name]}\n\nAt T3:\n\n{indented(AT_T3.replace('ABBB', 'ABBC'))}")
    assert "1 wrong row" in wrong_rows(document)
    document.write_text(NAMING[name].replace("two", "none") + "\n")
    outcome = command("lint", str(document))
    assert outcome.status == 2
    assert "none.yaml" in outcome.err
    assert f"{document}:1:" in outcome.err


def test_a_patch_is_read_as_it_applies(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(SCENARIO)
    wrong = AT_T3.replace("AAABBB--", "AAABBC--")
    lines = [
        "--- a/doc.rst", "+++ b/doc.rst", "@@ -1,4 +1,6 @@", " .. scenario: two.yaml", " ",
        "-At T2:", "+At T3:", " ",
        *(f"+    {line}" for line in wrong.splitlines()),
        *(f"-    {line}" for line in AT_T2.splitlines()),
    ]  # fmt: skip
    for quote in ("", "> "):
        patch = tmp_path / "change.patch"
        patch.write_text("".join(f"{quote}{line}\n" for line in lines))
        outcome = command("lint", str(patch))
        assert outcome.status == 1
        assert "1 scenario, 1 figure, 1 wrong row" in outcome.out
        column = len(quote) + lines[9].index("BBC") + 3
        assert f"{patch}:10:{column}" in outcome.out
        assert command("lint", "--update", str(patch)).status == 0
        assert patch.read_text() == "".join(f"{quote}{line}\n" for line in lines).replace(
            "C--", "B--"
        )
