"""Acts that are to leave what the guest sees as it is, and do not."""

from collections.abc import Iterator

from simulator.model.disk import Disk
from simulator.model.operations import LoadSnapshot, RebaseFile, ResizeImage, RevertImages
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

MEANT = (ResizeImage, RevertImages, LoadSnapshot, RebaseFile)
"""What is to give another disk; that a rebase does is told by BT406."""


class Changed(NamedTuple):
    """An act after which the guest sees another disk, although nobody wrote or resized it.

    Attributes:
        before, after: The disk.
    """

    entry: Entry
    before: Disk
    after: Disk


def find_changed_views(timeline: Timeline) -> Iterator[Changed]:
    """Yield snapshots, commits, pulls and copies that change what the guest sees.

    Two states of one moment are the same state, so whatever differs was changed by the act; a
    commit or pull that takes images away by which it sees another one makes a moment of its own.
    """
    for entry in timeline.entries:
        if entry.after.disks is entry.before.disks:
            continue
        for before, after in zip(entry.before.disks, entry.after.disks, strict=True):
            same = before.length == after.length
            shorter = len(after.chain) < len(before.chain)
            alike = before.chain is after.chain or (
                same and before.moment != after.moment and not shorter
            )
            if alike or not before.chain or not after.chain:
                continue
            if any(isinstance(operation, MEANT) for operation in entry.operations):
                continue
            if not (same and before.guest_view.reads_like(after.guest_view)):
                yield Changed(entry, before, after)
