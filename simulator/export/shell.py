"""Writes a plan as a shell script that does it for real. Pure."""

import json
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import assert_never

from simulator.export.preamble import PREAMBLE
from simulator.export.programs import clients, guest_commands, one_line, programs, title
from simulator.model.machine import Power
from simulator.qemu.actions import (
    Action,
    AwaitGone,
    AwaitJobs,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    GuestStep,
    HasCommand,
    JobEnd,
    KillQemu,
    MakeImage,
    PullData,
    QuitQemu,
    ReadFile,
    RunTool,
    Stack,
    StartQemu,
    drop_command,
)
from simulator.qemu.names import choose_names
from simulator.qemu.plan import QemuPlan, QemuStep
from simulator.timeline import Timeline


def write_sh(plan: QemuPlan, timeline: Timeline) -> str:
    """Return a plan as a shell script that needs nothing but POSIX and QEMU's programs."""
    script = timeline.script
    name = PurePath(script.path).stem if script.path not in ("", "-") else "scenario"
    lines = [
        "#!/bin/sh",
        f"# {one_line(script.title)}",
        f"# Played on a real QEMU as the API model {timeline.under} has it.",
        "# Written by backup-timeline export; run it with a folder to make, or with none.",
        PREAMBLE.replace("NAME", shlex.quote(f"backup-timeline-{name}")),
        "start_qemu",
    ]
    for step in plan.steps:
        lines += ["", f"# {title(step.entry)}"]
        lines += _step_lines(step)
    if not plan.steps or plan.steps[-1].machine.power is Power.RUNNING:
        lines += ["", "quit_qemu"]
    lines += [
        "",
        "# What is there now; other files are left from steps that are over.",
        "cat <<'END'",
    ]
    lines += [*_files_made(timeline), "END"]
    return "\n".join(lines) + "\n"


def _files_made(timeline: Timeline) -> Iterator[str]:
    """Yield which file is which at the end: the chain of each disk, the backups, the restores."""
    names, machine = choose_names(timeline), timeline.last
    for disk in machine.disks:
        if disk.chain:
            files = " <- ".join(names.files[image.name] for image in disk.chain)
            yield f"chain of {one_line(disk.name)}: {files}"
    for backup in machine.backups:
        if backup.usable:
            yield f"backup {one_line(backup.row)}: {names.copies[backup.name, backup.disk]}"
    for restored in machine.restores:
        file = names.restores[restored.name, restored.disk]
        yield f"restored {one_line(restored.row)}: {file}"


def _step_lines(step: QemuStep) -> Iterator[str]:
    """Yield the lines of one step. Where it is refused, that is its last command."""
    last = len(step.actions) - 1
    for place, action in enumerate(step.actions):
        yield from _sh_lines(action, refused=step.refusal is not None and place == last)
    for action in step.cleanup:
        yield from _sh_lines(action)


def _sh_lines(action: Action, *, refused: bool = False) -> Iterator[str]:
    match action:
        case Command():
            function = "refused" if refused else "qmp"
            if action.execute == "job-resume":
                yield f"failing={shlex.quote(str(action.arguments['id']))}"
            yield f"{function} {shlex.quote(json.dumps(action.as_json()))}"
        case HasCommand(name=name):
            yield f"refused {shlex.quote(json.dumps(Command(name).as_json()))}"
        case AwaitJobs():
            if action.end is JobEnd.SYNCED:
                yield from (shlex.join(["await_synced", job]) for job in action.jobs)
                return
            over = action.end in (JobEnd.COMPLETED, JobEnd.CANCELLED, JobEnd.FAILED)
            state = "gone" if over else action.end.value
            for job in action.jobs:
                yield shlex.join(["await_job", job, state])
        case AwaitGone():
            yield shlex.join(["await_gone", action.export])
        case DropGuest():
            yield f"qmp {shlex.quote(json.dumps(drop_command(action.export).as_json()))}"
            yield shlex.join(["await_gone", action.export])
        case PullData() | ReadFile():
            yield from map(shlex.join, clients(action, refused=refused))
        case StartQemu():
            yield "start_qemu"
        case QuitQemu():
            yield "quit_qemu"
        case KillQemu():
            yield "kill_qemu"
        case GuestStep():
            for words in guest_commands(action):
                yield shlex.join(["guest", action.export, *words])
        case RunTool() if refused:
            yield shlex.join(["turned_down", *action.words])
        case MakeImage() | RunTool() | CopyFile() | DeleteFile() | Stack():
            yield from map(shlex.join, programs(action))
        case _:
            assert_never(action)
