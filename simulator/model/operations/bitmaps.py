"""What happens to bitmaps by their names."""

from typing import TypeAlias

from simulator.values import NamedTuple

BitmapKey: TypeAlias = tuple[str, str]
"""The node of a bitmap, and its name."""


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
    """Merge bitmaps into one, of any node and granularity (QEMU: ``block-dirty-bitmap-merge``).

    Attributes:
        sources: Their nodes and names.
        reopen: Whether the target's image, where it is read-only, is opened for writing first.
    """

    node: str
    name: str
    sources: tuple[BitmapKey, ...]
    reopen: bool = False


BitmapOperation: TypeAlias = (
    AddBitmap | RemoveBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps
)

BITMAP_WORDS: dict[type[BitmapOperation], str] = {
    AddBitmap: "add",
    RemoveBitmap: "remove",
    ClearBitmap: "clear",
    EnableBitmap: "enable",
    DisableBitmap: "disable",
    MergeBitmaps: "merge",
}
"""What QEMU and ``qemu-img bitmap`` call each of them."""
