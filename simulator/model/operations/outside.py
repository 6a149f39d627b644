"""What happens beside the machine: copies, restored disks, and a host's notes."""

from typing import TypeAlias

from simulator.model.clusters import ClusterSet
from simulator.model.notes import Layer
from simulator.values import NamedTuple


class CopyImage(NamedTuple):
    """Copy one image file as it is, with no job."""

    image: str
    target: str


class DropBackup(NamedTuple):
    """Delete a backup, on every disk.

    Attributes:
        lost: Whether nobody meant to: it is gone.
    """

    name: str
    lost: bool = False


class CorruptBackup(NamedTuple):
    """Let some clusters of a stored backup hold something else; nobody knows.

    Attributes:
        disk: The disk whose part of the backup it is; None for all.
    """

    name: str
    clusters: ClusterSet
    disk: str | None = None


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


class RecordSnapshot(NamedTuple):
    """Let the host note a snapshot that was made, or what lies there since it went back to one.

    Attributes:
        layers, reverted: As in the note.
        chains: As in the note; they stay when the host goes back to it.
        gone: Images whose files the host deletes then.
    """

    name: str
    layers: tuple[Layer, ...]
    reverted: tuple[Layer, ...] = ()
    chains: tuple[tuple[str, tuple[str, ...]], ...] = ()
    gone: tuple[str, ...] = ()


class ForgetSnapshot(NamedTuple):
    """Let the host forget a snapshot.

    Attributes:
        onward: Whether what was put onto its images counts as put onto what is below them.
        gone: Images whose files the host deletes with it.
    """

    name: str
    onward: bool = True
    gone: tuple[str, ...] = ()


OutsideOperation: TypeAlias = (
    CopyImage
    | DropBackup
    | CorruptBackup
    | StackBackups
    | RecordCheckpoint
    | RestoreCheckpoint
    | ForgetCheckpoint
    | RecordSnapshot
    | ForgetSnapshot
)
