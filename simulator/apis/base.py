"""What every API model shares: a class of policies that turns requests into primitives."""

from typing import ClassVar, TypeAlias, assert_never

from simulator.apis.finding import (
    active_nodes,
    as_it_stands,
    handed_over,
    image_below,
    kind_of,
    named_bitmaps,
    needs_running,
    refuse_arguments,
)
from simulator.apis.transactions import in_one_transaction
from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine, Power, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    AttachDisk,
    BitmapKey,
    CommitImages,
    CreateImage,
    DetachDisk,
    DropSnapshot,
    EndJob,
    Fault,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    MirrorDisk,
    Operation,
    PullImages,
    RecordCheckpoint,
    Refusal,
    ResizeImage,
    RevertImages,
    RunBackup,
    Sync,
    Travels,
)
from simulator.model.requests import (
    Attach,
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    Expect,
    FinishJobs,
    Migrate,
    Pull,
    Qmp,
    RedefineCheckpoint,
    Request,
    Resize,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    Undefine,
)
from simulator.releases.hosts import QEMU, Host

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
        restarts: Whether a checkpoint of a name that is there starts it anew.
        half: Whose releases its id is told apart by: QEMU's, or libvirt's.
        host: What it runs on; None for what the scenario says.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    draws_zeroes: ClassVar[bool] = True
    restarts: ClassVar[bool] = False
    half: ClassVar[str] = QEMU
    host: Host | None = None

    def plan(self, machine: Machine, request: Request) -> Plan:
        """Return what a request stands for in this API."""
        refusal = self.when_running(machine, request) if needs_running(request) else None
        if refusal is not None:
            return refusal
        match request:
            case GuestWrite() | GuestDiscard():
                return (request,)
            case Expect():
                return ()
            case Create():
                return self.create(machine, request)
            case Attach():
                return self.attach(machine, request)
            case Detach():
                return self.detach(machine, request)
            case Undefine():
                return self.undefine(machine, request)
            case Migrate():
                return self.migrate(machine, request)
            case Snapshot():
                return self.snapshot(machine, request)
            case StartCheckpoint():
                return self.checkpoint(machine, request.name, request.disks)
            case RedefineCheckpoint():
                return self.redefine(machine, request)
            case TakeBackup() if not request.outside:
                return self.backup(machine, request)
            case DeleteCheckpoint(children=False, metadata=False):
                return self.delete(machine, request.name)
            case DeleteCheckpoint():
                return self.delete_more(machine, request)
            case Qmp():
                return self.qmp(request)
            case Commit() | Pull() | BlockCopy() | Resize() | Revert() | DeleteSnapshot():
                return self.change_chain(machine, request)
            case CancelJob():
                return self.cancel(machine, request)
            case FinishJobs():
                return self.finish(machine, request)
        return as_it_stands(machine, request)

    def change_chain(
        self,
        machine: Machine,
        request: Commit | Pull | BlockCopy | Resize | Revert | DeleteSnapshot,
    ) -> Plan:
        """Return what a request about the images of a chain stands for."""
        match request:
            case Commit():
                return self.commit(machine, request)
            case Pull():
                return self.pull(machine, request)
            case BlockCopy():
                return self.blockcopy(machine, request)
            case Resize():
                return self.resize(machine, request)
            case Revert():
                return self.revert(machine, request)
            case DeleteSnapshot():
                return self.delete_snapshot(machine, request)
            case _:
                assert_never(request)

    @property
    def family(self) -> tuple[str, ...]:
        """The model's id, and those of the models that it is made from, the nearest first."""
        return tuple(dict.fromkeys((self.id, *family_of(type(self)))))

    # Policies, in the order of a scenario's life.

    def when_running(self, machine: Machine, request: Request) -> Refusal | None:
        """Return why a request needs a running machine, if there is none."""
        if machine.power is Power.RUNNING:
            return None
        return Refusal("QEMU is not running: the machine is off", fault=Fault.OFF)

    def create(self, machine: Machine, request: Create) -> Plan:
        """Make the base image, and begin a checkpoint where a bitmap is named."""
        made: tuple[Operation, ...] = (
            CreateImage(request.disk, request.image, request.format, request.backing),
        )
        if request.bitmap is None:
            return made
        refusal = self.refuse_checkpoint(
            machine, {request.disk: request.image}, request.bitmap, {request.disk: request.format}
        )
        return refusal or (*made, *self.begin({request.disk: request.image}, request.bitmap))

    def attach(self, machine: Machine, request: Attach) -> Plan:
        """Add a disk, with a new image or as it was when it was detached."""
        if request.image is None:
            return (AttachDisk(disk=request.disk),)
        return self.create(
            machine,
            Create(
                image=request.image,
                disk=request.disk,
                bitmap=request.bitmap,
                format=request.format,
            ),
        )

    def detach(self, machine: Machine, request: Detach) -> Plan:
        """Take a disk off the machine, with its images and their bitmaps."""
        return (DetachDisk(disk=request.disk),)

    def undefine(self, machine: Machine, request: Undefine) -> Plan:
        """Give up the host's definition of the machine; only libvirt has any."""
        return Refusal(f"{self.id} has no definition of a machine")

    def migrate(self, machine: Machine, request: Migrate) -> Plan:
        """Let another process go on; the notes of checkpoints stay behind.

        Where the disks are copied, bitmaps go only where that is said.
        """
        return handed_over(machine, request, Travels.ACTIVE if request.bitmaps else Travels.NONE)

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
        below = active_nodes(machine, tuple(disk for disk, _ in request.images))
        if isinstance(below, Refusal):
            return below
        taken = [image for _, image in request.images if machine.disk_of(image) is not None]
        if taken:
            return Refusal(f"Duplicate nodes with node-name='{taken[0]}'")
        overlays = tuple(AddOverlay(below[disk], image) for disk, image in request.images)
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

    def redefine(self, machine: Machine, request: RedefineCheckpoint) -> Plan:
        """Note a checkpoint again whose metadata is lost; only libvirt keeps any."""
        return Refusal(f"{self.id} keeps no metadata of checkpoints apart from their bitmaps")

    def backup(self, machine: Machine, request: TakeBackup) -> Plan:
        """Copy data out, and start the next checkpoint in the same atomic step."""
        if (refusal := refuse_arguments(machine, request, self.half)) is not None:
            return refusal
        jobs: list[Operation] = []
        for name in request.disks:
            disk, one = machine.disk(name), request.of(name)
            bounded = one if one.until is None else self.end_at(machine, one, one.until)
            if isinstance(bounded, Refusal):
                return bounded
            found = self.read_through(machine, disk, bounded)
            if isinstance(found, Refusal):
                return found
            jobs += self.job(disk, bounded, found)
        if request.checkpoint is None:
            return tuple(jobs)
        begun = self.checkpoint(machine, request.checkpoint, request.disks)
        return begun if isinstance(begun, Refusal) else (*jobs, *begun)

    def read_through(
        self, machine: Machine, disk: Disk, request: TakeBackup
    ) -> tuple[BitmapKey, ...] | Refusal | None:
        """Return the bitmaps that a backup of one disk reads through; None for a full one."""
        if not disk.chain:
            return Refusal(f"disk {disk.name} {disk.absence}")
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

    def end_at(self, machine: Machine, request: TakeBackup, until: str) -> TakeBackup | Refusal:
        """Return what a backup that ends before now stands for, as one without ``until``.

        Args:
            until: The checkpoint, or else the instant, that it is to end at.
        """
        return Refusal(
            f"there is no end boundary: a backup of {request.to} ends now, not at {until}",
            cause="a bitmap says where the guest wrote, never what: "
            f"the data of {until} is gone where it was overwritten since",
            fault=Fault.BOUNDARY,
        )

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the bitmaps that hold what changed on a disk since a checkpoint."""
        raise NotImplementedError(f"{self.id} says nothing about since")

    def job(
        self, disk: Disk, request: TakeBackup, found: tuple[BitmapKey, ...] | None
    ) -> tuple[Operation, ...]:
        """Return a backup job; the bitmaps merge into a temporary one at its start.

        The client of a pull is told the merge beside the scratch image, and writes what changed
        into a file that is there.
        """
        pushed = found is not None and not request.pulled
        sync = Sync.BITMAP if pushed else Sync.NONE if request.pulled else Sync.FULL
        return (
            RunBackup(
                target=request.to,
                image=request.image or disk.active.name,
                kind=kind_of(request),
                sync=sync,
                bitmap=f"backup-{request.to}" if pushed else None,
                temporary=pushed,
                lasting=request.lasting,
                since=request.since,
                bitmaps=tuple(dict.fromkeys(name for _, name in found or ())),
                onto=request.onto,
                part=len(request.disks) > 1,
                pulled=request.pulled,
                sources=found,
                scratch=request.scratch,
                reuse=request.pulled and found is not None,
                breaks=request.on_full == "break-snapshot",
                preserves=request.preserve,
            ),
        )

    def cancel(self, machine: Machine, request: CancelJob) -> Plan:
        """Abort a job."""
        return (EndJob(job=request.job, status=Status.CANCELLED, copied=request.copied),)

    def finish(self, machine: Machine, request: FinishJobs) -> Plan:
        """End the jobs that were said to end now, as far as they still run."""
        running = machine.job_names
        groups = {job.backup.name: job.group for job in machine.backup_jobs}
        ends: list[Operation] = []
        for job in request.jobs:
            copies = (b for b in machine.backups_named(job) if b.kind is Kind.COPY)
            if job in running or (request.of_copy and any(copies)):
                ends.append(EndJob(job, request.status, copied=request.copied, read=request.read))
                # In a group, one that does not complete takes the others along.
                completed = request.status is Status.COMPLETED
                running -= set() if completed else {*groups.get(job, ())}
        return tuple(ends)

    def commit(self, machine: Machine, request: Commit) -> Plan:
        """Merge overlays down; what becomes of their bitmaps is up to the model."""
        disk = machine.disk_of(request.top)
        device = disk.active.name if disk is not None else request.top
        job = request.job if request.lasting else None
        return (CommitImages(device, request.top, request.base, lasting=request.lasting, job=job),)

    def pull(self, machine: Machine, request: Pull) -> Plan:
        """Pull backing data up; what becomes of its bitmaps is up to the model."""
        job = request.job if request.lasting else None
        return (PullImages(request.into, request.base, lasting=request.lasting, job=job),)

    def blockcopy(self, machine: Machine, request: BlockCopy) -> Plan:
        """Copy a disk into a new image; what becomes of its bitmaps is up to the model."""
        nodes = active_nodes(machine, (request.disk,))
        if isinstance(nodes, Refusal):
            return nodes
        return (
            MirrorDisk(
                node=nodes[request.disk],
                into=request.to,
                format=request.format or machine.disk(request.disk).active.format,
                lasting=request.lasting,
                shallow=request.shallow,
            ),
        )

    def resize(self, machine: Machine, request: Resize) -> Plan:
        """Let the active image grow or shrink."""
        nodes = active_nodes(machine, (request.disk,))
        if isinstance(nodes, Refusal):
            return nodes
        return (ResizeImage(node=nodes[request.disk], length=request.length, lacks=request.lacks),)

    def revert(self, machine: Machine, request: Revert) -> Plan:
        """Return to the state that a snapshot froze, below the image that it made."""
        for disk in machine.disks:
            kept = disk.active.snapshots if disk.chain else ()
            if any(each.name == request.snapshot for each in kept):
                return (LoadSnapshot(node=disk.active.name, name=request.snapshot),)
        below = image_below(machine, request.snapshot)
        if isinstance(below, Refusal):
            return below
        return (RevertImages(image=below, overlay=request.image),)

    def delete_snapshot(self, machine: Machine, request: DeleteSnapshot) -> Plan:
        """Drop a state from inside an image, or merge the image that a snapshot made down."""
        name = request.name
        if request.metadata:
            return Refusal(f"{self.id} keeps no note of a snapshot apart from its image")
        for disk in machine.disks:
            kept = disk.active.snapshots if disk.chain else ()
            if any(each.name == name for each in kept):
                return (DropSnapshot(node=disk.active.name, name=name),)
        below = image_below(machine, name)
        return below if isinstance(below, Refusal) else self.commit(machine, Commit(name, below))

    def delete(self, machine: Machine, name: str) -> Plan:
        """Give up a checkpoint."""
        raise NotImplementedError(f"{self.id} says nothing about delete")

    def delete_more(self, machine: Machine, request: DeleteCheckpoint) -> Plan:
        """Give up a checkpoint with its children, or just the host's note of it."""
        return Refusal(f"{self.id} gives up checkpoints one by one, each with its bitmap")

    def qmp(self, request: Qmp) -> Plan:
        """Run QEMU's own primitives, as one transaction."""
        return in_one_transaction(request.operations)


def family_of(kind: type) -> tuple[str, ...]:
    """Return the ids of the models of this program that a class is or derives from."""
    ours = (each for each in type.mro(kind) if each.__module__.startswith("simulator."))
    return tuple(id for each in ours if isinstance(id := vars(each).get("id"), str))
