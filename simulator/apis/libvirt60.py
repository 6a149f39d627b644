"""libvirt 5.6 to 6.5: disjoint bitmaps, of which only the newest records.

Source: ``facts/LIBVIRT.md``, sections 4, 5 and 8: the documentation of those versions, and the
``test:///default`` driver, in which the old interlock survives.
"""

from simulator.apis.base import Plan
from simulator.apis.libvirt import Libvirt
from simulator.apis.libvirt.refusing import unknown_checkpoint
from simulator.apis.mail2018 import bitmaps_from, freeze, merge_into_parent
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import BitmapKey, Fault, Refusal
from simulator.model.requests import BlockCopy, DeleteCheckpoint, Snapshot


class Libvirt60(Libvirt):
    """Disjoint bitmaps as in the mail, in libvirt's words; snapshots and checkpoints exclude.

    S1: |D--BBDD-|
    B1: |XXXX----|      frozen at B2
    B2: |---XXX--|      frozen at B3
    B3: |X----XX-|+     records
    """

    id = "libvirt-6.0"
    title = "libvirt 5.6 to 6.5: a checkpoint freezes its parent's bitmap; no snapshots beside it"
    source = "its documentation, and the test driver of libvirt 9.0 and 11.3"

    def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
        """Refuse while checkpoints exist; a tool outside asks nobody."""
        if machine.checkpoints and not request.outside:
            return Refusal(
                "Operation not supported: cannot create snapshot while checkpoint exists",
                cause="an overlay would take the guest's writes, and no bitmap goes with it",
            )
        return super().snapshot(machine, request)

    def blockcopy(self, machine: Machine, request: BlockCopy) -> Plan:
        """Refuse while checkpoints exist: nobody merged disjoint bitmaps into a copy then."""
        if machine.checkpoints:
            return Refusal(
                "Operation not supported: cannot perform block operations while checkpoint exists",
                cause="the bitmaps would stay behind with the images",
            )
        return super().blockcopy(machine, request)

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Freeze the bitmap that records, and start the next one beside it."""
        begun = super().checkpoint(machine, name, disks)
        return begun if isinstance(begun, Refusal) else (*freeze(machine, disks), *begun)

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the checkpoint's own bitmap and those of all newer checkpoints, to be merged."""
        if machine.checkpoint(checkpoint) is None:
            return unknown_checkpoint(disk, checkpoint)
        return bitmaps_from(machine, disk, checkpoint)

    def delete_more(self, machine: Machine, request: DeleteCheckpoint) -> Plan:
        """Give up the metadata only; bitmaps go one by one, since each merges into its parent."""
        if request.metadata:
            return super().delete_more(machine, request)
        return Refusal(
            "delete the children one by one, the newest first",
            cause="each bitmap is merged into its parent's, which must be there by then",
        )

    def delete(self, machine: Machine, name: str) -> Plan:
        """Merge the checkpoint's bitmap into its parent's."""
        if machine.checkpoint(name) is None:
            return Refusal(
                f"Domain checkpoint not found: no domain checkpoint with matching name '{name}'",
                fault=Fault.UNKNOWN,
            )
        return merge_into_parent(machine, name)
