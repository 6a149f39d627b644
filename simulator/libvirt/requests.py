"""What each request is on a real libvirt; a new verb is a case here. Pure."""

import re
from collections.abc import Iterator

from simulator.libvirt.actions import (
    Adopt,
    DefineMachine,
    LibvirtAction,
    UnsupportedError,
    Virsh,
    named,
)
from simulator.libvirt.backups import back_up, end_copy, finish
from simulator.libvirt.chains import change_chain
from simulator.libvirt.files import Files
from simulator.libvirt.monitor import change_bitmaps, qemu_io, write_as_guest
from simulator.libvirt.xml import DOMAIN, Drive, checkpoint_xml, path_of
from simulator.model.machine import Machine, MirrorJob, Power
from simulator.model.notes import find_note
from simulator.model.operations import (
    CloseImages,
    CopyImage,
    CorruptBackup,
    DropBackup,
    FileOperation,
    GuestDiscard,
    GuestOperation,
    GuestWrite,
    KillProcess,
    OpenImages,
    RebaseFile,
    RevertImages,
    StackBackups,
)
from simulator.model.requests import (
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
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
    UseTool,
)
from simulator.qemu.actions import CopyFile, DeleteFile, KillQemu, MakeImage, Stack
from simulator.qemu.commands.outside import damage, file_actions, qemu_img, stack_files
from simulator.timeline import Entry

_TARGET = re.compile(r"vd[a-z]{1,2}")


def ask(files: Files, entry: Entry, request: Request | None) -> Iterator[LibvirtAction]:
    """Yield what a statement comes to.

    Raises:
        UnsupportedError: libvirt cannot be asked for it, or this program cannot ask it.
    """
    machine = entry.before
    if not isinstance(request, Create) and not all(disk.chain for disk in machine.disks):
        raise UnsupportedError("a disk that joins a running machine")
    if entry.refusal is not None and isinstance(request, GuestOperation):
        raise UnsupportedError("a guest's step that is refused, as where a scratch is full,")
    if entry.refusal is not None and isinstance(request, CancelJob) and machine.jobs:
        raise UnsupportedError("a cancel beside another job: libvirt aborts whatever runs, so it")
    match request:
        case Create():
            yield from _create(files, entry, request)
        case GuestWrite() | GuestDiscard():
            yield from write_as_guest(files, machine, request)
        case Snapshot(bitmap=str()) if entry.refusal is not None:
            raise UnsupportedError("a snapshot and a checkpoint, one of which is refused,")
        case Snapshot():
            names = [image for _, image in request.images]
            if not any(map(machine.node_taken, names)):
                yield from files.clear_away(*names)
            yield from _snapshot(files, machine, request)
        case StartCheckpoint():
            yield _checkpoint(files, machine, request.name, request.disks)
        case RedefineCheckpoint():
            yield _redefine(files, machine, request)
        case TakeBackup():
            yield from back_up(files, entry, request)
        case FinishJobs():
            yield from finish(files, entry)
        case DeleteCheckpoint():
            yield _delete_checkpoint(request)
        case Commit() | Pull() | BlockCopy() | Resize() | DeleteSnapshot():
            yield from change_chain(files, entry, request)
        case Qmp():
            yield from change_bitmaps(files.names, entry, request)
        case CopyImage() | DropBackup() | CorruptBackup() | StackBackups():
            yield from _outside(files, machine, request)
        case CloseImages() | OpenImages() | KillProcess():
            yield from _switch(machine, request)
        case _:
            yield from _rest(files, entry, request)


def _create(files: Files, entry: Entry, create: Create) -> Iterator[LibvirtAction]:
    if entry.refusal is not None:
        raise UnsupportedError("a create that is refused")
    after = entry.after
    for disk in after.disks:
        if not _TARGET.fullmatch(disk.name):
            raise UnsupportedError(f"a disk called {disk.name}: libvirt wants vda, vdb …")
    disk = after.disk(create.disk)
    file = files.names.files[create.image]
    files.images.add(create.image)
    yield MakeImage(file, create.format, disk.size, disk.cluster_size)
    if not all(each.chain for each in after.disks):
        if create.bitmap is not None:
            raise UnsupportedError("a checkpoint before all disks are created")
        return
    yield DefineMachine(
        tuple(
            Drive(each.name, files.names.files[each.active.name], each.active.format)
            for each in after.disks
        )
    )
    yield Virsh(("start", DOMAIN, "--paused"))
    if create.bitmap is not None:
        yield _checkpoint(files, after, create.bitmap, (create.disk,))


def _snapshot(files: Files, machine: Machine, snapshot: Snapshot) -> Iterator[LibvirtAction]:
    if snapshot.outside:
        raise UnsupportedError("a snapshot made outside of libvirt")
    images = dict(snapshot.images)
    name = next(iter(images.values()))
    words = ["snapshot-create-as", DOMAIN, *named("name", name)]
    words.append("--disk-only")
    for disk in machine.disks:
        image = images.get(disk.name)
        told = "no" if image is None else f"external,file={path_of(files.of(image))}"
        words += ["--diskspec", f"{disk.name},snapshot={told}"]
    yield Virsh(tuple(words))
    if snapshot.bitmap is not None:
        yield _checkpoint(files, machine, snapshot.bitmap, tuple(images))


def _checkpoint(files: Files, machine: Machine, name: str, disks: tuple[str, ...]) -> Virsh:
    """Return what starts a checkpoint: libvirt does so on all disks, if not told otherwise."""
    words = ["checkpoint-create-as", DOMAIN, *named("name", name)]
    if len(disks) < len(machine.disks):
        for disk in machine.disks:
            kind = "bitmap" if disk.name in disks else "no"
            words += ["--diskspec", f"{disk.name},checkpoint={kind}"]
    return Virsh(tuple(words))


def _redefine(files: Files, machine: Machine, request: RedefineCheckpoint) -> Virsh:
    """Return what tells libvirt again of a checkpoint, as a document."""
    number = files.next_document()
    name = f"checkpoint-{number}.xml"
    disks = [(disk.name, disk.name in request.disks) for disk in machine.disks]
    words = ["checkpoint-create", DOMAIN, path_of(name), "--redefine"]
    words += ["--redefine-validate"] if request.validate else []
    text = checkpoint_xml(request.name, disks, again=True, parent=request.parent)
    return Virsh(tuple(words), ((name, text),))


def _outside(
    files: Files, machine: Machine, request: CopyImage | DropBackup | CorruptBackup | StackBackups
) -> Iterator[LibvirtAction]:
    names = files.names
    match request:
        case CopyImage():
            disk = machine.disk_of(request.image)
            assert disk is not None, "the copy was accepted, so the image is there"
            yield CopyFile(names.files[request.image], names.copies[request.target, disk.name])
        case DropBackup():
            for backup in machine.backups_named(request.name):
                yield DeleteFile(names.copies[backup.name, backup.disk])
        case CorruptBackup():
            yield from damage(names, machine, request)
        case StackBackups():
            for disk in machine.disks:
                laid = stack_files(names, machine, request, disk)
                if laid:
                    yield Stack(names.restores[request.name, disk.name], laid)


def _switch(
    machine: Machine, request: CloseImages | OpenImages | KillProcess
) -> Iterator[LibvirtAction]:
    """Yield what switches the machine; ``destroy`` closes all images, as a shutdown does."""
    match request:
        case CloseImages():
            if any(job.preserves for job in machine.backup_jobs) and not machine.ending:
                raise UnsupportedError("a guest that powers off, since none runs here,")
            yield Virsh(("destroy", DOMAIN))
        case OpenImages():
            yield Virsh(("start", DOMAIN, "--paused"))
        case KillProcess():
            # What a job copied counts as flushed, as what the guest wrote does.
            yield from (qemu_io(disk.name, "flush") for disk in machine.disks)
            yield KillQemu()


def _delete_checkpoint(request: DeleteCheckpoint) -> Virsh:
    words = ("checkpoint-delete", DOMAIN, *named("checkpointname", request.name))
    flags = {"--children": request.children, "--metadata": request.metadata}
    return Virsh((*words, *(flag for flag, given in flags.items() if given)))


def _revert(files: Files, entry: Entry, request: Revert) -> Iterator[LibvirtAction]:
    """Yield a return to a snapshot; one that runs is started again, paused as at first."""
    if _is_left_off(entry, request):
        raise UnsupportedError("a revert that is refused when the machine was turned off for it")
    back = [each for each in entry.operations if isinstance(each, RevertImages)]
    yield from files.clear_away(*(each.overlay for each in back))
    note = find_note(entry.before.snapshots, request.snapshot)
    name = note.name if note is not None else request.snapshot
    runs = any(isinstance(each, OpenImages) for each in entry.operations)
    started = ("--paused",) if runs else ()
    yield Virsh(("snapshot-revert", DOMAIN, *named("snapshotname", name), *started))
    for each in back:
        assert each.disk is not None, "libvirt notes it"
        yield Adopt(each.disk, each.overlay)


def _is_left_off(entry: Entry, request: Revert) -> bool:
    """Whether libvirt turns a machine off, and then finds a file gone that it has noted."""
    machine = entry.before
    noted = find_note(machine.snapshots, request.snapshot) is not None
    begins = noted and machine.semantics.reverts_external and not machine.jobs
    return begins and entry.refusal is not None and machine.power is Power.RUNNING


def _rest(files: Files, entry: Entry, request: Request | None) -> Iterator[LibvirtAction]:
    """Yield what somebody does to files, what aborts a job, or what libvirt must refuse.

    Nothing else can be asked for.
    """
    if isinstance(request, FileOperation) and entry.refusal is None:
        if isinstance(request, RebaseFile):
            told = "a rebase: libvirt goes by the chain that it noted, not by the file, so that it"
            raise UnsupportedError(told)
        yield from file_actions(files.names, entry.before, request)
        return
    if isinstance(request, UseTool) and entry.refusal is None:
        yield qemu_img(files.names, entry.before, request.change)
        return
    if isinstance(request, CancelJob):
        copies = [job for job in entry.before.jobs if isinstance(job, MirrorJob)]
        copied = next((job for job in copies if job.name == request.job), None)
        yield Virsh(("domjobabort", DOMAIN)) if copied is None else end_copy(copied, "--abort")
        return
    if isinstance(request, Undefine) and entry.refusal is not None:
        yield Virsh(("undefine", DOMAIN))
        return
    if isinstance(request, Revert):
        yield from _revert(files, entry, request)
        return
    if isinstance(request, Migrate):
        raise UnsupportedError("a migration, which needs another host,")
    verb = entry.statement.verb if entry.statement is not None else "a guest workload"
    raise UnsupportedError(verb)
