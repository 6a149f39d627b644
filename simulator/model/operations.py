"""Operations: the primitives that an API model turns a request into, in the block layer's terms.

An operation names images by their nodes and says nothing about what a user meant by it. What each
one does to a machine is in :mod:`simulator.model.transitions`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.machine import Kind, Status
from simulator.model.refusal import Fault as Fault
from simulator.model.refusal import Refusal as Refusal  # A proposal takes both from here.

BitmapKey: TypeAlias = tuple[str, str]
"""The node of a bitmap, and its name."""


class Extent(NamedTuple):
    """The bytes that a guest step touches, where that is less than whole clusters.

    Attributes:
        offset, length: Bytes from the start of the disk.
    """

    offset: int
    length: int


class GuestWrite(NamedTuple):
    """The guest writes data, or explicit zeroes.

    Attributes:
        disk: Name of the disk; None for the machine's only one.
        data: The version that each touched cluster holds afterwards.
        extent: The bytes touched; None for whole clusters.
        writes: How many writes this stands for; a workload's window is one operation.
    """

    disk: str | None
    data: ClusterMap
    extent: Extent | None = None
    writes: int = 1


class GuestDiscard(NamedTuple):
    """The guest gives clusters back (trim); the node has ``discard=unmap``."""

    disk: str | None
    clusters: ClusterSet
    extent: Extent | None = None


class CreateImage(NamedTuple):
    """Make the base image of a disk."""

    disk: str
    image: str
    format: str = "qcow2"


class DetachDisk(NamedTuple):
    """Take a disk off the machine, with all its images (QEMU: ``device_del``, ``blockdev-del``)."""

    disk: str


class AttachDisk(NamedTuple):
    """Give a disk back to the machine as it was (QEMU: ``blockdev-add``, ``device_add``)."""

    disk: str


class UndefineMachine(NamedTuple):
    """Let the host give up its definition of a machine that runs: it is transient from then on."""


class AddOverlay(NamedTuple):
    """Put a new, empty image on top of an active one (QEMU: ``blockdev-snapshot``)."""

    node: str
    overlay: str


class ResizeImage(NamedTuple):
    """Let an active image grow or shrink (QEMU: ``block_resize``).

    Attributes:
        length: Number of clusters.
    """

    node: str
    length: int


class RevertImages(NamedTuple):
    """Return to what an image below the active one shows: a new overlay goes on top of it.

    Attributes:
        image: It and what lies below it stay; what lies above is dropped.
        overlay: Name of the new image.
    """

    image: str
    overlay: str


class SaveSnapshot(NamedTuple):
    """Keep a state inside an image (QEMU: ``blockdev-snapshot-internal-sync``)."""

    node: str
    name: str


class DropSnapshot(NamedTuple):
    """Drop a state from inside an image (QEMU: ``blockdev-snapshot-delete-internal-sync``)."""

    node: str
    name: str


class LoadSnapshot(NamedTuple):
    """Return an image to a state kept inside it (QEMU: ``loadvm``, ``qemu-img snapshot -a``)."""

    node: str
    name: str


class AddBitmap(NamedTuple):
    """Add an empty bitmap (QEMU: ``block-dirty-bitmap-add``).

    Attributes:
        granularity: Bytes for one bit; None for QEMU's default.
    """

    node: str
    name: str
    granularity: int | None = None
    persistent: bool = True
    recording: bool = True


class RemoveBitmap(NamedTuple):
    """Remove a bitmap (QEMU: ``block-dirty-bitmap-remove``).

    Attributes:
        reopen: Whether a read-only image is opened for writing first, as libvirt does.
    """

    node: str
    name: str
    reopen: bool = False


class ClearBitmap(NamedTuple):
    """Forget a bitmap's bits (QEMU: ``block-dirty-bitmap-clear``)."""

    node: str
    name: str


class EnableBitmap(NamedTuple):
    """Let a bitmap record (QEMU: ``block-dirty-bitmap-enable``)."""

    node: str
    name: str


class DisableBitmap(NamedTuple):
    """Freeze a bitmap (QEMU: ``block-dirty-bitmap-disable``)."""

    node: str
    name: str


class MergeBitmaps(NamedTuple):
    """Merge bitmaps into one, of any node and granularity (QEMU: ``block-dirty-bitmap-merge``)."""

    node: str
    name: str
    sources: tuple[BitmapKey, ...]


class Sync(StrEnum):
    """What a backup job copies. Source: QEMU QMP reference, ``MirrorSyncMode``."""

    FULL = "full"
    """Every cluster."""

    TOP = "top"
    """The clusters that are allocated in the node itself."""

    BITMAP = "bitmap"
    """The clusters that a bitmap names."""

    NONE = "none"
    """Nothing but what the guest overwrites, so that somebody can read the state meanwhile."""


class BitmapMode(StrEnum):
    """What a job does to its bitmap at its end. Source: QEMU QMP reference, ``BitmapSyncMode``."""

    NEVER = "never"
    ON_SUCCESS = "on-success"
    ALWAYS = "always"


class RunBackup(NamedTuple):
    """Copy clusters out of a chain, as they are at the job's start (QEMU: ``blockdev-backup``).

    Attributes:
        target: The backup's name.
        image: The node that is read, with what lies below it.
        kind, since, bitmaps, onto, part: What the backup is recorded as.
        sync: What is copied.
        bitmap: Name of a bitmap on that node; with ``Sync.BITMAP`` the one to read through.
        mode: What the job does to the bitmap.
        temporary: Whether the bitmap is made with the job, of its sources, and goes with it.
        lasting: Whether the job runs on until :class:`EndJob`; otherwise it ends at once.
        pulled: Whether a client reads the state while the job keeps what the guest overwrites.
        sources: The bitmaps whose merge is read through, by the job or by the client that pulls;
            None for all clusters.
        scratch: Bytes that a pull job may keep; None for no limit.
        reuse: Whether a target that exists is written over, and not made anew.
        group: The targets of its transaction, where one that fails is to cancel the others.
        job: What the user calls the job; the target's name, if nothing else.
    """

    target: str
    image: str
    kind: Kind
    sync: Sync = Sync.FULL
    bitmap: str | None = None
    mode: BitmapMode = BitmapMode.NEVER
    temporary: bool = False
    lasting: bool = False
    since: str | None = None
    bitmaps: tuple[str, ...] = ()
    onto: str | None = None
    part: bool = False
    pulled: bool = False
    sources: tuple[BitmapKey, ...] | None = None
    scratch: int | None = None
    reuse: bool = False
    group: tuple[str, ...] = ()
    job: str | None = None


class CommitImages(NamedTuple):
    """Merge overlays down into a base and drop them from the chain (QEMU: ``block-commit``).

    Attributes:
        device: The active image of the chain.
        top: The newest image to merge; None for the active one, which is pivoted away from.
        base: The image that takes their content; None for the lowest one.
        carry: Whether the merged images' bitmaps go down with them, as libvirt does.
        lasting: Whether the job runs on until :class:`EndJob`, with all data copied.
        job: What the user calls the job.
    """

    device: str
    top: str | None = None
    base: str | None = None
    carry: bool = False
    lasting: bool = False
    job: str | None = None


class PullImages(NamedTuple):
    """Copy backing data up into an image and drop what it came from (QEMU: ``block-stream``).

    Attributes:
        into: The image that takes the data.
        base: The image that stays below it; None pulls everything.
        bottom: The lowest image to pull, in place of *base*.
        carry: Whether the bitmaps of the dropped images go up with them, as libvirt does.
        lasting: Whether the job runs on until :class:`EndJob`, with all data copied.
        job: What the user calls the job.
    """

    into: str
    base: str | None = None
    bottom: str | None = None
    carry: bool = False
    lasting: bool = False
    job: str | None = None


class MirrorDisk(NamedTuple):
    """Copy a disk into a new image that takes its chain's place (QEMU: ``blockdev-mirror``).

    Attributes:
        node: The active image of the chain.
        into: Name of the new image, which has nothing below it.
        format: ``qcow2`` or ``raw``.
        carry: Whether the bitmaps of the whole chain go along, as with libvirt.
        lasting: Whether the job runs on until :class:`EndJob`, with the guest writing to both.
    """

    node: str
    into: str
    format: str = "qcow2"
    carry: bool = False
    lasting: bool = False


class EndJob(NamedTuple):
    """End a running job.

    Attributes:
        job: A backup's target, or what the user calls the job.
        status: How it ends. A lasting job has copied all and waits to be finalized: in between,
            QEMU's order of copying is not fixed. Whatever does not complete it leaves no backup,
            and the images of a chain where they are.
        unknown: The host's words where there is no such job.
    """

    job: str
    status: Status
    unknown: str = "Job not found"


class ExportNode(NamedTuple):
    """Let clients read a node (QEMU: ``block-export-add``).

    Attributes:
        id, name: What commands call the export, and what clients do.
        node: An image, or the target of a job that runs.
        bitmaps: What clients are told beside it; without a node, from this node down.
    """

    id: str
    name: str
    node: str
    writable: bool = False
    bitmaps: tuple[tuple[str | None, str], ...] = ()


class UnexportNode(NamedTuple):
    """Take an export from its clients (QEMU: ``block-export-del``)."""

    id: str


class CopyImage(NamedTuple):
    """Copy one image file as it is, with no job."""

    image: str
    target: str


class DropBackup(NamedTuple):
    """Delete a backup, on every disk."""

    name: str


class StackBackups(NamedTuple):
    """Restore: lay backups over one another, oldest first, and read the result."""

    name: str
    sources: tuple[str, ...]
    of: str | None = None


class RecordCheckpoint(NamedTuple):
    """Let the host note a checkpoint of some disks. It touches no bitmap."""

    name: str
    disks: tuple[str, ...]


class RestoreCheckpoint(NamedTuple):
    """Let the host note a checkpoint again, as its bitmaps tell of it. It touches no bitmap."""

    name: str
    disks: tuple[str, ...]
    parent: str | None = None


class ForgetCheckpoint(NamedTuple):
    """Let the host forget a checkpoint; its children get its parent. It touches no bitmap."""

    name: str


@dataclass(frozen=True, slots=True)
class CloseImages:
    """Close every image cleanly: persistent bitmaps are stored, the others are gone."""


@dataclass(frozen=True, slots=True)
class OpenImages:
    """Open every image: the active one for writing, those below it read-only."""


@dataclass(frozen=True, slots=True)
class KillProcess:
    """The process that has the images open dies. The guest's writes count as flushed."""


GuestOperation: TypeAlias = GuestWrite | GuestDiscard

BitmapOperation: TypeAlias = (
    AddBitmap | RemoveBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps
)

ChainOperation: TypeAlias = (
    AddOverlay
    | ResizeImage
    | RevertImages
    | SaveSnapshot
    | DropSnapshot
    | LoadSnapshot
    | CommitImages
    | PullImages
    | MirrorDisk
)

ExportOperation: TypeAlias = ExportNode | UnexportNode

OutsideOperation: TypeAlias = (
    CopyImage | DropBackup | StackBackups | RecordCheckpoint | RestoreCheckpoint | ForgetCheckpoint
)

PowerOperation: TypeAlias = (
    CloseImages | OpenImages | KillProcess | DetachDisk | AttachDisk | UndefineMachine
)

Operation: TypeAlias = (
    GuestOperation
    | BitmapOperation
    | ChainOperation
    | ExportOperation
    | OutsideOperation
    | PowerOperation
    | CreateImage
    | RunBackup
    | EndJob
)
