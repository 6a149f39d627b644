"""A ``qmp`` step as it stands in the file: sent where the simulator makes nothing of it. Pure.

Commands that QEMU turns down as it reads them are sent as they were written: a newer QEMU may take
them. A command that is not known at all could do anything, so QEMU is asked whether it has one.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.model.requests import Qmp
from simulator.qemu.actions import Action, Command, HasCommand
from simulator.qemu.commands.backups import make_target
from simulator.qemu.refused import Attempt
from simulator.releases.unmodelled import NOT_YET

IGNORED = (
    "backing-mask-protocol",
    "buf-size",
    "compress",
    "copy-mode",
    "discard-source",
    "filter-node-name",
    "granularity",
    "on-cbw-error",
    "on-error",
    "on-source-error",
    "on-target-error",
    "x-perf",
)
"""Arguments that the simulator makes nothing of and QEMU may."""

JOBS = ("blockdev-backup", "drive-backup", "blockdev-mirror", "block-commit", "block-stream")
"""Commands whose job QEMU wants an id for; the language can do without."""

BY_NODE = ("blockdev-backup", "blockdev-mirror")
"""Those whose target is a node, which is made for them."""

Part: TypeAlias = tuple[str, dict[str, Any]]
"""A command, or an action of a transaction, with its arguments."""

_UNKNOWN = re.compile(r"The command (.+) has not been found")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def with_other_arguments(actions: Sequence[Action], request: Qmp) -> tuple[Action, ...]:
    """Return the actions of a step, with those arguments of its commands that mean nothing here."""
    extra = [
        (kind, {key: data[key] for key in IGNORED if key in data})
        for command in _commands(request)
        for kind, data in _parts_of(command)
    ]
    if not any(arguments for _, arguments in extra):
        return tuple(actions)
    return tuple(
        _completed(action, extra) if isinstance(action, Command) else action for action in actions
    )


def _completed(command: Command, extra: list[tuple[str, dict[str, Any]]]) -> Command:
    """Return a command with the arguments of the next one of its kind, which are used up."""
    if command.execute == "transaction":
        listed = [
            {"type": kind, "data": _next(kind, extra) | data}
            for kind, data in ((e["type"], e["data"]) for e in command.arguments["actions"])
        ]
        return command._replace(arguments={**command.arguments, "actions": listed})
    return command._replace(arguments=_next(command.execute, extra) | dict(command.arguments))


def _next(kind: str, extra: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    for index, (other, arguments) in enumerate(extra):
        if other == kind:
            del extra[index]
            return arguments
    return {}


def compresses_over(machine: Machine, request: Qmp) -> bool:
    """Whether a job is to write compressed clusters into a target that holds data.

    QEMU 7.2 writes none over a cluster that is there: the job fails with an input/output error.
    """
    targets = [
        str(data.get("target")).rpartition("/")[2]
        for command in _commands(request)
        for kind, data in _parts_of(command)
        if data.get("compress") is True
        and (kind != "drive-backup" or data.get("mode") == "existing")
    ]
    held = [backup for target in targets for backup in machine.backups_named(target)]
    return any(backup.has_file and backup.content.data_count for backup in held)


def queries(request: Qmp) -> Iterator[Command]:
    """Yield the commands of a step that only ask."""
    for command in _commands(request):
        if command["execute"].startswith("query-"):
            yield Command(command["execute"], command.get("arguments", {}))


def attempt_as_written(machine: Machine, request: Qmp) -> Attempt:
    """Return a step that QEMU turns down as it reads it, as it was written."""
    commands = _commands(request)
    if not commands:
        return Attempt(why="it has no form in JSON")
    first = next(each for each in request.operations if isinstance(each, Refusal))
    if first.text.endswith(NOT_YET):
        return Attempt(why=f"it {NOT_YET}")
    if unknown := _UNKNOWN.fullmatch(first.text):
        return Attempt((HasCommand(unknown[1]),))
    parts = [part for each in commands for part in _parts_of(each)]
    if any(_elsewhere(data) for _, data in parts):
        return Attempt(why="it names a file outside of the folder that it is played in")
    for kind, data in parts:
        if kind in JOBS:
            data.setdefault("job-id", "refused")
    if len(commands) == 1:
        sent = Command(commands[0]["execute"], commands[0]["arguments"])
    elif any(each["execute"] == "transaction" for each in commands):
        return Attempt(why="a transaction within a transaction has no form in QMP")
    else:
        listed = [{"type": c["execute"], "data": c["arguments"]} for c in commands]
        sent = Command("transaction", {"actions": listed})
    needed: list[Action] = []
    cleanup: list[Action] = []
    for target in _targets(machine, parts):
        disk = machine.disks[0]
        needed += make_target(disk, disk.size, f"{target}.refused", target)
        cleanup.append(Command("blockdev-del", {"node-name": target}))
    return Attempt((*needed, sent), tuple(cleanup))


def _targets(machine: Machine, parts: Iterable[Part]) -> Iterator[str]:
    """Yield the nodes that backups would be written to, and that are not there yet."""
    running = {job.backup.name for job in machine.backup_jobs}
    for kind, data in parts:
        target = data.get("target")
        if kind not in BY_NODE or not isinstance(target, str):
            continue
        there = machine.disk_of(target) is not None or target in running
        if _FILE_NAME.fullmatch(target) and not there:
            running.add(target)
            yield target


def _elsewhere(data: Mapping[str, Any]) -> bool:
    """Whether a command would write to a file that this program did not make."""
    file = data.get("snapshot-file")
    return isinstance(file, str) and not _FILE_NAME.fullmatch(file)


def _commands(request: Qmp) -> list[dict[str, Any]]:
    """Return the commands of a step as they were written."""
    return [json.loads(each) for each in request.sent]


def _parts_of(command: dict[str, Any]) -> Iterator[Part]:
    """Yield a command, and each action of a transaction, with its arguments."""
    arguments = command.setdefault("arguments", {})
    yield command["execute"], arguments
    actions = arguments.get("actions") if command["execute"] == "transaction" else None
    for action in actions if isinstance(actions, list) else ():
        data = action.get("data") if isinstance(action, dict) else None
        if isinstance(data, dict) and isinstance(action.get("type"), str):
            yield action["type"], data
