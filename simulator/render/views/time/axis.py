"""The axis of time: where each instant stands, and the ruler above it.

Named instants stand at equal distances. Where instants are times, one unit of length is as much
time everywhere; where they lie close together and far apart from others, what lies between is left
out: the axis is broken there, and says for how long.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise

from simulator.render.drawing import Line, Shape, Text
from simulator.schedule.clock import Clock
from simulator.schedule.durations import SECOND, UNITS, write_duration
from simulator.timeline import Timeline
from simulator.values import NamedTuple

AXIS_MAX = 1150.0
SLOT_MIN, SLOT_MAX = 14.0, 124.0

LEAD, TAIL = 6.0, 60.0
"""What lies before the first tick, and behind the last one."""

BREAK = 52.0
"""Width of what is left out."""

MARGIN = 8
"""Beside a break one part in so many of what else is drawn is drawn, too."""

BREAKS_MAX = 4
LONGER = 10
"""What is left out is so many times as long as all that is drawn."""

LEAST = 2.0
"""Width of what takes next to no time."""

APART = 90.0
"""So far two numbers of the ruler are apart, at least."""

DAY = 86_400 * SECOND
STEPS = tuple(
    count * size
    for size, unit in reversed(UNITS)
    for count in {"d": (1, 2, 7, 14, 28, 91, 364), "h": (1, 2, 3, 6, 12)}.get(
        unit, (1, 2, 5, 10, 15, 30) if unit in ("m", "s") else (1, 2, 5, 10, 20, 50, 100, 200, 500)
    )
)
"""How far apart the numbers of a ruler may be, ascending."""


class Part(NamedTuple):
    """A stretch of time that is drawn."""

    start: int
    end: int
    x: float


class Scale(NamedTuple):
    """Where each tick is.

    Attributes:
        parts: In the order of time.
        unit: Length of a tick.
        end: Where the axis ends.
    """

    parts: tuple[Part, ...]
    unit: float
    end: float
    clock: Clock | None = None

    def x(self, tick: int) -> float:
        """Return the place of a tick; what is left out is narrow."""
        number = bisect_right(self.parts, tick, key=lambda part: part.start) - 1
        part = self.parts[max(number, 0)]
        if tick <= part.end or number + 1 == len(self.parts):
            return part.x + self.unit * (min(tick, part.end) - part.start)
        width = BREAK * (tick - part.end) / (self.parts[number + 1].start - part.end)
        return part.x + self.unit * (part.end - part.start) + width

    def tell(self, tick: int) -> str:
        """Return a tick in words: a date where the ruler has dates."""
        return self.clock.write(tick) if self.clock is not None else write_duration(tick)

    @property
    def breaks(self) -> Iterator[tuple[float, int]]:
        """What is left out: where it begins, and how long it takes."""
        for part, other in pairwise(self.parts):
            yield self.x(part.end), other.start - part.end


def is_timed(timeline: Timeline) -> bool:
    """Whether the instants of a run are times."""
    ticks = [frame.tick for frame in timeline.frames]
    return len(ticks) > 1 and ticks != [*range(1, len(ticks) + 1)] and ticks[-1] - ticks[0] >= 1000


def scale_of(timeline: Timeline, width: float) -> Scale:
    """Return the axis of a timed run, so wide."""
    ticks = {frame.tick for frame in timeline.frames}
    ticks |= {move.start for move in timeline.moves}
    ticks |= {move.end for move in timeline.moves if move.end is not None}
    places = sorted(ticks)
    breaks = set(_left_out(places))
    starts = [places[0], *(end for _, end in sorted(breaks))]
    ends = [*(start for start, _ in sorted(breaks)), places[-1]]
    drawn = sum(end - start for start, end in zip(starts, ends, strict=True))
    unit = (width - LEAD - TAIL - BREAK * len(breaks)) / max(1, drawn)
    x, parts = LEAD, []
    for start, end in zip(starts, ends, strict=True):
        parts.append(Part(start, end, x))
        x += unit * (end - start) + BREAK
    dated = timeline.script.clock if timeline.script.dated else None
    return Scale(tuple(parts), unit, width, dated)


def _left_out(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the few gaps beside which all the rest would be next to nothing, but for margins."""
    gaps = sorted(pairwise(places), key=lambda gap: gap[0] - gap[1])
    total = places[-1] - places[0]
    for count, (start, end) in enumerate(gaps[:BREAKS_MAX], 1):
        total -= end - start
        if total and end - start > LONGER * total and len(gaps) > count + 1:
            margin = max(total // MARGIN, 1)
            yield from ((start + margin, end - margin) for start, end in gaps[:count])
            return


def draw_ruler(scale: Scale, left: float, y: float, bottom: float) -> Iterator[Shape]:
    """Yield the numbers of an axis above a line, and what is left out of it.

    Args:
        left: Where the axis begins.
        y: Of the line.
        bottom: How far down lines at the numbers reach.
    """
    middles = [(left + x + BREAK / 2, ticks) for x, ticks in scale.breaks]
    for tick, text in numbers_of(scale, APART):
        x = left + scale.x(tick)
        yield Line(((x, y), (x, bottom)), "rule", 0.5, plain="")
        if all(abs(x - middle) > BREAK for middle, _ in middles):
            yield Text(x, y - 3, text, 9, "faint", "middle")
    for middle, ticks in middles:
        for shift in (-3, 3):
            points = ((middle + shift - 3, y + 6), (middle + shift + 3, y))
            yield Line(points, "ink", 1.25, plain="")
        yield Text(middle, y - 3, f"~{roughly(ticks)}~", 9, "faint", "middle")


def roughly(ticks: int) -> str:
    """Return a long time with two units at most."""
    size = next(size for size, _ in UNITS if size <= ticks)
    finer = [other for other, _ in UNITS if other < size]
    return write_duration(ticks - ticks % finer[0] if finer else ticks)


def numbers_of(scale: Scale, apart: float) -> Iterator[tuple[int, str]]:
    """Yield the ticks of a ruler, at least so far apart, and what stands there."""
    step = next((step for step in STEPS if step * scale.unit >= apart), STEPS[-1])
    yield from numbers_at(scale, step)


def finer_numbers(scale: Scale, count: int) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Yield finer and finer steps and the numbers at them, no more than that."""
    drawn = sum(part.end - part.start for part in scale.parts)
    for step in reversed([step for step in STEPS if step * scale.unit < APART]):
        if drawn // step > count:
            return
        yield step, list(numbers_at(scale, step))


def numbers_at(scale: Scale, step: int) -> Iterator[tuple[int, str]]:
    """Yield the ticks that are so far apart, and what stands there."""
    for part in scale.parts:
        if scale.clock is None:
            first = -(-part.start // step) * step
            yield from ((tick, write_duration(tick)) for tick in range(first, part.end + 1, step))
        else:
            yield from _dates(scale.clock, part, step)


def _hour(clock: Clock, tick: int) -> str:
    return clock.write(tick).partition("T")[2]


def _dates(clock: Clock, part: Part, step: int) -> Iterator[tuple[int, str]]:
    """Yield round times of a calendar: days begin at midnight, whatever the clock does."""
    day = datetime.combine(clock.local(part.start).date(), time(), clock.zone)
    number = 0
    while (tick := clock.tick_at(day)) <= part.end:
        following = day + timedelta(days=1)
        if step >= DAY and number % (step // DAY) == 0 and tick >= part.start:
            yield tick, f"{day:%m-%d}"
        end = clock.tick_at(following)
        for each in range(tick, end, step) if step < DAY else ():
            if part.start <= each <= part.end and end - each >= step:
                yield each, f"{clock.local(each):%m-%d}" if each == tick else _hour(clock, each)
        number, day = number + 1, following


class Axis(NamedTuple):
    """Where each instant is.

    Attributes:
        places: Of the frames, ascending.
        end: Where the axis ends.
        scale: Where any tick is; None where distances say nothing.
        least: What takes no time is so wide.
    """

    places: tuple[float, ...]
    end: float
    scale: Scale | None = None
    least: float = 7.0

    @property
    def timed(self) -> bool:
        """Whether distances are times."""
        return self.scale is not None

    def room(self, number: int) -> float:
        """Return the distance from an instant to the next one, or to the end."""
        following = self.places[number + 1] if number + 1 < len(self.places) else self.end
        return following - self.places[number]

    def at(self, tick: int | None) -> float:
        """Return the place of a tick of a timed run; the end for None."""
        return self.scale.x(tick) if self.scale is not None and tick is not None else self.end


def axis_of(timeline: Timeline, *, exact: bool = False) -> Axis:
    """Return the axis: with equal distances, or with true ones where the instants are times.

    Args:
        exact: Whether times are as long as they are, although nobody can see them.
    """
    if not is_timed(timeline):
        count = len(timeline.frames)
        slot = max(SLOT_MIN, min(SLOT_MAX, AXIS_MAX / max(count, 1)))
        places = tuple(slot * (n + 0.6) for n in range(count))
        return Axis(places, slot * (count + 0.6))
    scale = scale_of(timeline, AXIS_MAX)
    places = tuple(scale.x(frame.tick) for frame in timeline.frames)
    return Axis(places, scale.end, scale, 0.0 if exact else LEAST)
