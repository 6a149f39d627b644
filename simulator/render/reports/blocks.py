"""What a report tells, block by block, whichever way it is written."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from simulator.diagnostics import Finding, printable, shown
from simulator.measures.jobs import Work
from simulator.measures.loss import Point
from simulator.measures.summary import Summary
from simulator.model.machine import Status
from simulator.render.amounts import write_amount, write_rate
from simulator.render.reports.numbers import write_moment, write_share, write_time
from simulator.values import NamedTuple

NAMED = "instants are names here, so bytes are told and no times"

Row: TypeAlias = tuple[str, ...]


class Block(NamedTuple):
    """A table with a title.

    Attributes:
        head: Of its columns; empty where it has no table.
        numbers: Those of the columns that are numbers.
        under: Lines below a row, by its place.
        notes: Lines below the table.
    """

    title: str
    head: Row = ()
    rows: Sequence[Row] = ()
    numbers: Row = ()
    under: Sequence[tuple[str, ...]] = ()
    notes: Sequence[str] = ()


def blocks_of(summary: Summary, findings: Sequence[Finding]) -> Iterator[Block]:
    """Yield what there is to tell; of times, where there are any."""
    timed = summary.timeline.script.timed
    yield _jobs(summary)
    if timed and summary.resources:
        yield _resources(summary)
    if timed:
        yield _loss(summary)
    yield from _recovery(summary)
    if timed and (summary.freezes or summary.waited[0]):
        yield Block("stalls of the guest", notes=tuple(_stalls(summary)))
    if summary.kept:
        yield _kept(summary)
    yield Block("findings", notes=tuple(_findings(findings)) or ("none",))


def head_of(summary: Summary) -> tuple[str, str]:
    """Return the title of the scenario, and what was played from when to when."""
    script, model = summary.timeline.script, f"model {summary.timeline.under}"
    if not script.timed:
        return printable(script.title), f"{model}; {NAMED}"
    told = f"{model}; {script.write_tick(0)} to {write_moment(summary.timeline, summary.end)}"
    return printable(script.title), told + (f", {write_time(summary.end)}" if script.dated else "")


# What was done.


def _jobs(summary: Summary) -> Block:
    head = ["job", "kind", "start", "end", "window", "data", "zeroes"]
    alone = len(summary.timeline.last.disks) == 1
    rows = [[*_job_cells(summary, work, alone=alone)] for work in summary.works]
    if not summary.timeline.script.timed:
        head, *rows = [[*row[:4], *row[5:]] for row in (head, *rows)]
    return Block(
        "jobs",
        tuple(head),
        [*map(tuple, rows)],
        ("window", "data", "zeroes"),
        [tuple(_job_notes(work)) for work in summary.works],
        (_count(summary),) if rows else ("none",),
    )


def _job_cells(summary: Summary, work: Work, *, alone: bool) -> Iterator[str]:
    yield shown(work.name if alone else f"{work.name}/{work.disk}")
    yield work.kind
    yield _moment(summary, work.start)
    yield _moment(summary, work.end)
    yield write_time(work.window) if work.window is not None else "-"
    yield write_amount(work.data_bytes)
    yield write_amount(work.zero_bytes)


def _moment(summary: Summary, tick: int | None) -> str:
    if tick is None:
        return "-"
    if summary.timeline.script.timed:
        return write_moment(summary.timeline, tick)
    return shown(summary.label_at(tick) or "-")


def _job_notes(work: Work) -> Iterator[str]:
    """Yield what is not so of most jobs."""
    if work.status is not Status.COMPLETED:
        yield f"{work.status}: {printable(work.why)}" if work.why else work.status.value
    if work.waited_writes:
        yield f"{_writes(work.waited_writes)} waited, {write_time(work.waited)} together"
    if work.scratch_peak:
        yield f"its scratch space held up to {write_amount(work.scratch_peak)}"


def _writes(number: int) -> str:
    return "1 write of the guest" if number == 1 else f"{number:,} writes of the guest"


def _count(summary: Summary) -> str:
    """Return how the jobs ended, and what they moved."""
    works = summary.works
    ends = [
        f"{count} {status.value}"
        for status in Status
        if (count := sum(work.status is status for work in works))
    ]
    told = f"{', '.join(ends)}; {write_amount(sum(work.data_bytes for work in works))} of data"
    longest = max(works, key=lambda work: work.window or 0)
    if summary.timeline.script.timed and longest.window:
        told += f"; the longest took {write_time(longest.window)}: {shown(longest.name)}"
    return told


def _resources(summary: Summary) -> Block:
    head = ("resource", "bandwidth", "peak", "carried", "busy", "share", "stored", "capacity")
    rows, notes = [], []
    for each in summary.resources:
        name, use, capacity = shown(each.name), summary.uses[each.name], each.capacity
        most = summary.stored_most(each.name)
        rows.append(
            (
                name,
                write_rate(each.bandwidth) if each.bandwidth is not None else "-",
                write_rate(use.peak),
                write_amount(use.size),
                write_time(use.busy),
                write_share(use.busy, summary.end),
                write_amount(summary.stored_at_end(each.name)) if capacity is not None else "-",
                write_amount(capacity) if capacity is not None else "-",
            )
        )
        if capacity is not None and most:
            part = write_share(most, capacity)
            notes.append(f"{name} held {write_amount(most)} at most, {part} of its capacity")
    return Block("resources", head, rows, head[1:], notes=notes)


# What would be lost, and what it takes to come back.


def _loss(summary: Summary) -> Block:
    title, loss = "lost if the machine died", summary.loss
    if loss.worst is None or loss.worst_at is None or loss.mean is None:
        return Block(title, notes=("everything: nothing can be restored at any time",))
    worst = next(point for point, end in loss.stretches if point.loss(end) == loss.worst)
    last, first = loss.points[-1], loss.points[0].tick
    rows = [
        ("worst", write_time(loss.worst), _moment(summary, loss.worst_at), _newest(worst)),
        ("mean", write_time(loss.mean), "", ""),
        ("last", write_time(last.loss(loss.end)), _moment(summary, loss.end), _newest(last)),
    ]
    notes = [f"until {_moment(summary, first)} nothing can be restored"] if first else []
    return Block(title, ("", "loss", "at", "newest to restore"), rows, ("loss",), notes=notes)


def _newest(point: Point) -> str:
    return shown(point.label) if point.label is not None else "nothing"


def _recovery(summary: Summary) -> Iterator[Block]:
    """Yield what it takes to come back, where something can be restored."""
    recovery, read_back = summary.recovery, summary.read_back
    if recovery.worst_size is None:
        return
    size, time = recovery.size, recovery.time
    rows = [
        (
            "most",
            write_amount(recovery.worst_size),
            write_time(recovery.worst_time) if recovery.worst_time is not None else "-",
            _moment(summary, recovery.worst_at),
        )
    ]
    if size is not None:
        told = write_time(time) if time is not None else "-"
        rows.append(("last", write_amount(size), told, _moment(summary, summary.end)))
    notes = []
    if read_back is not None and read_back.rate is not None:
        rate = f"read at {write_rate(read_back.rate)}"
        notes.append(
            rate + (f" after {write_time(read_back.latency)}" if read_back.latency else "")
        )
    elif summary.timeline.script.timed:
        notes.append("no restore has a rate, so it is not known how long that takes")
    head: Row = ("", "to read", "time", "at")
    yield Block("to come back to the newest instant", head, rows, ("to read", "time"), notes=notes)


# What the guest and the host bear.


def _stalls(summary: Summary) -> Iterator[str]:
    writes, waited = summary.waited
    if len(summary.freezes) == 1:
        yield f"it was frozen once, for {write_time(summary.frozen)}"
    elif summary.freezes:
        longest = write_time(max(map(summary.length_of, summary.freezes)))
        times = f"{len(summary.freezes):,} times, for {write_time(summary.frozen)}"
        yield f"it was frozen {times} in all and {longest} at most"
    if writes:
        yield f"{_writes(writes)} waited to be copied first, {write_time(waited)} together"


def _kept(summary: Summary) -> Block:
    last = summary.kept[-1]
    most = max(summary.kept, key=lambda kept: kept.stored_bytes)
    marked = max(summary.kept, key=lambda kept: kept.bitmap_bytes)
    rows = [
        (
            told,
            f"{kept.backups:,}",
            write_amount(kept.stored_bytes),
            f"{kept.bitmaps:,}",
            write_amount(kept.bitmap_bytes),
            shown(kept.label),
        )
        for told, kept in (("last", last), ("most stored", most), ("most bitmaps", marked))
    ]
    head = ("", "backups", "stored", "bitmaps", "bytes of them", "at")
    return Block("backups and bitmaps that are there", head, rows, head[1:-1])


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each finding that nobody expected."""
    for each in findings:
        if not each.expected and each.allowed is None:
            at = f" at {shown(each.at)}" if each.at is not None else ""
            yield f"{each.severity}[{each.code}] {each.rule}{at}: {printable(each.message)}"
