"""Requests: what a statement of a scenario asks for, before an API model gives it a meaning.

A step that means the same in every API, such as a guest write or a restore, is an operation
already.
"""

from fractions import Fraction
from typing import TypeAlias

from simulator.model.machine import Machine, Status
from simulator.model.operations import (
    BitmapOperation,
    CloseImages,
    CommitFile,
    ConvertFile,
    CopyImage,
    CorruptBackup,
    DropBackup,
    FreezeGuest,
    GuestOperation,
    KillProcess,
    OpenImages,
    Operation,
    RebaseFile,
    Refusal,
    RemoveFile,
    ResizeImage,
    StackBackups,
    ThawGuest,
    WriteFile,
)
from simulator.model.operations.jobs import Copied, ReadMeanwhile
from simulator.releases.hosts import precedes
from simulator.values import NamedTuple


class Create(NamedTuple):
    """Make the first image of a disk.

    Attributes:
        bitmap: Name of the checkpoint that begins on it.
        backing: The image of another disk's chain that it lies on; None for a base.
    """

    image: str
    disk: str
    bitmap: str | None = None
    format: str = "qcow2"
    backing: str | None = None


class Attach(NamedTuple):
    """Add a disk to the machine.

    Attributes:
        image: Its new base image; None for the chain that it had when it was detached.
        bitmap: Name of the checkpoint that begins on the new image.
    """

    disk: str
    image: str | None = None
    bitmap: str | None = None
    format: str = "qcow2"


class Detach(NamedTuple):
    """Take a disk off the machine."""

    disk: str


class Undefine(NamedTuple):
    """Give up the host's definition of the machine.

    Attributes:
        metadata: Whether the metadata of its checkpoints may go with it.
    """

    metadata: bool = False


class Migrate(NamedTuple):
    """Let the machine go on on another host, which has the same storage if it is not *copied*.

    Attributes:
        copied: Whether each disk is copied there, as one image.
        bitmaps: Whether its bitmaps go along then; None for what the host does by itself.
        to: What the other host is called, where somebody says.
    """

    copied: bool = False
    bitmaps: bool | None = None
    to: str | None = None


class Snapshot(NamedTuple):
    """Put an overlay on the chain of one or more disks.

    Attributes:
        images: The new image of each disk, by the disk's name.
        bitmap: Name of the checkpoint that begins on the overlays.
        outside: Made by a tool that knows nothing of bitmaps.
    """

    images: tuple[tuple[str, str], ...]
    bitmap: str | None = None
    outside: bool = False


class StartCheckpoint(NamedTuple):
    """Start a named point in time for later incrementals, on some disks; none for all there are."""

    name: str
    disks: tuple[str, ...]


class RedefineCheckpoint(NamedTuple):
    """Tell the host again of a checkpoint whose metadata it has lost; its bitmaps are let be.

    Attributes:
        disks: Names of the disks that take part; none for all that there are.
        parent: The checkpoint before it; None for none.
        validate: Whether the host looks for its bitmaps.
    """

    name: str
    disks: tuple[str, ...]
    parent: str | None = None
    validate: bool = False


class TakeBackup(NamedTuple):
    """Copy data out of the chains of some disks.

    Attributes:
        to: The target's name.
        disks: Names of the disks that take part; none for all that there are.
        since: The checkpoint to start from; None for a full backup.
        starts: In place of it, that of each disk by name.
        until: The checkpoint, or else the instant, to end at; None for now.
        image: An image of the chain to read instead of the active one.
        bitmaps: Just these bitmaps, as ``NAME`` or ``(node, NAME)``, whatever the model thinks.
        checkpoint: Name of a checkpoint to start in the same atomic step.
        onto: The backup that this one is stacked on.
        pulled: Whether a client reads the data, instead of QEMU writing it.
        scratch: Bytes that a pull may keep of what the guest overwrites; None for no limit.
        on_full: What QEMU is told to break where there is no room for it; None where it is not.
        preserve: Whether a guest that powers off meanwhile leaves its process to the job.
        lasting: Whether its job runs on, until a :class:`FinishJobs`.
        outside: Whether the client asks no host, and reads the images' files itself.
    """

    to: str
    disks: tuple[str, ...]
    since: str | None = None
    until: str | None = None
    image: str | None = None
    bitmaps: tuple[tuple[str | None, str], ...] = ()
    checkpoint: str | None = None
    onto: str | None = None
    pulled: bool = False
    scratch: int | None = None
    on_full: str | None = None
    preserve: bool = False
    lasting: bool = False
    starts: tuple[tuple[str, str | None], ...] = ()
    outside: bool = False

    def since_of(self, disk: str) -> str | None:
        """Return the checkpoint that the backup of one disk starts from."""
        return dict(self.starts).get(disk, self.since)

    @property
    def sinces(self) -> tuple[str, ...]:
        """The checkpoints that it starts from, each once."""
        named = (self.since, *(since for _, since in self.starts))
        return tuple(dict.fromkeys(since for since in named if since is not None))

    def of(self, disk: str) -> "TakeBackup":
        """Return the same with the start of one disk as that of all."""
        return self._replace(since=self.since_of(disk), starts=()) if self.starts else self


class FinishJobs(NamedTuple):
    """The instant comes at which jobs were said to end. Those that have ended already are let be.

    Attributes:
        jobs: Targets of backups, or names of other jobs.
        status: How they end.
        copied: What they had copied, where that is told, or what a plain copy holds that found no
            more room: it is no job.
        read: What a plain copy holds at its end whose image was written meanwhile.
    """

    jobs: tuple[str, ...]
    status: Status
    copied: Copied | None = None
    read: ReadMeanwhile | None = None

    @property
    def of_copy(self) -> bool:
        """Whether it tells what became of a plain copy."""
        return self.copied is not None or self.read is not None


class CancelJob(NamedTuple):
    """The user aborts a job: a backup by its target's name, another one by its own.

    Attributes:
        copied: What it had copied, where that is told.
    """

    job: str
    copied: Copied | None = None


class Commit(NamedTuple):
    """Merge overlays down into a base.

    Attributes:
        top: The newest image to merge.
        base: None for the lowest image of the chain.
        lasting: Whether the job runs on, until a :class:`FinishJobs`.
    """

    top: str
    base: str | None = None
    lasting: bool = False

    @property
    def job(self) -> str:
        """What its job is called."""
        return f"commit-{self.top}"


class Pull(NamedTuple):
    """Pull backing data up into an image.

    Attributes:
        base: The image that stays below it; None for none.
        lasting: Whether the job runs on, until a :class:`FinishJobs`.
    """

    into: str
    base: str | None = None
    lasting: bool = False

    @property
    def job(self) -> str:
        """What its job is called."""
        return f"pull-{self.into}"


class BlockCopy(NamedTuple):
    """Copy a disk into a new image, which takes the place of its chain.

    Attributes:
        to: Name of the new image.
        format: Its format; None for that of the active image.
        lasting: Whether the job runs on, until a :class:`FinishJobs`.
        shallow: Whether only the active image is copied, onto the same backing image.
    """

    to: str
    disk: str
    format: str | None = None
    lasting: bool = False
    shallow: bool = False


class Resize(NamedTuple):
    """Let a disk grow or shrink to a number of clusters, the last of them maybe cut short."""

    disk: str
    length: int
    lacks: int = 0


class Revert(NamedTuple):
    """Return to an earlier state.

    Attributes:
        snapshot: The image that the snapshot made, or a state that is kept inside the active one.
        image: Name of the overlay that takes the writes from now on, for an external snapshot.
    """

    snapshot: str
    image: str


class DeleteSnapshot(NamedTuple):
    """Give up an earlier state; nothing that the guest sees changes.

    Attributes:
        name: The image that the snapshot made, or a state that is kept inside one.
        metadata: Whether only the host's note of it goes, and its images stay where they are.
    """

    name: str
    metadata: bool = False


class DeleteCheckpoint(NamedTuple):
    """Give up a checkpoint as the start of later incrementals.

    Attributes:
        children: Whether all checkpoints that descend from it go with it.
        metadata: Whether only the host's note of it goes, and its bitmaps stay where they are.
    """

    name: str
    children: bool = False
    metadata: bool = False


class UseTool(NamedTuple):
    """Let ``qemu-img`` do to a file of a machine that is off what QEMU does to a node."""

    change: BitmapOperation | ResizeImage


class Qmp(NamedTuple):
    """QEMU's own primitives; several are one transaction.

    Attributes:
        commands: The names of the commands, for messages.
        operations: What they do; a refusal where QEMU turns a command down as it reads it.
        sent: Each command as it stands in the file, as JSON; empty where it has no form in it.
        newer: Releases of QEMU from which on the operations are others, oldest first.
    """

    commands: tuple[str, ...]
    operations: tuple[Operation | Refusal, ...]
    sent: tuple[str, ...] = ()
    newer: tuple[tuple[str, tuple[Operation | Refusal, ...]], ...] = ()

    def on(self, release: str) -> "Qmp":
        """Return the request as a release of QEMU reads it."""
        read = [each for since, each in self.newer if not precedes(release, since)]
        return self._replace(operations=read[-1], newer=()) if read else self


class ExpectedRow(NamedTuple):
    """One row of an expected figure.

    Attributes:
        label: As written: an image, a bitmap (``NODE.NAME`` or ``NAME``), ``guest sees``,
            a backup or a restored disk.
        cells: One character a cluster.
        recording: Whether the row carries the mark of a recording bitmap.
    """

    label: str
    cells: str
    recording: bool = False


class ExpectedMeasure(NamedTuple):
    """A measure that must be so when everything has happened.

    Attributes:
        subject: The name of a job or of a resource; None for the whole run.
        resource: Whether it is that of a resource.
        key: Which measure it is.
        relation: ``=``, ``<=``, ``>=``, ``<`` or ``>``.
        value: Ticks, bytes, bytes a second, a count, or a status.
        written: As the file has it.
    """

    subject: str | None
    resource: bool
    key: str
    relation: str
    value: int | Fraction | str
    written: str


class Expect(NamedTuple):
    """Rows that must be as drawn, or measures that must be so."""

    rows: tuple[ExpectedRow, ...] = ()
    measures: tuple[ExpectedMeasure, ...] = ()


Request: TypeAlias = (
    Create
    | Attach
    | Detach
    | Undefine
    | Migrate
    | Snapshot
    | StartCheckpoint
    | RedefineCheckpoint
    | TakeBackup
    | FinishJobs
    | CancelJob
    | DeleteCheckpoint
    | DeleteSnapshot
    | Commit
    | Pull
    | BlockCopy
    | Resize
    | Revert
    | Qmp
    | Expect
    | GuestOperation
    | CopyImage
    | StackBackups
    | DropBackup
    | CorruptBackup
    | RemoveFile
    | WriteFile
    | CommitFile
    | RebaseFile
    | ConvertFile
    | UseTool
    | CloseImages
    | OpenImages
    | KillProcess
    | FreezeGuest
    | ThawGuest
)
"""Where every API means the same by a verb, the request is the operation."""


def disks_of(machine: Machine, request: Request) -> tuple[str, ...]:
    """Return the disks that a request works on, and that a job may keep from it; none for others.

    Those of jobs, of checkpoints and of the guest are not told.
    """
    match request:
        case TakeBackup(disks=disks):
            return disks
        case Snapshot(images=images):
            return tuple(disk for disk, _ in images)
        case Commit(top=image) | Pull(into=image):
            disk = machine.disk_of(image)
            return (disk.name,) if disk is not None else ()
        case BlockCopy(disk=name) | Resize(disk=name) | Detach(disk=name):
            return (name,)
        case _:
            return ()
