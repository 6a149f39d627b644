"""The rows of the time view: what is so from when to when."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from simulator.diagnostics import shown
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import letter_of
from simulator.model.machine import CommitJob, Machine, PullJob
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.render.palette import role_of
from simulator.render.views.time.axis import Axis
from simulator.render.views.time.bars import Bar, Track, fold
from simulator.timeline import Entry, Timeline

LETTERS_MAX = 4
"""So many letters of a guest's step are told."""

NARROW = 5.0
"""Steps of the guest that are less wide than that are drawn as one with their neighbours."""

SEVERAL = "*"
"""The letter of versions that have none of their own."""

INDENT = "  "

Kind: TypeAlias = tuple[str, str]
"""A role, and what it means."""

SNAPSHOT: Kind = ("mixed", "internal snapshot")


def tracks_of(timeline: Timeline, axis: Axis) -> list[list[Track]]:
    """Return the rows of the guest and of its disks, those together that stand together."""
    disks = [disk.name for disk in timeline.last.disks]
    return [
        [_guest_track(timeline, axis, disk, alone=len(disks) == 1) for disk in disks],
        *(list(_disk_tracks(timeline, axis, disk)) for disk in disks),
    ]


def _guest_track(timeline: Timeline, axis: Axis, disk: str, *, alone: bool) -> Track:
    """Return what the guest does to a disk, each step in the stretch of time before its instant."""
    bars: list[Bar] = []
    before = 0.0
    for number, frame in enumerate(timeline.frames):
        place = axis.places[number]
        steps = [(e, _written(e, disk)) for e in timeline.entries_of(frame)]
        steps = [(entry, letters) for entry, letters in steps if letters]
        room = (place - before - 4) / max(len(steps), 1)
        for n, (entry, letters) in enumerate(steps):
            start = before + 3 + n * room
            bars.append(_step(entry, letters, start, start + max(2.0, room - 3)))
        if number and timeline.frames[number - 1].machine.frozen and not steps:
            goes_on = bars and bars[-1].text == "frozen" and bars[-1].end == before
            start = bars.pop().start if goes_on else before
            bars.append(Bar(start, place, "zero", "frozen", "its writes wait for the thaw"))
        before = place
    return Track(
        "guest" if alone else f"guest {disk}", tuple(_together(bars) if axis.timed else bars)
    )


def _together(bars: Sequence[Bar]) -> Iterator[Bar]:
    """Yield bars, neighbours that are too narrow to be told apart as one."""
    while bars:
        count = 1
        while count < len(bars) and _narrow(bars[count - 1]) and _narrow(bars[count]):
            count += 1
        first, last = bars[0], bars[count - 1]
        alike = all(bar.role == first.role for bar in bars[:count])
        bar = first._replace(end=last.end)
        yield bar if alike else bar._replace(role="mixed", text="many")
        bars = bars[count:]


def _narrow(bar: Bar) -> bool:
    return bar.end - bar.start < NARROW and not bar.dashed


def _step(entry: Entry, letters: Sequence[str], start: float, end: float) -> Bar:
    few = len(letters) <= LETTERS_MAX and SEVERAL not in letters
    text = "".join(letters) if few else "many"
    if entry.refusal is not None:
        told = f"the guest's write fails: {entry.refusal.text}"
        return Bar(start, end, "error", text, told, dashed=True, word="failed")
    several = len(letters) > 1 or letters[0] == SEVERAL
    role = "mixed" if several else role_of(letters[0])
    return Bar(start, end, role, text, "the guest writes")


def _written(entry: Entry, disk: str) -> list[str]:
    """Return the letters of what a guest's step writes, or would have written, to a disk."""
    operations = entry.operations
    if entry.refusal is not None and isinstance(entry.request, GuestWrite | GuestDiscard):
        operations = (entry.request,)
    written: dict[str, None] = {}
    for operation in operations:
        if not isinstance(operation, GuestDiscard | GuestWrite):
            continue
        if (operation.disk or entry.before.disks[0].name) != disk:
            continue
        if isinstance(operation, GuestDiscard):
            written["0"] = None
            continue
        for _, _, version in operation.data.runs():
            written[letter_of(version)] = None
            if len(written) > LETTERS_MAX or SEVERAL in written:
                break
    return list(written)


def _disk_tracks(timeline: Timeline, axis: Axis, disk: str) -> Iterator[Track]:
    """Yield a row for each image of a disk that there ever is, and below it what is in it."""
    machines = [frame.machine for frame in timeline.frames]
    held: dict[str, dict[tuple[str, str], dict[int, Kind]]] = {}
    for number, machine in enumerate(machines):
        state = machine.disk(disk)
        for image in state.chain:
            within = held.setdefault(image.name, {})
            for each in image.snapshots:
                within.setdefault(("snapshot", each.name), {})[number] = SNAPSHOT
        for bitmap in state.bitmaps:
            within = held.setdefault(bitmap.node, {})
            within.setdefault(("bitmap", bitmap.name), {})[number] = _bitmap_kind(bitmap)
    for node, within in held.items():
        kinds = [_image_kind(machine, disk, node) for machine in machines]
        yield Track(shown(node), tuple(_bars(kinds, axis)))
        below = []
        for (_, name), found in within.items():
            bars = _bars([found.get(number) for number in range(len(machines))], axis)
            below.append(Track(f"{INDENT}{shown(name)}", tuple(bars)))
        yield from fold(below)


def _image_kind(machine: Machine, disk: str, name: str) -> Kind | None:
    """Return the role of an image, and what it is; None where it is in no chain."""
    state = machine.disk(disk)
    if state.image(name) is None:
        return None
    if state.active.name == name:
        return "info", "active"
    for job in machine.jobs:
        if isinstance(job, CommitJob) and (job.disk, job.base) == (disk, name):
            return "busy", "written by commit"
        if isinstance(job, PullJob) and (job.disk, job.into) == (disk, name):
            return "busy", "written by pull"
    return "rule", "read-only"


def _bitmap_kind(bitmap: DirtyBitmap) -> Kind:
    """Return the role of a bitmap, and what it does."""
    if bitmap.inconsistent:
        return "broken", "inconsistent"
    if bitmap.busy:
        return "busy", "busy"
    return ("dirty4", "recording") if bitmap.recording else ("dirty1", "frozen")


def _bars(kinds: Sequence[Kind | None], axis: Axis) -> Iterator[Bar]:
    """Yield the stretches in which something is of one kind."""
    start = 0
    for number, kind in enumerate(kinds):
        if number + 1 < len(kinds) and kinds[number + 1] == kind:
            continue
        if kind is not None:
            end = axis.places[number] + axis.room(number)
            word = "busy" if kind[0] == "busy" else kind[1]
            yield Bar(axis.places[start], end, kind[0], kind[1], kind[1], word=word)
        start = number + 1
