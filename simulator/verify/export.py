"""Writes a plan as a script to paste: lines of QMP, or a shell script that does it for real. Pure.

A line of the first is a JSON object: a QMP command; or, where QMP has none, ``shell`` with what is
to be run beside it, ``await`` with the jobs to wait for, ``gone`` with an export that must be gone
first, or ``pull`` with what a client reads from an export into a file.
"""

import json
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePath
from typing import Any, assert_never

from simulator.model.clusters import WORKLOAD_FIRST, Version
from simulator.model.machine import Power, Status
from simulator.timeline import Entry, Timeline
from simulator.verify.actions import (
    Action,
    AwaitGone,
    AwaitJobs,
    Change,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    GuestKind,
    GuestStep,
    JobEnd,
    KillQemu,
    LoadInternal,
    MakeImage,
    PullData,
    QuitQemu,
    Stack,
    StartQemu,
    drop_command,
    image_command,
    load_command,
)
from simulator.verify.names import choose_names
from simulator.verify.plan import Plan, Step, make_plan

IO_BYTES_MAX = 1 << 30
"""So much is written by one command of ``qemu-io``."""

WORDS_MAX = 64
"""So many words are handed to one call of ``qemu-io``; an even number."""

DAEMON = (
    "qemu-storage-daemon --nbd-server addr.type=unix,addr.path=nbd.sock "
    "--chardev stdio,id=qmp --monitor chardev=qmp"
)

GUEST = "qemu-io -d unmap -f raw"
"""The guest: without ``unmap`` its discards would be ignored."""

CAPABILITIES = Command("qmp_capabilities")


class Language(StrEnum):
    """What a plan can be written in."""

    QMP = "qmp"
    SH = "sh"


def export_timeline(timeline: Timeline, language: Language) -> str:
    """Return a timeline's plan as a script."""
    plan = make_plan(timeline)
    match language:
        case Language.QMP:
            return write_qmp(plan)
        case Language.SH:
            return write_sh(plan, timeline)
        case _:
            assert_never(language)


def write_qmp(plan: Plan) -> str:
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
        case AwaitJobs():
            yield {"await": list(action.jobs), "until": action.end.value}
        case AwaitGone():
            yield {"gone": action.export}
        case DropGuest():
            yield drop_command(action.export).as_json()
            yield {"gone": action.export}
        case PullData():
            yield {"pull": action.export, "into": action.file, "bitmap": action.bitmap}
        case StartQemu():
            yield {"shell": DAEMON}
            yield CAPABILITIES.as_json()
        case QuitQemu():
            yield Command("quit").as_json()
        case KillQemu():
            yield {"shell": 'kill -9 "$qemu"'}
        case GuestStep() | MakeImage() | LoadInternal() | CopyFile() | DeleteFile() | Stack():
            for words in programs(action):
                yield {"shell": shlex.join(words)}
        case _:
            assert_never(action)


def write_sh(plan: Plan, timeline: Timeline) -> str:
    """Return a plan as a shell script that needs nothing but POSIX and QEMU's programs."""
    script = timeline.script
    name = PurePath(script.path).stem if script.path not in ("", "-") else "scenario"
    lines = [
        "#!/bin/sh",
        f"# {one_line(script.title)}",
        f"# Played on a real QEMU as the API model {timeline.model} has it.",
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
        if backup.status is Status.COMPLETED:
            yield f"backup {one_line(backup.row)}: {names.copies[backup.name, backup.disk]}"
    for restored in machine.restores:
        file = names.restores[restored.name, restored.disk]
        yield f"restored {one_line(restored.row)}: {file}"


def _step_lines(step: Step) -> Iterator[str]:
    """Yield the lines of one step. Where it is refused, that is its last command."""
    last = len(step.actions) - 1
    for place, action in enumerate(step.actions):
        yield from _sh_lines(action, refused=step.refusal is not None and place == last)
    for action in step.cleanup:
        yield from _sh_lines(action)


def title(entry: Entry) -> str:
    """Return a line that tells what a step of a script is about."""
    verb = entry.statement.verb if entry.statement is not None else "guest workload"
    where = f"{entry.instant}: " if entry.instant is not None else ""
    refused = f", refused: {entry.refusal.text}" if entry.refusal is not None else ""
    return one_line(f"{where}{verb}{refused}")


def one_line(text: str) -> str:
    """Return a text that can stand in a comment."""
    return "".join(c if c.isprintable() else " " for c in text)


def _sh_lines(action: Action, *, refused: bool = False) -> Iterator[str]:
    match action:
        case Command():
            function = "refused" if refused else "qmp"
            yield f"{function} {shlex.quote(json.dumps(action.as_json()))}"
        case AwaitJobs():
            state = action.end.value if action.end in (JobEnd.PENDING, JobEnd.READY) else "gone"
            for job in action.jobs:
                yield shlex.join(["await_job", job, state])
        case AwaitGone():
            yield shlex.join(["await_gone", action.export])
        case DropGuest():
            yield f"qmp {shlex.quote(json.dumps(drop_command(action.export).as_json()))}"
            yield shlex.join(["await_gone", action.export])
        case PullData():
            told = [action.bitmap] if action.bitmap is not None else []
            yield shlex.join(["pull", action.export, action.file, *told])
        case StartQemu():
            yield "start_qemu"
        case QuitQemu():
            yield "quit_qemu"
        case KillQemu():
            yield "kill_qemu"
        case GuestStep():
            for words in _guest_commands(action):
                yield shlex.join(["guest", action.export, *words])
        case MakeImage() | LoadInternal() | CopyFile() | DeleteFile() | Stack():
            yield from map(shlex.join, programs(action))
        case _:
            assert_never(action)


def programs(
    action: GuestStep | MakeImage | LoadInternal | CopyFile | DeleteFile | Stack,
) -> Iterator[list[str]]:
    """Yield the command lines of what is done beside QMP."""
    match action:
        case GuestStep():
            address = f"nbd+unix:///{action.export}?socket=nbd.sock"
            for words in _guest_commands(action):
                yield [*GUEST.split(), *words, "-c", "flush", address]
        case MakeImage():
            yield image_command(action)
        case LoadInternal():
            yield load_command(action)
        case CopyFile():
            yield ["cp", action.source, action.target]
        case DeleteFile():
            yield ["rm", "-f", action.file]
        case Stack():
            yield from _stack_commands(action)
        case _:
            assert_never(action)


def _guest_commands(step: GuestStep) -> Iterator[list[str]]:
    """Yield what ``qemu-io`` is told to do, some changes at a time."""
    words = [word for change in step.changes for word in _guest_words(change)]
    for start in range(0, max(1, len(words)), WORDS_MAX):
        yield words[start : start + WORDS_MAX]


def _guest_words(change: Change) -> Iterator[str]:
    end = change.offset + change.length
    for start in range(change.offset, end, IO_BYTES_MAX):
        place = f"{start} {min(IO_BYTES_MAX, end - start)}"
        yield "-c"
        match change.kind:
            case GuestKind.WRITE:
                yield f"write -P {_byte_of(change.version):#04x} {place}"
            case GuestKind.ZERO:
                yield f"write -z -u {place}"
            case GuestKind.DISCARD:
                yield f"discard {place}"
            case _:
                assert_never(change.kind)


def _byte_of(version: Version) -> int:
    """Return a byte for a version: a letter's own, or one of 1 to 255 for a workload's write."""
    return version if version < WORKLOAD_FIRST else version % 255 + 1


def _stack_commands(stack: Stack) -> Iterator[list[str]]:
    """Yield what lays copies of backups over one another; the newest gets the name."""
    below: list[str] = ["-b", ""]
    for number, (file, format) in enumerate(stack.files, start=1):
        copy = stack.name if number == len(stack.files) else f"{stack.name}.{number}"
        yield ["cp", file, copy]
        if format == "qcow2":
            yield ["qemu-img", "rebase", "-u", "-f", "qcow2", *below, copy]
        below = ["-b", copy, "-F", format]


PULL = """\
# Be the client of a pull backup: read an export into a file, or just what a bitmap tells.
pull() {
    address="nbd+unix:///$1?socket=SOCKET"
    if [ -z "${3-}" ]; then
        qemu-img convert -n -f raw -O qcow2 "$address" "$2"
        return
    fi
    told="driver=nbd,export=$1,server.type=unix,server.path=SOCKET"
    told="$told,x-dirty-bitmap=qemu:dirty-bitmap:$3"
    qemu-img map --output=json --image-opts "$told" >map.json
    qemu-img rebase -u -f qcow2 -b "$address" -F raw "$2"
    # What is dirty is said to hold no data.
    sed -n 's/.*"start": \\([0-9]*\\), "length": \\([0-9]*\\),.*"data": false.*/\\1 \\2/p' \\
        map.json |
        while read -r start length; do
            qemu-io -C -f qcow2 -c "read $start $length" "$2" >/dev/null
        done
    rm map.json
    qemu-img rebase -u -f qcow2 -b "" "$2"
}
"""
"""The client of a pull backup, as a function of a shell script; SOCKET is where the export is."""

BEFORE_PULL = """\
set -eu

folder=${1:-NAME}
mkdir "$folder"
cd "$folder"
qemu=

# Nothing stays behind where something fails.
finish() {
    status=$?
    if [ -n "$qemu" ]; then kill -9 "$qemu" 2>/dev/null || :; fi
    rm -f qmp.in qmp.out nbd.sock
    exit "$status"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# QMP goes through the daemon's standard input and output.
start_qemu() {
    mkfifo qmp.in qmp.out
    qemu-storage-daemon --nbd-server addr.type=unix,addr.path=nbd.sock \\
        --chardev stdio,id=qmp --monitor chardev=qmp <qmp.in >qmp.out &
    qemu=$!
    exec 3>qmp.in 4<qmp.out
    rm qmp.in qmp.out
    read -r answer <&4
    qmp '{"execute": "qmp_capabilities"}'
}

# The guest writes through NBD, and flushes.
guest() {
    export=$1
    shift
    qemu-io -d unmap -f raw "$@" -c flush "nbd+unix:///$export?socket=nbd.sock" >/dev/null
}

# Send a command; what QEMU answers is in $answer.
send() {
    printf '%s\\n' "$1" >&3
    while read -r answer <&4; do
        case $answer in
        '{"return"'*) return 0 ;;
        '{"error"'*) return 1 ;;
        *'"BLOCK_JOB_COMPLETED"'*'"error"'*) fail "$answer" ;;
        esac
    done
    fail "QEMU is gone"
}

fail() {
    printf '%s\\n' "$@" >&2
    exit 1
}

qmp() {
    send "$1" || fail "QEMU refuses $1" "$answer"
}

# This one must be turned down.
refused() {
    if send "$1"; then fail "QEMU accepts $1"; fi
}

# Wait until an export is gone.
await_gone() {
    while :; do
        qmp '{"execute": "query-block-exports"}'
        case $answer in *"\\"id\\": \\"$1\\""*) sleep 0.02 ;; *) return 0 ;; esac
    done
}

"""

AFTER_PULL = """\
# Wait until a job is pending or ready, or gone.
await_job() {
    while :; do
        qmp '{"execute": "query-jobs"}'
        state=$(printf '%s' "$answer" | tr '}' '\\n' | grep -F "\\"id\\": \\"$1\\"") || state=gone
        case $state in gone | *"\\"status\\": \\"$2\\""*) return 0 ;; esac
        sleep 0.02
    done
}

quit_qemu() {
    qmp '{"execute": "quit"}'
    exec 3>&-
    wait "$qemu"
    exec 4<&-
    qemu=
}

kill_qemu() {
    kill -9 "$qemu"
    wait "$qemu" 2>/dev/null || :
    exec 3>&- 4<&-
    qemu=
}
"""

PREAMBLE = f"{BEFORE_PULL}{PULL.replace('SOCKET', 'nbd.sock')}\n{AFTER_PULL}"
"""What a script starts with: how to talk to QEMU, and how to leave nothing behind."""
