"""What is stored, and what would be lost, along time."""

from collections.abc import Iterator, Sequence

from simulator.measures.loss import Loss, find_loss
from simulator.measures.resources import find_stored
from simulator.model.machine import Status
from simulator.render.amounts import write_amount
from simulator.render.drawing import Area, Box, Shape, Text, width_of
from simulator.render.views.load.panel import HEIGHT, Panel, limit_line, scale_for
from simulator.render.views.time.axis import Axis, Scale
from simulator.schedule.durations import SECOND, write_duration
from simulator.timeline import Timeline

MARK = 6.0
ABOVE = 16.0
"""Room above the loss for its worst point."""


def draw_stored(timeline: Timeline, axis: Axis) -> Iterator[Panel]:
    """Yield a panel for each store; where there is none, one for all backups."""
    stored = find_stored(timeline)
    for resource in timeline.script.resources:
        if resource.capacity is None:
            continue
        points = [(level.tick, float(level.size)) for level in stored[resource.name]]
        name = f"stored in {resource.name}"
        yield _filled(name, points, resource.capacity, axis)
    if not stored and timeline.last.backups:
        yield _filled("stored", list(_kept(timeline)), None, axis)


def _kept(timeline: Timeline) -> Iterator[tuple[int, float]]:
    """Yield the data of all backups of which there is a file; it changes at once."""
    size = 0
    for frame in timeline.frames:
        yield frame.tick, size
        there = (b for b in frame.machine.backups if b.has_file and b.status is not Status.RUNNING)
        size = sum(backup.data_bytes for backup in there)
        yield frame.tick, size


def _filled(
    name: str, points: Sequence[tuple[int, float]], capacity: int | None, axis: Axis
) -> Panel:
    peak = max((size for _, size in points), default=0.0)
    highest, drawn = scale_for(peak, capacity)
    shapes: list[Shape] = []
    if points:
        top = [(axis.at(tick), HEIGHT * (1 - size / highest)) for tick, size in points]
        top.append((axis.end, top[-1][1]))
        title = f"{name}: {write_amount(int(points[-1][1]))} at the end"
        shapes.append(Area(tuple(top), HEIGHT, "zero", "ink", title, "="))
    if drawn and capacity is not None:
        shapes.append(limit_line(capacity, highest, axis.end))
    told = f"at most {write_amount(int(peak))}"
    told += f" of {write_amount(capacity)}" if capacity is not None else ""
    return Panel((name, told), tuple(shapes), axis.end)


def draw_loss(timeline: Timeline, axis: Axis) -> Iterator[Panel]:
    """Yield what would be lost if the machine died, as a saw-tooth, with its worst point."""
    loss = find_loss(timeline)
    if loss.worst is None or axis.scale is None:
        yield Panel(("loss", "nothing can be restored", "at any time"), (), axis.end)
        return
    highest = max(loss.worst, 1)
    top = [
        (axis.at(tick), ABOVE + HEIGHT * (1 - point.loss(tick) / highest))
        for point, end in loss.stretches
        for tick in (point.tick, end)
    ]
    title = "what would be lost if the machine died"
    shapes: list[Shape] = [Area(tuple(top), HEIGHT + ABOVE, "hidden", "error", title)]
    shapes += _worst(loss, axis, axis.scale)
    mean = write_duration(int(loss.mean or 0) // SECOND * SECOND)
    labels = "loss", f"worst {_rounded(loss.worst)}", f"mean {mean}"
    yield Panel(labels, tuple(shapes), axis.end, HEIGHT + ABOVE)


def _worst(loss: Loss, axis: Axis, scale: Scale) -> Iterator[Shape]:
    """Yield a mark at the worst point, and what it is."""
    assert loss.worst is not None, "something can be restored"
    assert loss.worst_at is not None, "something can be restored"
    at = loss.worst_at
    point = next(point for point, end in loss.stretches if end == at)
    newest = (
        f"{point.label} is the newest that can be restored" if point.label else "nothing is left"
    )
    told = f"{_rounded(loss.worst)} at {scale.tell(_whole(at))}: {newest}"
    x = axis.at(at)
    yield Box(x - MARK / 2, ABOVE - MARK / 2, MARK, MARK, "error", title=told)
    start = min(x, axis.end - width_of(told, 9))
    yield Text(max(0.0, start), ABOVE - 6, told, 9, "error")


def _rounded(ticks: int) -> str:
    """Return a time to the second, a shorter one as it is."""
    return write_duration(_whole(ticks))


def _whole(ticks: int) -> int:
    return ticks // SECOND * SECOND if ticks >= 60 * SECOND else ticks
