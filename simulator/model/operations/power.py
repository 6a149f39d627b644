"""The process that has the images open, and the disks of the machine."""

from enum import StrEnum
from typing import TypeAlias

from simulator.values import NamedTuple, dataclass


@dataclass(frozen=True, slots=True)
class CloseImages:
    """Close every image cleanly: persistent bitmaps are stored, the others are gone."""


@dataclass(frozen=True, slots=True)
class EndGuest:
    """The guest powers off, and its process lives on for the jobs that preserve the machine."""


@dataclass(frozen=True, slots=True)
class OpenImages:
    """Open every image: the active one for writing, those below it read-only."""


@dataclass(frozen=True, slots=True)
class KillProcess:
    """The process that has the images open dies. The guest's writes count as flushed."""


class DetachDisk(NamedTuple):
    """Take a disk off the machine, with all its images (QEMU: ``device_del``, ``blockdev-del``)."""

    disk: str


class AttachDisk(NamedTuple):
    """Give a disk back to the machine as it was (QEMU: ``blockdev-add``, ``device_add``)."""

    disk: str


class Travels(StrEnum):
    """Which bitmaps go to another host, where the disks are copied there."""

    NONE = "none"
    ACTIVE = "active"
    """Those of the active image, as they are (QEMU: ``block-bitmap-mapping``)."""

    MERGED = "merged"
    """Those that are whole, each merged out of all images that hold it, as libvirt does."""


class MoveDisks(NamedTuple):
    """Let another host go on with copies of all disks (QEMU: ``blockdev-mirror``, ``migrate``)."""

    bitmaps: Travels


class UndefineMachine(NamedTuple):
    """Let the host give up its definition of a machine that runs: it is transient from then on."""


class FreezeGuest(NamedTuple):
    """Let the guest's file systems be quiet: its writes wait (``guest-fsfreeze-freeze``)."""


class ThawGuest(NamedTuple):
    """Let the guest's file systems write again (``guest-fsfreeze-thaw``).

    Attributes:
        after: Ticks until then; what is done then is another one, without.
    """

    after: int = 0


PowerOperation: TypeAlias = (
    CloseImages
    | EndGuest
    | OpenImages
    | KillProcess
    | DetachDisk
    | AttachDisk
    | MoveDisks
    | UndefineMachine
    | FreezeGuest
    | ThawGuest
)
