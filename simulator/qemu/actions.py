"""What a plan is made of: a QMP command, a guest's step, a file made or copied, a restart."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from simulator.model.clusters import WORKLOAD_FIRST, ZERO, Version
from simulator.values import NamedTuple

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of a QMP command, as JSON has them."""


class Command(NamedTuple):
    """A QMP command."""

    execute: str
    arguments: Arguments = {}  # noqa: RUF012  # nobody changes the arguments of a command

    def as_json(self) -> dict[str, Any]:
        """Return the command as QMP wants it on the wire."""
        if not self.arguments:
            return {"execute": self.execute}
        return {"execute": self.execute, "arguments": dict(self.arguments)}


class HasCommand(NamedTuple):
    """QEMU is asked whether it has a command, which is not sent: it could do anything."""

    name: str


class GuestKind(StrEnum):
    """What a guest can do to a stretch of its disk."""

    WRITE = "write"
    ZERO = "zero"
    DISCARD = "discard"


class Change(NamedTuple):
    """What a guest does to one stretch of its disk.

    Attributes:
        offset, length: Bytes.
        version: What is written.
    """

    kind: GuestKind
    offset: int
    length: int
    version: Version = ZERO


class GuestStep(NamedTuple):
    """The guest changes its disk, and flushes.

    Attributes:
        export: Name of the NBD export that the guest uses.
        changes: In this order; with none, it just flushes.
    """

    export: str
    changes: tuple[Change, ...] = ()


class MakeImage(NamedTuple):
    """Make an empty image file, in the place of one of the same name.

    Attributes:
        size, cluster_size: Bytes.
        backing: The file that its header names as its backing image.
    """

    file: str
    format: str
    size: int
    cluster_size: int
    backing: str | None = None
    backing_format: str = "qcow2"


def image_command(make: MakeImage) -> list[str]:
    """Return the command line that makes an empty image."""
    command = ["qemu-img", "create", "-q", "-f", make.format]
    if make.backing is not None:
        # The backing image is in use, so it is named and not looked at.
        command += ["-u", "-b", make.backing, "-F", make.backing_format]
    if make.format == "qcow2":
        command += ["-o", f"cluster_size={make.cluster_size}"]
    return [*command, make.file, str(make.size)]


class JobEnd(StrEnum):
    """What a job is waited for to be."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    PENDING = "pending"
    """All is copied, and somebody must say how it ends."""

    READY = "ready"
    """The base of a commit is like the active image, and follows it."""

    SYNCED = "synced"
    """It is, and holds all that the guest has written by now."""

    PAUSED = "paused"
    """It waits for room in its target."""

    WAITING = "waiting"
    """All is copied, and others of its group are still at it."""

    FAILED = "failed"


class AwaitJobs(NamedTuple):
    """Wait until jobs have come to an end, or to the point where they wait themselves."""

    jobs: tuple[str, ...]
    end: JobEnd = JobEnd.COMPLETED


class AwaitGone(NamedTuple):
    """Wait until an export is gone."""

    export: str


class DropGuest(NamedTuple):
    """The guest lets go of its disk, and the export is gone; another one may be opened."""

    export: str


def drop_command(export: str) -> Command:
    """Return the command that takes an export from its clients."""
    return Command("block-export-del", {"id": export, "mode": "hard"})


class PullData(NamedTuple):
    """A client reads an export, and writes what it is told to read into a file of its own.

    Attributes:
        file: An image as long as the export: an empty one, or one that is written over.
        cluster_size: Bytes.
        bitmap: Names what to read; None for everything, of which zeroes are left out.
        over: The format of a file that is there already; None for an empty one, which is qcow2.
    """

    export: str
    file: str
    cluster_size: int
    bitmap: str | None
    over: str | None = None


CLIENT = "client"
"""The export, and the socket, of a client that asks no host."""


class ReadFile(NamedTuple):
    """A client reads an image file that ``qemu-nbd`` serves it, and asks no host.

    Attributes:
        image, format: The file.
        pull: What the client does with it.
    """

    image: str
    format: str
    pull: PullData


def serve_options(read: ReadFile) -> list[str]:
    """Return what ``qemu-nbd`` is told of an image file that it serves to be read."""
    told = ["-B", read.pull.bitmap] if read.pull.bitmap is not None else []
    return ["-r", "-f", read.format, "-x", read.pull.export, *told, read.image]


class RunTool(NamedTuple):
    """Let a program change, or read, image files that nobody has open for writing."""

    words: tuple[str, ...]


class CopyFile(NamedTuple):
    """Copy a file as it is."""

    source: str
    target: str


class DeleteFile(NamedTuple):
    """Delete a file."""

    file: str


class Stack(NamedTuple):
    """Lay images over one another, oldest first, and read the result.

    Attributes:
        name: A name for the files that an exported script makes of it.
        files: Each with its format.
    """

    name: str
    files: tuple[tuple[str, str], ...]


class StartQemu(NamedTuple):
    """Start QEMU, with nothing open."""


class QuitQemu(NamedTuple):
    """Let QEMU close its images and end."""


class KillQemu(NamedTuple):
    """Let QEMU die where it stands."""


Action: TypeAlias = (
    Command
    | HasCommand
    | GuestStep
    | MakeImage
    | AwaitJobs
    | AwaitGone
    | DropGuest
    | PullData
    | ReadFile
    | RunTool
    | CopyFile
    | DeleteFile
    | Stack
    | StartQemu
    | QuitQemu
    | KillQemu
)

WORKLOAD_MARK = 0x23
"""The first of the eight bytes that a workload's write repeats; its number follows."""


def bytes_of(version: Version) -> bytes:
    """Return the bytes that a version repeats: a letter's own, or eight for a workload's write.

    >>> bytes_of(ord("A"))
    b'A'
    """
    if version < WORKLOAD_FIRST:
        return bytes([version])
    return bytes([WORKLOAD_MARK]) + version.to_bytes(7, "big")


Held: TypeAlias = Version | frozenset[int]
"""What a cluster really holds: a version, or the set of its bytes where it is a mixture."""


def held_by(cluster: bytes | bytearray) -> Held:
    """Return what the bytes of a cluster stand for; :func:`bytes_of` the other way round.

    >>> held_by(b"AAAA"), held_by(b"AABB") == {65, 66}
    (65, True)
    """
    if cluster.count(cluster[:1]) == len(cluster):
        return cluster[0]
    unit = cluster[:8]
    if unit[0] == WORKLOAD_MARK and unit * (len(cluster) // 8) == cluster:
        return int.from_bytes(unit[1:], "big")
    return frozenset(cluster)
