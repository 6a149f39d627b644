"""Holds the figures of a document against what its scenarios really give."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from simulator.diagnostics import (
    Code,
    Finding,
    InputError,
    Problem,
    Severity,
    Span,
    replace_characters,
)
from simulator.documents.blocks import (
    Broken,
    Figure,
    Row,
    ScenarioFile,
    ScenarioText,
    find_blocks,
)
from simulator.model.machine import Machine
from simulator.model.requests import ExpectedRow
from simulator.notation import bar, write_rows
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple

DIFFERS = ("LT101", "figure-differs")
IMPOSSIBLE = ("LT102", "impossible-figure")
BROKEN = ("LT103", "broken-figure")

CODES = (
    Code(
        *DIFFERS,
        Severity.ERROR,
        "A row of a document's figure is not as the scenario above it gives it.",
        "The note has both rows, with carets below the cells that differ. `lint --update` writes "
        "what the scenario gives; if the document is right, the scenario in it is not.",
    ),
    Code(
        *IMPOSSIBLE,
        Severity.ERROR,
        "A figure cannot be so, whatever the scenario: its rows differ in length, or the guest "
        "does not see this through these images.",
        "Read the chain from right to left: the guest sees the first image that holds the cluster.",
    ),
    Code(
        *BROKEN,
        Severity.ERROR,
        "A row of a figure cannot be read: half of it is missing, it has a tab, or its bars are "
        "other characters than `|`.",
        "Mail programs break long lines and replace characters: draw the row anew.",
    ),
)
"""What each code of the linter stands for."""

Mismatch = tuple[str, tuple[str, ...]]
"""What is wrong with a row, and both rows with carets."""


Played = tuple[Timeline, Sequence[Finding]]
"""A run, and which expectations of its scenario are not met."""


class Tools(NamedTuple):
    """What the linter does not do itself.

    Attributes:
        play: Plays the text of a scenario, or the one that a file has, under a model; None for the
            one that it is for. Raises an InputError where it cannot be used.
        model: Returns what a word names: a model, a release of one, a proposal's file; None where
            it is a word as any other. Raises an InputError for a file that cannot be used.
        compare: Returns what is wrong with a row of a machine; None where nothing is.
        redraw: Returns a row's cells as they are, with bar and mark; None where it is not there.
    """

    play: Callable[[ScenarioText | ScenarioFile, str | None], Played]
    model: Callable[[str], str | None]
    compare: Callable[[Machine, ExpectedRow], Mismatch | None]
    redraw: Callable[[Machine, ExpectedRow], str | None]


class Correction(NamedTuple):
    """A row that is to be drawn otherwise: its line from 1, its columns from 0, its new text."""

    line: int
    start: int
    end: int
    new: str


class Linted(NamedTuple):
    """What was found in a document.

    Attributes:
        problems: What makes a scenario in it unusable, at its place in the document.
        scenarios, figures: How many there are.
    """

    findings: tuple[Finding, ...]
    corrections: tuple[Correction, ...]
    problems: tuple[Problem, ...]
    scenarios: int
    figures: int


def lint(text: str, tools: Tools) -> Linted:
    """Return what is wrong with the figures of a document."""
    found = _Document(tools)
    for block in find_blocks(text):
        match block:
            case Broken():
                found.figures += 1
                found.findings.append(_broken(block))
            case ScenarioText() | ScenarioFile():
                found.scenario(block)
            case Figure():
                found.figure(block)
    return Linted(
        findings=tuple(found.findings),
        corrections=tuple(found.corrections),
        problems=tuple(found.problems),
        scenarios=found.scenarios,
        figures=found.figures,
    )


class _Document:
    """What was found in a document so far, and the scenario that its figures are of."""

    def __init__(self, tools: Tools) -> None:
        self.findings: list[Finding] = []
        self.corrections: list[Correction] = []
        self.problems: list[Problem] = []
        self.scenarios = self.figures = 0
        self._tools = tools
        self._source: ScenarioText | ScenarioFile | None = None
        self._runs: dict[str | None, Timeline | None] = {}
        self._reached = 0

    def scenario(self, block: ScenarioText | ScenarioFile) -> None:
        """Take a scenario that the figures behind it are of."""
        self.scenarios += 1
        self._source, self._runs, self._reached = block, {}, 0
        self._play(None)

    def figure(self, block: Figure) -> None:
        """Hold a figure against the scenario before it."""
        self.figures += 1
        try:
            model = _under(block, self._tools)
        except InputError as error:
            row = block.rows[0]
            span = Span(row.line, row.column + 1, row.line, row.end + 1)
            self.problems += (problem._replace(span=span) for problem in error.problems)
            return
        timeline = self._play(model)
        if timeline is None:
            self.findings += _impossible(block)
            return
        frames = timeline.frames
        chosen, label = _frame_for(block, frames, self._reached, self._tools)
        self._reached = frames.index(chosen)
        told = f" under {model}" if model is not None else ""
        for finding, made in _differences(block, chosen, self._tools, named=label, under=told):
            self.findings.append(finding)
            self.corrections += [made] if made is not None else []

    def _play(self, model: str | None) -> Timeline | None:
        """Return the run of the scenario under a model; None where there is none."""
        source = self._source
        if source is None or model in self._runs:
            return self._runs.get(model)
        self._runs[model] = None
        try:
            timeline, unmet = self._tools.play(source, model)
        except InputError as error:
            self.problems += (_moved(problem, source) for problem in error.problems)
            return None
        self._runs[model] = timeline
        if isinstance(source, ScenarioText) and model is None:
            self.findings += (_moved_finding(finding, source) for finding in unmet)
        return timeline


_UNDER = re.compile(r"\bunder\s+[`*_]*([A-Za-z0-9_./@-]*[A-Za-z0-9_])")


def _under(figure: Figure, tools: Tools) -> str | None:
    """Return the model that the text before a figure names: ``At T3, under prop:``."""
    for line in reversed(figure.before):
        for word in reversed(_UNDER.findall(line)):
            model = tools.model(word)
            if model is not None:
                return model
    return None


def correct(text: str, corrections: Sequence[Correction]) -> str:
    """Return a document with its rows corrected, and every other byte as it was."""
    return replace_characters(text, corrections)


def _frame_for(
    figure: Figure, frames: Sequence[Frame], reached: int, tools: Tools
) -> tuple[Frame, bool]:
    """Return the instant that a figure shows, and whether the text before it names that instant.

    Without a name it is the one that it differs from least, a later one than the figure before it
    showed if there is a choice.
    """
    labels = {frame.label: frame for frame in frames if frame.label is not None}
    for line in reversed(figure.before):
        words = re.findall(r"[\w.-]+", line)
        named = [labels[word.rstrip(".-")] for word in words if word.rstrip(".-") in labels]
        if named:
            return named[-1], True

    def badness(frame: Frame) -> tuple[int, bool, int]:
        place = frames.index(frame)
        wrong = [tools.compare(frame.machine, _expected(row)) for row in figure.rows]
        cells = sum(_weight(row, each) for row, each in zip(figure.rows, wrong, strict=True))
        return cells, place < reached, place

    return min(frames, key=badness), False


def _weight(row: Row, wrong: Mismatch | None) -> int:
    """Return how many cells of a row are wrong; all of them where there is no such row."""
    if wrong is None:
        return 0
    return (wrong[1][-1].count("^") if wrong[1] else 0) or len(row.cells) + 1


def _expected(row: Row) -> ExpectedRow:
    return ExpectedRow(label=row.label, cells=row.cells, recording=row.recording)


def _differences(
    figure: Figure, frame: Frame, tools: Tools, *, named: bool, under: str
) -> Iterator[tuple[Finding, Correction | None]]:
    """Yield the rows that are not as the scenario gives them, with what would be right.

    Args:
        under: The model that the document names, in words.
    """
    at = frame.label or "the end"
    for row in figure.rows:
        wrong = tools.compare(frame.machine, _expected(row))
        if wrong is None:
            continue
        message, notes = wrong
        drawn = tools.redraw(frame.machine, _expected(row))
        finding = _found(
            DIFFERS,
            row,
            message.replace("is not as expected", f"is not so at {at}{under}").replace(
                "at this point", f"at {at}{under}"
            ),
            notes=tuple(note.replace("expected:", "document:", 1) for note in notes),
            label="" if named else f"no instant is like this figure; {at} is the nearest",
            first=_first_wrong(notes),
        )
        made = None if drawn is None else Correction(row.line, row.start, row.end, drawn)
        yield finding, made


def _first_wrong(notes: tuple[str, ...]) -> int | None:
    """Return the first cell that carets point at."""
    if not notes or "^" not in notes[-1]:
        return None
    return notes[-1].index("^") - (notes[0].index("|") + 1)


def _impossible(figure: Figure) -> Iterator[Finding]:
    """Yield what can be known to be wrong with a figure without a scenario."""
    chain = [row for row in figure.rows if row.line == figure.rows[0].line]
    guests = [row for row in figure.rows if row.label.startswith("guest sees")]
    length = len(figure.rows[0].cells)
    for row in figure.rows:
        if len(row.cells) != length and not any(image.chained for image in chain):
            message = f"{row.label} has {len(row.cells)} cells, {chain[0].label} has {length}"
            yield _found(IMPOSSIBLE, row, message)
    if len(guests) != 1 or guests[0] is figure.rows[0]:
        return
    (guest,) = guests
    if any(len(image.cells) != len(guest.cells) for image in chain):
        return
    view = ["-"] * len(guest.cells)
    for image in chain:
        view = [new if new != "-" else old for old, new in zip(view, image.cells, strict=True)]
    seen = "".join(view).replace("0", "-")
    if seen == guest.cells.replace("0", "-"):
        return
    lines = write_rows([("document", bar(guest.cells)), ("chain", bar(seen))])
    carets = "".join(
        " " if a == b else "^" for a, b in zip(seen, guest.cells.replace("0", "-"), strict=True)
    )
    notes = (*lines, " " * (lines[-1].index("|") + 1) + carets.rstrip())
    message = "the guest does not see this through these images"
    yield _found(IMPOSSIBLE, guest, message, notes=notes, first=carets.index("^"))


def _broken(block: Broken) -> Finding:
    span = Span(block.line, block.column, block.line, block.end_column)
    code, rule = BROKEN
    return Finding(
        code=code,
        rule=rule,
        severity=Severity.ERROR,
        message=block.message,
        span=span,
        help=block.help,
    )


def _found(
    kind: tuple[str, str],
    row: Row,
    message: str,
    *,
    notes: tuple[str, ...] = (),
    label: str = "",
    first: int | None = None,
) -> Finding:
    """Return a finding about a row, at its first wrong cell where that is known."""
    column = row.column if first is None else row.start + first
    end = row.end if first is None else column + 1
    return Finding(
        code=kind[0],
        rule=kind[1],
        severity=Severity.ERROR,
        message=message,
        span=Span(row.line, column + 1, row.line, end + 1),
        notes=notes,
        label=label,
    )


def _moved(problem: Problem, block: ScenarioText | ScenarioFile) -> Problem:
    """Return a problem of a scenario with its place in the document."""
    if isinstance(block, ScenarioFile):
        where = Span(block.line, block.column + 1, block.line, block.end_column + 1)
        line = f", line {problem.span.line}" if problem.span is not None else ""
        told = problem.message if not line else f"{block.path}{line}: {problem.message}"
        return problem._replace(span=where, message=told)
    if problem.span is None:
        return problem._replace(span=Span(block.line, 1, block.line, 2))
    return problem._replace(span=_moved_span(problem.span, block))


def _moved_finding(finding: Finding, block: ScenarioText) -> Finding:
    """Return a finding about a scenario with its place in the document."""
    span = None if finding.span is None else _moved_span(finding.span, block)
    return replace(finding, span=span)


def _moved_span(span: Span, block: ScenarioText) -> Span:
    first, last = (
        block.columns[min(line, len(block.columns)) - 1] for line in (span.line, span.end_line)
    )
    return Span(
        span.line + block.line - 1,
        span.column + first,
        span.end_line + block.line - 1,
        span.end_column + last,
    )
