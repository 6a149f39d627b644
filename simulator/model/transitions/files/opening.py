"""Whether a tool can open an image file, and what it says where it cannot.

Source: ``facts/QEMU.md``, section 4.9.
"""

from simulator.model.machine import Machine, Power
from simulator.model.operations import Refusal

BELOW = "Could not open backing file: "
"""What stands before a fault of an image below another one, once for each step down."""


def refuse_open(
    machine: Machine,
    image: str,
    *,
    by_io: bool = False,
    by_nbd: bool = False,
    reads: bool = False,
    alone: bool = False,
) -> Refusal | None:
    """Return why a tool cannot open an image; None where it can.

    Its file is not there, a QEMU has it open, or the file of an image below it is not there.

    Args:
        by_io, by_nbd: Whether it is ``qemu-io`` or ``qemu-nbd``, which have words of their own.
        reads: Whether it only reads: it may, of an image that nobody writes.
        alone: Whether it looks at no other image.
    """
    told = f"can't open device {image}" if by_io else f"Could not open '{image}'"
    told = f"Failed to blk_new_open '{image}'" if by_nbd else told
    disk = machine.disk_of(image)
    held = disk.image(image) if disk is not None else None
    if disk is None or held is None or held.removed:
        return Refusal(f"{told}: Could not open '{image}': No such file or directory")
    if machine.power is Power.RUNNING and (not reads or held is disk.active):
        lock = 'shared "write"' if reads else '"write"'
        cause = "the machine runs, and its QEMU has the image open"
        return Refusal(f"{told}: Failed to get {lock} lock", cause=cause)
    for depth, below in enumerate(() if alone else reversed(disk.chain_to(image))):
        if below.removed:
            way = f"{BELOW * depth}Could not open '{below.name}': No such file or directory"
            return Refusal(f"{told}: {way}")
    return None
