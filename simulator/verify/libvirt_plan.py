"""A timeline as what is to be done on a real libvirt: virsh commands and XML documents. Pure.

One request becomes commands in one place, :meth:`_Commands.of`; a new verb is a case there.
What libvirt itself makes of a command is what the verification is to find out, so a request is
translated and not the operations that the simulator makes of it.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeAlias

from simulator.model.disk import Disk
from simulator.model.machine import (
    Backup,
    BackupJob,
    Checkpoint,
    Machine,
    MirrorJob,
    Power,
    Restored,
    Status,
)
from simulator.model.operations import (
    CloseImages,
    CopyImage,
    DropBackup,
    EndJob,
    Fault,
    GuestDiscard,
    GuestOperation,
    GuestWrite,
    KillProcess,
    OpenImages,
    StackBackups,
)
from simulator.model.requests import (
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    Expect,
    FinishJobs,
    Pull,
    RedefineCheckpoint,
    Request,
    Resize,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    Undefine,
)
from simulator.timeline import Entry, Timeline
from simulator.verify.actions import (
    Change,
    CopyFile,
    DeleteFile,
    GuestKind,
    KillQemu,
    MakeImage,
    PullData,
    Stack,
    bytes_of,
)
from simulator.verify.commands import guest_step, stack_files
from simulator.verify.libvirt_xml import (
    DOMAIN,
    Drive,
    Target,
    backup_xml,
    checkpoint_xml,
    path_of,
)
from simulator.verify.names import Names, choose_names
from simulator.verify.sight import Sight, sight_of

MODEL = "libvirt"
"""Id of the only API model that a real libvirt is like."""

_TARGET = re.compile(r"vd[a-z]{1,2}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

LETTERS = 26
"""Names of disks count ``vda`` to ``vdz``, then ``vdaa``."""


class DefineMachine(NamedTuple):
    """Let libvirt know the machine (``virsh define``)."""

    drives: tuple[Drive, ...]


class Virsh(NamedTuple):
    """A command of virsh.

    Attributes:
        words: What comes after ``virsh``; ``FOLDER`` stands for the folder of all files.
        documents: Files that are written first, each with its text.
    """

    words: tuple[str, ...]
    documents: tuple[tuple[str, str], ...] = ()


class AwaitBackup(NamedTuple):
    """Wait until the machine's backup has ended."""


LibvirtAction: TypeAlias = (
    DefineMachine
    | Virsh
    | AwaitBackup
    | KillQemu
    | MakeImage
    | CopyFile
    | DeleteFile
    | PullData
    | Stack
)
"""What is done, one after the other."""


class UnsupportedError(Exception):
    """A statement that a real libvirt cannot be asked for; the text says which and why."""


class LibvirtStep(NamedTuple):
    """What one statement comes to on a real libvirt.

    Attributes:
        entry: The timeline's record of the statement.
        actions: What is done, in this order.
        unsupported: Why it cannot be done; empty where it can.
        refusal: libvirt's words, where it must turn the last command down.
        machine: The simulated machine afterwards.
        backups, restores: The copies to be looked at afterwards.
    """

    entry: Entry
    actions: tuple[LibvirtAction, ...]
    unsupported: str
    refusal: str | None
    machine: Machine
    backups: tuple[Backup, ...]
    restores: tuple[Restored, ...]

    @property
    def sight(self) -> Sight:
        """What must be seen of images, bitmaps and copies afterwards."""
        return sight_of(self.machine, self.backups, self.restores)

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints that libvirt must know afterwards."""
        return self.machine.checkpoints


class LibvirtPlan(NamedTuple):
    """A timeline for a real libvirt.

    Attributes:
        steps: Those statements that libvirt takes part in.
        mixed: As in :class:`simulator.verify.plan.Plan`.
    """

    names: Names
    steps: tuple[LibvirtStep, ...]
    mixed: bool


def make_libvirt_plan(timeline: Timeline) -> LibvirtPlan:
    """Return what is to be done on a real libvirt for a timeline, and seen after each step."""
    names = choose_names(timeline)
    commands = _Commands(names)
    steps = [step for entry in timeline.entries if (step := _step(commands, entry)) is not None]
    if steps:
        # At the end all copies are looked at once more: nobody may have touched them.
        steps[-1] = steps[-1]._replace(backups=_done(steps[-1].machine.backups))
    return LibvirtPlan(
        names=names,
        steps=tuple(steps),
        mixed=any(
            getattr(operation, "extent", None) is not None
            for entry in timeline.entries
            for operation in entry.operations
        ),
    )


def _step(commands: "_Commands", entry: Entry) -> LibvirtStep | None:
    """Return the step of one statement; None where libvirt has no part in it."""
    request = entry.statement.request if entry.statement is not None else None
    if isinstance(request, Expect) or _never_asked(entry, request):
        return None
    actions: tuple[LibvirtAction, ...] = ()
    unsupported = ""
    try:
        # What is refused is the first command; there is nothing to wait for then, or to read.
        actions = tuple(islice(commands.of(entry, request), 1 if entry.refusal else None))
    except UnsupportedError as error:
        unsupported = str(error)
    if not actions and not unsupported and not entry.new_restores:
        return None
    return LibvirtStep(
        entry=entry,
        actions=actions,
        unsupported=unsupported,
        refusal=entry.refusal.text if entry.refusal is not None else None,
        machine=entry.after,
        backups=_done(entry.new_backups),
        restores=entry.new_restores,
    )


def _never_asked(entry: Entry, request: Request | None) -> bool:
    """Whether a refused request has no words in libvirt: nobody there could say it, or hear it."""
    if entry.refusal is None:
        return False
    outside = isinstance(request, CopyImage | DropBackup | StackBackups | KillProcess)
    off = entry.before.power is not Power.RUNNING
    return (
        entry.refusal.fault is Fault.BOUNDARY
        or outside
        or (off and isinstance(request, GuestOperation))
    )


def _done(backups: Iterable[Backup]) -> tuple[Backup, ...]:
    return tuple(backup for backup in backups if backup.status is Status.COMPLETED)


def virtio_name(disk: str) -> str:
    """Return what QEMU's object tree calls a disk.

    >>> virtio_name("vdb"), virtio_name("vdaa")
    ('virtio-disk1', 'virtio-disk26')
    """
    number = 0
    for letter in disk.removeprefix("vd"):
        number = number * LETTERS + ord(letter) - ord("a") + 1
    return f"virtio-disk{number - 1}"


def device_of(disk: str) -> str:
    """Return the path of a disk in QEMU's object tree; ``qemu-io`` writes as that device.

    Source: ``facts/LIBVIRT.md``, section 0.
    """
    return f"/machine/peripheral/{virtio_name(disk)}/virtio-backend"


def _rest(entry: Entry, request: Request | None) -> Iterator[Virsh]:
    """Yield what aborts a job, or an undefine that is refused; nothing else can be asked for."""
    if isinstance(request, CancelJob):
        copies = [job for job in entry.before.jobs if isinstance(job, MirrorJob)]
        copied = next((job for job in copies if job.name == request.job), None)
        yield Virsh(("domjobabort", DOMAIN)) if copied is None else end_copy(copied, "--abort")
        return
    if isinstance(request, Undefine) and entry.refusal is not None:
        yield Virsh(("undefine", DOMAIN))
        return
    verb = entry.statement.verb if entry.statement is not None else "a guest workload"
    raise UnsupportedError(verb)


class _Commands:
    """Turns requests into what libvirt is sent."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._documents = 0
        self._snapshots: set[str] = set()
        self._images: set[str] = set()

    def of(self, entry: Entry, request: Request | None) -> Iterator[LibvirtAction]:
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
            raise UnsupportedError(
                "a cancel beside another job: libvirt aborts whatever runs, so it"
            )
        match request:
            case Create():
                yield from self._create(entry, request)
            case GuestWrite() | GuestDiscard():
                yield from self._guest(machine, request)
            case Snapshot(bitmap=str()) if entry.refusal is not None:
                raise UnsupportedError("a snapshot and a checkpoint, one of which is refused,")
            case Snapshot():
                if entry.refusal is None:
                    yield from self._clear_away(tuple(image for _, image in request.images))
                yield from self._snapshot(machine, request)
            case StartCheckpoint():
                yield self._checkpoint(machine, request.name, request.disks)
            case RedefineCheckpoint():
                yield self._redefine(machine, request)
            case TakeBackup():
                yield from self._backup(machine, request)
            case FinishJobs():
                yield from self._finish(entry)
            case DeleteCheckpoint():
                yield _delete_checkpoint(request)
            case Commit() | Pull() | BlockCopy() | Resize() | DeleteSnapshot():
                yield from self._change_chain(entry, request)
            case CopyImage() | DropBackup() | StackBackups():
                yield from self._outside(machine, request)
            case CloseImages() | OpenImages() | KillProcess():
                yield from _switch(machine, request)
            case _:
                yield from _rest(entry, request)

    def _create(self, entry: Entry, create: Create) -> Iterator[LibvirtAction]:
        if entry.refusal is not None:
            raise UnsupportedError("a create that is refused")
        after = entry.after
        for disk in after.disks:
            if not _TARGET.fullmatch(disk.name):
                raise UnsupportedError(f"a disk called {disk.name}: libvirt wants vda, vdb …")
        disk = after.disk(create.disk)
        file = self._names.files[create.image]
        self._images.add(create.image)
        yield MakeImage(file, create.format, disk.size, disk.cluster_size)
        if not all(each.chain for each in after.disks):
            if create.bitmap is not None:
                raise UnsupportedError("a checkpoint before all disks are created")
            return
        yield DefineMachine(
            tuple(
                Drive(each.name, self._names.files[each.active.name], each.active.format)
                for each in after.disks
            )
        )
        yield Virsh(("start", DOMAIN, "--paused"))
        if create.bitmap is not None:
            yield self._checkpoint(after, create.bitmap, (create.disk,))

    def _guest(
        self, machine: Machine, operation: GuestWrite | GuestDiscard
    ) -> Iterator[LibvirtAction]:
        disk = machine.disks[0] if operation.disk is None else machine.disk(operation.disk)
        for change in guest_step(self._names, machine, operation).changes:
            yield _qemu_io(disk.name, _guest_words(change))
        yield _qemu_io(disk.name, "flush")

    def _snapshot(self, machine: Machine, snapshot: Snapshot) -> Iterator[LibvirtAction]:
        if snapshot.outside:
            raise UnsupportedError("a snapshot made outside of libvirt")
        images = dict(snapshot.images)
        name = next(iter(images.values()))
        words = ["snapshot-create-as", DOMAIN, *_named("name", name)]
        words.append("--disk-only")
        for disk in machine.disks:
            image = images.get(disk.name)
            told = "no" if image is None else f"external,file={path_of(self._file_of(image))}"
            words += ["--diskspec", f"{disk.name},snapshot={told}"]
        yield Virsh(tuple(words))
        if snapshot.bitmap is not None:
            yield self._checkpoint(machine, snapshot.bitmap, tuple(images))

    def _clear_away(self, images: tuple[str, ...]) -> Iterator[LibvirtAction]:
        """Yield what removes an earlier snapshot that made these images, which are in no chain.

        After a commit or a pull libvirt still knows the snapshot, and leaves the files.
        """
        name = images[0]
        if name in self._snapshots:
            yield Virsh(("snapshot-delete", DOMAIN, *_named("snapshotname", name), "--metadata"))
        yield from (DeleteFile(self._file_of(image)) for image in images if image in self._images)
        self._snapshots.add(name)
        self._images.update(images)

    def _file_of(self, image: str) -> str:
        """Return the file of an image, even of one that libvirt is to refuse."""
        return self._names.files.get(image, _fallback(f"{image}.qcow2"))

    def _checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Virsh:
        """Return what starts a checkpoint: libvirt does so on all disks, if not told otherwise."""
        words = ["checkpoint-create-as", DOMAIN, *_named("name", name)]
        if len(disks) < len(machine.disks):
            for disk in machine.disks:
                kind = "bitmap" if disk.name in disks else "no"
                words += ["--diskspec", f"{disk.name},checkpoint={kind}"]
        return Virsh(tuple(words))

    def _redefine(self, machine: Machine, request: RedefineCheckpoint) -> Virsh:
        """Return what tells libvirt again of a checkpoint, as a document."""
        self._documents += 1
        name = f"checkpoint-{self._documents}.xml"
        disks = [(disk.name, disk.name in request.disks) for disk in machine.disks]
        words = ["checkpoint-create", DOMAIN, path_of(name), "--redefine"]
        words += ["--redefine-validate"] if request.validate else []
        text = checkpoint_xml(request.name, disks, again=True, parent=request.parent)
        return Virsh(tuple(words), ((name, text),))

    def _backup(self, machine: Machine, request: TakeBackup) -> Iterator[LibvirtAction]:
        for there, what in (
            (request.bitmaps, "a backup through bitmaps that the user names"),
            (request.image, "a backup of an image below the active one"),
            (request.lasting and not request.pulled, "a push backup that lasts"),
        ):
            if there:
                raise UnsupportedError(what)
        yield self._begin(machine, request)
        if not request.pulled:
            yield AwaitBackup()
        elif not request.lasting:
            disks = [machine.disk(name) for name in request.disks]
            copies = [(disk, request.to, request.since is not None) for disk in disks]
            yield from self._read(copies)

    def _begin(self, machine: Machine, request: TakeBackup) -> Virsh:
        """Return what begins a backup, with a checkpoint where one is to start."""
        files = self._names.scratches if request.pulled else self._names.copies
        several = len(request.disks) > 1
        refused = {
            name: _fallback(f"{request.to}-{name}" if several else request.to)
            for name in request.disks
        }
        targets = [
            Target(
                disk.name,
                files.get((request.to, disk.name), refused[disk.name])
                if disk.name in refused
                else None,
            )
            for disk in machine.disks
        ]
        self._documents += 1
        name = f"backup-{self._documents}.xml"
        documents = [(name, backup_xml(targets, since=request.since, pulled=request.pulled))]
        if request.checkpoint is not None:
            disks = [(disk.name, disk.name in request.disks) for disk in machine.disks]
            name = f"checkpoint-{self._documents}.xml"
            documents.append((name, checkpoint_xml(request.checkpoint, disks)))
        paths = (path_of(name) for name, _ in documents)
        return Virsh(("backup-begin", DOMAIN, *paths), tuple(documents))

    def _read(self, copies: Iterable[tuple[Disk, str, bool]]) -> Iterator[LibvirtAction]:
        """Yield what the client of a pull does: it reads every disk, and ends the job."""
        for disk, name, incremental in copies:
            file = self._names.copies[name, disk.name]
            bitmap = f"backup-{disk.name}" if incremental else None
            yield MakeImage(file, "qcow2", disk.size, disk.cluster_size)
            yield PullData(disk.name, file, disk.cluster_size, bitmap)
        yield Virsh(("domjobabort", DOMAIN))

    def _finish(self, entry: Entry) -> Iterator[LibvirtAction]:
        ends = {each.job: each.status for each in entry.operations if isinstance(each, EndJob)}
        for copy in (job for job in entry.before.jobs if isinstance(job, MirrorJob)):
            if copy.name in ends:
                done = ends[copy.name] is Status.COMPLETED
                yield end_copy(copy, "--pivot" if done else "--abort")
        jobs = [job for job in entry.before.backup_jobs if _status(ends, job) is not None]
        if not jobs:
            return
        if all(_status(ends, job) is Status.COMPLETED for job in jobs):
            yield from self._read(
                (entry.before.disk(job.disk), job.backup.name, job.backup.since is not None)
                for job in jobs
            )
        else:
            yield Virsh(("domjobabort", DOMAIN))

    def _change_chain(
        self, entry: Entry, request: Commit | Pull | BlockCopy | Resize | DeleteSnapshot
    ) -> Iterator[LibvirtAction]:
        machine = entry.before
        match request:
            case Commit():
                yield self._commit(machine, request)
            case Pull():
                yield self._pull(machine, request)
            case BlockCopy():
                if entry.refusal is None:
                    yield from self._make_room(request.to)
                yield self._blockcopy(machine, request)
            case Resize():
                disk = machine.disk(request.disk)
                size = f"{request.length * disk.cluster_size}B"
                yield Virsh(("blockresize", DOMAIN, disk.name, size))
            case DeleteSnapshot():
                self._snapshots.discard(request.name)
                yield Virsh(("snapshot-delete", DOMAIN, *_named("snapshotname", request.name)))

    def _commit(self, machine: Machine, commit: Commit) -> Virsh:
        disk = machine.disk_of(commit.top)
        if disk is None:
            raise UnsupportedError(f"a commit of {commit.top}, which is in no chain")
        base = commit.base if commit.base is not None else disk.chain[0].name
        words = ["blockcommit", DOMAIN, disk.name, "--base", path_of(self._file_of(base))]
        if commit.top == disk.active.name:
            words += ["--active", "--pivot"]
        else:
            words += ["--top", path_of(self._file_of(commit.top))]
        return Virsh((*words, "--wait"))

    def _pull(self, machine: Machine, pull: Pull) -> Virsh:
        disk = machine.disk_of(pull.into)
        if disk is None or pull.into != disk.active.name:
            raise UnsupportedError("a pull into an image that is not the active one")
        words = ["blockpull", DOMAIN, disk.name, "--wait"]
        if pull.base is not None:
            words += ["--base", path_of(self._file_of(pull.base))]
        return Virsh(tuple(words))

    def _make_room(self, image: str) -> Iterator[LibvirtAction]:
        """Yield what deletes the file of an earlier image of this name, which is in no chain."""
        if image in self._images:
            yield DeleteFile(self._file_of(image))
        self._images.add(image)

    def _blockcopy(self, machine: Machine, request: BlockCopy) -> Virsh:
        """Return what copies a disk; the job has to be transient where the machine is defined."""
        active = machine.disk(request.disk).active
        words = ["blockcopy", DOMAIN, request.disk, "--dest", path_of(self._file_of(request.to))]
        words += ["--format", request.format or active.format, "--transient-job", "--wait"]
        return Virsh((*words, *(() if request.lasting else ("--pivot",))))

    def _outside(
        self, machine: Machine, request: CopyImage | DropBackup | StackBackups
    ) -> Iterator[LibvirtAction]:
        names = self._names
        match request:
            case CopyImage():
                disk = machine.disk_of(request.image)
                assert disk is not None, "the copy was accepted, so the image is there"
                yield CopyFile(names.files[request.image], names.copies[request.target, disk.name])
            case DropBackup():
                for backup in machine.backups_named(request.name):
                    yield DeleteFile(names.copies[backup.name, backup.disk])
            case StackBackups():
                for disk in machine.disks:
                    files = stack_files(names, machine, request, disk)
                    if files:
                        yield Stack(names.restores[request.name, disk.name], files)


def _switch(
    machine: Machine, request: CloseImages | OpenImages | KillProcess
) -> Iterator[LibvirtAction]:
    """Yield what switches the machine; ``destroy`` closes all images, as a shutdown does."""
    match request:
        case CloseImages():
            yield Virsh(("destroy", DOMAIN))
        case OpenImages():
            yield Virsh(("start", DOMAIN, "--paused"))
        case KillProcess():
            # What a job copied counts as flushed, as what the guest wrote does.
            yield from (_qemu_io(disk.name, "flush") for disk in machine.disks)
            yield KillQemu()


def _status(ends: dict[str, Status], job: BackupJob) -> Status | None:
    """Return how a job ends, if it does now."""
    return ends.get(job.backup.name, ends.get(job.name))


def end_copy(job: MirrorJob, how: str) -> Virsh:
    """Return what ends the copy of a disk: ``--pivot`` to its new image, or ``--abort``."""
    return Virsh(("blockjob", DOMAIN, job.disk, how))


def _delete_checkpoint(request: DeleteCheckpoint) -> Virsh:
    words = ("checkpoint-delete", DOMAIN, *_named("checkpointname", request.name))
    flags = {"--children": request.children, "--metadata": request.metadata}
    return Virsh((*words, *(flag for flag, given in flags.items() if given)))


def _named(option: str, name: str) -> tuple[str, ...]:
    """Return a name as virsh takes it: one that begins with a dash needs its option before it."""
    return (f"--{option}={name}",) if name.startswith("-") else (name,)


def _fallback(name: str) -> str:
    """Return a name for a file that has none in the plan, since nothing is ever in it."""
    return name if _FILE.fullmatch(name) else "refused"


def _qemu_io(disk: str, words: str) -> Virsh:
    command = f'qemu-io -d {device_of(disk)} "{words}"'
    return Virsh(("qemu-monitor-command", DOMAIN, "--hmp", command))


def _guest_words(change: Change) -> str:
    """Return what ``qemu-io`` is told to do."""
    place = f"{change.offset} {change.length}"
    if change.kind is GuestKind.DISCARD:
        return f"discard {place}"
    if change.kind is GuestKind.ZERO:
        return f"write -z -u {place}"
    unit = bytes_of(change.version)
    if len(unit) > 1:
        raise UnsupportedError("a guest workload")
    return f"write -P {unit[0]:#04x} {place}"
