"""libvirt 6.0: disjoint bitmaps, of which only the newest records.

Source: ``facts/LIBVIRT.md``, sections 4, 5 and 8: the documentation of those versions, the patches
of the interlock, and the ``test:///default`` driver, in which its first form survives.
"""

from simulator.apis.base import Plan
from simulator.apis.libvirt import Libvirt
from simulator.apis.libvirt.refusing import INTERLOCK, unknown_checkpoint
from simulator.apis.mail2018 import bitmaps_from, freeze, merge_into_parent
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import BitmapKey, Fault, Refusal
from simulator.model.requests import (
    BlockCopy,
    Commit,
    DeleteCheckpoint,
    DeleteSnapshot,
    Pull,
    Snapshot,
)
from simulator.releases.hosts import QEMU


class Libvirt60(Libvirt):
    """Disjoint bitmaps as in the mail, in libvirt's words; snapshots and checkpoints exclude.

    S1: |D--BBDD-|
    B1: |XXXX----|      frozen at B2
    B2: |---XXX--|      frozen at B3
    B3: |X----XX-|+     records
    """

    id = "libvirt-6.0"
    title = "libvirt 6.0: a checkpoint freezes its parent's bitmap; no block jobs beside it"
    half = QEMU
    source = "its documentation and patches, and the test driver of libvirt 9.0 and 11.3"

    def preserves(self, machine: Machine) -> bool:
        """Whether a backup may keep a machine whose guest powers off: that came later."""
        return False

    def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
        """Refuse while checkpoints exist; a tool outside asks nobody."""
        interlock = None if request.outside else _refuse_beside_checkpoints(machine)
        return interlock or super().snapshot(machine, request)

    def commit(self, machine: Machine, request: Commit) -> Plan:
        """Refuse while checkpoints exist."""
        return _refuse_beside_checkpoints(machine) or super().commit(machine, request)

    def pull(self, machine: Machine, request: Pull) -> Plan:
        """Refuse while checkpoints exist."""
        return _refuse_beside_checkpoints(machine) or super().pull(machine, request)

    def blockcopy(self, machine: Machine, request: BlockCopy) -> Plan:
        """Refuse while checkpoints exist."""
        return _refuse_beside_checkpoints(machine) or super().blockcopy(machine, request)

    def delete_snapshot(self, machine: Machine, request: DeleteSnapshot) -> Plan:
        """Delete the metadata only: external snapshots are merged by libvirt 9.0 and later."""
        if request.metadata:
            return super().delete_snapshot(machine, request)
        return Refusal(
            "unsupported configuration: deletion of 1 external disk snapshots not supported yet"
        )

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


def _refuse_beside_checkpoints(machine: Machine) -> Refusal | None:
    """Return libvirt's no to a snapshot or a block job while checkpoints exist."""
    if not machine.checkpoints:
        return None
    return Refusal(
        f"Operation not supported: {INTERLOCK}",
        cause="the bitmaps would not go along with the images",
    )
