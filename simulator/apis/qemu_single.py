"""One bitmap a consumer, cleared when its backup succeeds (QEMU: ``sync: incremental``).

Source: QEMU docs/interop/bitmaps.rst, "Basic QMP Usage" and "Push Backups - Incremental Example".
"""

from simulator.apis.base import Plan
from simulator.apis.finding import active_nodes
from simulator.apis.qemu import Qemu
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import (
    AddBitmap,
    BitmapKey,
    BitmapMode,
    ClearBitmap,
    Fault,
    Operation,
    Refusal,
    RunBackup,
    Sync,
)
from simulator.model.requests import Create, TakeBackup


class QemuSingle(Qemu):
    """A bitmap holds what one consumer has not copied yet.

        S1: |AAAABB--|    since daily    S1: |AAAABB--|
        daily: |----XX--|+               daily: |--------|+

    A backup that fails leaves it as it was. Two consumers must not share one.
    """

    id = "qemu-single"
    title = "one bitmap a consumer: an incremental clears it, a failure gives it back"
    source = "QEMU docs/interop/bitmaps.rst; observed on QEMU 7.2.22"
    restarts = True

    def create(self, machine: Machine, request: Create) -> Plan:
        """Make the base image; a bitmap is a consumer's."""
        return super().create(machine, request)

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Start a consumer's tracking anew: its bitmap is added, or cleared where there is one."""
        nodes = active_nodes(machine, disks)
        if isinstance(nodes, Refusal):
            return nodes
        return tuple(
            ClearBitmap(node=node, name=name)
            if machine.disk(disk).bitmap(node, name) is not None
            else AddBitmap(node=node, name=name)
            for disk, node in nodes.items()
        )

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the consumer's bitmap on the active image."""
        node = disk.active.name
        if disk.bitmap(node, checkpoint) is None:
            return Refusal(f"Bitmap '{checkpoint}' could not be found", fault=Fault.MISSING)
        return ((node, checkpoint),)

    def job(
        self, disk: Disk, request: TakeBackup, found: tuple[BitmapKey, ...] | None
    ) -> tuple[Operation, ...]:
        """Let an incremental use the consumer's own bitmap, and clear it when it succeeds."""
        jobs = super().job(disk, request, found)
        if request.since is None or request.pulled:
            return jobs
        return tuple(
            job._replace(
                sync=Sync.BITMAP,
                bitmap=request.since,
                mode=BitmapMode.ON_SUCCESS,
                temporary=False,
                sources=None,
            )
            if isinstance(job, RunBackup)
            else job
            for job in jobs
        )
