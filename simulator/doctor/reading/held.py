"""Backups that a tool keeps in a folder, and what libvirt and QEMU say of the machine's disks."""

from collections.abc import Mapping

from simulator.inspect.image.runs import Run
from simulator.values import NamedTuple

FULL, INCREMENT, DIFFERENTIAL, COPY = "full", "inc", "diff", "copy"
"""What a backup file is, as virtnbdbackup names it."""


class BackupFile(NamedTuple):
    """One disk's data of one backup.

    Attributes:
        path: As it was found.
        name: That of the file.
        disk: The disk's target name.
        kind: ``full``, ``inc``, ``diff`` or ``copy``.
        starts: The checkpoint that it is the difference to; None for one that needs no other.
        ends: What it leads to: a checkpoint, or for a ``diff`` or ``copy`` a word of its own.
        checkpoint: The checkpoint that its head names.
        size: Bytes of the disk.
        runs: What it holds, in bytes: ``A`` for data, ``0`` for zeroes.
        written: When the file was last written to, in nanoseconds since 1970.
        taken: When it was begun, as its head says.
        damage: Why it cannot be relied on; empty for a whole one.
    """

    path: str
    name: str
    disk: str
    kind: str
    starts: str | None
    ends: str
    checkpoint: str
    size: int
    runs: tuple[Run, ...]
    written: int
    taken: str
    damage: str = ""

    @property
    def data(self) -> int:
        """Bytes of data that it holds."""
        return sum(length for _, length, held in self.runs if held == "A")


class CheckpointDocument(NamedTuple):
    """What libvirt wrote of a checkpoint.

    Attributes:
        path: The file.
        machine, uuid: Of the machine that it is of.
        bitmaps: The bitmap of each disk that has one.
        sources: The image that each disk had, as the document has it.
    """

    path: str
    name: str
    parent: str | None
    machine: str
    uuid: str
    bitmaps: Mapping[str, str]
    sources: Mapping[str, str]


class Layers(NamedTuple):
    """A disk as a machine's document has it: its images, the active one first."""

    disk: str
    paths: tuple[str, ...]


class Machine(NamedTuple):
    """A machine's document: ``virsh dumpxml``."""

    path: str
    name: str
    uuid: str
    disks: tuple[Layers, ...]


class Folder(NamedTuple):
    """A folder of virtnbdbackup.

    Attributes:
        files: Its backups that can be read, in the order in which they were begun.
        partial: Files that a run left unfinished.
        listed: The checkpoints that the tool has begun, oldest first; None without such a list.
        documents: The checkpoints' documents in it.
        machines: The machine's documents that lie beside each backup.
    """

    path: str
    files: tuple[BackupFile, ...]
    partial: tuple[str, ...]
    listed: tuple[str, ...] | None
    documents: tuple[CheckpointDocument, ...]
    machines: tuple[Machine, ...]

    @property
    def machine(self) -> str:
        """The machine's name, as most documents have it; empty where none says it."""
        names = [each.machine for each in self.documents] + [each.name for each in self.machines]
        return max(sorted(set(names)), key=names.count, default="")

    @property
    def disks(self) -> tuple[str, ...]:
        """The disks that it has backups of."""
        return tuple(sorted({each.disk for each in self.files}))
