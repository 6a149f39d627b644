"""The second point in time that the mail of 2018 offers to add to the backup XML.

Eric Blake to libvir-list, 2018-06-26, thinks of "enhancing that XML to take a second point in time
as the end boundary". A bitmap says where the guest wrote, never what, so an end in the past can be
given only where its data still is: in the image that a snapshot froze at that very point.
"""

from simulator.apis.libvirt import Libvirt
from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.model.requests import TakeBackup


class EndBoundary(Libvirt):
    """libvirt, with a backup that can end at a checkpoint which a snapshot stands beside.

    S1: |AAAA----| <- S2: |D--BBDD-|
    S1.c1: |XXXX----|     since c1 until c2 reads S1 through its own c1: |AAAA----|
                          c2 began in the instant that made S2
    """

    id = "end-boundary"
    title = "libvirt with an end boundary: at a checkpoint beside a snapshot, read the frozen image"
    source = "Eric Blake to libvir-list, 2018-06-26"

    def end_at(self, machine: Machine, request: TakeBackup, until: str) -> TakeBackup | Refusal:
        """Read the image that a snapshot froze in the instant of the end."""
        checkpoint = machine.checkpoint(until)
        if checkpoint is None:
            return Refusal(f"Domain checkpoint not found: no domain checkpoint with name '{until}'")
        frozen: set[str] = set()
        for name in request.disks:
            disk = machine.disk(name)
            begun = [b.windows[0].start for b in disk.bitmaps if b.name == until and b.windows]
            below = [
                low.name
                for low, high in zip(disk.chain, disk.chain[1:], strict=False)
                if begun and high.since == min(begun)
            ]
            if not below:
                return Refusal(
                    f"operation failed: the data of checkpoint '{until}' is not there any more",
                    cause=f"no snapshot of {name} froze an image when {until} began",
                )
            frozen.add(below[-1])
        if len(frozen) > 1:
            return Refusal("unsupported configuration: an end boundary needs one disk a backup")
        return request._replace(until=None, image=frozen.pop())
