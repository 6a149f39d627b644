"""The commands of a ``qmp`` step as operations, or as what QEMU says against them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from simulator.model.operations import (
    CommitImages,
    MirrorDisk,
    Operation,
    PullImages,
    Refusal,
    RunBackup,
)
from simulator.model.requests import Qmp
from simulator.releases.hosts import KNOWN, QEMU, precedes
from simulator.releases.unmodelled import NOT_YET, not_there
from simulator.scenario.names import Thing
from simulator.scenario.qmp.arguments import Arguments, RefusedError
from simulator.scenario.qmp.commands import COMMANDS, Clusters

TRANSACTION = "transaction"

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

COMMAND_NAMES = (*COMMANDS, TRANSACTION, *QUERIES)
"""The commands that are implemented."""


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


def names_made(commands: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Thing, str, str]]:
    """Yield the names that commands introduce, and the node that each is put on."""
    for execute, arguments in commands_in(commands):
        node = arguments.get("node", arguments.get("node-name", arguments.get("device")))
        if execute in COMMANDS:
            for key, thing in COMMANDS[execute].makes:
                name = arguments.get(key)
                if isinstance(name, str):
                    # A backup may be told by its file, wherever that is.
                    yield thing, PurePath(name).name if thing is Thing.BACKUP else name, str(node)


def names_freed(commands: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Thing, str]]:
    """Yield the names that commands give up."""
    for execute, arguments in commands_in(commands):
        if execute in COMMANDS:
            for key, thing in COMMANDS[execute].frees:
                if isinstance(arguments.get(key), str):
                    yield thing, arguments[key]


def read_commands(commands: Sequence[Mapping[str, Any]], clusters: Clusters) -> Qmp:
    """Return what commands ask for; several are one transaction.

    They are read as the oldest release of QEMU reads them, and where that turns them down, as the
    newer ones do.

    Args:
        commands: Each with ``execute`` and perhaps ``arguments``.
        clusters: Tells sizes in clusters.
    """
    oldest, *newer = KNOWN[QEMU]
    names, operations = _read_as(oldest, commands, clusters)
    later: list[tuple[str, tuple[Operation | Refusal, ...]]] = []
    if any(isinstance(each, Refusal) for each in operations):
        last = operations
        for release in newer:
            _, read = _read_as(release, commands, clusters)
            later += [(release, read)] if read != last else []
            last = read
    return Qmp(names, operations, _sent(commands), tuple(later))


def _read_as(
    release: str, commands: Sequence[Mapping[str, Any]], clusters: Clusters
) -> tuple[tuple[str, ...], tuple[Operation | Refusal, ...]]:
    """Return the names of commands, and what they ask of one release of QEMU."""
    operations: list[Operation | Refusal] = []
    names: list[str] = []
    for command in commands:
        execute, arguments = command["execute"], command.get("arguments", {})
        if execute == TRANSACTION:
            names += [name for name, _ in commands_in([command])] or [execute]
            operations += _read_transaction(arguments, clusters, release)
        else:
            names.append(execute)
            operations += _read_command(execute, arguments, clusters, release)
            if len(commands) > 1 and _stands_alone(execute):
                operations.append(Refusal(f"Parameter 'type' does not accept value '{execute}'"))
    return tuple(names), tuple(operations)


def _sent(commands: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return commands as JSON; none where they have no form in it, as infinity has none."""
    from json import dumps  # most files have no command of their own

    try:
        return tuple(dumps(command, allow_nan=False) for command in commands)
    except (TypeError, ValueError):
        return ()


def speed_of(commands: Sequence[Mapping[str, Any]]) -> int:
    """Return the bytes a second that the first job of some commands may move; 0 for no bound."""
    told = (arguments.get("speed") for _, arguments in commands_in(commands))
    return next((each for each in told if isinstance(each, int) and each > 0), 0)


def let_last(asked: Qmp) -> Qmp:
    """Return what commands ask for, with jobs that run on."""
    newer = tuple((release, _lasting(operations)) for release, operations in asked.newer)
    return asked._replace(operations=_lasting(asked.operations), newer=newer)


def _lasting(operations: tuple[Operation | Refusal, ...]) -> tuple[Operation | Refusal, ...]:
    return tuple(
        each._replace(lasting=True)
        if isinstance(each, RunBackup | CommitImages | PullImages | MirrorDisk)
        else each
        for each in operations
    )


def _stands_alone(execute: str) -> bool:
    """Whether a command that there is cannot be part of a transaction."""
    return execute in COMMAND_NAMES and not (execute in COMMANDS and COMMANDS[execute].action)


def _read_transaction(
    arguments: Mapping[str, Any], clusters: Clusters, release: str
) -> list[Operation | Refusal]:
    """Return the operations of a transaction written out, with its properties."""
    try:
        taken = Arguments(arguments, release)
        actions = taken.array("actions")
        properties = taken.mapping("properties")
        taken.end()
        grouped = _read_properties(properties, release)
        operations: list[Operation | Refusal] = []
        for index, action in enumerate(actions):
            within = f"actions[{index}]"
            if not isinstance(action, dict):
                raise RefusedError(f"Invalid parameter type for '{within}', expected: object")
            one = Arguments(action, release, f"{within}.")
            kind, data = one.text("type"), one.mapping("data")
            one.end()
            if kind != "abort" and not (kind in COMMANDS and COMMANDS[kind].action):
                raise RefusedError(f"Parameter 'type' does not accept value '{kind}'")
            if grouped and kind not in ("blockdev-backup", "drive-backup"):
                word = "Transaction" if precedes(release, "10.0") else "transaction"
                raise RefusedError(
                    f"Action '{kind}' does not support {word} property completion-mode = grouped"
                )
            if kind == "abort":
                operations.append(Refusal("Transaction aborted using Abort action"))
            else:
                operations += _read_command(kind, data, clusters, release)
    except RefusedError as refused:
        return [Refusal(str(refused), cause=refused.cause)]
    if not grouped:
        return operations
    group = tuple(each.target for each in operations if isinstance(each, RunBackup))
    return [
        each._replace(group=group) if isinstance(each, RunBackup) else each for each in operations
    ]


def _read_properties(properties: Mapping[str, Any], release: str) -> bool:
    """Return whether the jobs of a transaction end together."""
    taken = Arguments(properties, release, "properties.")
    mode = taken.choice("completion-mode", ("individual", "grouped"))
    taken.end()
    return mode == "grouped"


def _read_command(
    execute: str, arguments: Mapping[str, Any], clusters: Clusters, release: str
) -> list[Operation | Refusal]:
    if execute in QUERIES:
        return []
    missing = not_there(execute, arguments, release)
    if missing:
        return [Refusal(f"{missing} {NOT_YET}")]
    if execute not in COMMANDS:
        return [Refusal(f"The command {execute} has not been found")]
    try:
        return [COMMANDS[execute].read(Arguments(arguments, release), clusters)]
    except RefusedError as refused:
        return [Refusal(str(refused), cause=refused.cause)]
