"""What happens to the images of a chain."""

from typing import TypeAlias

from simulator.values import NamedTuple


class CreateImage(NamedTuple):
    """Make the first image of a disk.

    Attributes:
        backing: The image that it lies on, of another disk's chain: a linked clone.
    """

    disk: str
    image: str
    format: str = "qcow2"
    backing: str | None = None


class AddOverlay(NamedTuple):
    """Put a new, empty image on top of an active one (QEMU: ``blockdev-snapshot``).

    Attributes:
        stored: Whether the image below becomes read-only at once, with its bitmaps stored.
    """

    node: str
    overlay: str
    stored: bool = True


class StoreBitmaps(NamedTuple):
    """Make an image below a new overlay read-only, with its bitmaps stored.

    It is no command of its own: it happens when the transaction of a snapshot commits.
    """

    node: str


class ResizeImage(NamedTuple):
    """Let an active image grow or shrink (QEMU: ``block_resize``).

    On a machine that is off it is ``qemu-img resize``, of any image.

    Attributes:
        length: Number of clusters.
        lacks: Bytes by which the last of them is cut short.
    """

    node: str
    length: int
    lacks: int = 0


class RevertImages(NamedTuple):
    """Return to what an image below the active one shows: a new overlay goes on top of it.

    Attributes:
        image: It and what lies below it stay; what lies above is dropped.
        overlay: Name of the new image.
        kept: Of those the ones whose files stay, since something else is noted to lie on them.
        disk: Whose chain it is; None for the disk that has the image.
        chain: The images to return to, base first, as the host has noted them: each is the file
            that has this name now, in a chain or beside one. Empty for what is there.
    """

    image: str
    overlay: str
    kept: tuple[str, ...] = ()
    disk: str | None = None
    chain: tuple[str, ...] = ()


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
        into: Name of the new image, which has nothing below it unless the copy is *shallow*.
        format: ``qcow2`` or ``raw``.
        carry: Whether the bitmaps of the whole chain go along, as with libvirt.
        lasting: Whether the job runs on until :class:`EndJob`, with the guest writing to both.
        shallow: Whether only the active image is copied, onto the same backing image.
        job: What the user calls the job; the new image's name, if nothing else.
        replaces: The image whose place it is to take; None for the active one.
        sync: What the command says, where that is its own; as *shallow* has it otherwise.
        granularity: Bytes that are looked at together; None for the target's clusters.
        blocking: Whether the guest's writes wait for theirs in the copy.
        wrong: What QEMU says of its other arguments when it has found the disk; empty for nothing.
    """

    node: str
    into: str
    format: str = "qcow2"
    carry: bool = False
    lasting: bool = False
    shallow: bool = False
    job: str | None = None
    replaces: str | None = None
    sync: str = ""
    granularity: int | None = None
    blocking: bool = False
    wrong: str = ""


ChainOperation: TypeAlias = (
    AddOverlay
    | StoreBitmaps
    | ResizeImage
    | RevertImages
    | SaveSnapshot
    | DropSnapshot
    | LoadSnapshot
    | CommitImages
    | PullImages
    | MirrorDisk
)
