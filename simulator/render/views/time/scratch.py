"""What pull jobs keep of what the guest overwrote, along time."""

from collections.abc import Iterator

from simulator.model.machine import Machine
from simulator.render.amounts import write_amount
from simulator.render.drawing import Area, Line, Shape, Text
from simulator.render.views.strips import middle
from simulator.render.views.time.axis import Axis
from simulator.timeline import Timeline

HEIGHT = 34.0


def draw_scratch(
    timeline: Timeline, axis: Axis, left: float, y: float
) -> tuple[list[Shape], float]:
    """Return the bytes in the scratch of all jobs, below their limit, and where that ends."""
    points = list(scratch_points(timeline))
    peak = max((size for _, size in points), default=0)
    if not peak:
        return [], y
    limits = [
        job.scratch_max
        for entry in timeline.entries
        for job in entry.after.backup_jobs
        if job.scratch_max is not None
    ]
    highest = max(peak, *limits) if limits else peak
    base = y + HEIGHT
    shapes: list[Shape] = [Text(0, middle(y, HEIGHT, 12), "scratch", 12)]
    top = [(left + axis.at(tick), base - HEIGHT * size / highest) for tick, size in points]
    told = f"at most {write_amount(peak)} of what the guest overwrote"
    shapes.append(Area((*top, (left + axis.end, top[-1][1])), base, "mixed", "ink", told))
    shapes.append(Line(((left, base), (left + axis.end, base)), "rule", 0.75, plain=""))
    if limits:
        at = base - HEIGHT * min(limits) / highest
        shapes.append(Line(((left, at), (left + axis.end, at)), "error", 1, dashed=True))
    tick = next(tick for tick, size in points if size == peak)
    when = axis.scale.tell(tick) if axis.scale is not None else str(tick)
    most = Text(0, middle(y, HEIGHT, 12) + 12, f"{write_amount(peak)} at most", 9, "faint")
    shapes.append(most._replace(title=f"at {when}"))
    return shapes, base + 6


def scratch_points(timeline: Timeline) -> Iterator[tuple[int, int]]:
    """Yield the bytes in the scratch at ticks; in between it is as a straight line."""
    known = 0
    for entry in timeline.entries:
        before, after = _size(entry.before), _size(entry.after)
        stretch = entry.statement is None
        if not stretch or before != after:
            yield entry.tick, after if stretch else before
        if not stretch and after != before:
            yield entry.tick, after
        known = after
    if timeline.frames:
        yield timeline.frames[-1].tick, known


def _size(machine: Machine) -> int:
    return sum(
        len(job.scratch) * machine.disk(job.disk).cluster_size
        for job in machine.backup_jobs
        if job.scratch is not None
    )
