"""Writes a plan as lines of QMP to paste. Pure.

A line is a JSON object: a QMP command; or, where QMP has none, ``shell`` with what is to be run
beside it, ``await`` with the jobs to wait for, ``gone`` with an export that must be gone first, or
``pull`` with what a client reads from an export into a file.
"""

import json
import shlex
from collections.abc import Iterator
from typing import Any, assert_never

from simulator.export.preamble import DAEMON
from simulator.export.programs import programs
from simulator.qemu.actions import (
    CLIENT,
    Action,
    AwaitGone,
    AwaitJobs,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    GuestStep,
    HasCommand,
    KillQemu,
    MakeImage,
    PullData,
    QuitQemu,
    ReadFile,
    RunTool,
    Stack,
    StartQemu,
    drop_command,
    serve_options,
)
from simulator.qemu.plan import QemuPlan

CAPABILITIES = Command("qmp_capabilities")


def write_qmp(plan: QemuPlan) -> str:
    """Return a plan as lines of JSON; behind a command to be turned down stand QEMU's words."""
    lines = [*_qmp_lines(StartQemu())]
    for step in plan.steps:
        lines += [line for action in step.actions for line in _qmp_lines(action)]
        if step.refusal is not None:
            lines.append({"refused": step.refusal})
        lines += [line for action in step.cleanup for line in _qmp_lines(action)]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def _qmp_lines(action: Action) -> Iterator[dict[str, Any]]:
    match action:
        case Command():
            yield action.as_json()
        case HasCommand(name=name):
            yield Command(name).as_json()
        case AwaitJobs():
            yield {"await": list(action.jobs), "until": action.end.value}
        case AwaitGone():
            yield {"gone": action.export}
        case DropGuest():
            yield drop_command(action.export).as_json()
            yield {"gone": action.export}
        case PullData():
            yield {"pull": action.export, "into": action.file, "bitmap": action.bitmap}
        case ReadFile(pull=pull):
            served = shlex.join(serve_options(action))
            yield {"shell": f'qemu-nbd -k "$PWD"/{CLIENT}.nbd {served}'}
            yield {"pull": pull.export, "into": pull.file, "bitmap": pull.bitmap}
        case StartQemu():
            yield {"shell": DAEMON}
            yield CAPABILITIES.as_json()
        case QuitQemu():
            yield Command("quit").as_json()
        case KillQemu():
            yield {"shell": 'kill -9 "$qemu"'}
        case GuestStep() | MakeImage() | RunTool() | CopyFile() | DeleteFile() | Stack():
            for words in programs(action):
                yield {"shell": shlex.join(words)}
        case _:
            assert_never(action)
