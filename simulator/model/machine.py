"""A machine: its disks, the checkpoints that the host keeps of them, and the copies outside."""

from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import TypeAlias

from simulator.model.bitmap import Window
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.disk import Copying, Disk
from simulator.model.notes import Checkpoint, SnapshotNote
from simulator.model.series import Series, find, without
from simulator.model.values import replace
from simulator.releases.semantics import SEMANTICS_DEFAULT, Semantics
from simulator.values import dataclass

FEW_DISKS = 12
"""So many disks are looked through one by one; more are found by their names."""

NAME_OF, BACKUP_OF = attrgetter("name"), attrgetter("name", "disk")


class Kind(StrEnum):
    """What a backup holds."""

    FULL = "full"
    INCREMENTAL = "incremental"
    TOP = "top"
    """What is allocated in one image."""

    BITMAPS = "bitmaps"
    """Read through bitmaps that the user named, with no checkpoint to start from."""

    COPY = "copy"
    """A plain copy of one image, with no job."""

    NONE = "none"
    """Just the old data of what the guest overwrote while the job ran."""


class Status(StrEnum):
    """How far a backup got."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Transfer(StrEnum):
    """Who moves the data of a backup."""

    PUSH = "push"
    """QEMU writes the target."""

    PULL = "pull"
    """A client reads an export."""


class Power(StrEnum):
    """Whether a process has the images open."""

    RUNNING = "running"
    OFF = "off"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy outside the chain, of one disk.

    Attributes:
        name, kind: Its target's name, and what it holds.
        disk, image: Where it was taken from, and the image that was read, or copied.
        content: A version for each cluster that it holds.
        length: Number of clusters of the image that was read.
        complete: Whether it hides all that lies below it, whatever it draws.
        at, since: Label of the instant at which it was taken, and the checkpoint it starts from.
        bitmaps: Names of the bitmaps that it was read through.
        read: The clusters that were read, for all kinds but full.
        windows: The stretches of history that those bitmaps stand for, all closed.
        moment: The disk's moment at which the data was read.
        onto: The backup that it is stacked on, where the user said so.
        part: Whether the request took several disks, of which this is one.
        copied_bytes: Bytes that a job counts as done, that a copy moved, or that a client read.
        data_bytes, zero_bytes: Bytes of it that hold data, and that read as zeroes: what it covers.
        transfer: Who moved them; None for a plain copy.
        status, short: How far it got, and whether it was stopped before it had copied all.
        partly: Whether it holds a part of that, and somebody says which.
        format: That of its file; a job writes qcow2, and a copy is as its image is.
        has_file, sparse: Whether there is one, and whether what reads as zeroes is left out of it.
        backing: The image that its file names as its backing image; None for none.
        lacks: Bytes by which the last cluster of that image is cut short.
        torn: Of a copy of what was written meanwhile, whether the image never held this as a whole.
    """

    name: str
    disk: str
    image: str
    kind: Kind
    content: ClusterMap
    length: int
    complete: bool
    moment: int
    at: str | None = None
    since: str | None = None
    bitmaps: tuple[str, ...] = ()
    read: ClusterSet | None = None
    windows: tuple[Window, ...] = ()
    onto: str | None = None
    part: bool = False
    copied_bytes: int = 0
    data_bytes: int = 0
    zero_bytes: int = 0
    transfer: Transfer | None = Transfer.PUSH
    status: Status = Status.COMPLETED
    short: bool = False
    partly: bool = False
    format: str = "qcow2"
    has_file: bool = True
    sparse: bool = False
    backing: str | None = None
    lacks: int = 0
    torn: bool | None = None

    @property
    def row(self) -> str:
        """The name of the row that it is drawn in."""
        return f"{self.name}/{self.disk}" if self.part else self.name

    def bytes_in(self, cluster_size: int) -> int:
        """Return the size of the image that was read, which may be gone by now."""
        return self.length * cluster_size - self.lacks

    @property
    def usable(self) -> bool:
        """Whether it holds all that its job had to copy, however that ended."""
        return self.status is not Status.RUNNING and not self.short

    @property
    def start(self) -> int:
        """The moment from which on the backup holds every change; 0 for a complete one."""
        return 0 if self.complete or not self.windows else self.windows[-1].start

    @property
    def end(self) -> int:
        """The moment that the backup stands for.

        That at which the newest bitmap stopped recording through which it was read, whatever it was
        written over; for the others, that of the job, or at which the image stopped being written.
        """
        end = self.windows[-1].end if self.windows else None
        return self.moment if end is None else end


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob:
    """A running backup job. Its data is that of its start, whatever the guest writes meanwhile.

    Attributes:
        name, disk: What the user calls the job, and the disk that it works on.
        backup: What it makes, with all that it has to copy.
        node, bitmap: The bitmap that it uses, which is busy; None where there is none.
        mode: What it does to that bitmap at its end: ``never``, ``on-success`` or ``always``.
        temporary: Whether the bitmap goes with the job.
        scratch: Old data of clusters that the guest overwrote since a pull job's start.
        scratch_max: Bytes that *scratch* may have; None for no limit.
        group: The targets of the jobs that end as badly as this one.
        below: What the target held before, where it is written over and not made anew.
        guarding: Whether its filter lies between the guest and the disk: it read the active image.
        copied: The clusters that it has copied, where somebody who knows the time says so.
        overwritten: What the guest overwrote under it, copied before; None where nobody counts.
        drive: Whether QEMU opened its target by a file, and closes it; the others as in RunBackup.
        torn: What the guest overwrote since there was no room; None as long as there was.
    """

    name: str
    disk: str
    backup: Backup
    node: str
    bitmap: str | None
    mode: str
    temporary: bool = False
    scratch: ClusterMap | None = None
    scratch_max: int | None = None
    group: tuple[str, ...] = ()
    below: Backup | None = None
    guarding: bool = True
    copied: ClusterSet | None = None
    overwritten: ClusterSet | None = None
    drive: bool = False
    unit: int | None = None
    breaks: bool = False
    preserves: bool = False
    torn: ClusterSet | None = None

    @property
    def based(self) -> str | None:
        """What QEMU calls a target that has the image it reads as its backing image, if it has.

        It is the scratch image of a pull, or the file that ``drive-backup`` keeps old data in.
        """
        if self.drive and self.backup.kind is Kind.NONE:
            return "#block"
        return self.backup.row.replace("/", "-") if self.backup.transfer is Transfer.PULL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitJob:
    """A running commit: the base holds the data, and the overlays are still there.

    Attributes:
        name, disk, top, base, carry: As in a backup's job, and in the operation.
        grew: Whether the base was shorter than the top.
        skips: Whether the base read as zeroes: zeroes are written only where it has data.
        copying: What it writes into the base; None where nobody can stop it.
    """

    name: str
    disk: str
    top: str
    base: str
    carry: bool
    grew: bool = False
    skips: bool = False
    copying: Copying | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullJob:
    """A running pull: the image holds the data, and what it came from is still below it.

    Attributes:
        name, disk, copying, into, base, carry: As in a commit, and in the operation.
    """

    name: str
    disk: str
    into: str
    base: str | None
    carry: bool
    copying: Copying | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorJob:
    """A running copy of a disk, which the guest's writes reach as well; its chain is still there.

    Attributes:
        name, disk, into, format, carry, shallow, granularity, blocking: As in the operation.
        data: Clusters of the new image that held data, where zeroes are written; None for all.
        written: What the guest wrote since its start, where no more is copied; None for all.
    """

    name: str
    disk: str
    into: str
    format: str
    carry: bool
    shallow: bool = False
    data: ClusterSet | None = None
    granularity: int = 65536
    written: ClusterSet | None = None
    blocking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A node that clients may read.

    Attributes:
        id, name: What commands call it, and what clients do.
        node: What is read.
        bitmaps: Nodes and names of what clients are told beside it.
    """

    id: str
    name: str
    node: str
    bitmaps: tuple[tuple[str, str], ...] = ()


ChainJob: TypeAlias = CommitJob | PullJob | MirrorJob
"""Jobs that change which images a chain has."""

Job: TypeAlias = BackupJob | ChainJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A disk made by stacking backups.

    Attributes:
        name: The row that it is drawn in.
        disk: The disk whose history it is held against.
        sources: What was stacked, oldest first.
        content: What a guest of the restored disk would see.
        length: Number of clusters.
        of, at: Labels of the instants that it is meant to give back, and at which it was made.
        part: Whether several disks were restored, of which this is one.
    """

    name: str
    disk: str
    sources: tuple[Backup, ...]
    content: ClusterMap
    length: int
    of: str | None = None
    at: str | None = None
    part: bool = False

    @property
    def row(self) -> str:
        """The name of the row that it is drawn in."""
        return f"{self.name}/{self.disk}" if self.part else self.name


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Everything that is so at one time.

    Attributes:
        disks: At least one, in the order of the scenario.
        checkpoints, snapshots: The host's notes, oldest first.
        tip: Name of the checkpoint that the host counts as the current one.
        backups: In the order in which they were taken; one for each disk.
        restores: In the order in which they were made.
        jobs: Those that run, in the order in which they were started.
        exports: Those that a user opened, in order; the guest's own is not among them.
        power, at: Whether a process has the images open, and the current instant's label, if any.
        transient: Whether the host forgets the machine, and its checkpoints, when it stops.
        frozen: Whether the guest's file systems are quiet, so that its writes wait.
        ending: Whether the guest is off, and its process there for jobs that preserve the machine.
        forked: Whether chains of several disks ever had an image in common.
        semantics: What its host does where releases differ.
    """

    disks: tuple[Disk, ...]
    checkpoints: Series[Checkpoint] = ()
    tip: str | None = None
    snapshots: tuple[SnapshotNote, ...] = ()
    backups: Series[Backup] = ()
    restores: Series[Restored] = ()
    jobs: tuple[Job, ...] = ()
    exports: tuple[Export, ...] = ()
    power: Power = Power.RUNNING
    at: str | None = None
    transient: bool = False
    frozen: bool = False
    ending: bool = False
    forked: bool = False
    semantics: Semantics = SEMANTICS_DEFAULT

    def disk(self, name: str) -> Disk:
        """Return a disk by its name; it must exist.

        Raises:
            KeyError: There is none.
        """
        if len(self.disks) > FEW_DISKS:
            return self._disks_by_name[name]
        for disk in self.disks:
            if disk.name == name:
                return disk
        raise KeyError(name)

    @cached_property
    def _disks_by_name(self) -> dict[str, Disk]:
        return {disk.name: disk for disk in self.disks}

    def disk_of(self, node: str) -> Disk | None:
        """Return the disk whose chain has an image of this name, or None."""
        return next((disk for disk in self.disks if disk.image(node) is not None), None)

    def checkpoint(self, name: str) -> Checkpoint | None:
        """Return a checkpoint by its name, or None."""
        return find(self.checkpoints, NAME_OF, name)

    @property
    def current(self) -> Checkpoint | None:
        """The checkpoint that becomes the parent of the next one; None for none."""
        return self.checkpoint(self.tip) if self.tip is not None else None

    def sharers(self, node: str, disk: str) -> tuple[Disk, ...]:
        """Return the other disks whose chains have an image of one."""
        disks = self.disks if self.forked else ()
        return tuple(each for each in disks if each.name != disk and each.image(node))

    def node_taken(self, name: str) -> bool:
        """Whether an image has this name, or is to have it when a disk has been copied."""
        copied = any(isinstance(job, MirrorJob) and job.into == name for job in self.jobs)
        return copied or self.disk_of(name) is not None

    def backups_named(self, name: str) -> tuple[Backup, ...]:
        """Return the backups under a name, one a disk; ``NAME/DISK`` names just one."""
        if len(self.disks) > 1:
            return self.backups_by_name.get(name, ())
        disk = self.disks[0].name
        found = self.backup_of(name, disk) or self.backup_of(name.removesuffix(f"/{disk}"), disk)
        return (found,) if found is not None else ()

    def backups_but(self, name: str) -> Series[Backup]:
        """Return the backups without those of a target, as when it is made anew."""
        return without(self.backups, *(b for b in self.backups_named(name) if b.name == name))

    @cached_property
    def backups_by_name(self) -> dict[str, tuple[Backup, ...]]:
        """The backups under each name, and each one under ``NAME/DISK``."""
        named: dict[str, tuple[Backup, ...]] = {}
        for backup in self.backups:
            named[backup.name] = (*named.get(backup.name, ()), backup)
            named[f"{backup.name}/{backup.disk}"] = (backup,)
        return named

    def backup_exists(self, name: str, disk: str) -> bool:
        """Whether there is a backup of a disk under a name, or under ``NAME/DISK``."""
        names = name, name.removesuffix(f"/{disk}")
        return any(self.backup_of(each, disk) is not None for each in names)

    def backup_of(self, name: str, disk: str) -> Backup | None:
        """Return the backup of a disk under a name, or None."""
        return find(self.backups, BACKUP_OF, (name, disk))

    def jobs_on(self, disk: str) -> tuple[Job, ...]:
        """Return the jobs that run on a disk."""
        return tuple(job for job in self.jobs if job.disk == disk)

    @property
    def job_names(self) -> set[str]:
        """What users call the jobs that run: a backup's by its target as well."""
        return {job.name for job in self.jobs} | {job.backup.name for job in self.backup_jobs}

    @property
    def backup_jobs(self) -> tuple[BackupJob, ...]:
        """The backup jobs that run."""
        return tuple(job for job in self.jobs if isinstance(job, BackupJob))

    def with_disk(self, disk: Disk) -> "Machine":
        """Return the machine with a disk in the place of its former state."""
        return replace(self, disks=self.disks_with(disk))

    def disks_with(self, disk: Disk) -> tuple[Disk, ...]:
        """Return the disks, one of them in the place of its former state."""
        if len(self.disks) == 1:
            return (disk,)
        return tuple(disk if each.name == disk.name else each for each in self.disks)
