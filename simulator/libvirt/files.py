"""The files of images, documents and copies that a real libvirt is told of. Pure."""

import re
from collections.abc import Iterator

from simulator.libvirt.actions import LibvirtAction
from simulator.qemu.actions import DeleteFile
from simulator.qemu.names import Names

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class Files:
    """The files that libvirt is told of, as far as commands have come.

    Attributes:
        names: What images and copies are called.
        images: Those that a file was made for, in a chain or not.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.images: set[str] = set()
        self._documents = 0

    def next_document(self) -> int:
        """Return a number for a document, which no other one has."""
        self._documents += 1
        return self._documents

    def of(self, image: str) -> str:
        """Return the file of an image, even of one that libvirt is to refuse."""
        return self.names.files.get(image, fallback(f"{image}.qcow2"))

    def clear_away(self, *images: str) -> Iterator[LibvirtAction]:
        """Yield what deletes the files of earlier images of these names, which are in no chain.

        libvirt leaves them after a commit, a pull or a copy.
        """
        yield from (DeleteFile(self.of(image)) for image in images if image in self.images)
        self.images.update(images)


def fallback(name: str) -> str:
    """Return a name for a file that has none in the plan, since nothing is ever in it."""
    return name if _FILE.fullmatch(name) else "refused"
