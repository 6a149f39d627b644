"""Every command counts the lines of a file alike, however they end and whatever stands in them."""

from pathlib import Path

import pytest

from simulator.diagnostics import line_of, line_starts, lines_of, replace_characters
from simulator.documents.linting import correct
from simulator.pipeline.reviews import lint_document
from tests.checkout import command

SCENARIO = """\
# A{odd}B
scenario: two figures
disk: 8
timeline:
  - at: T1
    do:
      - create: LONGNAME
  - write: AAAA----
  - at: T2
    do:
      - snapshot: S
      - expect: |
          LONGNAME: |AAAA----|
          S: |BBBB----| # {odd}
          guest sees: |--------|
"""

ENDS = ["\n", "\r\n", "\r"]

ODD = ["", "\u2028", "\u0085", "\u2029"]
"""Characters that Python's own `splitlines` takes for the end of a line, and YAML 1.2 does not."""


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run in CI too, where nothing is rewritten."""
    monkeypatch.delenv("CI", raising=False)


def scenario(end: str, odd: str) -> str:
    """A scenario whose figure is wrong in two rows; a figure's own line has no odd character."""
    return SCENARIO.replace(" # {odd}", "").replace("{odd}", odd).replace("\n", end)


def right(text: str) -> str:
    """The same with its figure as it comes out."""
    return text.replace("S: |BBBB----|", "S: |--------|").replace(
        "guest sees: |--------|", "guest sees: |AAAA----|"
    )


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_update_writes_the_rows_and_nothing_else(tmp_path: Path, end: str, odd: str) -> None:
    path, text = tmp_path / "one.yaml", scenario(end, odd)
    path.write_bytes(text.encode())
    assert command("check", "--update", str(path)).status == 0
    assert path.read_bytes().decode() == right(text)


def test_update_of_a_file_with_one_lone_cr(tmp_path: Path) -> None:
    path, text = tmp_path / "one.yaml", scenario("\n", "\r#")
    path.write_bytes(text.encode())
    assert command("review", "--accept-all", str(path)).status == 0
    assert path.read_bytes().decode() == right(text)


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_a_finding_quotes_its_row(tmp_path: Path, end: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_bytes(scenario(end, "\u2028").encode())
    printed = command("check", str(path)).out
    assert "one.yaml:14:11" in printed
    assert "14 |           S: |BBBB----|\n" in printed


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_a_problem_quotes_its_line(tmp_path: Path, end: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_bytes(scenario(end, "\u0085").replace("snapshot: S", "snapshto: S").encode())
    ended = command("check", str(path))
    assert ended.status == 2
    assert "11 |       - snapshto: S\n" in ended.err


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("odd", ["", "\u2028", "\u0085"], ids=repr)
def test_lint_corrects_the_rows_of_a_document_and_nothing_else(end: str, odd: str) -> None:
    fenced = SCENARIO[: SCENARIO.index("      - expect")].replace("{odd}", "")
    document = f"A mail.{odd}\n\n```yaml\n{fenced}```\n\nT2:\n\n    S: |BBBB----|\n".replace(
        "\n", end
    )
    corrections = lint_document(document, "mail.md").corrections
    assert correct(document, corrections) == document.replace("S: |BBBB----|", "S: |--------|")


@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "a\rb\r\nc\nd", "\r\r\n\n", "a\u2028b\x85c\x0bd\n"]
)
def test_lines_and_their_starts_agree(text: str) -> None:
    lines, starts = lines_of(text), line_starts(text)
    assert [text[start:][: len(line)] for start, line in zip(starts, lines, strict=True)] == lines
    assert [line_of(text, number) for number in range(1, len(lines) + 2)] == [*lines, None]


def test_stretches_are_replaced_where_they_stand() -> None:
    changes = [(2, 1, 2, "XY"), (1, 0, 1, ""), (2, 3, 4, "Z")]
    assert replace_characters("abc\r\ndefg\rh", changes) == "bc\r\ndXYfZ\rh"
