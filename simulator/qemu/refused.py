"""What QEMU must turn down: the commands of a ``qmp`` step, sent as they are. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, assert_never

from simulator.apis.transactions import one_by_one
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, Machine
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    ChangeJob,
    ClearBitmap,
    CommitImages,
    CreateImage,
    DisableBitmap,
    DropSnapshot,
    EnableBitmap,
    EndJob,
    ExportNode,
    FileOperation,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    MergeBitmaps,
    MirrorDisk,
    Operation,
    OutsideOperation,
    PowerOperation,
    PullImages,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RevertImages,
    RunBackup,
    SaveSnapshot,
    SetActive,
    StoreBitmaps,
    UnexportNode,
)
from simulator.model.transitions import apply
from simulator.model.transitions.backups.starting import refuse_file
from simulator.model.transitions.chains.commits import JOB_FAILS, JOB_MAY_NOT
from simulator.qemu.actions import Action, Command, DropGuest, MakeImage
from simulator.qemu.commands.backups import (
    backup_command,
    job_id,
    make_target,
    open_target,
    written_over,
)
from simulator.qemu.commands.bitmaps import change_bitmap, on_bitmap
from simulator.qemu.commands.images import internal_snapshot
from simulator.qemu.commands.jobs import change_command, mirror_command
from simulator.qemu.commands.nodes import (
    close_image,
    export_to_guest,
    open_image,
    use_command,
)
from simulator.qemu.names import Names
from simulator.values import NamedTuple

BY_DEVICE = ("block-job-cancel", "block-job-complete")
"""The commands that call a job a device."""

ALONE = (
    ResizeImage,
    CommitImages,
    PullImages,
    MirrorDisk,
    EndJob,
    ChangeJob,
    ExportNode,
    UnexportNode,
    SetActive,
)
"""What QEMU takes by itself only."""


FATAL = "QEMU 7.2 dies of it"
EMPTIES = "QEMU makes the target anew, and refuses the command only then"


class Attempt(NamedTuple):
    """A command that must be turned down.

    Attributes:
        actions: What it needs, and the command itself at the end.
        cleanup: What is to be done afterwards.
        why: Why it cannot be asked, where there are no actions.
    """

    actions: tuple[Action, ...] = ()
    cleanup: tuple[Action, ...] = ()
    why: str = ""


Part: TypeAlias = tuple[list[Action], Command, list[Action]]
"""What one command needs, the command, and what is to be done afterwards."""


def attempt(names: Names, machine: Machine, operations: Sequence[Operation]) -> Attempt:
    """Return how QEMU is asked for what it must turn down; nothing where that cannot be asked."""
    asked = _without_harm(machine, operations)
    if isinstance(asked, str):
        return Attempt(why=asked)
    told = [_part(names, met, each) for met, each in one_by_one(machine, asked)]
    parts = [part for part in told if part is not None]
    assert parts, "a step without operations is not refused"
    assert len(parts) == len(asked), "each of QEMU's own operations is a command"
    commands = [command for _, command, _ in parts]
    if len(commands) == 1:
        together = commands[0]
    elif any(isinstance(each, ALONE) for each in asked):
        return Attempt(why="its commands have no form as one transaction")
    else:
        actions = [{"type": c.execute, "data": dict(c.arguments)} for c in commands]
        grouped = any(isinstance(each, RunBackup) and each.group for each in asked)
        properties = {"properties": {"completion-mode": "grouped"}} if grouped else {}
        together = Command("transaction", {"actions": actions, **properties})
    before = _each_once(action for needed, _, _ in parts for action in needed)
    after = _each_once(action for _, _, cleaned in parts for action in cleaned)
    return Attempt((*before, together), tuple(after))


def _each_once(actions: Iterable[Action]) -> list[Action]:
    """Return actions without those that were done already: two commands may need the same file."""
    done: list[Action] = []
    for action in actions:
        if action not in done:
            done.append(action)
    return done


def _empties(machine: Machine, run: RunBackup) -> bool:
    """Whether a ``drive-backup`` that is refused leaves nothing of what its target held."""
    disk = machine.disk_of(run.image)
    if run.drive != "absolute-paths" or disk is None:
        return False
    before = written_over(machine, disk, run.target)
    return before is not None and refuse_file(machine, disk, run, before) is None


def _without_harm(machine: Machine, operations: Sequence[Operation]) -> Sequence[Operation] | str:
    """Return operations that QEMU can refuse and leave all as it was, or why they are not sent.

    QEMU 7.2 dies of a merge of no bitmaps, so that is not sent; and of a transaction that enables
    an unknown bitmap, so that is sent by itself. Source: ``facts/QEMU.md`` section 2.
    """
    if any(isinstance(each, MergeBitmaps) and not each.sources for each in operations):
        return FATAL
    if any(isinstance(each, RunBackup) and _empties(machine, each) for each in operations):
        return EMPTIES
    if harm := next(_lets_go(machine, operations), ""):
        return harm
    # What is turned down only when the job runs is no refused command.
    if any(isinstance(each, CommitImages) and _fails_late(machine, each) for each in operations):
        return "QEMU takes the command, and its job fails"
    for met, operation in one_by_one(machine, operations):
        outcome = apply(met, operation)
        if not isinstance(outcome, Refusal):
            continue
        if not isinstance(operation, EnableBitmap):
            return operations
        alone = apply(machine, operation)
        same = isinstance(alone, Refusal) and alone.text == outcome.text
        return [operation] if same else FATAL
    return operations


def _lets_go(machine: Machine, operations: Sequence[Operation]) -> Iterator[str]:
    """Yield what QEMU does to nodes that are to be let go, although that is refused."""
    for operation in operations:
        if isinstance(operation, SetActive):
            outcome = apply(machine, operation)
            if isinstance(outcome, Refusal) and outcome.cause:
                yield outcome.cause


def _fails_late(machine: Machine, commit: CommitImages) -> bool:
    """Whether QEMU takes a commit, and its job fails."""
    outcome = apply(machine, commit)
    return isinstance(outcome, Refusal) and outcome.text in (JOB_FAILS, JOB_MAY_NOT)


def _part(names: Names, machine: Machine, operation: Operation) -> Part | None:
    """Return what one operation is; None where it is no command of QEMU's."""
    match operation:
        case RemoveBitmap(node=node, name=name):
            return [], on_bitmap(names, "block-dirty-bitmap-remove", node, name), []
        case AddBitmap() | ClearBitmap() | EnableBitmap() | DisableBitmap() | MergeBitmaps():
            return [], change_bitmap(names, operation), []
        case RunBackup():
            return _backup(names, machine, operation)
        case AddOverlay():
            return _overlay(names, machine, operation)
        case ResizeImage():
            return _resize(names, machine, operation)
        case CommitImages():
            options = _named(names, {"top-node": operation.top, "base-node": operation.base})
            job = {"job-id": "commit", "device": names.node(operation.device)}
            return [], Command("block-commit", {**job, **options}), []
        case PullImages():
            options = _named(names, {"base-node": operation.base, "bottom": operation.bottom})
            job = {"job-id": "stream", "device": names.node(operation.into)}
            return [], Command("block-stream", {**job, **options}), []
        case SaveSnapshot() | DropSnapshot():
            return [], internal_snapshot(names, operation), []
        case ExportNode() | UnexportNode() | SetActive():
            return [], use_command(names, machine, operation), []
        case EndJob():
            return [], _end_command(names, machine, operation), []
        case ChangeJob():
            return [], change_command(names, operation), []
        case MirrorDisk():
            return _mirror(names, machine, operation)
        case CreateImage() | RevertImages() | LoadSnapshot() | StoreBitmaps():
            return None
        case GuestWrite() | GuestDiscard():
            return None
        case _ if isinstance(operation, OutsideOperation | FileOperation | PowerOperation):
            return None
        case _:
            assert_never(operation)


def _end_command(names: Names, machine: Machine, end: EndJob) -> Command:
    """Return the command that a job does not take, or that names none."""
    command = end.command or "job-cancel"
    id = names.job(end.job)
    for job in machine.jobs:
        if isinstance(job, BackupJob) and job.name == end.job:
            id = job_id(names, job.name, job.backup.name, names.targets[job.backup.name, job.disk])
    return Command(command, {"device" if command in BY_DEVICE else "id": id})


def _named(names: Names, nodes: dict[str, str | None]) -> dict[str, str]:
    """Return arguments that name nodes, without those that are left out."""
    return {key: names.node(node) for key, node in nodes.items() if node is not None}


def _disk(machine: Machine, node: str) -> Disk:
    """Return the disk of a node, or the first one for a node that is not there."""
    return machine.disk_of(node) or machine.disks[0]


def _backup(names: Names, machine: Machine, run: RunBackup) -> Part:
    disk = _disk(machine, run.image)
    key = (run.target, disk.name)
    drive = run.drive is not None
    if machine.disk_of(run.target) is not None:
        file = names.files[run.target] if drive else None
        return [], backup_command(names, run, names.node(run.target), file=file), []
    target, file = names.targets[key], names.copies[key]
    command = backup_command(names, run, target, file=file if drive else None)
    if drive or any(job.backup.name == run.target for job in machine.backup_jobs):
        return [], command, []
    image = disk.image(run.image)
    size = disk.size if image is None else disk.bytes_of(image.name)
    needed: list[Action] = list(make_target(disk, size, file, target))
    before = written_over(machine, disk, run.target)
    if before is not None:
        needed = [open_target(file, target, format=before.format)]
    return needed, command, [Command("blockdev-del", {"node-name": target})]


def _mirror(names: Names, machine: Machine, mirror: MirrorDisk) -> Part:
    """Return a copy of a disk, into an image that is made for it if there is none."""
    disk, into = _disk(machine, mirror.node), mirror.into
    command = mirror_command(names, mirror)
    if machine.disk_of(into) is not None or into == mirror.node:
        return [], command, []
    for job in machine.backup_jobs:
        if job.backup.name == into:
            target = names.targets[into, job.disk]
            return [], Command(command.execute, {**command.arguments, "target": target}), []
    made = MakeImage(names.files[into], mirror.format, disk.size, disk.cluster_size)
    opened = open_image(names, into, mirror.format, backing=None)
    return [made, opened], command, [close_image(names, into)]


def _overlay(names: Names, machine: Machine, add: AddOverlay) -> Part:
    options: dict[str, Any] = {"node": names.node(add.node), "overlay": names.node(add.overlay)}
    command = Command("blockdev-snapshot", options)
    if machine.disk_of(add.overlay) is not None or add.overlay == add.node:
        return [], command, []
    disk = _disk(machine, add.node)
    target = names.targets.get((add.overlay, disk.name))
    if target is not None and any(b.backup.name == add.overlay for b in machine.backup_jobs):
        return [], Command("blockdev-snapshot", {**options, "overlay": target}), []
    made = MakeImage(names.files[add.overlay], "qcow2", disk.size, disk.cluster_size)
    opened = open_image(names, add.overlay, "qcow2", backing=None)
    return [made, opened], command, [close_image(names, add.overlay)]


def _resize(names: Names, machine: Machine, resize: ResizeImage) -> Part:
    disk = _disk(machine, resize.node)
    size = resize.length * disk.cluster_size - resize.lacks
    command = Command("block_resize", {"node-name": names.node(resize.node), "size": size})
    if machine.disk_of(resize.node) is None or machine.jobs_on(disk.name):
        return [], command, []
    again = export_to_guest(names, disk.name, disk.active.name)
    return [DropGuest(names.guests[disk.name])], command, [again]
