"""Instants as text: what led to one, its figure, the copies made there, and what was found."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Restored
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.model.requests import Expect
from simulator.notation import (
    Figure,
    Strip,
    bar,
    write_bits,
    write_clusters,
    write_figure,
    write_rows,
    write_strip,
)
from simulator.pipeline import Run
from simulator.render.layout import lay_out_chain, lay_out_guest
from simulator.render.report import WIDTH, write_finding
from simulator.teaching.rows import Row, rows_of
from simulator.timeline import Entry, Frame, Timeline

HIDDEN = "?"
"""A cell that is asked for."""


def as_html(text: str) -> str:
    """Return text as a notebook shows it, as it is: names are shown, never run."""
    return f"<pre>{html.escape(text)}</pre>"


def write_instant(timeline: Timeline, frame: Frame, *, asked: Row | None = None) -> str:
    """Return an instant: the guest's steps before it, its own steps, its figure and its copies.

    Args:
        asked: A row whose cells are left out.
    """
    entries = timeline.entries[_first_entry(timeline, frame) : frame.entries]
    between = [line for entry in entries for line in _guest_lines(entry)]
    steps = [line for entry in entries for line in _step_lines(timeline, entry)]
    figure = _write_figures(frame.machine, asked)
    copies = _write_copies(timeline, frame, entries, asked)
    blocks = ["\n".join(between), "\n".join([f"{frame.label}", *steps, figure]), copies]
    return "\n\n".join(block for block in blocks if block)


def write_findings(run: Run, frame: Frame) -> str:
    """Return what was found at an instant, or before it in a guest step; often nothing."""
    timeline = run.timeline
    entries = range(_first_entry(timeline, frame), frame.entries)
    return "\n\n".join(
        write_finding(found, path=timeline.script.path, source=timeline.script.source)
        for found in run.findings
        if found.entry in entries
    )


@dataclass(frozen=True)
class Stills:
    """All instants of a run, one below the other: for where there are no widgets."""

    run: Run

    @property
    def texts(self) -> tuple[str, ...]:
        """Each instant, with what was found there."""
        frames = [frame for frame in self.run.timeline.frames if frame.label is not None]
        parts = [
            (write_instant(self.run.timeline, each), write_findings(self.run, each))
            for each in frames
        ]
        return tuple("\n\n".join(text for text in part if text) for part in parts)

    def __repr__(self) -> str:
        return "\n\n".join(self.texts)

    def _repr_html_(self) -> str:
        return "\n".join(as_html(text) for text in self.texts)


def _first_entry(timeline: Timeline, frame: Frame) -> int:
    """Return the number of the first entry after the instant before."""
    place = timeline.frames.index(frame)
    return timeline.frames[place - 1].entries if place else 0


def _guest_lines(entry: Entry) -> Iterator[str]:
    """Yield what the guest did between two instants, as lines between their figures."""
    if entry.instant is not None or entry.statement is None:
        return
    request = entry.statement.request
    if not isinstance(request, GuestWrite | GuestDiscard):
        return
    disk = entry.before.disk(request.disk or entry.before.disks[0].name)
    if isinstance(request, GuestDiscard):
        cells, does = write_bits(request.clusters, disk.length), "discards"
    else:
        cells = write_clusters(request.data, disk.length)
        does = "zeroes" if entry.statement.verb == "zero" else "writes"
    where = f" {disk.name}" if len(entry.before.disks) > 1 else ""
    yield f"    guest {does}{where} {bar(cells)}{_refused(entry)}"


def _step_lines(timeline: Timeline, entry: Entry) -> Iterator[str]:
    """Yield a step of an instant, in the words of its scenario."""
    statement = entry.statement
    if entry.instant is None or statement is None or isinstance(statement.request, Expect):
        return
    words = statement.verb
    if statement.span is not None:
        span, lines = statement.span, timeline.script.source.splitlines()
        line = lines[span.line - 1]
        one = span.end_line == span.line
        words = line[span.column - 1 : span.end_column - 1 if one else len(line)].rstrip()
        words = words if one else f"{words} ..."
    cut = words if len(words) <= WIDTH - 8 else f"{words[: WIDTH - 11]}..."
    yield f"    {cut}{_refused(entry)}"


def _refused(entry: Entry) -> str:
    return " (refused)" if entry.refusal is not None else ""


def _write_figures(machine: Machine, asked: Row | None) -> str:
    alone = len(machine.disks) == 1
    return "\n\n".join(_write_disk(disk, asked, alone=alone) for disk in machine.disks)


def _write_disk(disk: Disk, asked: Row | None, *, alone: bool) -> str:
    if not disk.chain:
        return f"{disk.name} {disk.absence}"
    chain, guest = lay_out_chain(disk), lay_out_guest(disk, alone=alone)
    if asked is not None and asked.disk == disk.name:
        if isinstance(asked.subject, Disk):
            guest = _hide(guest)
        elif not isinstance(asked.subject, Backup | Restored):
            chain = _hide_in(chain, disk, asked)
    return f"{write_figure(chain)}\n{write_strip(guest)}"


def _hide(strip: Strip) -> Strip:
    return strip._replace(cells=HIDDEN * len(strip.cells))


def _hide_in(chain: Figure, disk: Disk, asked: Row) -> Figure:
    """Return a figure with the cells of an image or a bitmap left out."""
    image = any(asked.subject is each for each in disk.chain)
    return Figure(
        tuple(
            tuple(
                _hide(strip)
                if strip is not None and strip.label == asked.name and (number == 0) is image
                else strip
                for strip in row
            )
            for number, row in enumerate(chain.rows)
        )
    )


def _write_copies(
    timeline: Timeline, frame: Frame, entries: Sequence[Entry], asked: Row | None
) -> str:
    """Return the backups and restored disks that an instant made, and what is asked for.

    Below a restored disk that is asked for stands what it is made of.
    """
    rows = list(rows_of(frame.machine, draws_zeroes=timeline.draws_zeroes))
    made = {id(copy) for e in entries for copy in (*e.new_backups, *e.new_restores)}
    if asked is not None:
        made = set()
        if isinstance(asked.subject, Restored):
            made = {id(source) for source in asked.subject.sources}
        if isinstance(asked.subject, Backup | Restored):
            made.add(id(asked.subject))
    shown = [
        (
            row.name,
            bar(HIDDEN * row.length if asked is not None and _same(row, asked) else row.cells),
        )
        for row in rows
        if id(row.subject) in made
    ]
    return "\n".join(write_rows(shown))


def _same(row: Row, asked: Row) -> bool:
    return row.subject is asked.subject
