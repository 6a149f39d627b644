"""A proposal with a mistake, for `backup-timeline explore` to find: see docs/explore.md."""

from simulator.apis.libvirt import Libvirt
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import BitmapKey, Operation, Refusal
from simulator.model.requests import Snapshot


class ForgetsOne(Libvirt):
    """Spares the overlay a bitmap: the oldest one is not repeated, and read where it is.

    S1: |A---| <- S2: |--B-|
    B1: |X---|
    B2: |----|    B2: |--X-|+
    """

    id = "forgets-one"
    title = "libvirt, but a snapshot does not repeat the oldest bitmap"
    source = "made up"

    def repeat_bitmaps(self, machine: Machine, request: Snapshot) -> tuple[Operation, ...]:
        """Repeat all bitmaps but the oldest."""
        return super().repeat_bitmaps(machine, request)[1:]

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the checkpoint's bitmap on each image that has it."""
        nodes = disk.nodes_with(checkpoint)
        if not nodes:
            return super().bitmaps_since(machine, disk, checkpoint)
        return tuple((node, checkpoint) for node in nodes)
