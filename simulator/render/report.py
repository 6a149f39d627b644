"""Findings and problems as text: the place, the line with carets, the evidence, the way out."""

import textwrap
from collections.abc import Iterable

from simulator.diagnostics import (
    Finding,
    InputError,
    Problem,
    Related,
    Severity,
    Span,
    line_of,
    printable,
)
from simulator.render.colour import Role, paint

WIDTH = 72
"""Columns of the plain text output, so that it can be pasted into a mail."""

CROP_AFTER = 8
"""Characters of a cropped source line that stand before the carets."""

_ROLES = {
    Severity.ERROR: Role.ERROR,
    Severity.WARNING: Role.WARNING,
    Severity.INFO: Role.INFO,
}


def write_finding(
    finding: Finding, *, path: str, source: str, colour: bool = False, turn: bool = False
) -> str:
    """Return a finding as text, with no final newline.

    Args:
        path: The file as the user named it.
        source: The file's text, of which the line concerned is quoted.
        turn: Whether its step happens more than once, so that its place needs its instant.
    """
    head = f"{finding.severity}[{finding.code}]"
    also = f" (also {', '.join(finding.also)})" if finding.also else ""
    state = f"{also}{_state_of(finding)}"
    name = f" {finding.rule}" if finding.rule != finding.code else ""
    lines = _wrap(printable(f"{head}{name}: {finding.message}{state}"), indent="    ")
    lines[0] = lines[0].replace(head, paint(head, _ROLES[finding.severity], colour=colour), 1)
    gutter = _gutter(finding.span, *(each.span for each in finding.related))
    quoted = _quote(path, source, finding.span, finding.label, gutter=gutter, colour=colour)
    if turn and finding.at is not None:
        quoted[0] += f" at {printable(finding.at)}"
    for each in finding.related:
        quoted += _further(path, source, each, gutter=gutter, colour=colour)
    return "\n".join((*lines, *quoted, *_notes(finding.notes, finding.help, gutter)))


def _gutter(*spans: Span | None) -> int:
    """Return the columns of the longest line number; two where there is none."""
    return max((len(str(span.line)) for span in spans if span is not None), default=2)


def _further(path: str, source: str, related: Related, *, gutter: int, colour: bool) -> list[str]:
    """Return another place with its line; as a note where it has no place in a file."""
    if related.span is None:
        bar = f"{' ' * gutter} ="
        when = f"{related.at}: " if related.at else ""
        return _wrap(printable(f"{bar} note: {when}{related.message}"), indent=f"{bar}       ")
    quoted = _quote(path, source, related.span, related.message, gutter=gutter, colour=colour)
    quoted[0] = quoted[0].replace("-->", ":::", 1) + (f" {related.at}" if related.at else "")
    return quoted


def _state_of(finding: Finding) -> str:
    if finding.expected:
        return " (expected)"
    return f" (allowed: {finding.allowed})" if finding.allowed is not None else ""


def write_problem(problem: Problem, *, path: str, source: str, colour: bool = False) -> str:
    """Return a problem of a file as text, with no final newline."""
    lines = _wrap(printable(f"error: {problem.message}"), indent="    ")
    lines[0] = lines[0].replace("error", paint("error", Role.ERROR, colour=colour), 1)
    label = f"expected {problem.expected}" if problem.expected else ""
    gutter = _gutter(problem.span)
    quoted = _quote(path, source, problem.span, label, gutter=gutter, colour=colour)
    return "\n".join((*lines, *quoted, *_notes((), problem.help, gutter)))


def write_input_error(error: InputError, *, colour: bool = False) -> str:
    """Return every problem of a file, one below the other, with no final newline."""
    return "\n\n".join(
        write_problem(problem, path=error.path, source=error.source, colour=colour)
        for problem in error.problems
    )


def _quote(
    path: str, source: str, span: Span | None, label: str, *, gutter: int, colour: bool
) -> list[str]:
    """Return the place, the source line, and carets below the part that is meant."""
    label = printable(label)
    if span is None:
        place = f"  --> {printable(path)}"
        return [place, *(_wrap(f"   = {label}", indent="     ") if label else [])]
    blank = f"{' ' * gutter} |"
    place = f"{' ' * gutter}--> {printable(path)}:{span.line}:{span.column}"
    text = _line(source, span.line)
    if text is None:
        return [place, *([f"{blank} {label}"] if label else [])]
    end = span.end_column if span.end_line == span.line else len(text.rstrip()) + 1
    shown, start, stop = _crop(text, span.column - 1, end - 1, WIDTH - gutter - 3)
    carets = "^" * max(1, stop - start)
    pointer = f"{blank} {' ' * start}{paint(carets, Role.MARK, colour=colour)}"
    room = WIDTH - len(blank) - 2 - start - len(carets)
    lines = [place, blank, f"{span.line:>{gutter}} | {shown}"]
    if not label:
        return [*lines, pointer, blank]
    if len(label) <= room:
        return [*lines, f"{pointer} {label}", blank]
    indent = f"{blank} {' ' * min(start, max(0, WIDTH - len(blank) - 1 - len(label)))}"
    return [*lines, pointer, *_wrap(f"{indent}{label}", indent=indent), blank]


def _line(source: str, number: int) -> str | None:
    """Return a line of a text, counted from 1, without tabs and control characters."""
    text = line_of(source, number)
    if text is None:
        return None
    if len(text) > 4096:
        # A line of megabytes: what lies outside the crop is never shown.
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def _crop(text: str, start: int, stop: int, room: int) -> tuple[str, int, int]:
    """Return a stretch of a line that fits, and where the part that is meant lies in it."""
    if len(text.rstrip()) <= room:
        return text.rstrip(), start, stop
    first = 0 if stop <= room else max(0, start - CROP_AFTER)
    shown = "".join(c if c.isprintable() else " " for c in text[first : first + room])
    if first:
        shown = f"...{shown[3:]}"
    if first + room < len(text):
        shown = f"{shown[:-3]}..."
    return shown, start - first, min(stop - first, room)


def _notes(notes: Iterable[str], help: str, gutter: int) -> list[str]:
    """Return evidence and help, in the column of the gutter's bar."""
    bar = " " * gutter + " ="
    lines: list[str] = []
    for note in map(printable, notes):
        if note.startswith(" "):
            lines += _wrap_caption(f"{bar}       {note}")
        elif "|" in note:
            lines.append(f"{bar} note: {note}")
        else:
            lines += _wrap(f"{bar} note: {note}", indent=f"{bar}       ")
    if help:
        lines += _wrap(f"{bar} help: {printable(help)}", indent=f"{bar}       ")
    return lines


def _wrap_caption(line: str) -> list[str]:
    """Return a line of carets with its caption, which goes below where it does not fit."""
    carets, _, caption = line.rpartition("^")
    if len(line) <= WIDTH or not carets:
        return [line.rstrip()]
    indent = len(line) - len(line.partition("=")[2].lstrip())
    indent = min(indent, max(len(line.partition("=")[0]) + 7, WIDTH - len(caption.strip())))
    bar = line.partition("=")[0] + "="
    below = f"{bar.ljust(indent)}{caption.strip()}"
    return [f"{carets}^", *_wrap(below, indent=f"{bar.ljust(indent)}")]


def _wrap(text: str, *, indent: str) -> list[str]:
    if len(text) <= WIDTH:
        return [text]
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_html(text: str) -> str:
    """Return text as a notebook shows it, as it is: names are shown, never run."""
    # A notebook's own style breaks long lines within words; that of one that was exported to HTML
    # gives what is in a cell the font of the page.
    import html

    style = "white-space: pre; overflow-x: auto; font-family: monospace"
    return f'<pre style="{style}">{html.escape(text)}</pre>'
