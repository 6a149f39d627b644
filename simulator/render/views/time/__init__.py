"""The time view: what goes on when, as bars along an axis of time.

The guest's writes, the images and which of them is active, each bitmap and whether it records, the
jobs with their duration, and the findings. Named instants stand at equal distances, since they say
nothing about time; instants that are times stand where they are.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.diagnostics import Finding
from simulator.model.clusters import letter_of
from simulator.model.disk import Disk
from simulator.model.machine import (
    Backup,
    BackupJob,
    CommitJob,
    Machine,
    MirrorJob,
    Power,
    PullJob,
    Status,
)
from simulator.model.operations import (
    CloseImages,
    CommitImages,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MirrorDisk,
    OpenImages,
    PullImages,
)
from simulator.model.requests import Attach, Detach, Resize, Revert, Snapshot
from simulator.render.drawing import Box, Drawing, Line, Shape, Text, fit, title_lines, width_of
from simulator.render.palette import role_of
from simulator.render.views.strips import SMALL, middle
from simulator.timeline import Entry, Frame, Timeline

AXIS_MAX = 1150.0
SLOT_MIN, SLOT_MAX = 14.0, 124.0
LABELS_MAX = 170.0
ROW = 19.0
BAR = 13.0
GROUP_GAP = 9.0
MARK = 7.0
"""Width of a job that takes no time."""


class Bar(NamedTuple):
    """A stretch of time in a row.

    Attributes:
        start, end: Positions along the axis.
        text: What is written on it, where there is room.
    """

    start: float
    end: float
    role: str
    text: str = ""
    title: str = ""
    dashed: bool = False


class Track(NamedTuple):
    """A row of bars."""

    label: str
    bars: tuple[Bar, ...]


class _Axis(NamedTuple):
    """Where each instant is.

    Attributes:
        places: Of the frames, ascending.
        end: Where the axis ends.
        timed: Whether distances are times.
    """

    places: tuple[float, ...]
    end: float
    timed: bool

    def room(self, number: int) -> float:
        """Return the distance from an instant to the next one, or to the end."""
        following = self.places[number + 1] if number + 1 < len(self.places) else self.end
        return following - self.places[number]


def lay_out_time(timeline: Timeline, findings: Sequence[Finding] = ()) -> Drawing:
    """Return the picture of a whole run along its time."""
    axis = _axis(timeline)
    groups = [
        [_guest_track(timeline, axis)],
        *(list(_disk_tracks(timeline, axis, disk.name)) for disk in timeline.last.disks),
        [*_job_tracks(timeline, axis), *_chain_job_tracks(timeline, axis)],
    ]
    labels = [track.label for group in groups for track in group] + ["findings"]
    left = min(LABELS_MAX, max(width_of(label, 12) for label in labels)) + 12
    title = title_lines(timeline.script.title, max(420.0, axis.end))
    shapes: list[Shape] = [*title]
    top = 18.0 * len(title) + 12
    head, y = _head(timeline, axis, left, top)
    first = y
    rows: list[Shape] = []
    for group in groups:
        for track in group:
            rows += _draw_track(track, left, y)
            y += ROW
        y += GROUP_GAP if group else 0
    marks, y = _findings(timeline, axis, findings, left, y)
    shapes += _moments(timeline, axis, left, first - 4, y)
    shapes += [*head, *rows, *marks]
    legend = _legend(y + 16)
    unnamed = len(timeline.frames) - sum(text.size == 12 for text in head if isinstance(text, Text))
    if unnamed:
        told = f"{unnamed} instants have no room for their names"
        legend = (*legend, Text(left, y + 40, told, SMALL, "faint"))
    right = max(shape.extent[2] for shape in (*shapes, *legend) if isinstance(shape, Text))
    width = max(left + axis.end, right)
    return Drawing(
        width,
        y + 16 + (42 if unnamed else 24),
        (*shapes, *legend),
        f"{timeline.script.title}: time",
    )


def _axis(timeline: Timeline) -> _Axis:
    """Return the axis: with equal distances, or with true ones where the instants are times."""
    ticks = [frame.tick for frame in timeline.frames]
    named = ticks == [*range(1, len(ticks) + 1)] or len(ticks) < 2 or ticks[-1] - ticks[0] < 1000
    if named:
        slot = max(SLOT_MIN, min(SLOT_MAX, AXIS_MAX / max(len(ticks), 1)))
        places = tuple(slot * (n + 0.6) for n in range(len(ticks)))
        return _Axis(places, slot * (len(ticks) + 0.6), timed=False)
    span = ticks[-1] - ticks[0]
    scaled = tuple(30 + (AXIS_MAX - 120) * (tick - ticks[0]) / span for tick in ticks)
    return _Axis(scaled, AXIS_MAX, timed=True)


def _guest_track(timeline: Timeline, axis: _Axis) -> Track:
    """Return what the guest does, each step in the stretch of time before its instant."""
    bars: list[Bar] = []
    before = 0.0
    for number, frame in enumerate(timeline.frames):
        place = axis.places[number]
        steps = [e for e in timeline.entries_of(frame) if _letters(e)]
        room = (place - before - 4) / max(len(steps), 1)
        for n, entry in enumerate(steps):
            start = before + 3 + n * room
            letters = _letters(entry)
            role = role_of(letters[0]) if len(letters) == 1 else "mixed"
            bars.append(Bar(start, start + max(2.0, room - 3), role, letters, "the guest writes"))
        before = place
    return Track("guest", tuple(bars))


def _letters(entry: Entry) -> str:
    """Return the letters of what a guest's step writes; nothing for any other entry."""
    if entry.refusal is not None:
        return ""
    written: dict[str, None] = {}
    for operation in entry.operations:
        if isinstance(operation, GuestDiscard):
            written["0"] = None
        elif isinstance(operation, GuestWrite):
            for _, _, version in operation.data.runs():
                written[letter_of(version)] = None
                if len(written) > 4:
                    return "*"
    return "".join(written)


def _disk_tracks(timeline: Timeline, axis: _Axis, disk: str) -> Iterator[Track]:
    """Yield a row for each image of a disk that there ever is, and below it its bitmaps."""
    keys: dict[str, dict[tuple[str, str], None]] = {}
    states = [frame.machine.disk(disk) for frame in timeline.frames]
    for state in states:
        for image in state.chain:
            keys.setdefault(image.name, {})
        for bitmap in state.bitmaps:
            keys.setdefault(bitmap.node, {})[bitmap.node, bitmap.name] = None
    names = [name for bitmaps in keys.values() for _, name in bitmaps]
    for node, bitmaps in keys.items():
        kinds = [_image_kind(state, node) for state in states]
        yield Track(node, tuple(_bars(kinds, axis)))
        for node_of, name in bitmaps:
            shown = f"{node_of}.{name}" if names.count(name) > 1 else name
            kinds = [_bitmap_kind(state, node_of, name) for state in states]
            yield Track(f"  {shown}", tuple(_bars(kinds, axis)))


def _image_kind(disk: Disk, name: str) -> tuple[str, str] | None:
    """Return the role of an image, and what it is; None where it is in no chain."""
    if disk.image(name) is None:
        return None
    return ("info", "active") if disk.active.name == name else ("rule", "read-only")


def _bitmap_kind(disk: Disk, node: str, name: str) -> tuple[str, str] | None:
    """Return the role of a bitmap, and what it does; None where there is none."""
    bitmap = disk.bitmap(node, name)
    if bitmap is None:
        return None
    if bitmap.inconsistent:
        return "broken", "inconsistent"
    if bitmap.busy:
        return "busy", "busy"
    return ("dirty4", "recording") if bitmap.recording else ("dirty1", "frozen")


def _bars(kinds: Sequence[tuple[str, str] | None], axis: _Axis) -> Iterator[Bar]:
    """Yield the stretches in which something is of one kind."""
    start = 0
    for number, kind in enumerate(kinds):
        if number + 1 < len(kinds) and kinds[number + 1] == kind:
            continue
        if kind is not None:
            end = axis.places[number] + axis.room(number)
            yield Bar(axis.places[start], end, kind[0], kind[1], kind[1])
        start = number + 1


def _job_tracks(timeline: Timeline, axis: _Axis) -> Iterator[Track]:
    """Yield a row for each backup: a bar from its start to its end, or a mark."""
    number_of = {frame.label: n for n, frame in enumerate(timeline.frames)}
    for entry, backup in timeline.made_backups:
        number = number_of.get(entry.instant)
        if number is None:
            continue
        start = axis.places[number]
        end = axis.places[_ends_at(timeline, backup, number)]
        bad = backup.status in (Status.FAILED, Status.CANCELLED)
        gone = "" if backup.status is Status.COMPLETED else f", {backup.status}"
        told = f"{backup.kind}{f' since {backup.since}' if backup.since else ''}{gone}"
        role = "error" if bad else "v2"
        yield Track(
            backup.row,
            (Bar(start, max(end, start + MARK), role, told, f"{backup.row}: {told}", bad),),
        )


_KINDS = {CommitJob: "commit", PullJob: "pull", MirrorJob: "blockcopy"}
"""What a job on a chain is called."""


def _chain_job_tracks(timeline: Timeline, axis: _Axis) -> Iterator[Track]:
    """Yield a row for each commit, pull or copy of a disk that runs on for a while."""
    begun: dict[tuple[str, str], int] = {}
    for number, frame in enumerate(timeline.frames):
        running = {
            (job.name, _KINDS[type(job)])
            for job in frame.machine.jobs
            if not isinstance(job, BackupJob)
        }
        for key in [key for key in begun if key not in running]:
            yield _chain_job(key, axis.places[begun.pop(key)], axis.places[number])
        for key in sorted(running):
            begun.setdefault(key, number)
    for key, number in begun.items():
        yield _chain_job(key, axis.places[number], axis.end)


def _chain_job(key: tuple[str, str], start: float, end: float) -> Track:
    name, kind = key
    return Track(name, (Bar(start, end, "busy", kind, f"{name}: {kind}"),))


def _ends_at(timeline: Timeline, backup: Backup, number: int) -> int:
    """Return the number of the frame at which a job is over."""
    for n in range(number, len(timeline.frames)):
        machine = timeline.frames[n].machine
        names = {(job.backup.name, job.disk) for job in machine.backup_jobs}
        if (backup.name, backup.disk) not in names:
            return n
    return len(timeline.frames) - 1


def _draw_track(track: Track, left: float, y: float) -> Iterator[Shape]:
    """Yield a row: its label, and its bars with what is written on them or behind them."""
    shown = fit(track.label, left - 12, 12)
    yield Text(0, middle(y, BAR, 12), shown, 12, title=track.label if shown != track.label else "")
    for number, bar in enumerate(track.bars):
        x, width = left + bar.start, bar.end - bar.start
        edge = "error" if bar.dashed else "ink"
        yield Box(x, y, width, BAR, bar.role, edge, 0.75, dashed=bar.dashed, title=bar.title)
        if width_of(bar.text, 9) <= width - 6:
            yield Text(x + 4, middle(y, BAR, 9), bar.text, 9, on=bar.role)
        elif number + 1 == len(track.bars) and len(track.bars) == 1:
            yield Text(x + width + 5, middle(y, BAR, 9), bar.text, 9, "faint")


def _head(timeline: Timeline, axis: _Axis, left: float, y: float) -> tuple[list[Shape], float]:
    """Return the names of the instants and what the host does there, and where that ends.

    Where there is no room for all, those where something happens to the machine come first.
    """
    shapes: list[Shape] = []
    events = [list(_events(timeline, frame)) for frame in timeline.frames]
    labels = [frame.label or "afterwards" for frame in timeline.frames]
    shown = sorted(_with_room(axis, labels, events))
    lines = 0
    for place, number in enumerate(shown):
        x = left + axis.places[number]
        end = axis.places[shown[place + 1]] if place + 1 < len(shown) else axis.end + 40
        room = end - axis.places[number] - 6
        label = fit(labels[number], room, 12)
        shapes.append(Text(x, y + 12, label, 12, bold=True, title=labels[number]))
        for n, (word, role) in enumerate(events[number]):
            shapes.append(Text(x, y + 26 + 13 * n, fit(word, room, SMALL), SMALL, role, title=word))
            lines = max(lines, n + 1)
    return shapes, y + 24 + 13 * lines + 4


def _with_room(
    axis: _Axis, labels: Sequence[str], events: Sequence[Sequence[tuple[str, str]]]
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


def _events(timeline: Timeline, frame: Frame) -> Iterator[tuple[str, str]]:
    """Yield the snapshots, checkpoints, crashes and the like of an instant, each with its role."""
    for entry in timeline.entries_of(frame):
        if entry.refusal is not None or entry.statement is None:
            continue
        known = {each.name for each in entry.before.checkpoints}
        match entry.statement.request:
            case Snapshot(images=images):
                yield f"snapshot {' '.join(image for _, image in images)}", "faint"
            case Revert(snapshot=name):
                yield f"revert to {name}", "warning"
            case KillProcess():
                yield "crash", "error"
            case CloseImages() | OpenImages():
                yield entry.statement.verb, "warning"
            case Attach(disk=disk) | Detach(disk=disk):
                yield f"{entry.statement.verb} {disk}", "faint"
            case Resize():
                yield "resize", "faint"
        for operation in entry.operations:
            match operation:
                case CommitImages(top=top):
                    yield f"commit {top or operation.device}", "faint"
                case PullImages(into=into):
                    yield f"pull into {into}", "faint"
                case MirrorDisk(into=into):
                    yield f"blockcopy to {into}", "faint"
        for checkpoint in entry.after.checkpoints:
            if checkpoint.name not in known:
                yield f"checkpoint {checkpoint.name}", "faint"


def _moments(
    timeline: Timeline, axis: _Axis, left: float, top: float, bottom: float
) -> Iterator[Shape]:
    """Yield a line at each instant, and a shade where the machine is off."""
    for number, frame in enumerate(timeline.frames):
        x = left + axis.places[number]
        if _off(frame.machine):
            yield Box(x, top, axis.room(number), bottom - top, fill="band", title="machine off")
        crashed = any(word == "crash" for word, _ in _events(timeline, frame))
        role = "error" if crashed else "rule"
        yield Line(((x, top), (x, bottom)), role, 2 if crashed else 0.75, dashed=crashed)


def _off(machine: Machine) -> bool:
    return machine.power is not Power.RUNNING


def _findings(
    timeline: Timeline, axis: _Axis, findings: Sequence[Finding], left: float, y: float
) -> tuple[list[Shape], float]:
    """Return a mark for each finding at its instant, one code below another."""
    if not findings:
        return [], y
    shapes: list[Shape] = [Text(0, middle(y, BAR, 12), "findings", 12)]
    depth = 1
    for number, frame in enumerate(timeline.frames):
        x, room = left + axis.places[number], axis.room(number)
        here = [finding for finding in findings if finding.at == frame.label]
        for n, finding in enumerate(here):
            top = y + 14 * n
            told = f"{finding.code} {finding.rule}: {finding.message}"
            role = finding.severity.value
            shapes.append(Box(x - 4, top + 2, 8, 8, fill=role, title=told))
            shown = fit(finding.code, room - 12, SMALL) if room > 30 else ""
            if shown:
                shapes.append(Text(x + 7, top + 10, shown, SMALL, role, title=told))
        depth = max(depth, len(here))
    return shapes, y + 14 * depth + 4


def _legend(y: float) -> tuple[Shape, ...]:
    """Return what the colours of bars mean."""
    shapes: list[Shape] = []
    x = 0.0
    for role, word in (
        ("info", "active"),
        ("rule", "read-only"),
        ("dirty4", "recording"),
        ("dirty1", "frozen"),
        ("busy", "busy"),
        ("broken", "inconsistent"),
        ("v2", "backup"),
    ):
        shapes.append(Box(x, y, 14, 10, fill=role, edge="ink", thick=0.75))
        shapes.append(Text(x + 19, y + 9, word, SMALL, "faint"))
        x += 19 + width_of(word, SMALL) + 14
    return tuple(shapes)
