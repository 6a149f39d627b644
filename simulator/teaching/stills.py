"""Instants as text: what led to one, its figure, the copies made there, and what was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Restored
from simulator.model.operations import EndJob
from simulator.model.requests import Expect, FinishJobs
from simulator.notation import (
    Figure,
    Strip,
    bar,
    write_figure,
    write_rows,
    write_strip,
)
from simulator.pipeline import Run
from simulator.render.layout import lay_out_chain, lay_out_guest
from simulator.render.report import WIDTH, as_html, write_finding
from simulator.render.story import guest_lines
from simulator.teaching.rows import Row, row_of
from simulator.timeline import Entry, Frame, Timeline

HIDDEN = "?"
"""A cell that is asked for."""


def write_instant(timeline: Timeline, frame: Frame, *, asked: Row | None = None) -> str:
    """Return an instant: the guest's steps before it, its own steps, its figure and its copies.

    Args:
        asked: A row whose cells are left out.
    """
    entries = timeline.entries_of(frame)
    between = [f"    {line}" for line in guest_lines(timeline, frame)]
    steps = [line for entry in entries for line in _step_lines(timeline, entry)]
    figure = _write_figures(frame.machine, asked)
    copies = _write_copies(timeline, frame, entries, asked)
    blocks = ["\n".join(between), "\n".join([f"{frame.label}", *steps, figure]), copies]
    return "\n\n".join(block for block in blocks if block)


def write_findings(run: Run, frame: Frame) -> str:
    """Return what was found at an instant, or before it in a guest step; often nothing."""
    timeline = run.timeline
    entries = {entry.number for entry in timeline.entries_of(frame)}
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


def _step_lines(timeline: Timeline, entry: Entry) -> Iterator[str]:
    """Yield a step of an instant, in the words of its scenario."""
    statement = entry.statement
    if entry.instant is None or statement is None or isinstance(statement.request, Expect):
        return
    if isinstance(statement.request, FinishJobs):
        # It stands in the file where the job was started.
        ends = [each for each in entry.operations if isinstance(each, EndJob)]
        yield from (f"    {end.job} {end.status}" for end in ends)
        return
    words = statement.verb
    if statement.span is not None:
        span, lines = statement.span, timeline.source_lines
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
    shown: dict[str, str] = {}
    for copy in _made(frame, entries) if asked is None else _shown_with(asked):
        row = row_of(copy, draws_zeroes=timeline.draws_zeroes)
        hidden = asked is not None and copy is asked.subject
        shown[row.name] = bar(HIDDEN * row.length if hidden else row.cells)
    return "\n".join(write_rows(shown.items()))


def _made(frame: Frame, entries: Sequence[Entry]) -> list[Backup | Restored]:
    """Return the copies that an instant made and that are there at its end."""
    left = {id(copy) for copy in (*frame.machine.backups, *frame.machine.restores)}
    made: list[Backup | Restored] = []
    for entry in entries:
        made += [*entry.new_backups, *entry.new_restores]
    return [copy for copy in made if id(copy) in left]


def _shown_with(asked: Row) -> list[Backup | Restored]:
    """Return a copy that is asked for, and what a restored disk stacks, oldest first."""
    match asked.subject:
        case Restored(sources=sources):
            return [*sources, asked.subject]
        case Backup():
            return [asked.subject]
        case _:
            return []
