"""What is wrong with a restored disk: one fault each, and the rules that it breaks.

Whether a disk is wrong is told by its content. The fault says why: of several rules whose sentence
holds, the one that says most reports it, and the others are named beside it.
"""

from collections.abc import Iterator
from itertools import pairwise

from simulator.checks.claims.reverts import Reverted, find_reverts
from simulator.model.machine import Backup, Kind, Restored, Transfer
from simulator.restorable.graph import lay_over
from simulator.restorable.history import History, history_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

UNSEEN, HOLE, ORDER, BASE, INSTANT = "BT301", "BT302", "BT303", "BT304", "BT306"
DISCARDED, LIVE = "BT402", "BT206"
"""Codes of the rules about restored disks."""

CODES = (LIVE, ORDER, DISCARDED, BASE, HOLE, INSTANT, UNSEEN)
"""Those rules, the one first that says most of what is wrong."""


class Fault(NamedTuple):
    """A restored disk that is not what it is meant to be.

    Attributes:
        code: Of the rule that reports it.
        also: Of the other rules whose sentence holds.
        moment: The moment that the disk is meant to be.
        below, above: Two neighbours of the stack that do not fit, where that is the fault; no
            *below* where the lowest backup needs something below it.
    """

    entry: Entry
    restored: Restored
    code: str
    also: tuple[str, ...]
    moment: int
    below: Backup | None = None
    above: Backup | None = None

    def meant(self, timeline: Timeline) -> str:
        """Return what to call the moment: the instant that was said, or that of the newest."""
        newest = max(self.restored.sources, key=history_of(timeline).end_of)
        prefer = self.restored.of or newest.at
        return timeline.label_at(self.restored.disk, self.moment, prefer=prefer)


def faults_of(timeline: Timeline, code: str) -> Iterator[Fault]:
    """Yield the restored disks that are wrong for a reason."""
    known = timeline.memo.get("restore faults")
    if not isinstance(known, tuple):
        found = (_find(timeline, entry, restored) for entry, restored in timeline.made_restores)
        known = timeline.memo["restore faults"] = tuple(fault for fault in found if fault)
    return (fault for fault in known if fault.code == code)


def moment_meant(timeline: Timeline, restored: Restored) -> int:
    """Return the moment that a restored disk is meant to be, or else what its newest stands for."""
    if restored.of is not None:
        moment = timeline.moment_of(restored.of, restored.disk)
        if moment is not None:
            return moment
    return max(map(history_of(timeline).end_of, restored.sources))


def _find(timeline: Timeline, entry: Entry, restored: Restored) -> Fault | None:
    history, moment = history_of(timeline), moment_meant(timeline, restored)
    # Bitmaps that a user named claim nothing: that may be now, or when they stopped.
    named = [b for b in restored.sources if restored.of is None
             if b.kind is Kind.BITMAPS and history.end_of(b) == moment]  # fmt: skip
    made = timeline.made_backups if named else ()
    taken = (each.before.disk(b.disk).moment for each, b in made if b in named)
    free = [*(b.moment for b in named), *taken]
    if any(timeline.gives(restored, each) for each in (moment, *free)):
        return None
    pairs = list(pairwise(in_order(history, restored)))
    holes = [pair for pair in pairs if history.start_of(pair[1]) > history.end_of(pair[0])]
    others = [pair for pair in pairs if _on_another(timeline, *pair)]
    futures = [pair for pair in pairs if discarded_between(timeline, *pair)]
    bare = _lacks_base(timeline, restored)
    held = {
        ORDER: _order_matters(history, restored),
        DISCARDED: bool(futures),
        BASE: bool(others),
        HOLE: bool(holes) or bare,
        INSTANT: restored.of is not None,
        UNSEEN: not timeline.seen(restored, entry),
    }
    # A stack without its base is no state at all, before it is one with a hole.
    first = [UNSEEN] if bare and not holes and held[UNSEEN] else []
    codes = [*first, *(code for code, holds in held.items() if holds and code not in first)]
    if bare and _leans_on_live(timeline, entry, restored):
        codes.insert(0, LIVE)
    if not codes:
        if free:
            return None  # This is a state that the guest saw.
        codes = [INSTANT]
    below: Backup | None = None
    above = in_order(history, restored)[0] if bare else None
    found = {DISCARDED: futures, BASE: others, HOLE: holes}.get(codes[0])
    if found:
        below, above = found[0]
    return Fault(entry, restored, codes[0], tuple(sorted(codes[1:])), moment, below, above)


def _order_matters(history: History, restored: Restored) -> bool:
    """Whether a stack is not in the order in which it was taken, and gives another disk for it."""
    if all(history.end_of(a) <= history.end_of(b) for a, b in pairwise(restored.sources)):
        return False
    lowest, *others = in_order(history, restored)
    view, length = lowest.content, lowest.length
    for source in others:
        view = source.content if source.complete else lay_over(view, length, source)
        length = source.length
    return length != restored.length or not view.reads_like(restored.content)


def in_order(history: History, restored: Restored) -> tuple[Backup, ...]:
    """Return a stack in the order in which it was taken, from its newest complete backup on.

    What lies below a complete backup cannot be seen, however it was stacked.
    """
    taken = sorted(restored.sources, key=lambda source: (history.end_of(source), source.start))
    complete = [n for n, source in enumerate(taken) if source.complete]
    return tuple(taken[complete[-1] if complete else 0 :])


def _lacks_base(timeline: Timeline, restored: Restored) -> bool:
    """Whether the lowest backup of a stack holds changes only, and nothing lies below it."""
    history = history_of(timeline)
    lowest = in_order(history, restored)[0]
    begun = timeline.state_at(restored.disk, history.start_of(lowest))
    empty = begun is None or not begun.guest_view.data_count
    return not lowest.complete and not empty


def _leans_on_live(timeline: Timeline, entry: Entry, restored: Restored) -> bool:
    """Whether what was restored alone has the live image below it: a push increment of libvirt."""
    (*more, only) = restored.sources
    pushed = only.kind is Kind.INCREMENTAL and only.transfer is Transfer.PUSH
    disk = entry.before.disk(only.disk)
    goes_on = disk.image(only.image) is not None and disk.moment > only.moment
    return not more and pushed and goes_on and "libvirt" in timeline.family


def discarded_between(timeline: Timeline, below: Backup, above: Backup) -> Reverted | None:
    """Return the revert after which a backup was taken whose neighbour's state it discarded."""
    history = history_of(timeline)
    for revert in find_reverts(timeline):
        if revert.disk != below.disk or not revert.discards(history.end_of(below)):
            continue
        if history.end_of(above) > revert.entry.before.disk(revert.disk).moment:
            return revert
    return None


def base_of(timeline: Timeline, backup: Backup) -> str | None:
    """Return what a backup was taken against: as the user said, or the full one it starts at."""
    if backup.onto is not None:
        return backup.onto
    return next(
        (
            other.name
            for _, other in timeline.made_backups
            if other.complete and other.disk == backup.disk and other.end == backup.start
        ),
        None,
    )


def _on_another(timeline: Timeline, below: Backup, above: Backup) -> bool:
    """Whether a backup lies on another one than it was taken against."""
    base = base_of(timeline, above)
    return base not in (None, below.name) and (above.onto is not None or below.complete)
