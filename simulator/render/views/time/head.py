"""What stands above the rows of the time view: the instants, and what the host does there."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from simulator.render.amounts import write_rate
from simulator.render.drawing import Box, Line, Shape, Text, fit, width_of
from simulator.render.story import tell_power
from simulator.render.views.strips import SMALL
from simulator.render.views.time.axis import Axis
from simulator.render.views.time.jobs import fastest_of
from simulator.timeline import Timeline

EVENTS_MAX = 8
"""So many lines are told of what happens at an instant."""

LINES_MAX = 60
"""Of more times than that only some have a line."""

Event = tuple[str, str]


def tell_run(timeline: Timeline, axis: Axis) -> str:
    """Return what is told below the title: of whose run, and how fast the highest bar is."""
    words = [f"model {timeline.under}"]
    clock = timeline.script.clock if axis.timed else None
    if clock is not None:
        words.append(f"0s is {clock.write(0)} {clock.name}")
    if any(move.paces for move in timeline.moves):
        words.append(f"the fastest job has {write_rate(fastest_of(timeline))}")
    return "; ".join(words)


def draw_head(
    timeline: Timeline, axis: Axis, events: Sequence[Sequence[Event]], left: float, y: float
) -> tuple[list[Shape], float, list[int]]:
    """Return the names of the instants and what the host does there, and where that ends.

    Where there is no room for all, those where something happens to the machine come first; the
    last value is which are named.
    """
    shapes: list[Shape] = []
    labels = [frame.label or "afterwards" for frame in timeline.frames]
    named = sorted(_with_room(axis, labels, events))
    lines, after = 0, 120 if axis.timed else 40
    for place, number in enumerate(named):
        x = left + axis.places[number]
        end = axis.places[named[place + 1]] if place + 1 < len(named) else axis.end + after
        room = end - axis.places[number] - 6
        label = fit(labels[number], room, 12)
        shapes.append(Text(x, y + 12, label, 12, bold=True, title=labels[number]))
        told = _told(events[number])
        for n, (word, role) in enumerate(told):
            text = Text(x, y + 26 + 13 * n, _shortened(word, room), SMALL, role, title=word)
            shapes.append(text)
        lines = max(lines, len(told))
    return shapes, y + 24 + 13 * lines + 4, named


def _told(events: Sequence[Event]) -> list[Event]:
    """Return what is told of an instant: the gravest where there is too much."""
    if len(events) <= EVENTS_MAX:
        return list(events)
    places = sorted(range(len(events)), key=lambda n: (_rank(events[n]), n))[: EVENTS_MAX - 1]
    left = len(events) - len(places)
    return [*(events[n] for n in sorted(places)), (f"and {left:,} more", "faint")]


def _rank(event: Event) -> int:
    """Return how much an event is worth being told: a job that went well ends by itself."""
    word, role = event
    return {"error": 0, "warning": 1, "faint": 3 if word.startswith("completed ") else 2}[role]


def _shortened(word: str, room: float) -> str:
    """Return an event in so much room: where its verb has none, the name stands alone."""
    if width_of(word, SMALL) <= room or " " not in word:
        return fit(word, room, SMALL)
    return fit(word.partition(" ")[2].removeprefix("to ").removeprefix("into "), room, SMALL)


def _with_room(
    axis: Axis, labels: Sequence[str], events: Sequence[Sequence[Event]]
) -> Iterator[int]:
    """Yield the instants that are named, the most important ones first."""
    urgent = [min((_rank(event) for event in each), default=4) for each in events]
    taken: list[tuple[float, float]] = []
    for number in sorted(range(len(labels)), key=lambda n: (urgent[n], n)):
        words = min((width_of(word, SMALL) for word, _ in events[number]), default=0.0)
        start = axis.places[number]
        end = start + min(max(width_of(labels[number], 12), min(words, 64.0)), 110.0) + 6
        if all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
            yield number


def outages_of(timeline: Timeline, axis: Axis) -> Iterator[tuple[float, float, str]]:
    """Yield each stretch in which no guest runs: where it begins and ends, and why."""
    told = [tell_power(frame.machine) for frame in timeline.frames]
    for why, group in groupby(range(len(told)), key=told.__getitem__):
        first, *others = group
        last = others[-1] if others else first
        start, end = axis.places[first], axis.places[last] + axis.room(last)
        if why:
            yield start, end, why


def draw_outages(
    timeline: Timeline, axis: Axis, left: float, top: float, bottom: float
) -> Iterator[Box]:
    """Yield a shade for each stretch in which no guest runs, which says why."""
    for start, end, why in outages_of(timeline, axis):
        yield Box(left + start, top, end - start, bottom - top, fill="band", title=why)


def draw_moments(
    timeline: Timeline,
    axis: Axis,
    events: Sequence[Sequence[Event]],
    named: Sequence[int],
    left: float,
    top: float,
    bottom: float,
) -> Iterator[Shape]:
    """Yield a line at each instant, and a shade where no guest runs.

    Of very many times only those have a line that are named.
    """
    few = not axis.timed or len(timeline.frames) <= LINES_MAX
    there = set(named)
    yield from draw_outages(timeline, axis, left, top, bottom)
    for number in range(len(timeline.frames)):
        x = left + axis.places[number]
        crashed = any(word == "crash" for word, _ in events[number])
        role = "error" if crashed else "rule"
        if not few and number not in there and not crashed:
            continue
        yield Line(((x, top), (x, bottom)), role, 2 if crashed else 0.75, dashed=crashed)
