"""Finds scenarios and figures in a text: fenced, indented, quoted with ``>``, added by a patch."""

import re
from collections.abc import Iterator

from simulator.diagnostics import lines_of
from simulator.values import NamedTuple

_QUOTE = re.compile(r"\s*(?:>[ ]?)+")
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
_HEAD = re.compile(r"scenario\s*:")
_NAMED = re.compile(
    r"\s*(?:<!--\s*scenario:\s*(?P<markdown>\S+)\s*-->|\.\.\s+scenario:\s*(?P<rest>\S+)"
    r"|scenario:\s*(?P<plain>\S+\.ya?ml))\s*$"
)
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_PATCH_HEAD = re.compile(r"diff --git |index |--- |\+\+\+ |@@ |-")
_KEY = re.compile(r"[a-z]+\s*:|#|-\s|-$")
_LABEL = r"(?:guest sees(?: [\w.-]+)?|[A-Za-z0-9_][\w./-]*(?: \([^|()]*\))?)"
_ROWS = re.compile(
    rf"\s*(?:<-\s*)?{_LABEL}:[ ]*\|[A-Za-z0!-]+\|\+?"
    rf"(?:\s+(?:<-\s*)?{_LABEL}:[ ]*\|[A-Za-z0!-]+\|\+?)*\s*"
)
_STRIP = re.compile(rf"(?P<label>{_LABEL}):[ ]*\|(?P<cells>[A-Za-z0!-]+)\|(?P<mark>\+?)")
_HALF = re.compile(rf"\s*{_LABEL}:\s*\|[A-Z0!X-]{{2,}}\s*$")
_TABBED = re.compile(rf"\s*{_LABEL}:[ ]*\t\s*\|[A-Za-z0!-]+\|\+?\s*$")
_FOREIGN = re.compile(
    rf"\s*{_LABEL}:\s*[\u2502\u2503\u00a6\uff5c\u2758][A-Za-z0!-]+[\u2502\u2503\u00a6\uff5c\u2758|]"
)


class Row(NamedTuple):
    """A row of a figure and its place in the document.

    Attributes:
        label: Without what is said in brackets behind it.
        line: Counted from 1.
        column: Of the label's first character, from 0.
        start, end: The columns of the cells with the bar and mark behind them, from 0.
        chained: Whether an arrow stands before it, or behind it.
    """

    label: str
    cells: str
    recording: bool
    line: int
    column: int
    start: int
    end: int
    chained: bool


class Figure(NamedTuple):
    """Rows that stand together, and the lines of text before them, the nearest last."""

    rows: tuple[Row, ...]
    before: tuple[str, ...]


class ScenarioText(NamedTuple):
    """A scenario in a document.

    Attributes:
        text: As a file of its own would have it.
        line: That of its first line, from 1.
        columns: For each of its lines, how many characters stand before it in the document.
    """

    text: str
    line: int
    columns: tuple[int, ...]


class ScenarioFile(NamedTuple):
    """A line that names the file of a scenario.

    Attributes:
        path: As the document has it.
        line: From 1.
        column, end_column: Of the path, from 0.
    """

    path: str
    line: int
    column: int
    end_column: int


class Broken(NamedTuple):
    """A row that cannot be read, and why."""

    line: int
    column: int
    end_column: int
    message: str
    help: str


Block = Figure | ScenarioText | ScenarioFile | Broken


def find_blocks(text: str) -> Iterator[Block]:
    """Yield the scenarios and figures of a document, in their order."""
    texts = lines_of(text)
    patch = any(_HUNK.match(_QUOTE.sub("", each, count=1)) for each in texts)
    lines = [_Line(number, each, patch=patch) for number, each in enumerate(texts, 1)]
    place = 0
    rows: list[Row] = []
    before: list[str] = []
    while place < len(lines):
        line = lines[place]
        strips = _rows(line)
        if strips:
            rows += strips
            place += 1
            continue
        if rows:
            yield Figure(tuple(rows), tuple(before[-3:]))
            rows, before = [], []
        broken = _broken(line)
        if broken is not None:
            yield broken
        named = _named(line)
        scenario, end = _scenario(lines, place)
        if scenario is not None:
            yield scenario
            before = []
            place = end
            continue
        if named is not None:
            yield named
            before = []
            place += 1
            continue
        if line.rest.strip() and not _FENCE.match(line.rest):
            before.append(line.rest.strip())
        place += 1
    if rows:
        yield Figure(tuple(rows), tuple(before[-3:]))


class _Line:
    """A line without what quotes it, and as it stands when a patch is applied.

    What a patch takes away, and what it says of itself, is an empty line.
    """

    def __init__(self, number: int, text: str, *, patch: bool) -> None:
        quote = _QUOTE.match(text)
        self.number = number
        self.text = text
        self.quoted = quote.end() if quote else 0
        if patch and _PATCH_HEAD.match(text, self.quoted):
            self.quoted = len(text)
        elif patch and text[self.quoted : self.quoted + 1] in ("+", " "):
            self.quoted += 1
        self.rest = text[self.quoted :]
        self.indent = len(self.rest) - len(self.rest.lstrip(" "))


def _rows(line: _Line) -> list[Row]:
    """Return the rows of a line that holds nothing else."""
    if not _ROWS.fullmatch(line.rest):
        return []
    arrow = "<-" in line.rest
    rows = []
    for match in _STRIP.finditer(line.rest):
        label = match["label"].partition(" (")[0]
        rows.append(
            Row(
                label=label,
                cells=match["cells"],
                recording=bool(match["mark"]),
                line=line.number,
                column=line.quoted + match.start(),
                start=line.quoted + match.start("cells"),
                end=line.quoted + match.end(),
                chained=arrow,
            )
        )
    return rows


def _broken(line: _Line) -> Broken | None:
    """Return what is wrong with a line that was meant to be a row of a figure."""
    for pattern, message, help in (
        (_HALF, "the row has no bar at its end", "close it: NAME: |CELLS|"),
        (_TABBED, "a tab stands in the row", "use blanks, so that bars stand below bars"),
        (_FOREIGN, "the bars of the row are not |", "use the plain bar, U+007C"),
    ):
        if pattern.match(line.rest):
            start = line.quoted + len(line.rest) - len(line.rest.lstrip())
            return Broken(line.number, start + 1, len(line.text.rstrip()) + 1, message, help)
    return None


def _named(line: _Line) -> ScenarioFile | None:
    """Return the file of a scenario that a line names."""
    match = _NAMED.match(line.rest)
    if match is None:
        return None
    start, end = match.span(match.lastgroup or 0)
    return ScenarioFile(line.rest[start:end], line.number, line.quoted + start, line.quoted + end)


def _scenario(lines: list[_Line], place: int) -> tuple[ScenarioText | None, int]:
    """Return the scenario that begins at a line, if one does, and the line behind it.

    In a fence it is all that the fence holds; elsewhere it goes on as long as lines look like it.
    """
    first = lines[place]
    if _FENCE.match(first.rest):
        end = place + 1
        while end < len(lines) and not _FENCE.match(lines[end].rest):
            end += 1
        inside = lines[place + 1 : end]
        if any(_HEAD.match(each.rest.strip()) for each in inside):
            return _text(inside), end + 1
        return None, place
    if not _HEAD.match(first.rest.lstrip(" ")):
        return None, place
    start = place
    while (
        start > 0
        and lines[start - 1].rest.strip().startswith("#")
        and (lines[start - 1].indent == first.indent)
    ):
        start -= 1
    end = place + 1
    while end < len(lines) and _goes_on(first, lines[end]):
        end += 1
    inside = lines[start:end]
    if not any(each.rest.strip().startswith("timeline") for each in inside):
        return None, place
    return _text(inside), end


def _goes_on(first: _Line, line: _Line) -> bool:
    if not line.rest.strip():
        return True
    if line.indent == first.indent:
        return bool(_KEY.match(line.rest.strip()))
    return line.indent > first.indent


def _text(lines: list[_Line]) -> ScenarioText:
    filled = [line for line in lines if line.rest.strip()]
    indent = min((line.indent for line in filled), default=0)
    return ScenarioText(
        text="\n".join(line.rest[indent:] for line in lines) + "\n",
        line=lines[0].number,
        columns=tuple(line.quoted + indent for line in lines),
    )
