"""The states of a run as data, one after another; what did not change is the same value again.

A thousand checkpoints are a thousand bitmaps at each of a thousand instants. Whoever writes states
looks only at those that are not the value that they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.disk import Disk
from simulator.model.series import Series, added, changed_places, put_at, series
from simulator.notation import write_bits, write_clusters, write_view
from simulator.render.shapes import (
    CELLS_MAX,
    BitmapDocument,
    Cells,
    CheckpointDocument,
    DiskDocument,
    FrameDocument,
    JobDocument,
    Runs,
    SnapshotDocument,
    tag_runs,
)
from simulator.schedule.durations import SECOND
from simulator.timeline import Frame

WORKLOAD = "*"
"""The letter of all that workloads write."""


@dataclass(slots=True)
class BitmapState:
    """A bitmap at the end of an instant.

    Attributes:
        value: The bitmap; while it is the same value, so is this.
        length: Number of clusters of its image.
        clusters: Those that its bits touch; kept here, for the timeline's own values stay lazy.
        granules: How many bits are set.
        before: The same bitmap at the instant before.
        added: The clusters that it got since then; None where it did not just grow.
        text: As JSON, once somebody wrote it.
    """

    value: DirtyBitmap
    length: int
    clusters: ClusterSet
    granules: int
    before: "BitmapState | None" = None
    added: ClusterSet | None = None
    text: str = ""
    _document: BitmapDocument | None = None

    @property
    def document(self) -> BitmapDocument:
        """The same as data; made when somebody asks, for its cells are as many as its bits."""
        if self._document is None:
            value = self.value
            self._document = {
                "node": value.node,
                "name": value.name,
                "cells": bit_cells(self.clusters, self.length),
                "granularity": value.granularity,
                "count": self.granules * value.granularity,
                "recording": value.recording,
                "persistent": value.persistent,
                "busy": value.busy,
                "inconsistent": value.inconsistent,
            }
        return self._document


@dataclass(slots=True)
class RowState:
    """An image, or what the guest sees: its content, its length, and its cells."""

    content: ClusterMap
    length: int
    cells: Cells

    @property
    def versions(self) -> Runs | None:
        """What its cells do not tell apart; None where they tell all."""
        return versions_of(self.content, self.cells)


@dataclass(slots=True)
class DiskState:
    """A disk at the end of an instant."""

    disk: Disk
    images: dict[str, RowState]
    guest: RowState
    bitmaps: Series[BitmapState]

    @property
    def document(self) -> DiskDocument:
        """The same as data."""
        document: DiskDocument = {
            "cluster_size": self.disk.cluster_size,
            "clusters": self.disk.length,
            "chain": [image.name for image in self.disk.chain],
            "images": {name: row.cells for name, row in self.images.items()},
            "bitmaps": [bitmap.document for bitmap in self.bitmaps],
            "guest": self.guest.cells,
        }
        if (versions := self.guest.versions) is not None:
            document["guest_versions"] = versions
        return document


@dataclass(slots=True)
class State:
    """The machine at the end of an instant."""

    frame: Frame
    disks: dict[str, DiskState] = field(default_factory=dict)

    @property
    def checkpoints(self) -> list[CheckpointDocument]:
        """The host's notes as data."""
        return [
            {"name": each.name, "parent": each.parent, "at": each.at}
            for each in self.frame.machine.checkpoints
        ]

    @property
    def snapshots(self) -> list[SnapshotDocument]:
        """The host's notes of snapshots as data."""
        return [
            {
                "name": each.name,
                "at": each.at,
                "images": {layer.disk: layer.image for layer in each.layers},
                "over": {layer.disk: layer.over for layer in each.layers},
            }
            for each in self.frame.machine.snapshots
        ]

    @property
    def jobs(self) -> list[JobDocument]:
        """The jobs whose bytes take time as data."""
        return [
            {
                "name": each.name,
                "disk": each.disk,
                "moved_bytes": each.moved,
                "of_bytes": each.size,
                "speed": float(each.speed) if each.speed is not None else None,
                "until": each.until / SECOND if each.until is not None else None,
            }
            for each in self.frame.progress
        ]

    @property
    def document(self) -> FrameDocument:
        """The same as data."""
        document: FrameDocument = {
            "at": self.frame.label,
            "tick": self.frame.tick,
            "disks": {name: disk.document for name, disk in self.disks.items()},
            "checkpoints": self.checkpoints,
        }
        if self.frame.machine.snapshots:
            document["snapshots"] = self.snapshots
        if self.frame.progress:
            document["jobs"] = self.jobs
        return document


def next_state(frame: Frame, before: State | None) -> State:
    """Return the state of a frame.

    Args:
        before: That of the frame before it; None for the first.
    """
    known = before.disks if before is not None else {}
    disks = {disk.name: _disk(disk, known.get(disk.name)) for disk in frame.machine.disks}
    return State(frame, disks)


def _disk(disk: Disk, before: DiskState | None) -> DiskState:
    if before is not None and before.disk is disk:
        return before
    images = {}
    for image in disk.chain:
        row = before.images.get(image.name) if before is not None else None
        if row is None or row.content is not image.content or row.length != image.length:
            row = RowState(image.content, image.length, content_cells(image.content, image.length))
        images[image.name] = row
    guest = RowState(disk.guest_view, disk.length, view_cells(disk.guest_view, disk.length))
    return DiskState(disk, images, guest, _bitmaps(disk, before))


def _bitmaps(disk: Disk, before: DiskState | None) -> Series[BitmapState]:
    """Return the bitmaps; mostly they stand where they stood, with new ones behind them."""
    now = disk.bitmaps
    were: Series[BitmapState] = before.bitmaps if before is not None else ()
    values: Series[DirtyBitmap] = before.disk.bitmaps if before is not None else ()
    if values is now:
        return were
    lengths = {image.name: image.length for image in disk.chain}
    changed = changed_places(values, now)
    stay = before is not None and _lengths_stay(before.disk, lengths)
    stay = stay and all(_key(values[place]) == _key(now[place]) for place in changed)
    if stay and len(now) >= len(values):
        states = {n: _bitmap(disk, now[n], lengths, were[n]) for n in changed}
        new = (_bitmap(disk, each, lengths, None) for each in now[len(values) :])
        return added(put_at(were, states), *new)
    known = {_key(state.value): state for state in were}
    return series(_bitmap(disk, each, lengths, known.get(_key(each))) for each in now)


def _lengths_stay(disk: Disk, lengths: Mapping[str, int]) -> bool:
    """Whether the images of a disk are as long in its next state, those that are left."""
    return all(lengths.get(image.name, image.length) == image.length for image in disk.chain)


def _key(bitmap: DirtyBitmap) -> tuple[str, str]:
    return bitmap.node, bitmap.name


def _bitmap(
    disk: Disk, bitmap: DirtyBitmap, lengths: Mapping[str, int], before: BitmapState | None
) -> BitmapState:
    length = lengths[bitmap.node]
    if before is not None and before.value is bitmap and before.length == length:
        return before
    size = disk.cluster_size
    added = bitmap.dirty.since(before.value.dirty) if before is not None else None
    grown = before is not None and added is not None and _alike(before, bitmap, length)
    if before is not None and added is not None and grown and bitmap.granularity == size:
        added = added - before.clusters
        clusters = (before.clusters | added).flattened()
        granules = before.granules + len(added)
    else:
        clusters, granules = bitmap.clusters(size, length), len(bitmap.dirty)
        added = clusters - before.clusters if before is not None and grown else None
    state = BitmapState(bitmap, length, clusters, granules)
    if before is not None:
        # Just one step back, so that what nobody needs any more is not kept.
        before.before = before.added = None
        state.before, state.added = before, added if grown else None
    return state


def _alike(before: BitmapState, bitmap: DirtyBitmap, length: int) -> bool:
    """Whether a bitmap is as long as it was, in bits and in clusters."""
    was = before.value
    return (was.length, was.granularity) == (bitmap.length, bitmap.granularity) and (
        before.length == length
    )


def content_cells(content: ClusterMap, length: int) -> Cells:
    """Return the cells of an image, or of a backup."""
    if length <= CELLS_MAX:
        return write_clusters(content, length, scaled=False)
    return tag_runs(content.runs())


def view_cells(content: ClusterMap, length: int) -> Cells:
    """Return the cells of what a guest sees, where zeroes and nothing read alike."""
    if length <= CELLS_MAX:
        return write_view(content, length, scaled=False)
    return tag_runs(run for run in content.runs() if run[2])


def versions_of(content: ClusterMap, cells: Cells) -> Runs | None:
    """Return the runs of a row in which a letter stands for several versions; else None."""
    return tag_runs(content.runs()) if isinstance(cells, str) and WORKLOAD in cells else None


def bit_cells(bits: ClusterSet, length: int) -> Cells:
    """Return the cells of a bitmap."""
    return write_bits(bits, length, scaled=False) if length <= CELLS_MAX else marked_runs(bits)


def marked_runs(bits: ClusterSet) -> Runs:
    """Return the runs of a bitmap."""
    return [(first, count, "X") for first, count in bits.runs()]
