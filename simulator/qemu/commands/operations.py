"""What each operation is on a real QEMU; a new one is a case here. Pure."""

from typing import assert_never

from simulator.model.machine import CommitJob, Machine, MirrorJob, Power
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    AttachDisk,
    BitmapOperation,
    ChainOperation,
    ChangeJob,
    ClearBitmap,
    CloseImages,
    CommitImages,
    CopyImage,
    CorruptBackup,
    CreateImage,
    DetachDisk,
    DisableBitmap,
    DropBackup,
    DropSnapshot,
    EnableBitmap,
    EndGuest,
    EndJob,
    ExportOperation,
    FileOperation,
    ForgetCheckpoint,
    ForgetSnapshot,
    FreezeGuest,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    LoadSnapshot,
    MergeBitmaps,
    MirrorDisk,
    MoveDisks,
    OpenImages,
    Operation,
    OutsideOperation,
    PowerOperation,
    PullImages,
    RecordCheckpoint,
    RecordSnapshot,
    RemoveBitmap,
    ResizeImage,
    RestoreCheckpoint,
    RevertImages,
    RunBackup,
    SaveSnapshot,
    StackBackups,
    StoreBitmaps,
    ThawGuest,
    UndefineMachine,
    UnexportNode,
)
from simulator.model.transitions.chains.images import lies_above
from simulator.qemu.actions import (
    AwaitGone,
    AwaitJobs,
    DeleteFile,
    GuestStep,
    JobEnd,
    KillQemu,
    QuitQemu,
)
from simulator.qemu.commands.backups import end_job, run_backup
from simulator.qemu.commands.bitmaps import gather_change, merge_bitmaps, remove_bitmap
from simulator.qemu.commands.images import (
    add_overlay,
    create_image,
    internal_snapshot,
    load_snapshot,
    resize_image,
    revert_images,
)
from simulator.qemu.commands.jobs import change_command, commit_images, mirror_disk, pull_images
from simulator.qemu.commands.nodes import disk_of, guest_step, use_command
from simulator.qemu.commands.outside import (
    change_file,
    copy_image,
    damage,
    qemu_img,
    stack_backups,
)
from simulator.qemu.commands.power import close_disk, move_disks, open_disk, open_images
from simulator.qemu.commands.work import Work


def add(work: Work, machine: Machine, operation: Operation) -> None:
    """Add what an operation is on a machine as it is before it."""
    off = machine.power is not Power.RUNNING
    match operation:
        case _ if isinstance(operation, BitmapOperation | ResizeImage) and off:
            work.do(qemu_img(work.names, machine, operation))
        case GuestWrite() | GuestDiscard():
            work.do(guest_step(work.names, machine, operation))
            _catch_up(work, machine, operation)
        case CreateImage():
            create_image(work, machine, operation)
        case RemoveBitmap():
            remove_bitmap(work, machine, operation)
        case MergeBitmaps():
            merge_bitmaps(work, machine, operation)
        case AddBitmap() | ClearBitmap() | EnableBitmap() | DisableBitmap():
            gather_change(work, operation)
        case RunBackup():
            run_backup(work, machine, operation)
        case EndJob():
            end_job(work, machine, operation)
        case ChangeJob():
            work.do(change_command(work.names, operation))
        case _ if isinstance(operation, ChainOperation):
            _change_chain(work, machine, operation)
        case _ if isinstance(operation, ExportOperation):
            _change_export(work, machine, operation)
        case _ if isinstance(operation, OutsideOperation):
            _outside(work, machine, operation)
        case _ if isinstance(operation, FileOperation):
            change_file(work, machine, operation)
        case _ if isinstance(operation, PowerOperation):
            _switch(work, machine, operation)
        case _:
            assert_never(operation)


def _catch_up(work: Work, machine: Machine, step: GuestWrite | GuestDiscard) -> None:
    """Let the jobs that follow the guest copy what it wrote: what they skip depends on that."""
    disk = machine.disks[0] if step.disk is None else machine.disk(step.disk)
    following = tuple(
        work.names.job(job.name)
        for job in machine.jobs_on(disk.name)
        if isinstance(job, MirrorJob) or (isinstance(job, CommitJob) and lies_above(job, disk))
    )
    if following:
        work.do(AwaitJobs(following, JobEnd.SYNCED))


def _outside(work: Work, machine: Machine, operation: OutsideOperation) -> None:
    match operation:
        case CopyImage():
            copy_image(work, machine, operation)
        case DropBackup():
            gone = machine.backups_named(operation.name)
            work.do(*(DeleteFile(work.names.copies[b.name, b.disk]) for b in gone))
        case StackBackups():
            stack_backups(work, machine, operation)
        case RecordCheckpoint() | RestoreCheckpoint() | ForgetCheckpoint():
            pass  # The host's own notes: QEMU knows nothing of them.
        case RecordSnapshot() | ForgetSnapshot():
            pass  # Likewise.
        case CorruptBackup():
            work.do(*damage(work.names, machine, operation))
        case _:
            assert_never(operation)


def _change_export(work: Work, machine: Machine, operation: ExportOperation) -> None:
    work.do(use_command(work.names, machine, operation))
    if isinstance(operation, UnexportNode):
        work.do(AwaitGone(operation.id))


def _switch(work: Work, machine: Machine, operation: PowerOperation) -> None:
    match operation:
        case OpenImages():
            open_images(work, machine)
        case CloseImages():
            work.do(QuitQemu())
        case DetachDisk():
            close_disk(work, machine, machine.disk(operation.disk))
        case AttachDisk():
            disk = machine.disk(operation.disk).detached
            if disk is not None and machine.power is Power.RUNNING:
                open_disk(work, disk, _open_already(machine), {disk.active.name})
        case MoveDisks():
            move_disks(work, machine, operation)
        case UndefineMachine() | FreezeGuest() | ThawGuest():
            pass  # QEMU knows nothing of it.
        case EndGuest():
            pass  # There is no guest to power off, so that the plan tells it as not played.
        case KillProcess():
            # What a job copied counts as flushed, too.
            guests = [work.names.guests[disk.name] for disk in machine.disks if disk.chain]
            work.do(*(GuestStep(guest) for guest in guests), KillQemu())
        case _:
            assert_never(operation)


def _open_already(machine: Machine) -> set[str]:
    """Return the images of all disks that are there."""
    return {image.name for disk in machine.disks for image in disk.chain}


def _change_chain(work: Work, machine: Machine, operation: ChainOperation) -> None:
    match operation:
        case AddOverlay(node=node, overlay=overlay):
            add_overlay(work, machine, node, overlay)
        case StoreBitmaps():
            pass  # It comes with the snapshot, when its transaction commits.
        case ResizeImage():
            resize_image(work, disk_of(machine, operation.node), operation)
        case RevertImages():
            revert_images(work, machine, operation)
        case SaveSnapshot() | DropSnapshot():
            work.together.append(internal_snapshot(work.names, operation))
        case LoadSnapshot():
            load_snapshot(work, machine, disk_of(machine, operation.node), operation)
        case CommitImages():
            commit_images(work, machine, operation)
        case PullImages():
            pull_images(work, machine, operation)
        case MirrorDisk():
            mirror_disk(work, machine, operation)
        case _:
            assert_never(operation)
