"""The time view: what goes on when, as bars along an axis of time.

The guest's writes, the images and which of them is active, each bitmap and whether it records, the
jobs with their duration, the backups as long as they are kept, and the findings. Named instants
stand at equal distances, since they say nothing about time; instants that are times stand where
they are.
"""

from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding
from simulator.model.machine import Power
from simulator.render.drawing import (
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    moved,
    title_lines,
    width_of,
)
from simulator.render.palette import SHADES
from simulator.render.text import FILLS
from simulator.render.told import RANK, by_frame
from simulator.render.views.strips import SMALL, middle
from simulator.render.views.time.axis import Axis, axis_of
from simulator.render.views.time.events import events_of
from simulator.render.views.time.tracks import Track, tracks_of
from simulator.render.views.told import Sample, box_sample, draw_legend
from simulator.timeline import Timeline

LABELS_MAX = 170.0
ROW = 19.0
BAR = 13.0
GROUP_GAP = 9.0
EVENTS_MAX = 8
"""So many lines are told of what happens at an instant."""

WORDS = {
    "active": "info",
    "read-only": "rule",
    "internal snapshot": "mixed",
    "recording": f"dirty{SHADES}",
    "frozen": "dirty1",
    "busy": "busy",
    "inconsistent": "broken",
    "backup": "backup",
    "kept": "zero",
    "failed": "error",
    "cancelled": "warning",
}
"""What a legend calls bars, in its order, and their roles."""

Event = tuple[str, str]


def lay_out_time(timeline: Timeline, findings: Sequence[Finding] = ()) -> Drawing:
    """Return the picture of a whole run along its time."""
    axis = axis_of(timeline)
    groups = tracks_of(timeline, axis)
    labels = [track.label for group in groups for track in group] + ["findings"]
    left = min(LABELS_MAX, max(width_of(label, 12) for label in labels)) + 12
    title = title_lines(timeline.script.title, max(420.0, axis.end))
    events = [list(events_of(timeline, frame)) for frame in timeline.frames]
    top = 18.0 * len(title) + 12
    shapes: list[Shape] = [*title, _model(timeline, top)]
    head, first, unnamed = _head(timeline, axis, events, left, top + 14)
    y = first
    rows: list[Shape] = []
    for group in groups:
        for track in group:
            rows += _draw_track(track, left, y)
            y += ROW
        y += GROUP_GAP if group else 0
    marks, y = _findings(timeline, axis, findings, left, y)
    shapes += _moments(timeline, axis, events, left, first - 4, y)
    shapes += [*head, *rows, *marks]
    legend = draw_legend(list(_samples(groups)), max(420.0, left + axis.end))
    shapes += moved(legend.shapes, 0, y + 16)
    y += 16 + legend.height
    if unnamed:
        noun = "1 instant has" if unnamed == 1 else f"{unnamed:,} instants have"
        shapes.append(Text(0, y + 12, f"{noun} no room for a name", SMALL, "faint"))
        y += 16
    right = max(shape.extent[2] for shape in shapes if isinstance(shape, Text))
    told = f"{timeline.script.title}: time"
    return Drawing(max(left + axis.end, right), y + 4, tuple(shapes), told)


def _model(timeline: Timeline, y: float) -> Text:
    return Text(0, y, fit(f"model {timeline.model}", 420, SMALL), SMALL, "faint")


def _samples(groups: Sequence[Sequence[Track]]) -> Iterator[Sample]:
    """Yield what the colours of bars mean, those that occur."""
    there = {bar.word for group in groups for track in group for bar in track.bars}
    for word, role in WORDS.items():
        if word in there:
            plain = "/" if role == "error" else FILLS.get(role, " ")
            yield box_sample(word, role, plain=plain)


def _draw_track(track: Track, left: float, y: float) -> Iterator[Shape]:
    """Yield a row: its label, and its bars with what is written on them or behind them."""
    told = fit(track.label, left - 12, 12)
    yield Text(0, middle(y, BAR, 12), told, 12, title=track.label if told != track.label else "")
    for number, bar in enumerate(track.bars):
        x, width = left + bar.start, bar.end - bar.start
        edge = "error" if bar.dashed else "ink"
        yield Box(x, y, width, BAR, bar.role, edge, 0.75, dashed=bar.dashed, title=bar.title)
        if not bar.text:
            continue
        if width_of(bar.text, 9) <= width - 6:
            yield Text(x + 4, middle(y, BAR, 9), bar.text, 9, on=bar.role)
        elif number + 1 == len(track.bars) and (len(track.bars) == 1 or bar.word == "kept"):
            yield Text(x + width + 5, middle(y, BAR, 9), bar.text, 9, "faint")


def _head(
    timeline: Timeline, axis: Axis, events: Sequence[Sequence[Event]], left: float, y: float
) -> tuple[list[Shape], float, int]:
    """Return the names of the instants and what the host does there, and where that ends.

    Where there is no room for all, those where something happens to the machine come first; the
    last value is how many are left out.
    """
    shapes: list[Shape] = []
    labels = [frame.label or "afterwards" for frame in timeline.frames]
    named = sorted(_with_room(axis, labels, events))
    lines = 0
    for place, number in enumerate(named):
        x = left + axis.places[number]
        end = axis.places[named[place + 1]] if place + 1 < len(named) else axis.end + 40
        room = end - axis.places[number] - 6
        label = fit(labels[number], room, 12)
        shapes.append(Text(x, y + 12, label, 12, bold=True, title=labels[number]))
        told = _told(events[number])
        for n, (word, role) in enumerate(told):
            text = Text(x, y + 26 + 13 * n, _shortened(word, room), SMALL, role, title=word)
            shapes.append(text)
        lines = max(lines, len(told))
    return shapes, y + 24 + 13 * lines + 4, len(labels) - len(named)


def _told(events: Sequence[Event]) -> list[Event]:
    """Return what is told of an instant: the gravest where there is too much."""
    if len(events) <= EVENTS_MAX:
        return list(events)
    rank = {"error": 0, "warning": 1, "faint": 2}
    places = sorted(range(len(events)), key=lambda n: (rank[events[n][1]], n))[: EVENTS_MAX - 1]
    left = len(events) - len(places)
    return [*(events[n] for n in sorted(places)), (f"and {left:,} more", "faint")]


def _shortened(word: str, room: float) -> str:
    """Return an event in so much room: where its verb has none, the name stands alone."""
    if width_of(word, SMALL) <= room or " " not in word:
        return fit(word, room, SMALL)
    return fit(word.partition(" ")[2].removeprefix("to ").removeprefix("into "), room, SMALL)


def _with_room(
    axis: Axis, labels: Sequence[str], events: Sequence[Sequence[Event]]
) -> Iterator[int]:
    """Yield the instants that are named, the most important ones first."""
    rank = {"error": 0, "warning": 1, "faint": 2}
    urgent = [min((rank[role] for _, role in each), default=3) for each in events]
    taken: list[tuple[float, float]] = []
    for number in sorted(range(len(labels)), key=lambda n: (urgent[n], n)):
        words = min((width_of(word, SMALL) for word, _ in events[number]), default=0.0)
        start = axis.places[number]
        end = start + min(max(width_of(labels[number], 12), min(words, 64.0)), 110.0) + 6
        if all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
            yield number


def _moments(
    timeline: Timeline,
    axis: Axis,
    events: Sequence[Sequence[Event]],
    left: float,
    top: float,
    bottom: float,
) -> Iterator[Shape]:
    """Yield a line at each instant, and a shade where the machine is off."""
    for number, frame in enumerate(timeline.frames):
        x = left + axis.places[number]
        if frame.machine.power is not Power.RUNNING:
            yield Box(x, top, axis.room(number), bottom - top, fill="band", title="machine off")
        crashed = any(word == "crash" for word, _ in events[number])
        role = "error" if crashed else "rule"
        yield Line(((x, top), (x, bottom)), role, 2 if crashed else 0.75, dashed=crashed)


def _findings(
    timeline: Timeline, axis: Axis, findings: Sequence[Finding], left: float, y: float
) -> tuple[list[Shape], float]:
    """Return a mark for each finding at its instant, one code below another.

    That of a guest step stands at the instant that the step led to.
    """
    if not findings:
        return [], y
    shapes: list[Shape] = [Text(0, middle(y, BAR, 12), "findings", 12)]
    depth = 1
    for number, here in enumerate(by_frame(timeline, findings)):
        x, room = left + axis.places[number], axis.room(number)
        for n, finding in enumerate(sorted(here, key=lambda each: -RANK[each.severity])):
            top = y + 14 * n
            told = f"{finding.code} {finding.rule}: {finding.message}"
            role = finding.severity.value
            code = fit(finding.code, room - 12, SMALL) if room > 30 else ""
            mark = Box(x - 4, top + 2, 8, 8, fill=role, title=told)
            shapes.append(mark._replace(plain="") if code else mark)
            if code:
                plain = f"{FILLS[role]} {code}"
                text = Text(x + 7, top + 10, code, SMALL, role, title=told, plain=plain)
                shapes.append(text)
        depth = max(depth, len(here))
    return shapes, y + 14 * depth + 4
