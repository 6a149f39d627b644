"""What changes from one instant to the next, and when a run ends."""

from collections.abc import Iterator

from simulator.model.machine import Backup
from simulator.model.series import Series, exchanged
from simulator.moves import Key
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple


class Change(NamedTuple):
    """What became of the backups, since the change before.

    Attributes:
        tick: When.
        frame: The instant at whose end it is so; None between two, where a copy is complete.
        came: Those that are there now, as they are now; one that goes bad comes anew.
        gone: Those that are not there any more.
    """

    tick: int
    frame: Frame | None
    came: tuple[Backup, ...] = ()
    gone: tuple[Backup, ...] = ()


def changes_of(timeline: Timeline) -> tuple[Change, ...]:
    """Return the changes of the backups; asked again, the same ones.

    There is one for each instant, and for each copy that took time: it has no job of the machine's,
    so the record has it from its start on.
    """
    known = timeline.memo.get("changes")
    if not isinstance(known, tuple):
        known = timeline.memo["changes"] = tuple(_changes(timeline))
    return known


def _changes(timeline: Timeline) -> Iterator[Change]:
    copies = {
        (move.name, move.disk, move.start): move.end
        for move in timeline.moves
        if move.kind == "copy" and move.end is not None and move.end > move.start
    }
    late: dict[Key, tuple[int, Backup]] = {}
    before: Series[Backup] = timeline.start.backups
    for frame in timeline.frames:
        for tick, backup in _ready(late, frame.tick - 1):
            yield Change(tick, None, (backup,))
        gone, came = exchanged(before, frame.machine.backups)
        left, ends = [], dict[Key, int]()
        for backup in gone:
            key = backup.name, backup.disk
            if key in late and late[key][1] is backup:
                ends[key] = late.pop(key)[0]  # It was not complete yet.
            else:
                left.append(backup)
        there = []
        for backup in came:
            key = backup.name, backup.disk
            end = copies.get((*key, frame.tick), ends.get(key))
            if end is not None and backup.usable:
                late[key] = end, backup
            else:
                there.append(backup)
        there += [backup for _, backup in _ready(late, frame.tick)]
        yield Change(frame.tick, frame, tuple(there), tuple(left))
        before = frame.machine.backups
    for tick, backup in _ready(late, end_of(timeline)):
        yield Change(tick, None, (backup,))


def _ready(late: dict[Key, tuple[int, Backup]], tick: int) -> list[tuple[int, Backup]]:
    """Take out what is complete by a tick, in the order of time."""
    ready = [key for key, (end, _) in late.items() if end <= tick]
    return sorted((late.pop(key) for key in ready), key=lambda each: each[0])


def end_of(timeline: Timeline) -> int:
    """Return the last tick of a run: of its instants, its guests and its jobs."""
    ends = [timeline.frames[-1].tick if timeline.frames else 0]
    ends += [guest.end for guest in timeline.script.guests]
    ends += [move.end for move in timeline.moves if move.end is not None]
    return max(ends)
