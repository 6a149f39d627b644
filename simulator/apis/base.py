"""What every API model shares: a class of policies that turns requests into primitives."""

from typing import ClassVar, TypeAlias, assert_never

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine, Power
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapKey,
    CloseImages,
    CopyImage,
    CreateImage,
    DropBackup,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Operation,
    RecordCheckpoint,
    Refusal,
    RemoveBitmap,
    RunBackup,
    StackBackups,
    Sync,
)
from simulator.model.requests import (
    Create,
    DeleteCheckpoint,
    Expect,
    Qmp,
    Request,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)

Plan: TypeAlias = tuple[Operation, ...] | Refusal
"""The primitives that a request stands for, all or nothing, or why there are none."""


class ApiModel:
    """The policies of one API: what checkpoint, snapshot, backup and delete mean there.

    A model overrides the policies in which it differs. Each is a pure function of the machine as
    it is and the request, and gives primitives or a refusal.

    Attributes:
        id: What ``model:`` and ``--model`` call it.
        title: One line for ``backup-timeline models``.
        source: Where its behaviour is known from.
        draws_zeroes: Whether a full backup is drawn with explicit zeroes for all that reads so.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    draws_zeroes: ClassVar[bool] = True

    def plan(self, machine: Machine, request: Request) -> Plan:
        """Return what a request stands for in this API."""
        match request:
            case Create():
                return self.create(machine, request)
            case Snapshot():
                return self.when_running(machine, request) or self.snapshot(machine, request)
            case StartCheckpoint():
                return self.when_running(machine, request) or self.checkpoint(
                    machine, request.name, request.disks
                )
            case TakeBackup():
                return self.when_running(machine, request) or self.backup(machine, request)
            case DeleteCheckpoint():
                return self.when_running(machine, request) or self.delete(machine, request.name)
            case Qmp():
                return self.when_running(machine, request) or self.qmp(request)
            case Expect():
                return ()
            case (
                GuestWrite()
                | GuestDiscard()
                | CopyImage()
                | StackBackups()
                | DropBackup()
                | CloseImages()
                | OpenImages()
                | KillProcess()
            ):
                return (request,)
            case _:
                assert_never(request)

    # Policies, in the order of a scenario's life.

    def when_running(self, machine: Machine, request: Request) -> Refusal | None:
        """Return why a request needs a running machine, if there is none."""
        if machine.power is Power.RUNNING:
            return None
        return Refusal("QEMU is not running: the machine is off")

    def create(self, machine: Machine, request: Create) -> Plan:
        """Make the base image, and begin a checkpoint where a bitmap is named."""
        made: tuple[Operation, ...] = (
            CreateImage(disk=request.disk, image=request.image, format=request.format),
        )
        if request.bitmap is None:
            return made
        refusal = self.refuse_checkpoint(
            machine, {request.disk: request.image}, request.bitmap, {request.disk: request.format}
        )
        return refusal or (*made, *self.begin({request.disk: request.image}, request.bitmap))

    def refuse_checkpoint(
        self, machine: Machine, nodes: dict[str, str], name: str, formats: dict[str, str]
    ) -> Refusal | None:
        """Return why a checkpoint of this name cannot begin on these nodes, one for each disk.

        Args:
            formats: The format of each node's image, by the disk's name.
        """
        if machine.checkpoint(name) is not None:
            return Refusal(f"there is a checkpoint {name} already")
        return None

    def begin(self, nodes: dict[str, str], name: str) -> tuple[Operation, ...]:
        """Return the primitives that start a checkpoint's bitmap on one node of each disk."""
        added = (AddBitmap(node=node, name=name) for node in nodes.values())
        return (*added, RecordCheckpoint(name=name, disks=tuple(nodes)))

    def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
        """Put overlays on the chains, with the bitmaps that the model repeats or begins there."""
        overlays = tuple(AddOverlay(disk=disk, overlay=image) for disk, image in request.images)
        if request.outside:
            return overlays
        repeated = self.repeat_bitmaps(machine, request)
        if request.bitmap is None:
            return (*overlays, *repeated)
        nodes = dict(request.images)
        refusal = self.refuse_checkpoint(
            machine, nodes, request.bitmap, dict.fromkeys(nodes, "qcow2")
        )
        return refusal or (*overlays, *repeated, *self.begin(nodes, request.bitmap))

    def repeat_bitmaps(self, machine: Machine, request: Snapshot) -> tuple[Operation, ...]:
        """Return the primitives that give overlays bitmaps of their base; none by default."""
        return ()

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Start a named point in time on the active images."""
        nodes = active_nodes(machine, disks)
        if isinstance(nodes, Refusal):
            return nodes
        formats = {disk: machine.disk(disk).active.format for disk in disks}
        return self.refuse_checkpoint(machine, nodes, name, formats) or self.begin(nodes, name)

    def backup(self, machine: Machine, request: TakeBackup) -> Plan:
        """Copy data out, and start the next checkpoint in the same atomic step."""
        jobs: list[Operation] = []
        clean: list[Operation] = []
        for name in request.disks:
            disk = machine.disk(name)
            found = self.read_through(machine, disk, request)
            if isinstance(found, Refusal):
                return found
            before, job, after = self.job(disk, request, found)
            jobs += [*before, job]
            clean += after
        if request.checkpoint is None:
            return (*jobs, *clean)
        begun = self.checkpoint(machine, request.checkpoint, request.disks)
        return begun if isinstance(begun, Refusal) else (*jobs, *clean, *begun)

    def read_through(
        self, machine: Machine, disk: Disk, request: TakeBackup
    ) -> tuple[BitmapKey, ...] | Refusal | None:
        """Return the bitmaps that a backup of one disk reads through; None for a full one."""
        if not disk.chain:
            return Refusal(f"disk {disk.name} has no image yet")
        if request.image is not None and disk.image(request.image) is None:
            return Refusal(f"there is no image {request.image} here")
        if request.bitmaps:
            return named_bitmaps(disk, request.bitmaps)
        if request.since is None:
            return None
        found = self.bitmaps_since(machine, disk, request.since)
        if isinstance(found, Refusal) or request.image is None:
            return found
        # What lies above the image that is read was written after the state that it shows.
        names = [image.name for image in disk.chain]
        shown = names[: names.index(request.image) + 1]
        return tuple((node, name) for node, name in found if node in shown)

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the bitmaps that hold what changed on a disk since a checkpoint."""
        raise NotImplementedError(f"{self.id} says nothing about since")

    def job(
        self, disk: Disk, request: TakeBackup, found: tuple[BitmapKey, ...] | None
    ) -> tuple[list[Operation], RunBackup, list[Operation]]:
        """Return a backup job, with a temporary bitmap around it that the bitmaps merge into."""
        temporary = f"backup-{request.to}"
        node = request.image or disk.active.name
        job = RunBackup(
            disk=disk.name,
            target=request.to,
            image=node,
            kind=kind_of(request),
            sync=Sync.FULL if found is None else Sync.BITMAP,
            bitmap=temporary if found is not None else None,
            since=request.since,
            bitmaps=tuple(dict.fromkeys(name for _, name in found or ())),
            onto=request.onto,
            part=len(request.disks) > 1,
        )
        if found is None:
            return [], job, []
        return (
            [
                AddBitmap(node=node, name=temporary, persistent=False, recording=False),
                MergeBitmaps(node=node, name=temporary, sources=found),
            ],
            job,
            [RemoveBitmap(node=node, name=temporary)],
        )

    def delete(self, machine: Machine, name: str) -> Plan:
        """Give up a checkpoint."""
        raise NotImplementedError(f"{self.id} says nothing about delete")

    def qmp(self, request: Qmp) -> Plan:
        """Run QEMU's own primitives, as one transaction."""
        operations: list[Operation] = []
        for operation in request.operations:
            if isinstance(operation, Refusal):
                return operation
            operations.append(operation)
        return tuple(operations)


def kind_of(request: TakeBackup) -> Kind:
    """Return what a backup will hold."""
    if request.bitmaps:
        return Kind.BITMAPS
    return Kind.FULL if request.since is None else Kind.INCREMENTAL


def active_nodes(machine: Machine, disks: tuple[str, ...]) -> dict[str, str] | Refusal:
    """Return the active image of each disk, by the disk's name."""
    nodes: dict[str, str] = {}
    for name in disks:
        disk = machine.disk(name)
        if not disk.chain:
            return Refusal(f"disk {name} has no image yet")
        nodes[name] = disk.active.name
    return nodes


def named_bitmaps(
    disk: Disk, wanted: tuple[tuple[str | None, str], ...]
) -> tuple[BitmapKey, ...] | Refusal:
    """Return the bitmaps of a disk that a user named; a bare name means every namesake."""
    found: list[BitmapKey] = []
    for node, name in wanted:
        nodes = disk.nodes_with(name) if node is None else (node,)
        keys = [(n, name) for n in nodes if disk.bitmap(n, name) is not None]
        if not keys:
            return Refusal(f"Dirty bitmap '{name}' not found")
        found += keys
    return tuple(found)


def newest_recording(disk: Disk) -> DirtyBitmap | None:
    """Return the newest bitmap of a disk that records, or None."""
    return next((b for b in reversed(disk.bitmaps) if b.recording), None)
