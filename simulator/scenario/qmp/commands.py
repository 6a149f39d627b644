"""QEMU's own primitives: the commands of a ``qmp`` step as operations, or QEMU's refusal.

What is wrong with a command is QEMU's to refuse, in its own words, and no mistake in the file.
A new command is a reader and an entry of ``COMMANDS``. Source: observed on QEMU 7.2.22.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TypeAlias

from simulator.model.machine import Kind, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    Asked,
    BitmapMode,
    ChangeJob,
    ClearBitmap,
    CommitImages,
    DisableBitmap,
    DropSnapshot,
    EnableBitmap,
    EndJob,
    ExportNode,
    MergeBitmaps,
    MirrorDisk,
    Operation,
    PullImages,
    RemoveBitmap,
    ResizeImage,
    RunBackup,
    SaveSnapshot,
    SetActive,
    Sync,
    UnexportNode,
)
from simulator.releases.hosts import precedes
from simulator.scenario.names import Thing
from simulator.scenario.qmp.arguments import Arguments, RefusedError
from simulator.scenario.qmp.ignored import BACKUP, COMMANDS_NEWER, EXPORT, MERGE, MIRROR
from simulator.values import NamedTuple

SYNC_MODES = ("top", "full", "none", "incremental", "bitmap")
"""What ``sync`` takes. Source: QEMU QMP reference, ``MirrorSyncMode``."""

_NODE_NAME = r"[A-Za-z][A-Za-z0-9._-]*"
_OF_NODE_NAMES = "such a name begins with a letter, and has letters, digits, '.', '_' and '-' only"


Clusters: TypeAlias = Callable[[str, int], tuple[int, int]]
"""How many clusters hold so many bytes of the disk of a node; a file may name any node.

The last one is whole; a negative number of bytes is a negative number of clusters.
"""

Reader: TypeAlias = Callable[[Arguments, Clusters], Operation]


class Command(NamedTuple):
    """A command of QMP.

    Attributes:
        name: As QEMU calls it.
        read: Makes an operation of its arguments.
        action: Whether it can be part of a transaction.
        makes: The arguments that introduce a name, and what it is the name of.
        frees: The arguments that give one up.
    """

    name: str
    read: Reader
    action: bool = False
    makes: tuple[tuple[str, Thing], ...] = ()
    frees: tuple[tuple[str, Thing], ...] = ()


def _read_add(arguments: Arguments, clusters: Clusters) -> Operation:
    node, name = arguments.text("node"), arguments.text("name")
    granularity = arguments.uint32("granularity")
    persistent, disabled = arguments.flag("persistent"), arguments.flag("disabled")
    arguments.end()
    return AddBitmap(
        node=node,
        name=name,
        granularity=granularity,
        persistent=persistent,
        recording=not disabled,
    )


def _read_merge(arguments: Arguments, clusters: Clusters) -> Operation:
    node, target = arguments.text("node"), arguments.text("target")
    sources = tuple(
        _read_source(node, source, arguments.release, f"bitmaps[{index}].")
        for index, source in enumerate(arguments.array("bitmaps"))
    )
    arguments.end()
    return MergeBitmaps(node=node, name=target, sources=sources)


def _read_source(node: str, source: object, release: str, within: str) -> tuple[str, str]:
    """Return the node and name of a bitmap to merge; a bare name is on the target's node."""
    if isinstance(source, str):
        return node, source
    if not isinstance(source, dict):
        raise RefusedError("Invalid parameter type for 'null', expected: BlockDirtyBitmapOrStr")
    taken = Arguments(source, release, within)
    key = taken.text("node"), taken.text("name")
    taken.end()
    return key


def _on_bitmap(operation: Callable[[str, str], Operation]) -> Reader:
    """Return what reads the arguments of a command on one bitmap."""

    def read(arguments: Arguments, clusters: Clusters) -> Operation:
        node, name = arguments.text("node"), arguments.text("name")
        arguments.end()
        return operation(node, name)

    return read


def _read_backup(arguments: Arguments, clusters: Clusters) -> Operation:
    return _backup(arguments)


def _read_drive_backup(arguments: Arguments, clusters: Clusters) -> Operation:
    """Read what names its target by a file, which QEMU makes anew or must find."""
    arguments.choice("format", ("qcow2",))
    mode = arguments.choice("mode", ("existing", "absolute-paths")) or "absolute-paths"
    run = _backup(arguments, file=True)
    return run._replace(drive=mode, reuse=mode == "existing")


def _backup(arguments: Arguments, *, file: bool = False) -> RunBackup:
    """Return a backup job of its arguments.

    Args:
        file: Whether the target is a file, and no node.
    """
    job, device, target = (
        arguments.optional("job-id"),
        arguments.text("device"),
        arguments.text("target"),
    )
    sync = arguments.choice("sync", SYNC_MODES)
    if sync is None:
        raise RefusedError("Parameter 'sync' is missing")
    bitmap = arguments.optional("bitmap")
    mode = arguments.choice("bitmap-mode", tuple(BitmapMode))
    unit = arguments.peek("x-perf", "min-cluster-size")
    discards, breaks = arguments.peek("discard-source"), arguments.peek("on-cbw-error")
    arguments.ignore(BACKUP)
    arguments.end()
    if not file and not re.fullmatch(_NODE_NAME, target):
        raise RefusedError(f"Invalid node-name: '{target}'", _OF_NODE_NAMES)
    through = sync in ("bitmap", "incremental")
    kinds = {"full": Kind.FULL, "top": Kind.TOP, "none": Kind.NONE}
    return RunBackup(
        target=PurePath(target).name if file else target,
        image=device,
        kind=kinds.get(sync, Kind.BITMAPS),
        sync=Sync.BITMAP if through else Sync(sync),
        bitmap=bitmap,
        mode=BitmapMode(mode or (BitmapMode.ON_SUCCESS if through else BitmapMode.NEVER)),
        bitmaps=(bitmap,) if through and bitmap is not None else (),
        reuse=True,
        job=job,
        asked=Asked(sync, mode),
        unit=unit if isinstance(unit, int) else None,
        discards=discards is True,
        breaks=breaks == "break-snapshot",
    )


# fmt: off
JOB_TYPES = ("commit", "stream", "mirror", "backup", "create", "amend", "snapshot-load",
             "snapshot-save", "snapshot-delete")
# fmt: on
"""Source: QEMU QMP reference, ``JobType``."""

GRANULARITY_MAX = 64 * 1024 * 1024
"""Bytes that a mirror looks at together, at the most. Source: QEMU 7.2, ``blockdev-mirror``."""


def _read_mirror(arguments: Arguments, clusters: Clusters) -> Operation:
    job, device = arguments.optional("job-id"), arguments.text("device")
    target, replaces = arguments.text("target"), arguments.optional("replaces")
    sync = arguments.choice("sync", SYNC_MODES)
    if sync is None:
        raise RefusedError("Parameter 'sync' is missing")
    granularity = arguments.uint32("granularity")
    blocking = arguments.peek("copy-mode") == "write-blocking"
    arguments.ignore(MIRROR)
    arguments.end()
    if not re.fullmatch(_NODE_NAME, target):
        raise RefusedError(f"Invalid node-name: '{target}'", _OF_NODE_NAMES)
    wrong = ""
    if granularity is not None and not 512 <= granularity <= GRANULARITY_MAX:
        wrong = "Parameter 'granularity' expects a value in range [512B, 64MB]"
    elif granularity is not None and granularity & (granularity - 1):
        wrong = "Parameter 'granularity' expects a power of 2"
    return MirrorDisk(
        node=device,
        into=target,
        shallow=sync == "top",
        job=job,
        replaces=replaces,
        sync=sync,
        granularity=granularity,
        blocking=blocking,
        wrong=wrong,
    )


def _read_commit(arguments: Arguments, clusters: Clusters) -> Operation:
    job, device = arguments.optional("job-id"), arguments.text("device")
    told = {name: arguments.optional(name) for name in ("top-node", "top", "base-node", "base")}
    arguments.ignore(MERGE)
    arguments.end()
    for name in ("top", "base"):
        if told[name] is not None and told[f"{name}-node"] is not None:
            raise RefusedError(f"'{name}-node' and '{name}' are mutually exclusive")
    top, base = told["top-node"] or told["top"], told["base-node"] or told["base"]
    return CommitImages(device=device, top=top, base=base, job=job or f"commit-{device}")


def _read_stream(arguments: Arguments, clusters: Clusters) -> Operation:
    job, device = arguments.optional("job-id"), arguments.text("device")
    file, base = arguments.optional("base"), arguments.optional("base-node")
    bottom = arguments.optional("bottom")
    arguments.ignore(MERGE)
    arguments.end()
    told = {"base": file, "bottom": bottom, "base-node": base}
    for one, other in (("base", "base-node"), ("base", "bottom"), ("bottom", "base-node")):
        if told[one] is not None and told[other] is not None:
            raise RefusedError(f"'{one}' and '{other}' cannot be specified at the same time")
    base = base or file
    return PullImages(into=device, base=base, bottom=bottom, job=job or f"stream-{device}")


def _read_resize(arguments: Arguments, clusters: Clusters) -> Operation:
    device, node = arguments.optional("device"), arguments.optional("node-name")
    size = arguments.int64("size")
    arguments.end()
    if node is None:
        raise RefusedError(f"Cannot find device='{device or ''}' nor node-name=''")
    length, lacks = clusters(node, size)
    return ResizeImage(node=node, length=length, lacks=lacks)


def _read_snapshot(arguments: Arguments, clusters: Clusters) -> Operation:
    node, overlay = arguments.text("node"), arguments.text("overlay")
    arguments.end()
    return AddOverlay(node=node, overlay=overlay)


def _read_snapshot_sync(arguments: Arguments, clusters: Clusters) -> Operation:
    device, node = arguments.optional("device"), arguments.optional("node-name")
    file, overlay = arguments.text("snapshot-file"), arguments.optional("snapshot-node-name")
    arguments.choice("format", ("qcow2",))
    arguments.choice("mode", ("existing", "absolute-paths"))
    arguments.end()
    below = node or device
    if below is None:
        raise RefusedError("Cannot find device='' nor node-name=''")
    return AddOverlay(node=below, overlay=overlay or PurePath(file).stem)


def _on_device(operation: Callable[[str, str], Operation]) -> Reader:
    """Return what reads the arguments of a command on a state that is kept inside an image."""

    def read(arguments: Arguments, clusters: Clusters) -> Operation:
        device, name = arguments.text("device"), arguments.text("name")
        arguments.drop("id")
        arguments.end()
        return operation(device, name)

    return read


def _on_job(command: str, status: Status) -> Command:
    """Return a command that ends a job.

    Args:
        command: Its name.
        status: How the job ends.
    """
    older = command.startswith("block-job")
    key = "device" if command in ("block-job-cancel", "block-job-complete") else "id"

    def read(arguments: Arguments, clusters: Clusters) -> Operation:
        job = arguments.text(key)
        forced = command == "job-cancel"
        if command == "block-job-cancel":
            forced = arguments.flag("force")
        arguments.end()
        unknown = f"Block job '{job}' not found" if older else "Job not found"
        return EndJob(job=job, status=status, unknown=unknown, command=command, forced=forced)

    return Command(command, read)


def _must_know(name: str, arguments: Arguments) -> None:
    """Raise what a release says that does not have a command yet."""
    if precedes(arguments.release, COMMANDS_NEWER[name]):
        raise RefusedError(f"The command {name} has not been found")


def _read_change(arguments: Arguments, clusters: Clusters) -> Operation:
    _must_know("block-job-change", arguments)
    job, kind = arguments.text("id"), arguments.choice("type", JOB_TYPES)
    if kind is None:
        raise RefusedError("Parameter 'type' is missing")
    mode = None
    if kind == "mirror":
        mode = arguments.choice("copy-mode", ("background", "write-blocking"))
        if mode is None:
            raise RefusedError("Parameter 'copy-mode' is missing")
    arguments.end()
    return ChangeJob(job, blocking=mode == "write-blocking")


def _read_active(arguments: Arguments, clusters: Clusters) -> Operation:
    _must_know("blockdev-set-active", arguments)
    node = arguments.optional("node-name")
    if not arguments.has("active"):
        raise RefusedError("Parameter 'active' is missing")
    active = arguments.flag("active")
    arguments.end()
    return SetActive(node=node, active=active)


def _read_export(arguments: Arguments, clusters: Clusters) -> Operation:
    kind, export = arguments.choice("type", ("nbd",)), arguments.text("id")
    if kind is None:
        raise RefusedError("Parameter 'type' is missing")
    node, name = arguments.text("node-name"), arguments.optional("name")
    writable = arguments.flag("writable")
    bitmaps = arguments.array("bitmaps") if arguments.has("bitmaps") else []
    told = tuple(
        (None, each)
        if isinstance(each, str)
        else _read_source(node, each, arguments.release, f"bitmaps[{index}].")
        for index, each in enumerate(bitmaps)
    )
    arguments.ignore(EXPORT)
    arguments.end()
    if not re.fullmatch(_NODE_NAME, export):
        raise RefusedError("Invalid block export id", _OF_NODE_NAMES)
    return ExportNode(id=export, name=name or node, node=node, writable=writable, bitmaps=told)


def _read_unexport(arguments: Arguments, clusters: Clusters) -> Operation:
    export = arguments.text("id")
    arguments.choice("mode", ("safe", "hard"))
    arguments.end()
    return UnexportNode(id=export)


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command(
            "block-dirty-bitmap-add",
            _read_add,
            action=True,
            makes=(("name", Thing.CHECKPOINT),),
        ),
        Command(
            "block-dirty-bitmap-remove",
            _on_bitmap(lambda node, name: RemoveBitmap(node, name)),
            action=True,
            frees=(("name", Thing.CHECKPOINT),),
        ),
        Command("block-dirty-bitmap-clear", _on_bitmap(ClearBitmap), action=True),
        Command("block-dirty-bitmap-enable", _on_bitmap(EnableBitmap), action=True),
        Command("block-dirty-bitmap-disable", _on_bitmap(DisableBitmap), action=True),
        Command("block-dirty-bitmap-merge", _read_merge, action=True),
        Command(
            "blockdev-backup",
            _read_backup,
            action=True,
            makes=(("target", Thing.BACKUP), ("job-id", Thing.JOB)),
        ),
        Command(
            "drive-backup",
            _read_drive_backup,
            action=True,
            makes=(("target", Thing.BACKUP), ("job-id", Thing.JOB)),
        ),
        Command(
            "blockdev-mirror",
            _read_mirror,
            makes=(("target", Thing.IMAGE), ("job-id", Thing.JOB)),
        ),
        Command(
            "blockdev-snapshot",
            _read_snapshot,
            action=True,
            makes=(("overlay", Thing.IMAGE),),
        ),
        Command(
            "blockdev-snapshot-sync",
            _read_snapshot_sync,
            action=True,
            makes=(("snapshot-node-name", Thing.IMAGE),),
        ),
        Command(
            "blockdev-snapshot-internal-sync",
            _on_device(SaveSnapshot),
            action=True,
            makes=(("name", Thing.SNAPSHOT),),
        ),
        Command("blockdev-snapshot-delete-internal-sync", _on_device(DropSnapshot)),
        Command("block-commit", _read_commit, makes=(("job-id", Thing.JOB),)),
        Command("block-stream", _read_stream, makes=(("job-id", Thing.JOB),)),
        Command("block_resize", _read_resize),
        Command("block-export-add", _read_export),
        Command("block-export-del", _read_unexport),
        _on_job("job-cancel", Status.CANCELLED),
        _on_job("job-complete", Status.COMPLETED),
        _on_job("job-finalize", Status.COMPLETED),
        _on_job("job-dismiss", Status.COMPLETED),
        _on_job("block-job-cancel", Status.CANCELLED),
        _on_job("block-job-complete", Status.COMPLETED),
        _on_job("block-job-finalize", Status.COMPLETED),
        _on_job("block-job-dismiss", Status.COMPLETED),
        Command("block-job-change", _read_change),
        Command("blockdev-set-active", _read_active),
    )
}
"""The commands that change something, by name."""
