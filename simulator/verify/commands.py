"""What each operation is on a real QEMU: QMP commands, steps of the guest, files. Pure."""

from typing import Any, assert_never

from simulator.model.clusters import ZERO
from simulator.model.disk import Disk
from simulator.model.machine import Machine, Power, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapKey,
    ClearBitmap,
    CloseImages,
    CommitImages,
    CopyImage,
    CreateImage,
    DisableBitmap,
    DropBackup,
    EnableBitmap,
    EndBackup,
    ForgetCheckpoint,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Operation,
    PullImages,
    RecordCheckpoint,
    RemoveBitmap,
    RunBackup,
    StackBackups,
    Sync,
)
from simulator.verify.actions import (
    Action,
    AwaitJobs,
    Change,
    Command,
    CopyFile,
    DeleteFile,
    GuestKind,
    GuestStep,
    JobEnd,
    KillQemu,
    MakeImage,
    QuitQemu,
    Stack,
    StartQemu,
)
from simulator.verify.names import Names
from simulator.verify.sight import format_of

COPY_MODES = {Sync.FULL: "full", Sync.TOP: "top", Sync.BITMAP: "bitmap"}
"""What QEMU calls what a job copies."""


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
            case AddOverlay():
                self._add_overlay(machine.disk(operation.disk), operation)
            case RemoveBitmap():
                self._remove_bitmap(machine, operation)
            case AddBitmap() | ClearBitmap() | EnableBitmap() | DisableBitmap() | MergeBitmaps():
                self._change_bitmap(operation)
            case RunBackup():
                self._run_backup(machine.disk(operation.disk), operation)
            case EndBackup():
                self._end_backup(machine, operation)
            case CommitImages():
                self._commit_images(machine.disk(operation.disk), operation)
            case PullImages():
                self._pull_images(machine.disk(operation.disk), operation)
            case CopyImage():
                self._copy_image(machine, operation)
            case DropBackup():
                gone = machine.backups_named(operation.name)
                self._do(*(DeleteFile(self._names.copies[b.name, b.disk]) for b in gone))
            case StackBackups():
                self._stack_backups(machine, operation)
            case OpenImages():
                self._open_images(machine)
            case CloseImages():
                self._do(QuitQemu())
            case KillProcess():
                # What a job copied counts as flushed, too.
                guests = [self._names.guests[disk.name] for disk in machine.disks if disk.chain]
                self._do(*(GuestStep(guest) for guest in guests), KillQemu())
            case RecordCheckpoint() | ForgetCheckpoint():
                pass  # The host's own notes: QEMU knows nothing of them.
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
            self._done.append(Command("transaction", {"actions": listed}))
        if self._jobs:
            self._done.append(AwaitJobs(tuple(self._jobs)))
        self._done += self._after
        self._before, self._together, self._jobs, self._after = [], [], [], []
        self._in_use.clear()

    def _create_image(self, disk: Disk, create: CreateImage) -> None:
        names = self._names
        self._do(
            MakeImage(names.files[create.image], create.format, disk.size, disk.cluster_size),
            open_image(names, create.image, create.format, backing=None),
            export_to_guest(names, disk.name, create.image),
        )

    def _add_overlay(self, disk: Disk, add: AddOverlay) -> None:
        names, below = self._names, disk.active
        self._before += [
            MakeImage(
                names.files[add.overlay],
                "qcow2",
                disk.size,
                disk.cluster_size,
                backing=names.files[below.name],
                backing_format=below.format,
            ),
            open_image(names, add.overlay, "qcow2", backing=None),
        ]
        self._together.append(
            Command(
                "blockdev-snapshot",
                {"node": names.node(below.name), "overlay": names.node(add.overlay)},
            )
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
        if not remove.reopen or disk is None or remove.node == disk.active.name:
            self._together.append(command)
            return
        self._do(
            reopen_image(self._names, disk, remove.node, read_only=False),
            command,
            reopen_image(self._names, disk, remove.node, read_only=True),
        )

    def _run_backup(self, disk: Disk, run: RunBackup) -> None:
        names, key = self._names, (run.target, run.disk)
        target, file = names.targets[key], names.copies[key]
        options: dict[str, Any] = {
            "job-id": target,
            "device": names.node(run.image),
            "target": target,
            "sync": COPY_MODES[run.sync],
        }
        if run.bitmap is not None:
            if (run.image, run.bitmap) in self._in_use:
                self._flush()
            options |= {"bitmap": run.bitmap, "bitmap-mode": run.mode.value}
            self._in_use.add((run.image, run.bitmap))
        if run.lasting:
            options["auto-finalize"] = False
        self._before += make_target(disk, file, target)
        self._together.append(Command("blockdev-backup", options))
        if run.lasting:
            self._after.append(AwaitJobs((target,), JobEnd.PENDING))
        else:
            self._jobs.append(target)
            self._after.append(Command("blockdev-del", {"node-name": target}))

    def _end_backup(self, machine: Machine, end: EndBackup) -> None:
        """Finalize or cancel a job that waits for it, having copied everything.

        One that fails is cancelled: both leave the same, unless its bitmap is to be cleared in
        any case.
        """
        keys = [(j.backup.name, j.backup.disk) for j in machine.jobs if j.backup.name == end.target]
        targets = [self._names.targets[key] for key in keys]
        completed = end.status is Status.COMPLETED
        execute = "job-finalize" if completed else "job-cancel"
        ended = JobEnd.COMPLETED if completed else JobEnd.CANCELLED
        self._do(
            *(Command(execute, {"id": target}) for target in targets),
            AwaitJobs(tuple(targets), ended),
            *(Command("blockdev-del", {"node-name": target}) for target in targets),
        )

    def _commit_images(self, disk: Disk, commit: CommitImages) -> None:
        names = self._names
        images = [image.name for image in disk.chain]
        merged = images[images.index(commit.base) + 1 : images.index(commit.top) + 1]
        job = f"commit-{names.node(commit.base)}"
        pivots = commit.top == disk.active.name
        self._do(
            Command(
                "block-commit",
                {
                    "job-id": job,
                    "device": names.node(disk.active.name),
                    "top-node": names.node(commit.top),
                    "base-node": names.node(commit.base),
                },
            )
        )
        if pivots:
            self._do(AwaitJobs((job,), JobEnd.READY), Command("job-complete", {"id": job}))
        self._do(AwaitJobs((job,)))
        if commit.carry:
            self._carry(disk, merged, commit.base, pivots=pivots)
        self._do(*(close_image(names, image) for image in reversed(merged)))

    def _carry(self, disk: Disk, merged: list[str], base: str, *, pivots: bool) -> None:
        """Merge the bitmaps of merged images into the base's, those it lacks added first."""
        names = self._names
        carried = [
            bitmap
            for image in merged
            for bitmap in disk.bitmaps_on(image)
            if bitmap.persistent and not bitmap.inconsistent
        ]
        if not carried:
            return
        if not pivots:
            self._do(reopen_image(names, disk, base, read_only=False))
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
            self._do(reopen_image(names, disk, base, read_only=True))

    def _pull_images(self, disk: Disk, pull: PullImages) -> None:
        names = self._names
        images = [image.name for image in disk.chain]
        low = images.index(pull.base) + 1 if pull.base is not None else 0
        pulled = images[low : images.index(pull.into)]
        if not pulled:
            return
        job = f"stream-{names.node(pull.into)}"
        options = {"job-id": job, "device": names.node(pull.into)}
        if pull.base is not None:
            options["base-node"] = names.node(pull.base)
        self._do(
            Command("block-stream", options),
            AwaitJobs((job,)),
            *(close_image(names, image) for image in reversed(pulled)),
        )

    def _copy_image(self, machine: Machine, copy: CopyImage) -> None:
        """Copy a file that nobody writes; of the active image, what is allocated at an instant."""
        names, disk = self._names, machine.disk_of(copy.image)
        assert disk is not None, "the copy was accepted, so the image is there"
        key = (copy.target, disk.name)
        target, file = names.targets[key], names.copies[key]
        image = disk.image(copy.image)
        raw = image is not None and image.format == "raw"
        if machine.power is not Power.RUNNING or image is not disk.active or raw:
            self._do(CopyFile(names.files[copy.image], file))
            return
        self._do(
            *make_target(disk, file, target),
            Command(
                "blockdev-backup",
                {
                    "job-id": target,
                    "device": names.node(copy.image),
                    "target": target,
                    "sync": "top",
                },
            ),
            AwaitJobs((target,)),
            Command("blockdev-del", {"node-name": target}),
        )

    def _stack_backups(self, machine: Machine, stack: StackBackups) -> None:
        for disk in machine.disks:
            files = tuple(
                (self._names.copies[backup.name, backup.disk], format_of(backup, disk))
                for name in stack.sources
                for backup in machine.backups_named(name)
                if backup.disk == disk.name
            )
            if files:
                self._do(Stack(self._names.restores[stack.name, disk.name], files))

    def _open_images(self, machine: Machine) -> None:
        names = self._names
        self._do(StartQemu())
        for disk in machine.disks:
            below = None
            for image in disk.chain:
                active = image is disk.active
                self._do(
                    open_image(names, image.name, image.format, backing=below, read_only=not active)
                )
                below = image.name
            if disk.chain:
                self._do(export_to_guest(names, disk.name, disk.active.name))


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


def reopen_image(names: Names, disk: Disk, image: str, *, read_only: bool) -> Command:
    """Return the command that changes whether an image of a chain may be written to."""
    place = [each.name for each in disk.chain].index(image)
    format = disk.chain[place].format
    backing = disk.chain[place - 1].name if place else None
    options = {
        **_options(names, image, format, backing=backing, read_only=read_only),
        "file": names.protocols[image],
    }
    return Command("blockdev-reopen", {"options": [options]})


def _options(
    names: Names, image: str, format: str, *, backing: str | None, read_only: bool
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


def make_target(disk: Disk, file: str, target: str) -> list[Action]:
    """Return what makes an empty image to back a disk up into, and opens it."""
    return [
        MakeImage(file, "qcow2", disk.size, disk.cluster_size),
        Command(
            "blockdev-add",
            {
                "driver": "qcow2",
                "node-name": target,
                "discard": "unmap",
                "file": {"driver": "file", "filename": file},
            },
        ),
    ]


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
