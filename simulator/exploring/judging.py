"""What is wrong with one step, by content: what backups give, what can be restored, what is seen.

What a backup claims is asked where everybody asks it, in `simulator.restorable.claims`.
"""

from collections.abc import Iterator, Sequence

from simulator.exploring.acts import OURS, points_of
from simulator.exploring.noted import Consumers, Noted, Snapshots, Views
from simulator.model.clusters import ClusterMap, ClusterSet, map_of, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind, Machine, Transfer
from simulator.model.operations import AddBitmap, ClearBitmap, Operation
from simulator.model.requests import Request, Revert
from simulator.model.values import replace
from simulator.restorable.claims import claimed_end, claimed_start
from simulator.script import Script, Statement
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

WRONG_BACKUP, LOST_POINT, LOST_CHANGE = "wrong-backup", "lost-point", "lost-change"
GUEST_CHANGED, SILENT, FALSE_ALARM = "guest-changed", "silent", "false-alarm"
RAISES, DIFFERS = "raises", "differs"

KINDS = (WRONG_BACKUP, LOST_POINT, LOST_CHANGE, GUEST_CHANGED, SILENT, FALSE_ALARM, RAISES, DIFFERS)
"""What can be found, in the order in which it is told."""

_SCRIPT = Script(title="", model="", disks=(), instants=())


class Step(NamedTuple):
    """One request that was accepted.

    Attributes:
        request: What was asked for.
        operations: What the model made of it.
        before, after: The machine.
        noted: What was known before it.
    """

    request: Request
    operations: tuple[Operation, ...]
    before: Machine
    after: Machine
    noted: Noted

    def entry(self) -> Entry:
        """Return the step as the record of a run has it."""
        return Entry(
            number=0,
            instant=None,
            statement=Statement(verb="", request=self.request),
            before=self.before,
            after=self.after,
            operations=self.operations,
        )


class Taken(NamedTuple):
    """A backup that a step took, and what it claims.

    Attributes:
        end: The moment that it claims to give.
        wrong: The clusters in which it does not; None where nobody knows what it starts from.
        late: Those in which it does not give what the image shows either that was read, where that
            would do: who reads through bitmaps that he names may mean either.
    """

    backup: Backup
    end: int
    wrong: ClusterSet | None
    late: ClusterSet | None = None


def taken_by(step: Step) -> Iterator[Taken]:
    """Yield the backups that a step took."""
    entry = step.entry()
    timeline = _record(step, entry)
    for backup in entry.new_backups:
        if not backup.usable or backup.kind is Kind.NONE:
            continue
        views = step.noted.views[backup.disk]
        views = views | {step.before.disk(backup.disk).moment: _view(step.before, backup.disk)}
        start = claimed_start(timeline, entry, backup)
        if start is None or backup.complete:
            start = begun(step.before, backup)
        end = claimed_end(timeline, entry, backup)
        shown, late = shown_by(step.before, backup), None
        if backup.kind is Kind.BITMAPS and end != shown:
            late = _wrong(backup, views, start, shown)
        yield Taken(backup, end, _wrong(backup, views, start, end), late)


def begun(machine: Machine, backup: Backup) -> int:
    """Return the moment since which a backup holds what its bitmaps stand for.

    A bitmap that stopped in between stands for all since it began. One below it stands for nothing
    more where the newest began anew.

    Args:
        machine: As the backup was taken.
    """
    disk = machine.disk(backup.disk)
    newest = {each.name: each.windows for each in disk.bitmaps if each.name in backup.bitmaps}
    first = min((each.start for windows in newest.values() for each in windows), default=0)
    starts = [window.start for window in backup.windows if window.start <= first]
    return max(starts, default=backup.start)


def shown_by(machine: Machine, backup: Backup) -> int:
    """Return the moment that the image of a backup shows: now, or that at which it froze."""
    disk = machine.disk(backup.disk)
    return disk.moment if disk.image(backup.image) is None else disk.moment_of(backup.image)


def _view(machine: Machine, disk: str) -> ClusterMap:
    return machine.disk(disk).guest_view


def _wrong(backup: Backup, views: Views, start: int, end: int) -> ClusterSet | None:
    if end not in views:
        return None
    if backup.complete:
        return backup.content.differing(views[end])
    return views[start].overlay(backup.content).differing(views[end]) if start in views else None


def _record(step: Step, entry: Entry) -> Timeline:
    """Return a record of one step, with what is known from before."""
    timeline = Timeline(
        script=_SCRIPT, model="", draws_zeroes=True, start=step.before, entries=(entry,), frames=()
    )
    timeline.memo["consumers"] = {
        key: [(-1, moment, False)] for key, moment in step.noted.consumers.items()
    }
    timeline.memo["reverted images"] = {}
    return timeline


def consumers_after(step: Step, ours: Sequence[str]) -> Consumers:
    """Return where the tracking of each bitmap began that is no checkpoint's.

    Args:
        ours: The names of the bitmaps that a user may back up since.
    """
    known = dict(step.noted.consumers)
    for each in step.operations:
        if isinstance(each, AddBitmap | ClearBitmap):
            disk = step.after.disk_of(each.node)
            if disk is not None:
                known[disk.name, each.name] = disk.moment
    for backup in step.entry().new_backups:
        done = backup.usable and backup.transfer is not Transfer.PULL
        if done and backup.since is not None and (backup.disk, backup.since) in known:
            known[backup.disk, backup.since] = backup.moment
    noted = {point.name for point in step.after.checkpoints}
    return {key: at for key, at in known.items() if key[1] in ours and key[1] not in noted}


def noted_after(step: Step, bare: Machine) -> Noted:
    """Return what is known beside a machine after a step."""
    views = {
        disk.name: step.noted.views[disk.name] | {disk.moment: disk.guest_view}
        for disk in bare.disks
    }
    ours = [name for name in points_of(bare) if OURS.fullmatch(name)]
    snapshots: Snapshots = {}
    old, notes = step.noted.snapshots, [note.name for note in bare.snapshots]
    for disk in bare.disks:
        for name in dict.fromkeys([*(image.name for image in disk.chain[1:]), *notes]):
            snapshots[disk.name, name] = old.get((disk.name, name), disk.moment)
    return Noted(views, consumers_after(step, ours), snapshots)


def kept_after(step: Step, taken: Sequence[Taken], most: int) -> Machine:
    """Return the machine after a step, with backups that say no more than what they give.

    Args:
        taken: Those that it took.
        most: So many backups are kept; 0 for none.
    """
    ends = {(each.backup.name, each.backup.disk): each.end for each in taken}
    kept = step.after.backups if most else ()
    old = {each.name for each in step.before.backups}
    left = [each for each in kept if each.name in old]
    room = most - len({each.name for each in left})
    new = [bare_backup(b, ends[b.name, b.disk]) for b in kept if (b.name, b.disk) in ends]
    return replace(step.after, backups=(*left, *(new if room > 0 else ())))


def bare_backup(backup: Backup, moment: int) -> Backup:
    """Return what is kept of a backup: what it holds, and the moment that it claims to give."""
    return Backup(
        name=backup.name, disk=backup.disk, image="", kind=Kind.FULL, content=backup.content,
        length=backup.length, complete=backup.complete, moment=moment, transfer=Transfer.PUSH,
    )  # fmt: skip


def changed_by(step: Step) -> Iterator[tuple[str, ClusterSet]]:
    """Yield the clusters of each disk that read otherwise than they should after a step of a host.

    A return to a snapshot gives what the guest saw when it was made; nothing else changes what the
    guest sees.
    """
    for disk in step.after.disks:
        old = step.before.disk(disk.name)
        if not disk.chain or not old.chain:
            continue
        meant = _meant(step, old)
        if meant is None or meant is disk.guest_view:
            continue
        if disk.length == old.length:
            yield disk.name, disk.guest_view.differing(meant)
        else:
            least = min(disk.length, old.length)
            yield disk.name, disk.guest_view.differing(meant.below(least))


def _meant(step: Step, disk: Disk) -> ClusterMap | None:
    """Return what the guest should see after a step; None where nobody knows."""
    if not isinstance(step.request, Revert):
        return disk.guest_view
    made = step.noted.snapshots.get((disk.name, step.request.snapshot))
    return step.noted.views[disk.name].get(made) if made is not None else None


def lost_with(
    leads: Sequence["Lead"], holds: Sequence[bool], gone: frozenset[tuple[int, int]]
) -> bool:
    """Whether a state cannot be restored any more that nobody gave up.

    To delete a backup is to give up the state that it stands for.

    Args:
        gone: The backups that go, and the places of the states that they stand for.
    """
    pieces = frozenset(lead.piece for lead in leads if lead.piece >= 0)
    left = pieces - {piece for piece, _ in gone}
    lost = reached(leads, holds, pieces) - reached(leads, holds, left)
    return bool(lost - {end for _, end in gone})


def differ(one: Step, other: Step) -> Iterator[tuple[int, ClusterSet]]:
    """Yield the clusters of each disk in which two models make something else of a request.

    What a backup of one holds and that of the other does not, counts for all of a disk.
    """
    for place, disk in enumerate(one.after.disks):
        theirs = other.after.disk(disk.name)
        yield place, disk.guest_view.differing(theirs.guest_view)
        mine = {b.name: b for b in one.entry().new_backups if b.disk == disk.name}
        yours = {b.name: b for b in other.entry().new_backups if b.disk == disk.name}
        if mine.keys() != yours.keys():
            yield place, set_of(disk.length, range(disk.length))
        for name in mine.keys() & yours.keys():
            if mine[name].complete != yours[name].complete:
                yield place, set_of(disk.length, range(disk.length))
            yield place, mine[name].content.differing(yours[name].content)


class Lead(NamedTuple):
    """That a backup, laid over a state, gives another one.

    Attributes:
        piece: The place of the backup; -1 for none: the state reads as an empty disk.
        start, end: Places of states; -1 for an empty disk below.
        unlike: The clusters in which it does not give it.
    """

    piece: int
    start: int
    end: int
    unlike: ClusterSet


def leads_of(machine: Machine, views: Views, disk: Disk) -> tuple[tuple[Backup, ...], list[Lead]]:
    """Return the backups of a disk, and the ways that they may lead between what they claim."""
    pieces = tuple(b for b in machine.backups if b.disk == disk.name)
    ends = ends_of(pieces)
    nothing = map_of(disk.length)
    leads = [Lead(-1, -1, n, views[at].differing(nothing)) for n, at in enumerate(ends)]
    for place, piece in enumerate(pieces):
        for n, at in enumerate(ends):
            leads.append(Lead(place, -1, n, piece.content.differing(views[at])))
            if not piece.complete:
                leads += [
                    Lead(place, m, n, views[below].overlay(piece.content).differing(views[at]))
                    for m, below in enumerate(ends)
                    if m != n
                ]
    return pieces, leads


def ends_of(pieces: Sequence[Backup]) -> list[int]:
    """Return the moments that backups claim to give, ascending."""
    return sorted({each.moment for each in pieces})


def reached(leads: Sequence[Lead], holds: Sequence[bool], pieces: frozenset[int]) -> frozenset[int]:
    """Return the states that can be restored with some backups.

    Args:
        holds: Whether each lead gives what it leads to.
    """
    found: set[int] = set()
    while True:
        more = {
            lead.end
            for lead, good in zip(leads, holds, strict=True)
            if good and (lead.piece < 0 or lead.piece in pieces)
            if lead.start < 0 or lead.start in found
        } - found
        if not more:
            return frozenset(found)
        found |= more
