"""What each operation is on a real QEMU: QMP commands, steps of the guest, files. Pure."""

from typing import Any, assert_never

from simulator.model.bitmap import Kept
from simulator.model.clusters import ZERO
from simulator.model.disk import Disk, Image
from simulator.model.machine import (
    Backup,
    BackupJob,
    ChainJob,
    CommitJob,
    Kind,
    Machine,
    MirrorJob,
    Power,
    PullJob,
    Status,
    Transfer,
)
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    AttachDisk,
    BitmapKey,
    ChainOperation,
    ClearBitmap,
    CloseImages,
    CommitImages,
    CopyImage,
    CreateImage,
    DetachDisk,
    DisableBitmap,
    DropBackup,
    DropSnapshot,
    EnableBitmap,
    EndJob,
    ExportNode,
    ExportOperation,
    ForgetCheckpoint,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    LoadSnapshot,
    MergeBitmaps,
    MirrorDisk,
    OpenImages,
    Operation,
    OutsideOperation,
    PowerOperation,
    PullImages,
    RecordCheckpoint,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RestoreCheckpoint,
    RevertImages,
    RunBackup,
    SaveSnapshot,
    StackBackups,
    Sync,
    UndefineMachine,
    UnexportNode,
)
from simulator.model.transitions import apply
from simulator.model.transitions.chains.carrying import merges_whole
from simulator.verify.actions import (
    Action,
    AwaitGone,
    AwaitJobs,
    Change,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    GuestKind,
    GuestStep,
    JobEnd,
    KillQemu,
    LoadInternal,
    MakeImage,
    PullData,
    QuitQemu,
    Stack,
    StartQemu,
)
from simulator.verify.names import Names
from simulator.verify.sight import stacked

PULLED = "pulled"
"""The bitmap beside a scratch image that tells a client what to read."""


class Commands:
    """Gathers the actions of operations that happen together.

    Whatever can be part of a transaction waits for its neighbours; files and nodes that it needs
    are made before it, and what must wait for its jobs comes after it.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._done: list[Action] = []
        self._before: list[Action] = []
        self._together: list[Command] = []
        self._properties: dict[str, str] = {}
        self._jobs: list[str] = []
        self._after: list[Action] = []
        self._in_use: set[BitmapKey] = set()

    def finish(self) -> tuple[Action, ...]:
        """Return all actions, in the order in which they are to be done."""
        self._flush()
        return tuple(self._done)

    def add(self, machine: Machine, operation: Operation) -> None:
        """Add what an operation is on a machine as it is before it."""
        match operation:
            case GuestWrite() | GuestDiscard():
                self._do(guest_step(self._names, machine, operation))
            case CreateImage():
                self._create_image(machine.disk(operation.disk), operation)
            case RemoveBitmap():
                self._remove_bitmap(machine, operation)
            case AddBitmap() | ClearBitmap() | EnableBitmap() | DisableBitmap() | MergeBitmaps():
                self._change_bitmap(operation)
            case RunBackup():
                self._run_backup(machine, operation)
            case EndJob():
                self._end_job(machine, operation)
            case _ if isinstance(operation, ChainOperation):
                self._change_chain(machine, operation)
            case _ if isinstance(operation, ExportOperation):
                self._change_export(machine, operation)
            case _ if isinstance(operation, OutsideOperation):
                self._outside(machine, operation)
            case _ if isinstance(operation, PowerOperation):
                self._switch(machine, operation)
            case _:
                assert_never(operation)

    def _outside(self, machine: Machine, operation: OutsideOperation) -> None:
        match operation:
            case CopyImage():
                self._copy_image(machine, operation)
            case DropBackup():
                gone = machine.backups_named(operation.name)
                self._do(*(DeleteFile(self._names.copies[b.name, b.disk]) for b in gone))
            case StackBackups():
                self._stack_backups(machine, operation)
            case RecordCheckpoint() | RestoreCheckpoint() | ForgetCheckpoint():
                pass  # The host's own notes: QEMU knows nothing of them.
            case _:
                assert_never(operation)

    def _change_export(self, machine: Machine, operation: ExportOperation) -> None:
        match operation:
            case ExportNode():
                self._do(export_command(self._names, machine, operation))
            case UnexportNode():
                self._do(unexport_command(operation), AwaitGone(operation.id))
            case _:
                assert_never(operation)

    def _switch(self, machine: Machine, operation: PowerOperation) -> None:
        match operation:
            case OpenImages():
                self._open_images(machine)
            case CloseImages():
                self._do(QuitQemu())
            case DetachDisk():
                self._close_disk(machine.disk(operation.disk))
            case AttachDisk():
                disk = machine.disk(operation.disk).detached
                if disk is not None and machine.power is Power.RUNNING:
                    self._open_disk(disk)
            case UndefineMachine():
                pass  # QEMU knows nothing of it.
            case KillProcess():
                # What a job copied counts as flushed, too.
                guests = [self._names.guests[disk.name] for disk in machine.disks if disk.chain]
                self._do(*(GuestStep(guest) for guest in guests), KillQemu())
            case _:
                assert_never(operation)

    def _change_chain(self, machine: Machine, operation: ChainOperation) -> None:
        match operation:
            case AddOverlay(node=node, overlay=overlay):
                self._add_overlay(_disk_of(machine, node), node, overlay)
            case ResizeImage():
                self._resize_image(_disk_of(machine, operation.node), operation)
            case RevertImages():
                self._revert_images(machine, _disk_of(machine, operation.image), operation)
            case SaveSnapshot() | DropSnapshot():
                self._together.append(internal_snapshot(self._names, operation))
            case LoadSnapshot():
                self._load_snapshot(machine, _disk_of(machine, operation.node), operation)
            case CommitImages():
                self._commit_images(machine, operation)
            case PullImages():
                self._pull_images(machine, operation)
            case MirrorDisk():
                self._mirror_disk(machine, operation)
            case _:
                assert_never(operation)

    def _do(self, *actions: Action) -> None:
        """Add actions that are part of no transaction."""
        self._flush()
        self._done += actions

    def _flush(self) -> None:
        """End the transaction that is being gathered."""
        self._done += self._before
        if len(self._together) == 1:
            self._done += self._together
        elif self._together:
            listed = [{"type": c.execute, "data": dict(c.arguments)} for c in self._together]
            properties = {"properties": self._properties} if self._properties else {}
            self._done.append(Command("transaction", {"actions": listed, **properties}))
        if self._jobs:
            self._done.append(AwaitJobs(tuple(self._jobs)))
        self._done += self._after
        self._before, self._together, self._jobs, self._after = [], [], [], []
        self._properties = {}
        self._in_use.clear()

    def _create_image(self, disk: Disk, create: CreateImage) -> None:
        names = self._names
        self._do(
            MakeImage(names.files[create.image], create.format, disk.size, disk.cluster_size),
            open_image(names, create.image, create.format, backing=None),
            export_to_guest(names, disk.name, create.image),
        )

    def _add_overlay(self, disk: Disk, node: str, overlay: str) -> None:
        names, below = self._names, disk.active
        self._before += [
            self._make_overlay(disk, below, overlay),
            open_image(names, overlay, "qcow2", backing=None),
        ]
        self._together.append(
            Command(
                "blockdev-snapshot",
                {"node": names.node(node), "overlay": names.node(overlay)},
            )
        )

    def _make_overlay(self, disk: Disk, below: Image, overlay: str) -> MakeImage:
        """Return what makes an empty image on top of another one, as long as that."""
        names = self._names
        return MakeImage(
            names.files[overlay],
            "qcow2",
            disk.bytes_of(below.name),
            disk.cluster_size,
            backing=names.files[below.name],
            backing_format=below.format,
        )

    def _resize_image(self, disk: Disk, resize: ResizeImage) -> None:
        """Resize an image; the guest lets go of it meanwhile, as a device of QEMU's need not."""
        names = self._names
        self._do(
            DropGuest(names.guests[disk.name]),
            Command(
                "block_resize",
                {"node-name": names.node(resize.node), "size": resize.length * disk.cluster_size},
            ),
            export_to_guest(names, disk.name, disk.active.name),
        )

    def _revert_images(self, machine: Machine, disk: Disk, revert: RevertImages) -> None:
        """Close what lies above an image, and put a new overlay on top of it."""
        names = self._names
        images = [image.name for image in disk.chain]
        gone = images[images.index(revert.image) + 1 :]
        below = disk.image(revert.image)
        assert below is not None, "the disk was found by this image"
        made = self._make_overlay(disk, below, revert.overlay)
        if machine.power is not Power.RUNNING:
            self._do(made)
            return
        self._do(
            DropGuest(names.guests[disk.name]),
            *(close_image(names, image) for image in reversed(gone)),
            made,
        )
        if not gone:
            self._do(reopen_image(names, disk.chain, revert.image, read_only=True))
        self._do(
            open_image(names, revert.overlay, "qcow2", backing=revert.image),
            export_to_guest(names, disk.name, revert.overlay),
        )

    def _load_snapshot(self, machine: Machine, disk: Disk, load: LoadSnapshot) -> None:
        """Apply a state kept inside an image, which must not be open meanwhile."""
        names, image = self._names, disk.active
        apply_it = LoadInternal(names.files[image.name], load.name)
        if machine.power is not Power.RUNNING:
            self._do(apply_it)
            return
        below = disk.chain[-2].name if len(disk.chain) > 1 else None
        self._do(
            DropGuest(names.guests[disk.name]),
            close_image(names, image.name),
            apply_it,
            open_image(names, image.name, image.format, backing=below),
            export_to_guest(names, disk.name, image.name),
        )

    def _change_bitmap(
        self, operation: AddBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps
    ) -> None:
        sources = operation.sources if isinstance(operation, MergeBitmaps) else ()
        if self._in_use.intersection({(operation.node, operation.name), *sources}):
            self._flush()
        self._together.append(change_bitmap(self._names, operation))

    def _remove_bitmap(self, machine: Machine, remove: RemoveBitmap) -> None:
        """Remove a bitmap: when its job is done, or from an image opened for writing first."""
        command = on_bitmap(self._names, "block-dirty-bitmap-remove", remove.node, remove.name)
        if (remove.node, remove.name) in self._in_use:
            self._after.append(command)
            return
        disk = machine.disk_of(remove.node)
        bitmap = disk.bitmap(remove.node, remove.name) if disk is not None else None
        stored = bitmap is not None and bitmap.kept is Kept.STORED
        if not remove.reopen or disk is None or not stored or remove.node == disk.active.name:
            self._together.append(command)
            return
        self._do(
            reopen_image(self._names, disk.chain, remove.node, read_only=False),
            command,
            reopen_image(self._names, disk.chain, remove.node, read_only=True),
        )

    def _run_backup(self, machine: Machine, run: RunBackup) -> None:
        names = self._names
        disk = machine.disk_of(run.image)
        assert disk is not None, "the job was accepted, so its image is there"
        key = (run.target, disk.name)
        target, file = names.targets[key], names.copies[key]
        if run.temporary and run.bitmap is not None:
            added = AddBitmap(run.image, run.bitmap, persistent=False, recording=False)
            merged = MergeBitmaps(run.image, run.bitmap, run.sources or ())
            self._change_bitmap(added)
            self._change_bitmap(merged)
        if run.bitmap is not None:
            if (run.image, run.bitmap) in self._in_use:
                self._flush()
            self._in_use.add((run.image, run.bitmap))
        size = disk.bytes_of(run.image)
        if run.pulled:
            self._before += make_scratch(names, disk, run.image, key)
            self._tell_bitmap(target, run)
        elif run.reuse and (before := written_over(machine, disk, run.target)) is not None:
            self._before.append(open_target(file, target, format=before.format))
        else:
            self._before += make_target(disk, size, file, target)
        if run.group:
            self._properties = {"completion-mode": "grouped"}
        self._together.append(backup_command(names, run, target))
        removed: list[Action] = []
        if run.temporary and run.bitmap is not None:
            command = on_bitmap(names, "block-dirty-bitmap-remove", run.image, run.bitmap)
            removed.append(command)
        if run.sync is Sync.NONE:
            if run.pulled:
                self._after.append(export_scratch(target, told=run.sources is not None))
            if not run.lasting:
                self._after += self._end_open_job(machine, disk, run, key)
        elif run.lasting:
            self._after.append(AwaitJobs((target,), JobEnd.PENDING))
        else:
            self._jobs.append(target)
            self._after += [Command("blockdev-del", {"node-name": target}), *removed]

    def _tell_bitmap(self, target: str, run: RunBackup) -> None:
        """Merge the bitmaps of a pull into one beside its scratch image, at the job's start."""
        if run.sources is None:
            return
        names = self._names
        added = {"node": target, "name": PULLED, "disabled": True}
        sources = [{"node": names.node(n), "name": b} for n, b in run.sources]
        merged = {"node": target, "target": PULLED, "bitmaps": sources}
        self._together += [
            Command("block-dirty-bitmap-add", added),
            Command("block-dirty-bitmap-merge", merged),
        ]

    def _end_open_job(
        self, machine: Machine, disk: Disk, run: RunBackup, key: tuple[str, str]
    ) -> list[Action]:
        """Return the end of a job that never ends by itself: a client has read all it wants."""
        target = self._names.targets[key]
        ended: list[Action] = []
        if run.pulled:
            ended += pull_data(self._names, disk, run.image, key, told=run.sources is not None)
        return [*ended, *cancel_open_job(target, exported=run.pulled)]

    def _end_job(self, machine: Machine, end: EndJob) -> None:
        """Finalize or cancel jobs that wait for it, having copied everything.

        One that fails is cancelled: both leave the same, unless its bitmap is to be cleared in
        any case.
        """
        outcome = apply(machine, end)
        assert not isinstance(outcome, Refusal), "the end was accepted before"
        left = {id(job) for job in outcome.jobs}
        ended = [job for job in machine.jobs if id(job) not in left]
        for job in ended:
            if isinstance(job, BackupJob):
                self._end_backup(machine, job, outcome)
            else:
                self._end_chain_job(machine.disk(job.disk), job, end.status)

    def _end_backup(self, machine: Machine, job: BackupJob, outcome: Machine) -> None:
        names, backup = self._names, job.backup
        key = (backup.name, backup.disk)
        target = names.targets[key]
        made = next(b for b in outcome.backups_named(backup.name) if b.disk == backup.disk)
        completed = made.status is Status.COMPLETED
        pulled = backup.transfer is Transfer.PULL
        if pulled or backup.kind is Kind.NONE:
            disk = machine.disk(backup.disk)
            if pulled and completed:
                told = backup.read is not None
                self._do(*pull_data(names, disk, backup.image, key, told=told))
            self._do(*cancel_open_job(target, exported=pulled))
            return
        # In a group, the end of one is the end of all: QEMU finalizes or cancels them together.
        command = Command("job-finalize" if completed else "job-cancel", {"id": target})
        if not job.group or backup.name == job.group[0]:
            self._do(command)
        self._do(
            AwaitJobs((target,), JobEnd.COMPLETED if completed else JobEnd.CANCELLED),
            Command("blockdev-del", {"node-name": target}),
        )
        if job.temporary and job.bitmap is not None:
            self._do(on_bitmap(names, "block-dirty-bitmap-remove", job.node, job.bitmap))

    def _commit_images(self, machine: Machine, commit: CommitImages) -> None:
        names = self._names
        disk = machine.disk_of(commit.device)
        assert disk is not None, "the commit was accepted, so its images are there"
        job = CommitJob(
            name=commit.job or f"commit-{commit.base or disk.chain[0].name}",
            disk=disk.name,
            top=commit.top or disk.active.name,
            base=commit.base or disk.chain[0].name,
            carry=commit.carry,
        )
        name = names.job(job.name)
        pivots = job.top == disk.active.name
        options: dict[str, Any] = {
            "job-id": name,
            "device": names.node(disk.active.name),
            "top-node": names.node(job.top),
            "base-node": names.node(job.base),
        }
        if not pivots and commit.lasting:
            options["auto-finalize"] = False
        self._do(Command("block-commit", options))
        if pivots:
            self._do(AwaitJobs((name,), JobEnd.READY))
        elif commit.lasting:
            self._do(AwaitJobs((name,), JobEnd.PENDING))
        if not commit.lasting:
            self._finish_commit(disk, job, told=not pivots)

    def _finish_commit(self, disk: Disk, job: CommitJob, *, told: bool = False) -> None:
        """Let a commit end well: the images that were merged are closed.

        Args:
            told: Whether it ends by itself.
        """
        names = self._names
        images = [image.name for image in disk.chain]
        merged = images[images.index(job.base) + 1 : images.index(job.top) + 1]
        name, pivots = names.job(job.name), job.top == disk.active.name
        if not told:
            self._do(Command("job-complete" if pivots else "job-finalize", {"id": name}))
        self._do(AwaitJobs((name,)))
        if job.carry:
            self._carry(disk, merged, job.base, newest=job.top, pivots=pivots)
        self._do(*(close_image(names, image) for image in reversed(merged)))
        if pivots and disk.length_of(job.base) > disk.length:
            # An export keeps the size that it was made with.
            self._do(
                DropGuest(names.guests[disk.name]), export_to_guest(names, disk.name, job.base)
            )

    def _end_chain_job(self, disk: Disk, job: ChainJob, status: Status) -> None:
        name = self._names.job(job.name)
        if status is not Status.COMPLETED:
            cancel = Command("job-cancel", {"id": name})
            if isinstance(job, CommitJob) and job.top == disk.active.name:
                # This one copies first what the guest has just written.
                cancel = Command("block-job-cancel", {"device": name})
            self._do(cancel, AwaitJobs((name,), JobEnd.CANCELLED))
            if isinstance(job, MirrorJob):
                self._do(close_image(self._names, job.into))
        elif isinstance(job, MirrorJob):
            self._finish_mirror(disk, job)
        elif isinstance(job, CommitJob):
            self._finish_commit(disk, job)
        else:
            self._do(Command("job-finalize", {"id": name}))
            self._finish_pull(disk, job)

    def _carry(
        self, disk: Disk, merged: list[str], base: str, *, newest: str, pivots: bool
    ) -> None:
        """Merge the bitmaps of merged images into the base's, those it lacks added first."""
        names, image = self._names, disk.image(base)
        if image is None or image.format != "qcow2":
            return
        wanted = {b.name for b in disk.bitmaps_on(newest) if b.persistent and not b.inconsistent}
        carried = [
            bitmap
            for image in merged
            for bitmap in disk.bitmaps_on(image)
            if bitmap.name in wanted and bitmap.persistent and not bitmap.inconsistent
        ]
        if not carried:
            return
        left = tuple(image for image in disk.chain if image.name not in merged)
        if not pivots:
            self._do(reopen_image(names, left, base, read_only=False))
        held = {bitmap.name for bitmap in disk.bitmaps_on(base)}
        for bitmap in carried:
            if bitmap.name not in held:
                held.add(bitmap.name)
                added = AddBitmap(base, bitmap.name, bitmap.granularity, recording=bitmap.recording)
                self._together.append(change_bitmap(names, added))
            merge = MergeBitmaps(base, bitmap.name, ((bitmap.node, bitmap.name),))
            self._together.append(change_bitmap(names, merge))
        self._flush()
        if not pivots:
            self._do(reopen_image(names, left, base, read_only=True))

    def _pull_images(self, machine: Machine, pull: PullImages) -> None:
        names = self._names
        outcome = apply(machine, pull._replace(lasting=True))
        assert not isinstance(outcome, Refusal), "the pull was accepted before"
        if outcome.jobs is machine.jobs:
            return  # There is nothing to pull.
        job = outcome.jobs[-1]
        assert isinstance(job, PullJob), "it has just been started"
        options: dict[str, Any] = {"job-id": names.job(job.name), "device": names.node(job.into)}
        if job.base is not None:
            options["base-node"] = names.node(job.base)
        if pull.lasting:
            options["auto-finalize"] = False
        self._do(Command("block-stream", options))
        if pull.lasting:
            self._do(AwaitJobs((names.job(job.name),), JobEnd.PENDING))
        else:
            self._finish_pull(machine.disk(job.disk), job)

    def _finish_pull(self, disk: Disk, job: PullJob) -> None:
        """Let a pull end: the images that were pulled from are closed."""
        names = self._names
        images = [image.name for image in disk.chain]
        low = images.index(job.base) + 1 if job.base is not None else 0
        pulled = images[low : images.index(job.into)]
        self._do(AwaitJobs((names.job(job.name),)))
        if job.carry:
            pivots = job.into == disk.active.name
            self._carry(disk, pulled, job.into, newest=job.into, pivots=pivots)
        self._do(*(close_image(names, image) for image in reversed(pulled)))

    def _mirror_disk(self, machine: Machine, mirror: MirrorDisk) -> None:
        names, disk = self._names, _disk_of(machine, mirror.node)
        outcome = apply(machine, mirror._replace(lasting=True))
        assert not isinstance(outcome, Refusal), "the copy was accepted before"
        job = outcome.jobs[-1]
        assert isinstance(job, MirrorJob), "it has just been started"
        name = names.job(job.name)
        self._do(
            MakeImage(names.files[job.into], job.format, disk.size, disk.cluster_size),
            open_image(names, job.into, job.format, backing=None),
            Command(
                "blockdev-mirror",
                {
                    "job-id": name,
                    "device": names.node(mirror.node),
                    "target": names.node(job.into),
                    "sync": "full",
                },
            ),
            AwaitJobs((name,), JobEnd.READY),
        )
        if not mirror.lasting:
            self._finish_mirror(disk, job)

    def _finish_mirror(self, disk: Disk, job: MirrorJob) -> None:
        """Pivot to the new image, merge the bitmaps of the chain into it, and close the chain."""
        names = self._names
        name = names.job(job.name)
        self._do(Command("job-complete", {"id": name}), AwaitJobs((name,)))
        for bitmap in merges_whole(disk, job.format) if job.carry else ():
            keys = tuple((node, bitmap) for node in disk.nodes_with(bitmap))
            newest = disk.bitmap(*keys[-1])
            assert newest is not None, "the node was found by this bitmap"
            added = AddBitmap(job.into, bitmap, newest.granularity)
            self._together.append(change_bitmap(names, added))
            self._together.append(change_bitmap(names, MergeBitmaps(job.into, bitmap, keys)))
        self._do(*(close_image(names, image.name) for image in reversed(disk.chain)))

    def _copy_image(self, machine: Machine, copy: CopyImage) -> None:
        """Copy a file; of the active image of a running machine, what its guest has flushed."""
        names, disk = self._names, machine.disk_of(copy.image)
        assert disk is not None, "the copy was accepted, so the image is there"
        if machine.power is Power.RUNNING and copy.image == disk.active.name:
            self._do(GuestStep(names.guests[disk.name]))
        self._do(CopyFile(names.files[copy.image], names.copies[copy.target, disk.name]))

    def _stack_backups(self, machine: Machine, stack: StackBackups) -> None:
        for disk in machine.disks:
            files = stack_files(self._names, machine, stack, disk)
            if files:
                self._do(Stack(self._names.restores[stack.name, disk.name], files))

    def _open_images(self, machine: Machine) -> None:
        self._do(StartQemu())
        for disk in machine.disks:
            if disk.chain:
                self._open_disk(disk)

    def _open_disk(self, disk: Disk) -> None:
        names, below = self._names, None
        for image in disk.chain:
            active = image is disk.active
            self._do(
                open_image(names, image.name, image.format, backing=below, read_only=not active)
            )
            below = image.name
        self._do(export_to_guest(names, disk.name, disk.active.name))

    def _close_disk(self, disk: Disk) -> None:
        names = self._names
        self._do(DropGuest(names.guests[disk.name]))
        for image in reversed(disk.chain):
            self._do(Command("blockdev-del", {"node-name": names.node(image.name)}))


def guest_step(names: Names, machine: Machine, operation: GuestWrite | GuestDiscard) -> GuestStep:
    """Return what a guest does; it touches a part of a cluster where the operation says so."""
    disk = machine.disks[0] if operation.disk is None else machine.disk(operation.disk)
    if isinstance(operation, GuestDiscard):
        runs = [(first, count, ZERO) for first, count in operation.clusters.runs()]
    else:
        runs = list(operation.data.runs())
    changes: list[Change] = []
    for first, count, version in runs:
        start, end = first * disk.cluster_size, (first + count) * disk.cluster_size
        if operation.extent is not None:
            extent = operation.extent
            start, end = max(start, extent.offset), min(end, extent.offset + extent.length)
        kind = GuestKind.WRITE if version != ZERO else GuestKind.ZERO
        if isinstance(operation, GuestDiscard):
            kind = GuestKind.DISCARD
        if end > start:
            changes.append(Change(kind, start, end - start, version))
    return GuestStep(names.guests[disk.name], tuple(changes))


def open_image(
    names: Names, image: str, format: str, *, backing: str | None, read_only: bool = False
) -> Command:
    """Return the command that opens an image as a node."""
    return Command(
        "blockdev-add",
        {
            **_options(names, image, format, backing=backing, read_only=read_only),
            "file": {
                "driver": "file",
                "node-name": names.protocols[image],
                "filename": names.files[image],
            },
        },
    )


def reopen_image(names: Names, chain: tuple[Image, ...], image: str, *, read_only: bool) -> Command:
    """Return the command that changes whether an image of a chain may be written to.

    Args:
        names: What the real thing calls them.
        chain: The images, base first, as they stand on another when the command is sent.
        image: The image.
        read_only: Whether it may only be read afterwards.
    """
    place = [each.name for each in chain].index(image)
    format = chain[place].format
    backing = chain[place - 1].name if place else None
    options = {
        **_options(names, image, format, backing=backing),
        "read-only": read_only,
        "file": names.protocols[image],
    }
    return Command("blockdev-reopen", {"options": [options]})


def _options(
    names: Names, image: str, format: str, *, backing: str | None, read_only: bool = False
) -> dict[str, Any]:
    """Return the options of an image's node that do not say where its file is."""
    options: dict[str, Any] = {"driver": format, "node-name": names.node(image)}
    if read_only:
        options["read-only"] = True
    options["discard"] = "unmap"
    if format == "qcow2":
        options["backing"] = names.node(backing) if backing is not None else None
    return options


def close_image(names: Names, image: str) -> Command:
    """Return the command that closes an image that has left its chain."""
    return Command("blockdev-del", {"node-name": names.node(image)})


def export_to_guest(names: Names, disk: str, image: str) -> Command:
    """Return the command that lets the guest write to a disk."""
    guest = names.guests[disk]
    return Command(
        "block-export-add",
        {
            "type": "nbd",
            "id": guest,
            "node-name": names.node(image),
            "name": guest,
            "writable": True,
        },
    )


def export_command(names: Names, machine: Machine, export: ExportNode) -> Command:
    """Return the command that lets clients read a node."""
    targets = {job.backup.name: (job.backup.name, job.disk) for job in machine.backup_jobs}
    node = names.node(export.node)
    if export.node in targets and machine.disk_of(export.node) is None:
        node = names.targets[targets[export.node]]
    options: dict[str, Any] = {"type": "nbd", "id": export.id, "node-name": node}
    options["name"] = export.name
    if export.writable:
        options["writable"] = True
    if export.bitmaps:
        options["bitmaps"] = [
            name if home is None else {"node": names.node(home), "name": name}
            for home, name in export.bitmaps
        ]
    return Command("block-export-add", options)


def unexport_command(export: UnexportNode) -> Command:
    """Return the command that takes an export from its clients."""
    return Command("block-export-del", {"id": export.id, "mode": "hard"})


def make_target(disk: Disk, size: int, file: str, target: str) -> list[Action]:
    """Return what makes an empty image to back a disk up into, and opens it."""
    return [MakeImage(file, "qcow2", size, disk.cluster_size), open_target(file, target)]


def backup_command(names: Names, run: RunBackup, target: str) -> Command:
    """Return the command that starts a backup job.

    One that lasts, or that never ends by itself, waits to be told how to end.
    """
    options: dict[str, Any] = {
        "job-id": target,
        "device": names.node(run.image),
        "target": target,
        "sync": run.sync.value,
    }
    if run.bitmap is not None:
        options |= {"bitmap": run.bitmap, "bitmap-mode": run.mode.value}
    if run.lasting or run.sync is Sync.NONE:
        options["auto-finalize"] = False
    return Command("blockdev-backup", options)


def open_target(
    file: str, target: str, *, format: str = "qcow2", backing: str | None = None
) -> Command:
    """Return the command that opens an image to back a disk up into."""
    options: dict[str, Any] = {
        "driver": format,
        "node-name": target,
        "discard": "unmap",
        "file": {"driver": "file", "filename": file},
    }
    if format == "qcow2":
        options["backing"] = backing
    return Command("blockdev-add", options)


def make_scratch(names: Names, disk: Disk, image: str, key: tuple[str, str]) -> list[Action]:
    """Return what makes the scratch image of a pull, on top of the image that is read."""
    file, below = names.scratches[key], disk.image(image)
    assert below is not None, "the job was accepted, so its image is there"
    return [
        MakeImage(
            file,
            "qcow2",
            disk.bytes_of(image),
            disk.cluster_size,
            backing=names.files[image],
            backing_format=below.format,
        ),
        open_target(file, names.targets[key], backing=names.node(image)),
    ]


def export_scratch(target: str, *, told: bool) -> Command:
    """Return the command that lets a client read the state at a pull's start."""
    options: dict[str, Any] = {"type": "nbd", "id": target, "node-name": target, "name": target}
    if told:
        options["bitmaps"] = [PULLED]
    return Command("block-export-add", options)


def pull_data(
    names: Names, disk: Disk, image: str, key: tuple[str, str], *, told: bool
) -> list[Action]:
    """Return what a client does with an export: it reads, and writes a file of its own."""
    file = names.copies[key]
    return [
        MakeImage(file, "qcow2", disk.bytes_of(image), disk.cluster_size),
        PullData(names.targets[key], file, disk.cluster_size, PULLED if told else None),
    ]


def cancel_open_job(target: str, *, exported: bool) -> list[Action]:
    """Return what ends a job that never ends by itself, and closes its target."""
    ended: list[Action] = []
    if exported:
        ended += [Command("block-export-del", {"id": target, "mode": "hard"}), AwaitGone(target)]
    return [
        *ended,
        Command("job-cancel", {"id": target}),
        AwaitJobs((target,), JobEnd.CANCELLED),
        Command("blockdev-del", {"node-name": target}),
    ]


def internal_snapshot(names: Names, operation: SaveSnapshot | DropSnapshot) -> Command:
    """Return the command that keeps or drops a state inside an image."""
    saves = isinstance(operation, SaveSnapshot)
    execute = (
        "blockdev-snapshot-internal-sync" if saves else ("blockdev-snapshot-delete-internal-sync")
    )
    return Command(execute, {"device": names.node(operation.node), "name": operation.name})


def stack_files(
    names: Names, machine: Machine, stack: StackBackups, disk: Disk
) -> tuple[tuple[str, str], ...]:
    """Return the files that a restore of one disk lays over one another, each with its format."""
    sources = [
        backup
        for name in stack.sources
        for backup in machine.backups_named(name)
        if backup.disk == disk.name
    ]
    return tuple((names.copies[each.name, each.disk], each.format) for each in stacked(sources))


def written_over(machine: Machine, disk: Disk, target: str) -> Backup | None:
    """Return the backup of this target that is there already, if it left a file."""
    made = machine.backups_named(target)
    return next((b for b in made if b.disk == disk.name and b.has_file), None)


def _disk_of(machine: Machine, node: str) -> Disk:
    """Return the disk of a node; of one that is not there, QEMU is to say so."""
    return machine.disk_of(node) or machine.disks[0]


def on_bitmap(names: Names, execute: str, node: str, name: str) -> Command:
    """Return a command on one bitmap."""
    return Command(execute, {"node": names.node(node), "name": name})


def change_bitmap(
    names: Names,
    operation: AddBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps,
) -> Command:
    """Return the command that changes a bitmap."""
    match operation:
        case AddBitmap():
            return _add_bitmap(names, operation)
        case MergeBitmaps():
            sources = [{"node": names.node(n), "name": b} for n, b in operation.sources]
            return Command(
                "block-dirty-bitmap-merge",
                {
                    "node": names.node(operation.node),
                    "target": operation.name,
                    "bitmaps": sources,
                },
            )
        case ClearBitmap():
            execute = "block-dirty-bitmap-clear"
        case EnableBitmap():
            execute = "block-dirty-bitmap-enable"
        case DisableBitmap():
            execute = "block-dirty-bitmap-disable"
        case _:
            assert_never(operation)
    return on_bitmap(names, execute, operation.node, operation.name)


def _add_bitmap(names: Names, add: AddBitmap) -> Command:
    options: dict[str, Any] = {"node": names.node(add.node), "name": add.name}
    if add.granularity is not None:
        options["granularity"] = add.granularity
    if add.persistent:
        options["persistent"] = True
    if not add.recording:
        options["disabled"] = True
    return Command("block-dirty-bitmap-add", options)
