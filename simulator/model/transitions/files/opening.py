"""Whether a tool can open an image file, and what it says where it cannot.

Source: ``facts/QEMU.md``, section 4.9.
"""

from simulator.model.machine import Machine, Power
from simulator.model.operations import Refusal
from simulator.model.transitions.access import is_writable

BELOW = "Could not open backing file: "
"""What stands before a fault of an image below another one, once for each step down."""

OPEN = "the machine runs, and its QEMU has the image open"


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
    runs = machine.power is Power.RUNNING
    if runs and not reads:
        return Refusal(f'{told}: Failed to get "write" lock', cause=OPEN)
    for depth, below in enumerate((held,) if alone else reversed(disk.chain_to(image))):
        if runs and is_writable(machine, below.name):
            way = f'{BELOW * depth}Failed to get shared "write" lock'
            return Refusal(f"{told}: {way}", cause=OPEN)
        if below.removed:
            way = f"{BELOW * depth}Could not open '{below.name}': No such file or directory"
            return Refusal(f"{told}: {way}")
    return None
