"""What happens beside the machine: copies, restored disks, and a host's notes of checkpoints."""

from typing import NamedTuple, TypeAlias


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


OutsideOperation: TypeAlias = (
    CopyImage | DropBackup | StackBackups | RecordCheckpoint | RestoreCheckpoint | ForgetCheckpoint
)
