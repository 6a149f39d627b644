"""What can be seen of a machine: the simulated one and the real one in the same terms. Pure."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from simulator.model.clusters import ZERO, ClusterMap, ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import Backup, CommitJob, Machine, Power, Restored
from simulator.qemu.actions import Held
from simulator.qemu.commands.outside import stacked
from simulator.values import NamedTuple

DIRTY = 1
"""What a set bit of a bitmap is held as."""


class Run(NamedTuple):
    """Neighbouring clusters, or granules, that hold the same."""

    first: int
    length: int
    held: Held


Cells: TypeAlias = tuple[Run, ...]
"""Runs in ascending order; what is in none of them holds nothing."""


class ImageSight(NamedTuple):
    """What an image holds itself.

    Attributes:
        length: Number of clusters.
        alike: Whether zeroes and nothing cannot be told apart, as in a raw image.
        hidden: Whether QEMU lets nobody look: a commit passes over it.
    """

    name: str
    cells: Cells
    length: int
    alike: bool = False
    hidden: bool = False


class BitmapSight(NamedTuple):
    """A bitmap.

    Attributes:
        cells: A cell is a granule; None where nobody may read it: busy, or inconsistent.
        dirty_bytes: What the set bits stand for.
    """

    node: str
    name: str
    granularity: int
    cells: Cells | None
    dirty_bytes: int
    recording: bool
    persistent: bool
    busy: bool
    inconsistent: bool

    @property
    def flags(self) -> str:
        """What is said of it beside its bits."""
        said = (
            ("recording" if self.recording else "frozen", True),
            ("persistent" if self.persistent else "transient", True),
            ("busy", self.busy),
            ("inconsistent", self.inconsistent),
            (f"granularity {self.granularity}", True),
            (f"{self.dirty_bytes} bytes dirty", True),
        )
        return ", ".join(word for word, true in said if true)


class DiskSight(NamedTuple):
    """A disk: its chain, its bitmaps, and what the guest sees.

    Attributes:
        length: Number of clusters.
        cluster_size: Bytes.
        images: Base first.
        bitmaps: By node and name.
        hidden: Whether QEMU lets nobody look at its images: a commit passes over one of them.
    """

    name: str
    length: int
    cluster_size: int
    images: tuple[ImageSight, ...]
    bitmaps: dict[tuple[str, str], BitmapSight]
    guest: Cells
    hidden: bool = False


class Source(NamedTuple):
    """A backup's file, by the backup's name and disk."""

    backup: str
    disk: str
    format: str


class CopySight(NamedTuple):
    """A backup, as it is, or backups laid over one another, as they read.

    Attributes:
        row: The name of its row.
        length, cluster_size: Of the disk that it was taken from.
        sources: What is read, oldest first.
        alike: Whether it is looked at as a reader sees it, where zeroes and nothing are alike.
    """

    row: str
    length: int
    cluster_size: int
    sources: tuple[Source, ...]
    alike: bool
    cells: Cells


class Sight(NamedTuple):
    """All that is looked at after a step.

    Attributes:
        copies: The backups and the restored disks that the step made.
    """

    disks: tuple[DiskSight, ...]
    copies: tuple[CopySight, ...]


def sight_of(
    machine: Machine, backups: Iterable[Backup] = (), restores: Iterable[Restored] = ()
) -> Sight:
    """Return what must be seen of a simulated machine, and of some of its copies."""
    return Sight(
        disks=tuple(
            _sight_of_disk(disk, *_passed_over(machine, disk))
            for disk in machine.disks
            if disk.chain
        ),
        copies=(
            *(_sight_of_backup(backup, machine.disk(backup.disk)) for backup in backups),
            *(_sight_of_restored(made, machine.disk(made.disk)) for made in restores),
        ),
    )


def _passed_over(machine: Machine, disk: Disk) -> tuple[set[str], bool]:
    """Return the images that nobody can look at, and whether that is all of a disk.

    One whose file was removed is open as long as the machine runs, and no other process finds it.

    A running commit keeps the images above its base to itself, but an active one right above it;
    where the active image is one of several, nobody can look at the chain through it. A base that
    it let grow it keeps to itself as well.
    """
    names = [image.name for image in disk.chain]
    kept: set[str] = set()
    for job in machine.jobs_on(disk.name):
        if isinstance(job, CommitJob):
            merged = names[names.index(job.base) + 1 : names.index(job.top) + 1]
            alone = len(merged) == 1 and job.top == disk.active.name
            kept |= set(merged) if not alone else set()
            kept |= {job.base} if job.grew else set()
    removed = {image.name for image in disk.chain if image.removed}
    closed = bool(removed) and machine.power is not Power.RUNNING
    return kept | removed, closed or disk.active.name in kept


def _sight_of_disk(disk: Disk, kept: set[str], hidden: bool) -> DiskSight:
    return DiskSight(
        name=disk.name,
        length=disk.length,
        cluster_size=disk.cluster_size,
        images=tuple(
            ImageSight(
                image.name,
                cells_of(image.content),
                image.length,
                alike=image.format == "raw",
                hidden=image.name in kept,
            )
            for image in disk.chain
        ),
        bitmaps={
            (b.node, b.name): BitmapSight(
                node=b.node,
                name=b.name,
                granularity=b.granularity,
                cells=None if b.inconsistent or b.busy else bits_of(b.dirty),
                dirty_bytes=b.count,
                recording=b.recording,
                persistent=b.persistent,
                busy=b.busy,
                inconsistent=b.inconsistent,
            )
            for b in disk.bitmaps
        },
        guest=view_of(disk.guest_view),
        hidden=hidden,
    )


def _sight_of_backup(backup: Backup, disk: Disk) -> CopySight:
    """Return what a backup must hold. A complete one holds zeroes for all that reads so."""
    source = _source_of(backup)
    cells = cells_of(backup.content)
    alike = source.format == "raw" or backup.sparse
    if alike:
        cells = view_of(backup.content)
    elif backup.complete:
        cells = tuple(_fill(cells, backup.length))
    return CopySight(
        row=backup.row,
        length=backup.length,
        cluster_size=disk.cluster_size,
        sources=(source,),
        alike=alike,
        cells=cells,
    )


def _sight_of_restored(restored: Restored, disk: Disk) -> CopySight:
    return CopySight(
        row=restored.row,
        length=restored.length,
        cluster_size=disk.cluster_size,
        sources=tuple(_source_of(source) for source in stacked(restored.sources)),
        alike=True,
        cells=view_of(restored.content),
    )


def _source_of(backup: Backup) -> Source:
    return Source(backup.name, backup.disk, backup.format)


def view_of(content: ClusterMap) -> Cells:
    """Return what a map reads as, as cells; zeroes are none."""
    return tuple(run for run in cells_of(content) if run.held != ZERO)


def cells_of(content: ClusterMap) -> Cells:
    """Return what a map holds, as cells."""
    return tuple(Run(*run) for run in content.runs())


def bits_of(dirty: ClusterSet) -> Cells:
    """Return the set bits of a bitmap, as cells."""
    return tuple(Run(first, count, DIRTY) for first, count in dirty.runs())


def _fill(cells: Cells, length: int) -> Iterator[Run]:
    """Yield cells with explicit zeroes for all that holds nothing."""
    end = 0
    for run in cells:
        if run.first > end:
            yield Run(end, run.first - end, ZERO)
        yield run
        end = run.first + run.length
    if end < length:
        yield Run(end, length - end, ZERO)


def join_runs(runs: Iterable[Run]) -> Cells:
    """Return ascending runs, with neighbours that hold the same made one.

    >>> join_runs([Run(0, 1, 65), Run(1, 2, 65), Run(4, 1, 65)])
    (Run(first=0, length=3, held=65), Run(first=4, length=1, held=65))
    """
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and last.held == run.held and last.first + last.length == run.first:
            joined[-1] = Run(last.first, last.length + run.length, run.held)
        else:
            joined.append(run)
    return tuple(joined)
