"""QEMU's own primitives: the commands of a ``qmp`` step as operations, or QEMU's refusal.

What is wrong with a command is QEMU's to refuse, in its own words, and no mistake in the file.
A new command is a reader and a line in ``_READERS``. Source: observed on QEMU 7.2.22.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias

from simulator.model.machine import Kind, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapMode,
    ClearBitmap,
    CommitImages,
    DisableBitmap,
    DropSnapshot,
    EnableBitmap,
    EndJob,
    ExportNode,
    MergeBitmaps,
    Operation,
    PullImages,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RunBackup,
    SaveSnapshot,
    Sync,
    UnexportNode,
)
from simulator.model.requests import Qmp

UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

TRANSACTION = "transaction"

SYNC_MODES = ("top", "full", "none", "incremental", "bitmap")
"""What ``sync`` takes. Source: QEMU QMP reference, ``MirrorSyncMode``."""

QUERIES = (
    "query-block",
    "query-block-jobs",
    "query-block-exports",
    "query-jobs",
    "query-named-block-nodes",
    "nbd-server-start",
    "nbd-server-stop",
)
"""Commands that change nothing here; the server that exports go through is always there."""

_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")

_NO_MEANING = (
    "speed",
    "on-error",
    "on-source-error",
    "on-target-error",
    "filter-node-name",
    "auto-finalize",
    "auto-dismiss",
    "compress",
    "x-perf",
    "backing-file",
    "backing-mask-protocol",
)
"""Arguments of jobs that change nothing here."""


class _Refused(Exception):
    """QEMU turns a command down as it reads it."""


class Clusters:
    """How many clusters hold so many bytes of the disk of a node; files may name any node."""

    def __init__(self, cluster_sizes: Mapping[str, int], default: int) -> None:
        self._sizes = cluster_sizes
        self._default = default

    def count(self, node: str, size: int) -> int:
        """Return a size in clusters, the last one whole; a negative size is a negative number."""
        one = self._sizes.get(node, self._default)
        return -(-size // one) if size >= 0 else size // one


def commands_in(
    commands: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the arguments of each command, and of each action of a transaction."""
    for command in commands:
        arguments = command.get("arguments", {})
        if command["execute"] != TRANSACTION:
            yield command["execute"], arguments
            continue
        actions = arguments.get("actions")
        for action in actions if isinstance(actions, list) else ():
            data = action.get("data", {}) if isinstance(action, dict) else {}
            if isinstance(action, dict) and isinstance(action.get("type"), str):
                yield action["type"], data if isinstance(data, dict) else {}


def read_commands(
    commands: Sequence[Mapping[str, Any]], clusters: Clusters, *, lasting: bool = False
) -> Qmp:
    """Return what commands ask for; several are one transaction.

    Args:
        commands: Each with ``execute`` and perhaps ``arguments``.
        clusters: Tells sizes in clusters.
        lasting: Whether the jobs that they start run on.
    """
    operations: list[Operation | Refusal] = []
    names: list[str] = []
    for command in commands:
        execute, arguments = command["execute"], command.get("arguments", {})
        if execute == TRANSACTION:
            names += [name for name, _ in commands_in([command])] or [execute]
            operations += _read_transaction(arguments, clusters)
        else:
            names.append(execute)
            operations += _read_command(execute, arguments, clusters)
            if len(commands) > 1 and execute in _ALONE:
                operations.append(Refusal(f"Parameter 'type' does not accept value '{execute}'"))
    if lasting:
        operations = [
            each._replace(lasting=True)
            if isinstance(each, RunBackup | CommitImages | PullImages)
            else each
            for each in operations
        ]
    return Qmp(commands=tuple(names), operations=tuple(operations))


def _read_transaction(
    arguments: Mapping[str, Any], clusters: Clusters
) -> list[Operation | Refusal]:
    """Return the operations of a transaction written out, with its properties."""
    try:
        taken = _Arguments(arguments)
        actions = taken.array("actions")
        properties = taken.mapping("properties")
        taken.end()
        grouped = _read_properties(properties)
        operations: list[Operation | Refusal] = []
        for index, action in enumerate(actions):
            within = f"actions[{index}]"
            if not isinstance(action, dict):
                raise _Refused(f"Invalid parameter type for '{within}', expected: object")
            one = _Arguments(action, f"{within}.")
            kind, data = one.text("type"), one.mapping("data")
            one.end()
            if kind in _ALONE or (kind not in _READERS and kind != "abort"):
                raise _Refused(f"Parameter 'type' does not accept value '{kind}'")
            if grouped and kind != "blockdev-backup":
                raise _Refused(
                    f"Action '{kind}' does not support Transaction property "
                    "completion-mode = grouped"
                )
            if kind == "abort":
                operations.append(Refusal("Transaction aborted using Abort action"))
            else:
                operations += _read_command(kind, data, clusters)
    except _Refused as refused:
        return [Refusal(str(refused))]
    if not grouped:
        return operations
    group = tuple(each.target for each in operations if isinstance(each, RunBackup))
    return [
        each._replace(group=group) if isinstance(each, RunBackup) else each for each in operations
    ]


def _read_properties(properties: Mapping[str, Any]) -> bool:
    """Return whether the jobs of a transaction end together."""
    taken = _Arguments(properties, "properties.")
    mode = taken.choice("completion-mode", ("individual", "grouped"))
    taken.end()
    return mode == "grouped"


def _read_command(
    execute: str, arguments: Mapping[str, Any], clusters: Clusters
) -> list[Operation | Refusal]:
    if execute in QUERIES:
        return []
    if execute not in _READERS:
        return [Refusal(f"The command {execute} has not been found")]
    try:
        return [_READERS[execute](_Arguments(arguments), clusters)]
    except _Refused as refused:
        return [Refusal(str(refused))]


class _Arguments:
    """The arguments of a command, taken one by one in the order in which QEMU looks at them."""

    def __init__(self, arguments: Mapping[str, Any], within: str = "") -> None:
        self._left = dict(arguments)
        self._within = within

    def text(self, name: str) -> str:
        """Take a text, which is required."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._ill_typed(name, "string")
        return value

    def optional(self, name: str) -> str | None:
        """Take a text, or None where it is left out."""
        return self.text(name) if name in self._left else None

    def has(self, name: str) -> bool:
        """Whether an argument is there, and not taken yet."""
        return name in self._left

    def choice(self, name: str, words: Sequence[str]) -> str | None:
        """Take one of some words, or None where it is left out."""
        value = self.optional(name)
        if value is not None and value not in words:
            raise _Refused(f"Parameter '{self._within}{name}' does not accept value '{value}'")
        return value

    def flag(self, name: str) -> bool:
        """Take true or false; false where it is left out."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self._ill_typed(name, "boolean")
        return value

    def uint32(self, name: str) -> int | None:
        """Take a number, or None where it is left out."""
        if name not in self._left:
            return None
        value = self._left.pop(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._ill_typed(name, "integer")
        if not INT64_MIN <= value <= UINT64_MAX:
            # The reader of JSON makes a floating-point number of it.
            raise self._ill_typed(name, "integer")
        if not 0 <= value <= UINT32_MAX:
            raise _Refused(f"Parameter '{self._within}{name}' expects uint32_t")
        return value

    def int64(self, name: str) -> int:
        """Take a number, which is required."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._ill_typed(name, "integer")
        if not INT64_MIN <= value <= INT64_MAX:
            raise self._ill_typed(name, "integer")
        return value

    def array(self, name: str) -> list[Any]:
        """Take a list, which is required."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._ill_typed(name, "array")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Take a mapping; an empty one where it is left out."""
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise self._ill_typed(name, "object")
        return value

    def drop(self, *names: str) -> None:
        """Let go of arguments that have no meaning here."""
        for name in names:
            self._left.pop(name, None)

    def end(self) -> None:
        """Refuse what is left over."""
        for name in self._left:
            raise _Refused(f"Parameter '{self._within}{name}' is unexpected")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise _Refused(f"Parameter '{self._within}{name}' is missing")
        return self._left.pop(name)

    def _ill_typed(self, name: str, expected: str) -> _Refused:
        return _Refused(f"Invalid parameter type for '{self._within}{name}', expected: {expected}")


Reader: TypeAlias = Callable[[_Arguments, Clusters], Operation]


def _read_add(arguments: _Arguments, clusters: Clusters) -> Operation:
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


def _read_merge(arguments: _Arguments, clusters: Clusters) -> Operation:
    node, target = arguments.text("node"), arguments.text("target")
    sources = tuple(
        _read_source(node, source, f"bitmaps[{index}].")
        for index, source in enumerate(arguments.array("bitmaps"))
    )
    arguments.end()
    return MergeBitmaps(node=node, name=target, sources=sources)


def _read_source(node: str, source: object, within: str) -> tuple[str, str]:
    """Return the node and name of a bitmap to merge; a bare name is on the target's node."""
    if isinstance(source, str):
        return node, source
    if not isinstance(source, dict):
        raise _Refused("Invalid parameter type for 'null', expected: BlockDirtyBitmapOrStr")
    arguments = _Arguments(source, within)
    key = arguments.text("node"), arguments.text("name")
    arguments.end()
    return key


def _on_bitmap(operation: Callable[[str, str], Operation]) -> Reader:
    """Return what reads the arguments of a command on one bitmap."""

    def read(arguments: _Arguments, clusters: Clusters) -> Operation:
        node, name = arguments.text("node"), arguments.text("name")
        arguments.end()
        return operation(node, name)

    return read


def _read_backup(arguments: _Arguments, clusters: Clusters) -> Operation:
    job, device, target = (
        arguments.optional("job-id"),
        arguments.text("device"),
        arguments.text("target"),
    )
    sync = arguments.choice("sync", SYNC_MODES)
    if sync is None:
        raise _Refused("Parameter 'sync' is missing")
    bitmap = arguments.optional("bitmap")
    mode = arguments.choice("bitmap-mode", tuple(BitmapMode))
    arguments.drop(*_NO_MEANING)
    arguments.end()
    if not _NODE_NAME.fullmatch(target):
        raise _Refused(f"Invalid node-name: '{target}'")
    _check_bitmap_mode(sync, bitmap, mode)
    through = sync in ("bitmap", "incremental")
    kinds = {"full": Kind.FULL, "top": Kind.TOP, "none": Kind.NONE}
    return RunBackup(
        target=target,
        image=device,
        kind=kinds.get(sync, Kind.BITMAPS),
        sync=Sync.BITMAP if through else Sync(sync),
        bitmap=bitmap,
        mode=BitmapMode(mode or (BitmapMode.ON_SUCCESS if through else BitmapMode.NEVER)),
        bitmaps=(bitmap,) if through and bitmap is not None else (),
        reuse=True,
        job=job,
    )


def _check_bitmap_mode(sync: str, bitmap: str | None, mode: str | None) -> None:
    """Refuse what a job cannot do to its bitmap."""
    if sync in ("bitmap", "incremental") and bitmap is None:
        raise _Refused(f"must provide a valid bitmap name for '{sync}' sync mode")
    if sync == "incremental" and mode not in (None, BitmapMode.ON_SUCCESS):
        raise _Refused("Bitmap sync mode must be 'on-success' when using sync mode 'incremental'")
    if bitmap is None and mode is not None:
        raise _Refused("Cannot specify bitmap sync mode without a bitmap")
    if bitmap is None:
        return
    if mode is None and sync != "incremental":
        raise _Refused("Bitmap sync mode must be given when providing a bitmap")
    if sync == "none":
        raise _Refused("sync mode 'none' does not produce meaningful bitmap outputs")
    if sync in ("full", "top") and mode == BitmapMode.NEVER:
        raise _Refused(
            "Bitmap sync mode 'never' has no meaningful effect when combined with sync mode "
            f"'{sync}'"
        )


def _read_commit(arguments: _Arguments, clusters: Clusters) -> Operation:
    job, device = arguments.optional("job-id"), arguments.text("device")
    top = arguments.optional("top-node") or arguments.optional("top")
    base = arguments.optional("base-node") or arguments.optional("base")
    arguments.drop("top", "base", *_NO_MEANING)
    arguments.end()
    return CommitImages(device=device, top=top, base=base, job=job or f"commit-{device}")


def _read_stream(arguments: _Arguments, clusters: Clusters) -> Operation:
    job, device = arguments.optional("job-id"), arguments.text("device")
    base = arguments.optional("base-node") or arguments.optional("base")
    bottom = arguments.optional("bottom")
    arguments.drop("base", *_NO_MEANING)
    arguments.end()
    if base is not None and bottom is not None:
        raise _Refused("'bottom' and 'base' cannot be specified at the same time")
    return PullImages(into=device, base=base, bottom=bottom, job=job or f"stream-{device}")


def _read_resize(arguments: _Arguments, clusters: Clusters) -> Operation:
    device, node = arguments.optional("device"), arguments.optional("node-name")
    size = arguments.int64("size")
    arguments.end()
    if node is None:
        raise _Refused(f"Cannot find device='{device or ''}' nor node-name=''")
    if size >= 0 and size % 512:
        raise _Refused("The new size must be a multiple of 512")
    return ResizeImage(node=node, length=clusters.count(node, size))


def _read_snapshot(arguments: _Arguments, clusters: Clusters) -> Operation:
    node, overlay = arguments.text("node"), arguments.text("overlay")
    arguments.end()
    return AddOverlay(node=node, overlay=overlay)


def _read_snapshot_sync(arguments: _Arguments, clusters: Clusters) -> Operation:
    device, node = arguments.optional("device"), arguments.optional("node-name")
    file, overlay = arguments.text("snapshot-file"), arguments.optional("snapshot-node-name")
    arguments.choice("format", ("qcow2",))
    arguments.choice("mode", ("existing", "absolute-paths"))
    arguments.end()
    below = node or device
    if below is None:
        raise _Refused("Cannot find device='' nor node-name=''")
    return AddOverlay(node=below, overlay=overlay or PurePath(file).stem)


def _on_device(operation: Callable[[str, str], Operation]) -> Reader:
    """Return what reads the arguments of a command on a state that is kept inside an image."""

    def read(arguments: _Arguments, clusters: Clusters) -> Operation:
        device, name = arguments.text("device"), arguments.text("name")
        arguments.drop("id")
        arguments.end()
        return operation(device, name)

    return read


def _on_job(key: str, status: Status) -> Reader:
    """Return what reads a command that ends a job.

    Args:
        key: The argument that names the job; ``device`` for the older commands.
        status: How the job ends.
    """

    def read(arguments: _Arguments, clusters: Clusters) -> Operation:
        job = arguments.text(key)
        arguments.drop("force")
        arguments.end()
        unknown = f"Block job '{job}' not found" if key != "id" else "Job not found"
        return EndJob(job=job, status=status, unknown=unknown)

    return read


def _read_export(arguments: _Arguments, clusters: Clusters) -> Operation:
    kind, export = arguments.choice("type", ("nbd",)), arguments.text("id")
    if kind is None:
        raise _Refused("Parameter 'type' is missing")
    node, name = arguments.text("node-name"), arguments.optional("name")
    writable = arguments.flag("writable")
    bitmaps = arguments.array("bitmaps") if arguments.has("bitmaps") else []
    told = tuple(
        (None, each) if isinstance(each, str) else _read_source(node, each, f"bitmaps[{index}].")
        for index, each in enumerate(bitmaps)
    )
    arguments.drop("allocation-depth", "description", "iothread", "fixed-iothread", "writethrough")
    arguments.end()
    if not _NODE_NAME.fullmatch(export):
        raise _Refused("Invalid block export id")
    return ExportNode(id=export, name=name or node, node=node, writable=writable, bitmaps=told)


def _read_unexport(arguments: _Arguments, clusters: Clusters) -> Operation:
    export = arguments.text("id")
    arguments.choice("mode", ("safe", "hard"))
    arguments.end()
    return UnexportNode(id=export)


_READERS: Mapping[str, Reader] = {
    "block-dirty-bitmap-add": _read_add,
    "block-dirty-bitmap-remove": _on_bitmap(lambda node, name: RemoveBitmap(node, name)),
    "block-dirty-bitmap-clear": _on_bitmap(ClearBitmap),
    "block-dirty-bitmap-enable": _on_bitmap(EnableBitmap),
    "block-dirty-bitmap-disable": _on_bitmap(DisableBitmap),
    "block-dirty-bitmap-merge": _read_merge,
    "blockdev-backup": _read_backup,
    "blockdev-snapshot": _read_snapshot,
    "blockdev-snapshot-sync": _read_snapshot_sync,
    "blockdev-snapshot-internal-sync": _on_device(SaveSnapshot),
    "blockdev-snapshot-delete-internal-sync": _on_device(DropSnapshot),
    "block-commit": _read_commit,
    "block-stream": _read_stream,
    "block_resize": _read_resize,
    "block-export-add": _read_export,
    "block-export-del": _read_unexport,
    "job-cancel": _on_job("id", Status.CANCELLED),
    "job-complete": _on_job("id", Status.COMPLETED),
    "job-finalize": _on_job("id", Status.COMPLETED),
    "block-job-cancel": _on_job("device", Status.CANCELLED),
    "block-job-complete": _on_job("device", Status.COMPLETED),
    "block-job-finalize": _on_job("id", Status.COMPLETED),
}

_ALONE = frozenset(
    name
    for name in _READERS
    if not name.startswith(("block-dirty-bitmap-", "blockdev-backup", "blockdev-snapshot"))
) | {"blockdev-snapshot-delete-internal-sync", TRANSACTION, *QUERIES}
"""Commands that cannot be part of a transaction."""

COMMANDS = (*_READERS, TRANSACTION, *QUERIES)
"""The commands that are implemented."""
