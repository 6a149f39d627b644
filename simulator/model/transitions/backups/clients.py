"""What a client finds that reads an image file itself, and asks no host: ``qemu-nbd -r -B NAME``.

Source: QEMU 7.2.
"""

from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.disk import Disk
from simulator.model.machine import Machine, Power
from simulator.model.operations import Fault, Refusal, RunBackup
from simulator.model.transitions.bitmaps import inconsistent
from simulator.model.transitions.files.opening import refuse_open
from simulator.model.values import replace


def read_by_client(machine: Machine, disk: Disk, run: RunBackup) -> DirtyBitmap | Refusal | None:
    """Return the bitmap that a client reads an image through, or why it cannot; None for none.

    It is told one, of the image or else of the nearest one below that has it, of any size.
    """
    refusal = refuse_open(machine, run.image, by_nbd=True, reads=True)
    if refusal is not None or run.sources is None:
        return refusal
    ((_, name),) = run.sources
    below = [image.name for image in reversed(disk.chain_to(run.image))]
    held = (disk.bitmap(node, name) for node in below)
    stored = (bitmap for bitmap in held if bitmap is not None and bitmap.kept is not Kept.MEMORY)
    found = next(stored, None)
    if found is None:
        return Refusal(f"Bitmap '{name}' is not found", fault=Fault.MISSING)
    open_elsewhere = machine.power is Power.RUNNING and found.kept is Kept.IN_USE
    if found.inconsistent or open_elsewhere:
        return inconsistent(name)
    return found if found.filed is None else replace(found, dirty=found.filed)
