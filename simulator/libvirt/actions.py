"""What a plan for a real libvirt is made of: a machine, a command of virsh, a wait. Pure."""

from typing import TypeAlias

from simulator.libvirt.xml import Drive
from simulator.qemu.actions import (
    Command,
    CopyFile,
    DeleteFile,
    KillQemu,
    MakeImage,
    PullData,
    ReadFile,
    RunTool,
    Stack,
)
from simulator.values import NamedTuple


class DefineMachine(NamedTuple):
    """Let libvirt know the machine (``virsh define``)."""

    drives: tuple[Drive, ...]


class Virsh(NamedTuple):
    """A command of virsh.

    Attributes:
        words: What comes after ``virsh``; ``FOLDER`` stands for the folder of all files.
        documents: Files that are written first, each with its text.
    """

    words: tuple[str, ...]
    documents: tuple[tuple[str, str], ...] = ()


class Adopt(NamedTuple):
    """Find out which file libvirt made itself for the active image of a disk.

    Attributes:
        disk: Name of the disk.
        image: What the timeline calls that image.
    """

    disk: str
    image: str


class AwaitBackup(NamedTuple):
    """Wait until the machine's backup has ended."""


LibvirtAction: TypeAlias = (
    DefineMachine
    | Virsh
    | Adopt
    | AwaitBackup
    | Command
    | KillQemu
    | MakeImage
    | CopyFile
    | DeleteFile
    | RunTool
    | PullData
    | ReadFile
    | Stack
)
"""What is done, one after the other. A QMP command names images where QEMU wants nodes."""


class UnsupportedError(Exception):
    """A statement that a real libvirt cannot be asked for; the text says which and why."""


def named(option: str, name: str) -> tuple[str, ...]:
    """Return a name as virsh takes it: one that begins with a dash needs its option before it."""
    return (f"--{option}={name}",) if name.startswith("-") else (name,)
