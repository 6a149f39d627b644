"""Writes a plan for a real libvirt as a shell script: XML documents and virsh commands. Pure."""

import json
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import assert_never

from simulator.export.preamble import PULL
from simulator.export.programs import clients, one_line, programs, title
from simulator.libvirt.actions import (
    Adopt,
    AwaitBackup,
    DefineMachine,
    LibvirtAction,
    UnsupportedError,
    Virsh,
)
from simulator.libvirt.monitor import with_nodes
from simulator.libvirt.plan import make_libvirt_plan
from simulator.libvirt.xml import DOMAIN, FOLDER, PULL_SOCKET, domain_xml
from simulator.model.machine import Power
from simulator.qemu.actions import (
    Command,
    CopyFile,
    DeleteFile,
    KillQemu,
    MakeImage,
    PullData,
    ReadFile,
    RunTool,
    Stack,
)
from simulator.qemu.names import Names
from simulator.timeline import Timeline

EMULATOR = "@emulator@"
"""Stands for the path of QEMU, which is known only where the script runs."""


def write_virsh(timeline: Timeline) -> str:
    """Return a timeline as a shell script that plays it on a libvirt of its own.

    Raises:
        UnsupportedError: A step cannot be asked of libvirt; the text tells which.
    """
    plan, script = make_libvirt_plan(timeline), timeline.script
    name = PurePath(script.path).stem if script.path not in ("", "-") else "scenario"
    lines = [
        "#!/bin/sh",
        f"# {one_line(script.title)}",
        "# Played on a real libvirt: a session daemon of its own, and a machine that never runs.",
        "# Written by backup-timeline export; run it with a folder to make, or with none.",
        PREAMBLE.replace("NAME", shlex.quote(f"backup-timeline-{name}")),
    ]
    for step in plan.steps:
        if step.unsupported:
            raise UnsupportedError(f"{title(step.entry)}: {step.unsupported} cannot be exported")
        lines += ["", f"# {title(step.entry)}"]
        refused = step.refusal is not None
        for each in step.actions:
            lines += _lines(plan.names, each, refused=refused)
    if plan.steps and plan.steps[-1].machine.power is Power.RUNNING:
        lines += ["", f"virsh checkpoint-list {DOMAIN} --parent", f"virsh destroy {DOMAIN}"]
    return "\n".join(lines) + "\n"


def _lines(names: Names, action: LibvirtAction, *, refused: bool) -> Iterator[str]:
    """Yield the lines of one action."""
    match action:
        case DefineMachine():
            text = domain_xml(action.drives, emulator=EMULATOR)
            yield from _document("machine.xml", text)
            yield "virsh define machine.xml"
        case Virsh():
            for name, text in action.documents:
                yield from _document(name, text)
            words = " ".join(map(_word, action.words))
            # The monitor answers with an empty line.
            quiet = " >/dev/null" if action.words[0] == "qemu-monitor-command" else ""
            yield f"{'refused' if refused else 'virsh'} {words}{quiet}"
        case Command():
            yield f"{'refused_qmp' if refused else 'qmp'} {_command(names, action)}"
        case Adopt():
            raise UnsupportedError(
                "a revert: libvirt names a file there itself, so that it cannot be exported"
            )
        case AwaitBackup():
            yield "await_backup"
        case KillQemu():
            yield "kill_qemu"
        case PullData() | ReadFile():
            yield from map(shlex.join, clients(action))
        case MakeImage():
            yield from map(shlex.join, programs(action))
            yield shlex.join(["give", action.file])
        case CopyFile() | DeleteFile() | RunTool() | Stack():
            yield from map(shlex.join, programs(action))
        case _:
            assert_never(action)


def _document(name: str, text: str) -> Iterator[str]:
    yield f"document {shlex.quote(name)} <<'END'"
    yield from text.splitlines()
    yield "END"


def _word(word: str) -> str:
    """Return a word for the shell, with the folder's path put in where the script runs."""
    quoted = shlex.quote(word)
    return quoted.replace(FOLDER, "'\"$PWD\"'" if quoted.startswith("'") else '"$PWD"')


def _command(names: Names, command: Command) -> str:
    """Return a QMP command for the shell, which asks for libvirt's node of each image's file."""
    told = with_nodes(command, lambda image: f"{_NODE}{names.files.get(image, image)}{_NODE}")
    parts = json.dumps(told.as_json()).split(json.dumps(_NODE).strip('"'))
    quoted = map(shlex.quote, parts)
    return "".join(
        f'"$(node {file})"' if number % 2 else file for number, file in enumerate(quoted)
    )


_NODE = "\0"
"""Stands around a file that libvirt has a node of; no name holds it."""

PREAMBLE = f"""\
set -eu

folder=${{1:-NAME}}
mkdir "$folder"
cd "$folder"
emulator=$(command -v qemu-system-x86_64)
PATH=$PATH:/usr/sbin:/sbin
libvirtd=

# libvirt keeps its own files apart: its sockets need short paths.
state=$(mktemp -d /tmp/bt-XXXXXXXX)
pid=$state/r/libvirt/qemu/run/{DOMAIN}.pid

# Nothing stays behind where something fails.
finish() {{
    status=$?
    if [ -n "$libvirtd" ]; then kill -9 "$libvirtd" 2>/dev/null || :; fi
    if [ -n "${{client-}}" ]; then kill "$client" 2>/dev/null || :; fi
    if [ -s "$pid" ]; then kill -9 "$(cat "$pid")" 2>/dev/null || :; fi
    rm -rf "$state" *.xml {PULL_SOCKET}
    exit "$status"
}}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# The libvirt of root is the system's, which is left alone.
as=
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=nobody --regid=$(id -g nobody) --clear-groups"
fi

give() {{
    if [ -n "$as" ]; then chown nobody "$@"; fi
}}

private() {{
    $as env LC_ALL=C LIBVIRT_AUTOSTART=0 HOME="$state" XDG_RUNTIME_DIR="$state/r" \\
        XDG_CONFIG_HOME="$state/c" XDG_CACHE_HOME="$state/k" XDG_DATA_HOME="$state/h" "$@"
}}

virsh() {{
    private virsh -q -c qemu:///session "$@"
}}

fail() {{
    printf '%s\\n' "$@" >&2
    exit 1
}}

# This one must be turned down.
refused() {{
    if virsh "$@"; then fail "libvirt accepts: virsh $*"; fi
}}

# Write an XML document, with the paths that are known only here.
document() {{
    sed -e "s|{FOLDER}|$PWD|g" -e "s|{EMULATOR}|$emulator|g" >"$1"
    give "$1"
}}

# QEMU's own commands go past libvirt, which numbers its nodes.
node() {{
    virsh qemu-monitor-command {DOMAIN} --hmp "info block -n" |
        sed -n "s|^\\(libvirt-[0-9]*-format\\): $PWD/$1 .*|\\1|p"
}}

qmp() {{
    answer=$(virsh qemu-monitor-command {DOMAIN} "$1")
    case $answer in *'"error"'*) fail "$answer" ;; esac
}}

refused_qmp() {{
    if (qmp "$1") 2>/dev/null; then fail "QEMU accepts: $1"; fi
}}

await_backup() {{
    until virsh domjobinfo {DOMAIN} | grep -q None; do sleep 0.02; done
    virsh domjobinfo {DOMAIN} --completed | grep -q Completed || fail "the backup failed"
}}

kill_qemu() {{
    kill -9 "$(cat "$pid")"
    until [ "$(virsh domstate {DOMAIN})" = "shut off" ]; do sleep 0.02; done
}}

{PULL.replace("SOCKET", PULL_SOCKET)}
case $PWD in *[!A-Za-z0-9_./+-]*) fail "a folder of plain letters is needed: $PWD" ;; esac
mkdir -p "$state/r" "$state/c/libvirt" "$state/k" "$state/h"
echo 'stdio_handler = "file"' >"$state/c/libvirt/qemu.conf"
give -R "$state" .
if [ -n "$as" ] && ! $as test -w "$PWD"; then fail "nobody cannot write in $PWD"; fi
$as env LC_ALL=C HOME="$state" XDG_RUNTIME_DIR="$state/r" XDG_CONFIG_HOME="$state/c" \\
    XDG_CACHE_HOME="$state/k" XDG_DATA_HOME="$state/h" libvirtd 2>/dev/null &
libvirtd=$!
until virsh uri >/dev/null 2>&1; do
    kill -0 "$libvirtd" 2>/dev/null || fail "libvirtd did not start"
    sleep 0.05
done"""
"""What a script starts with: a libvirt of its own, and how to leave nothing behind."""
