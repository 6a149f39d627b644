"""A report as text, for somebody who plans a backup window."""

import textwrap
from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding
from simulator.measures.summary import summary_of
from simulator.render.colour import Role, paint
from simulator.render.reports.blocks import Block, blocks_of, head_of
from simulator.timeline import Timeline

WIDTH = 100
"""Columns of a line that can be broken; a table of long names may need more."""


def write_text(timeline: Timeline, findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return a report as text, with a final newline."""
    summary = summary_of(timeline)
    title, played = (_wrap(line) for line in head_of(summary))
    told = ["\n".join([*(paint(line, Role.TITLE, colour=colour) for line in title), *played])]
    for block in blocks_of(summary, findings):
        lines = [line for each in _lines(block) for line in _wrap(each)]
        told.append("\n".join([paint(block.title, Role.TITLE, colour=colour), *lines]))
    return "\n\n".join(told) + "\n"


def _wrap(line: str) -> list[str]:
    """Return a line, broken where it is too long; a row of a table stays as it is."""
    if len(line) <= WIDTH or "  " in line.strip():
        return [line]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _lines(block: Block) -> Iterator[str]:
    if block.rows:
        head, *rows = _align([block.head, *block.rows], block.numbers)
        yield head
        below = block.under or [()] * len(rows)
        for row, notes in zip(rows, below, strict=True):
            yield row
            yield from (f"    {note}" for note in notes)
    yield from block.notes


def _align(rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> list[str]:
    """Return rows as lines whose columns stand below one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [head in numbers for head in rows[0]]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]
