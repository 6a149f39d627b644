"""What changes from one instant to the next, and when a run ends."""

from collections.abc import Iterator
from operator import is_
from typing import NamedTuple

from simulator.model.machine import Backup
from simulator.timeline import Frame, Timeline


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


def changes_of(timeline: Timeline) -> Iterator[Change]:
    """Yield the changes of the backups: one for each instant, and for each copy that took time.

    A copy has no job of the machine's, so the record has it from its start on.
    """
    copies = {
        (move.name, move.disk, move.start): move.end
        for move in timeline.moves
        if move.kind == "copy" and move.end is not None and move.end > move.start
    }
    late: dict[int, tuple[int, Backup]] = {}
    before: tuple[Backup, ...] = timeline.start.backups
    for frame in timeline.frames:
        ready = sorted(late.items(), key=lambda each: each[1][0])
        for key, (tick, backup) in ready:
            if tick < frame.tick:
                del late[key]
                yield Change(tick, None, (backup,))
        came, gone = _compare(before, frame.machine.backups)
        there = []
        for backup in came:
            end = copies.get((backup.name, backup.disk, frame.tick))
            if end is None:
                there.append(backup)
            else:
                late[id(backup)] = end, backup
        left = tuple(backup for backup in gone if late.pop(id(backup), None) is None)
        done = [key for key, (tick, _) in late.items() if tick == frame.tick]
        there += [late.pop(key)[1] for key in done]
        yield Change(frame.tick, frame, tuple(there), left)
        before = frame.machine.backups
    for tick, backup in sorted(late.values(), key=lambda each: each[0]):
        yield Change(tick, None, (backup,))


def _compare(
    before: tuple[Backup, ...], after: tuple[Backup, ...]
) -> tuple[tuple[Backup, ...], tuple[Backup, ...]]:
    """Return the backups that came, and those that are gone."""
    if after is before:
        return (), ()
    if len(after) >= len(before) and all(map(is_, before, after)):
        return after[len(before) :], ()
    old, new = {id(b): b for b in before}, {id(b): b for b in after}
    came = tuple(backup for key, backup in new.items() if key not in old)
    return came, tuple(backup for key, backup in old.items() if key not in new)


def end_of(timeline: Timeline) -> int:
    """Return the last tick of a run: of its instants, its guests and its jobs."""
    ends = [timeline.frames[-1].tick if timeline.frames else 0]
    ends += [guest.end for guest in timeline.script.guests]
    ends += [move.end for move in timeline.moves if move.end is not None]
    return max(ends)
