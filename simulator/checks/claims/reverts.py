"""Reverts: whether the guest sees what it saw at the snapshot, and which stretch is discarded."""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, beginning_of
from simulator.model.clusters import ClusterMap
from simulator.model.disk import Disk, read_chain
from simulator.model.machine import Machine
from simulator.model.notes import find_note
from simulator.model.operations import LoadSnapshot, RecordSnapshot, RevertImages
from simulator.model.requests import Revert, Snapshot
from simulator.model.transitions.beside import find_files
from simulator.model.values import replace
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Reverted(NamedTuple):
    """A revert of one disk.

    Attributes:
        disk: The disk's name.
        snapshot: As the user calls it.
        image: What was to hold its state.
        meant: The moment of the snapshot.
        inside: Whether the snapshot is inside the image.
    """

    entry: Entry
    disk: str
    snapshot: str
    image: str
    meant: int
    inside: bool = False

    @property
    def moment(self) -> int:
        """The moment at which the disk was so again; what lies between is no history of it."""
        return self.entry.after.disk(self.disk).moment

    def discards(self, moment: int) -> bool:
        """Whether a moment of the disk is none of its history any more."""
        return self.meant < moment <= self.entry.before.disk(self.disk).moment


def find_reverts(timeline: Timeline) -> tuple[Reverted, ...]:
    """Return every revert of a disk, in the order of time."""
    known = timeline.memo.get("reverts")
    if not isinstance(known, tuple):
        known = timeline.memo["reverts"] = tuple(_reverts(timeline))
    return known


def _reverts(timeline: Timeline) -> Iterator[Reverted]:
    for entry in timeline.entries:
        for operation in entry.operations:
            found: Reverted | None = None
            if isinstance(operation, RevertImages):
                found = _external(timeline, entry, operation)
            elif isinstance(operation, LoadSnapshot):
                found = _internal(entry, operation)
            if found is not None:
                yield found


def _external(timeline: Timeline, entry: Entry, revert: RevertImages) -> Reverted | None:
    """Return the claim of a revert to the state that an overlay froze when it was made."""
    before = entry.before
    disk = before.disk(revert.disk) if revert.disk is not None else before.disk_of(revert.image)
    if disk is None:
        return None
    image = revert.image
    noted = _noted(timeline, entry, disk.name)
    if noted is not None:
        return Reverted(entry, disk.name, noted.name, image, noted.moment)
    if disk.image(image) is None or disk.active.name == image:
        return None
    names = [each.name for each in disk.chain]
    overlay = disk.chain[names.index(image) + 1]
    made = beginning_of(timeline, Thing(Kind.IMAGE, overlay.name, disk.name), entry)
    # A revert makes an overlay too, on the state that it goes back to.
    meant = made.entry.after.disk(disk.name).moment if made is not None else overlay.since
    return Reverted(entry, disk.name, overlay.name, image, meant)


class _Noted(NamedTuple):
    name: str
    moment: int


def _noted(timeline: Timeline, entry: Entry, disk: str) -> _Noted | None:
    """Return the snapshot that a revert goes back to, if the host has a note of it, and when it
    was made: the images may be others by now."""
    request = entry.request
    name = request.snapshot if isinstance(request, Revert) else ""
    if find_note(entry.before.snapshots, name) is None:
        return None
    made = (each for each in reversed(timeline.entries[: entry.number]) if _makes(each, name))
    return next((_Noted(name, each.after.disk(disk).moment) for each in made), None)


def _makes(entry: Entry, name: str) -> bool:
    """Whether a snapshot was made, and noted by a name."""
    return isinstance(entry.request, Snapshot) and any(
        isinstance(each, RecordSnapshot) and each.name == name for each in entry.operations
    )


def _internal(entry: Entry, load: LoadSnapshot) -> Reverted | None:
    """Return the claim of a revert to a state inside the active image."""
    disk = entry.before.disk_of(load.node)
    image = disk.image(load.node) if disk is not None else None
    if disk is None or image is None:
        return None
    kept = next((each for each in image.snapshots if each.name == load.name), None)
    if kept is None:
        return None
    return Reverted(entry, disk.name, load.name, load.node, kept.moment, inside=True)


def would_show(machine: Machine, revert: Reverted) -> ClusterMap | None:
    """Return what the guest would see after a revert, from a machine as it is; None where it
    cannot.

    An external snapshot shows what lies below its overlay, or the files that the host has noted; an
    internal one the image's own content of then, on whatever lies below it now.
    """
    note = find_note(machine.snapshots, revert.snapshot)
    if note is not None and not revert.inside:
        files = find_files(machine, dict(note.chains).get(revert.disk, ()), revert.disk)
        return read_chain(tuple(each.image for each in files)) if files else None
    disk = machine.disk(revert.disk)
    names = [image.name for image in disk.chain]
    if revert.snapshot in names:
        place = names.index(revert.snapshot)
        return read_chain(disk.chain[:place]) if place else None
    if revert.image not in names:
        return None
    if not revert.inside:
        return disk.view_of(revert.image)
    place = names.index(revert.image)
    image = disk.chain[place]
    kept = next((each for each in image.snapshots if each.name == revert.snapshot), None)
    if kept is None:
        return None
    held = replace(image, content=kept.content, length=kept.length)
    return read_chain((*disk.chain[:place], held))


def gives_back(timeline: Timeline, revert: Reverted) -> bool:
    """Whether the guest sees what it saw at the snapshot: nothing, where a file went with it."""
    meant = timeline.state_at(revert.disk, revert.meant)
    now: Disk = revert.entry.after.disk(revert.disk)
    if meant is None:
        return True
    if any(image.removed for image in now.chain):
        return False
    return meant.length == now.length and now.guest_view.reads_like(meant.guest_view)
