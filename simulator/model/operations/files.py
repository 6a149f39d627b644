"""What somebody does to image files who knows nothing of the host, and asks nobody."""

from typing import TypeAlias

from simulator.model.clusters import ClusterMap
from simulator.values import NamedTuple


class RemoveFile(NamedTuple):
    """Remove an image file; a process that has it open does not notice before it closes it."""

    image: str


class WriteFile(NamedTuple):
    """Write into an image file (``qemu-io``, ``qemu-nbd``)."""

    image: str
    data: ClusterMap


class CommitFile(NamedTuple):
    """Copy what images hold down into a base; all stay where they are (``qemu-img commit``).

    Attributes:
        base: None for the image below the top, which is emptied then.
    """

    top: str
    base: str | None = None


class RebaseFile(NamedTuple):
    """Let an image name another backing image (``qemu-img rebase``).

    Attributes:
        base: None for no backing image.
        safe: Whether what reads differently then is copied into the image first.
    """

    image: str
    base: str | None = None
    safe: bool = True


class ConvertFile(NamedTuple):
    """Copy what an image and all below it read as, with no job (``qemu-img convert``)."""

    image: str
    target: str


FileOperation: TypeAlias = RemoveFile | WriteFile | CommitFile | RebaseFile | ConvertFile
