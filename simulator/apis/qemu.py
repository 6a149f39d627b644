"""QEMU's own primitives, with no checkpoints and no meaning on top of them."""

from simulator.apis.base import ApiModel, Plan
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import AddBitmap, BitmapKey, CreateImage, Operation, Refusal
from simulator.model.requests import Create


class Qemu(ApiModel):
    """The ``qmp`` verb, the guest, and the verbs that are one QEMU command each."""

    id = "qemu"
    title = "QEMU's own primitives: the qmp verb, and no checkpoints"
    source = "observed on QEMU 7.2.22"

    def create(self, machine: Machine, request: Create) -> Plan:
        """Make the base image; a bitmap is just a bitmap here."""
        made = CreateImage(request.disk, request.image, request.format, request.backing)
        if request.bitmap is None:
            return (made,)
        return (made, AddBitmap(node=request.image, name=request.bitmap))

    def begin(self, nodes: dict[str, str], name: str) -> tuple[Operation, ...]:
        """Add the bitmaps of a snapshot's transaction; QEMU keeps no checkpoint of them."""
        return tuple(AddBitmap(node=node, name=name) for node in nodes.values())

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Refuse: QEMU has bitmaps only."""
        return Refusal(
            "QEMU has no checkpoints",
            cause="add a bitmap with qmp: {execute: block-dirty-bitmap-add, ...}",
        )

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Refuse: a user names the bitmaps."""
        return Refusal(
            "QEMU has no checkpoints", cause=f"name the bitmaps: bitmaps: [{checkpoint}]"
        )

    def delete(self, machine: Machine, name: str) -> Plan:
        """Refuse: a user removes the bitmap."""
        return Refusal(
            "QEMU has no checkpoints",
            cause="remove the bitmap with qmp: {execute: block-dirty-bitmap-remove, ...}",
        )
