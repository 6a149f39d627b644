"""What is to be done with bitmaps that are of no use any more, by whose they are.

libvirt keeps a note of each of its bitmaps, a checkpoint. Its way to remove them takes both; once a
bitmap is gone from the images it deletes the checkpoint only by ``--metadata``, and what works by
checkpoints fails until then. Source: ``facts/LIBVIRT.md``, R9 and case 7.
"""

import re
from collections.abc import Sequence
from enum import Enum

from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.wording import placeholder
from simulator.inspect.image.seen import SeenImage

TEMPORARY = "libvirt-tmp-"
"""How the names of bitmaps begin that libvirt makes for a job and removes at its end."""

_CHECKPOINT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")

_OF_CLIENTS = re.compile(
    r"virtnbdbackup\.\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
"""Checkpoints as virtnbdbackup and oVirt name them."""


class Owner(Enum):
    """Who made the bitmaps of a chain, as far as the files tell."""

    LIBVIRT = "libvirt"
    OTHER = "other"
    UNKNOWN = "unknown"


def owner_of(disk: SeenDisk) -> Owner:
    """Return whose bitmaps a chain has.

    Only libvirt repeats a name on each overlay, and leaves its temporary bitmaps behind.
    """
    names = [bitmap.name for image in disk.chain.images for bitmap in image.bitmaps]
    of_clients = any(_OF_CLIENTS.fullmatch(n) or n.startswith(TEMPORARY) for n in names)
    if of_clients or len(set(names)) < len(names):
        return Owner.LIBVIRT
    if any(not _CHECKPOINT.fullmatch(name) for name in names):
        return Owner.OTHER
    return Owner.UNKNOWN


def removal(disk: SeenDisk, image: SeenImage, names: Sequence[str]) -> str:
    """Return how bitmaps are removed, as an imperative.

    Args:
        image: That holds them.
    """
    name = placeholder(names)
    tool = f"qemu-img bitmap --remove {image.path} {name}"
    virsh = f"virsh checkpoint-delete DOMAIN {name}"
    match owner_of(disk):
        case Owner.OTHER:
            return tool
        case Owner.LIBVIRT:
            return (
                f"{virsh} (with --metadata where it finds no bitmap), and not by qemu-img, "
                "which leaves checkpoints that libvirt cannot delete"
            )
        case Owner.UNKNOWN:
            return (
                f"on a libvirt machine {virsh} (with --metadata where it finds no bitmap), "
                f"where removal by hand makes it worse; without libvirt {tool}"
            )
