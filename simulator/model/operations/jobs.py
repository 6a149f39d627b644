"""Backup jobs, and the end of any job."""

from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.machine import Kind, Status
from simulator.model.operations.bitmaps import BitmapKey
from simulator.values import NamedTuple


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


class Asked(NamedTuple):
    """What a command says of a job's bitmap, as it stands there; QEMU looks at names first.

    Attributes:
        sync: ``incremental`` among them, which is ``bitmap`` that is cleared on success.
        mode: None where it is left out.
    """

    sync: str
    mode: str | None


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
        reuse: Whether a target that exists is written over, and not made anew; by a client, too.
        group: The targets of its transaction, where one that fails is to cancel the others.
        job: What the user calls the job; the target's name, if nothing else.
        asked: What QEMU is to judge itself; None where a policy has made the job.
        drive: The ``mode`` of ``drive-backup``, which names its target by a file: it is made anew
            (``absolute-paths``), or must be there (``existing``). None where it is a node.
        unit: Bytes that are copied together at the least; None for no more than anyhow.
        discards: Whether what is copied is discarded in the image (QEMU: ``discard-source``).
        breaks: Whether it is the backup, and not the guest's write, that goes on wrongly where the
            old data finds no room (QEMU: ``on-cbw-error: break-snapshot``).
        preserves: Whether the process lives on until the job's end where the guest powers off
            (libvirt: ``--preserve-domain-on-shutdown``).
        outside: Whether there is no job: a client reads the image's file itself (``qemu-nbd``).
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
    asked: Asked | None = None
    drive: str | None = None
    unit: int | None = None
    discards: bool = False
    breaks: bool = False
    preserves: bool = False
    outside: bool = False


Copied: TypeAlias = ClusterSet | Fraction
"""Clusters, or the share of those that a job has to copy, in the order of the disk."""


class ReadMeanwhile(NamedTuple):
    """What a plain copy holds whose image was written while it was copied.

    Attributes:
        content: What each cluster held when the copy passed it.
        torn: Whether its image never held that at one time.
    """

    content: ClusterMap
    torn: bool


class EndJob(NamedTuple):
    """End a running job.

    Attributes:
        job: A backup's target, or what the user calls the job.
        status: How it ends. A lasting job has copied all and waits to be finalized: in between,
            QEMU's order of copying is not fixed. Whatever does not complete it leaves in its target
            what was copied, and the images of a chain where they are.
        unknown: The host's words where there is no such job.
        command: Of QEMU's commands the one that ends it; not every job takes each.
        forced: Whether it is cancelled at once, and not when a last write has been copied.
        copied: What it had copied when it was stopped, or what a plain copy holds that found no
            more room: that is no job. None for all where it is cancelled, and for nothing where
            it fails. What the guest overwrote meanwhile is copied in any case.
        read: What a plain copy holds that has come to its end; None for what its image held at its
            start.
    """

    job: str
    status: Status
    unknown: str = "Job not found"
    command: str | None = None
    copied: Copied | None = None
    forced: bool = False
    read: ReadMeanwhile | None = None


class ChangeJob(NamedTuple):
    """Let a running copy of a disk write along with the guest (QEMU: ``block-job-change``).

    Attributes:
        job: What the user calls it.
        blocking: Whether the guest's writes wait for theirs in the copy.
    """

    job: str
    blocking: bool
