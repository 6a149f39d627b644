"""Differences as a review for a terminal, as data, and as Markdown."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from simulator.compare.compat.kinds import Difference, Level
from simulator.diagnostics import counted, printable

WIDTH = 72
"""Columns of the text."""

Ignored = Sequence[tuple[Difference, str]]
"""Differences that are accepted, each with the reason."""


def write_json(differences: Sequence[Difference], ignored: Ignored) -> str:
    """Return differences as JSON text, with a final newline."""
    plain = [_plain(each) for each in differences]
    left = [{**_plain(each), "reason": why} for each, why in ignored]
    return json.dumps({"format": 1, "differences": plain, "ignored": left}, indent=1) + "\n"


def _plain(each: Difference) -> dict[str, Any]:
    followed = [_plain(consequence) for consequence in each.consequences]
    return {"level": each.level, **each._asdict(), "consequences": followed}


def write_review(differences: Sequence[Difference], ignored: Ignored, *, scenarios: int) -> str:
    """Return differences as a review, scenario by scenario, with a final newline.

    Args:
        scenarios: How many were looked at.
    """
    lines: list[str] = []
    for file, found in _by_file(differences).items():
        lines += [printable(file), *(line for each in found for line in _lines(each)), ""]
    for told in _ignored(ignored):
        lines += textwrap.wrap(told, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    if ignored:
        lines.append("")
    lines.append(total(differences, scenarios))
    return "\n".join(lines) + "\n"


def write_markdown(differences: Sequence[Difference], ignored: Ignored, *, scenarios: int) -> str:
    """Return differences for a review thread, with a final newline: a table a scenario, and the
    figures below it."""
    parts = [f"**{total(differences, scenarios)}**"]
    for file, found in _by_file(differences).items():
        parts.append(f"### `{printable(file)}`")
        rows = [["level", "kind", "where", "what"], ["---"] * 4]
        rows += [row for each in found for row in _rows(each)]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
        figures = [line for each in found for line in _figures(each)]
        if figures:
            parts.append("\n".join(["```text", *figures, "```"]))
    if ignored:
        parts.append("\n".join(f"- {_cell(told)}" for told in _ignored(ignored)))
    return "\n\n".join(parts) + "\n"


def total(differences: Sequence[Difference], scenarios: int) -> str:
    """Return one line that counts scenarios and differences; what follows from one is not its own.

    Args:
        scenarios: How many were looked at.
    """
    counts = [(level, sum(each.level is level for each in differences)) for level in Level]
    found = ", ".join(f"{count} {level}" for level, count in counts)
    files = len(_by_file(differences))
    return f"{counted(scenarios, 'scenario')}, {files} of them with differences: {found}"


def _by_file(differences: Sequence[Difference]) -> dict[str, list[Difference]]:
    found: dict[str, list[Difference]] = {}
    for each in differences:
        found.setdefault(each.file, []).append(each)
    return found


def _ignored(ignored: Ignored) -> Iterator[str]:
    for each, why in ignored:
        where = f"{each.file} at {each.at}" if each.at else each.file
        yield f"ignored {each.level} {each.kind} in {where}: {why}"


def _where(each: Difference) -> str:
    places = [f"line {each.line}"] if each.line else []
    return ", ".join([*places, *([each.at] if each.at else [])])


def _lines(each: Difference) -> list[str]:
    where = _where(each)
    head = f"  {each.level:4} {each.kind}: {f'{where}: ' if where else ''}{each.message}"
    lines = textwrap.wrap(
        printable(head), WIDTH, subsequent_indent="       ", break_on_hyphens=False
    )
    lines += _notes(each, " " * 7)
    for consequence in each.consequences:
        where = _where(consequence)
        told = f"with it: {f'{where}: ' if where else ''}{consequence.message}"
        lines += textwrap.wrap(
            printable(told),
            WIDTH,
            initial_indent=" " * 7,
            subsequent_indent=" " * 9,
            break_on_hyphens=False,
        )
    return lines


def _notes(each: Difference, indent: str) -> Iterator[str]:
    for note in map(printable, each.notes):
        if "|" in note or note.startswith(" "):
            yield f"{indent}{note}"
        else:
            yield from textwrap.wrap(
                note, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "
            )


def _rows(each: Difference) -> Iterator[list[str]]:
    yield [each.level, each.kind, _cell(_where(each)), _cell(each.message)]
    for consequence in each.consequences:
        where, message = _cell(_where(consequence)), _cell(consequence.message)
        yield ["", f"↳ {consequence.kind}", where, message]


def _figures(each: Difference) -> Iterator[str]:
    if each.notes:
        where = _where(each)
        yield printable(f"{each.kind}{f', {where}' if where else ''}")
        yield from (f"  {line}" for line in map(printable, each.notes))


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")
