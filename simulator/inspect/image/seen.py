"""One image file as it was read, and what is told of one that cannot be."""

from dataclasses import dataclass

from simulator.diagnostics import shown
from simulator.inspect.image.qcow2 import StoredBitmap
from simulator.inspect.image.runs import EMPTY, Run

DATA = "A"
"""Stands in an image's own runs for data, whoever wrote it."""

ZERO = "0"

RESTORE = "restore it from a backup"


class UnusableError(Exception):
    """An image that nothing can be told of.

    Attributes:
        help: What to do.
        reason: QEMU's own words, where it was QEMU that turned the image down.
    """

    def __init__(self, message: str, help: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.help = help
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptContent:
    """An internal snapshot: a state of an image that is kept inside it.

    Attributes:
        size: Bytes of the disk then.
        runs: What the image held, in bytes.
    """

    name: str
    size: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """One image file and what it holds itself.

    Attributes:
        name: What figures call it.
        path: As it was found.
        key: Device and inode, by which a file is known whatever it is called.
        format: ``qcow2``, ``raw``, or another one that QEMU knows.
        version: Of qcow2, 2 or 3; None for other formats.
        size: Bytes of the disk.
        cluster_size: Bytes; None where the format has none.
        runs: What it holds, in bytes: data, zeroes, or unknown.
        bitmaps: Sorted by name.
        in_use: Whether another process writes to it.
        encrypted: Whether its data cannot be read without a key.
        damage: What is wrong with the file, one line each.
        trusted: Whether every program that wrote to the image knows of bitmaps.
        snapshots: States that are kept inside it, oldest first.
        refusal: Why QEMU turns the image down, though only its bitmaps are damaged.
        autoclear: Features that a program must unset which does not know them.
        unlisted: Whether it has bitmaps whose names cannot be told.
        written: When the file was last written to, in nanoseconds since 1970.
        backing: What its header names; None at the end of a chain.
        backing_format: What its header says of it.
    """

    name: str
    path: str
    key: tuple[int, int]
    format: str
    version: int | None
    size: int
    cluster_size: int | None
    runs: tuple[Run, ...]
    bitmaps: tuple[StoredBitmap, ...] = ()
    in_use: bool = False
    encrypted: bool = False
    damage: tuple[str, ...] = ()
    trusted: bool = True
    snapshots: tuple[KeptContent, ...] = ()
    refusal: str = ""
    autoclear: int = 0
    unlisted: bool = False
    written: int = 0
    backing: str | None = None
    backing_format: str | None = None

    def bitmap(self, name: str) -> StoredBitmap | None:
        """Return a bitmap by its name, or None."""
        return next((each for each in self.bitmaps if each.name == name), None)


def label(text: str) -> str:
    """Return a name as a figure can show it: on one line, without bars.

    >>> label("a|b")
    'a\\\\x7cb'
    """
    return shown(text).strip() or EMPTY
