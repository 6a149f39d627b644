"""The one program that `inspect` starts: ``qemu-img``, to read, within bounds of time and size."""

import json
import os
import re
import shutil
from typing import Any

from simulator.hosts.programs import run_within

TIMEOUT_SECONDS = 60.0
"""How long one call may take. A map of a sparse disk of a PiB takes 6 s."""

OUTPUT_BYTES_MAX = 64 * 1024 * 1024
"""How much one call may say: a map of some 700,000 extents."""

PROGRAM = "qemu-img"

INSTALL_HELP = "install it (Debian, Ubuntu: apt-get install qemu-utils; Fedora: qemu-img)"

TOOLS_OK = frozenset({"raw", "qcow2", "qed", "vmdk", "vdi", "vhdx", "vpc"})
"""Formats that a backing file may name; anything else is not passed on."""

_LOCKED = re.compile(r'Failed to get (?:shared )?"[a-z ]+" lock|Failed to lock byte')


class ToolMissingError(Exception):
    """There is no ``qemu-img`` on this machine."""


class ToolError(Exception):
    """``qemu-img`` could not do what it was asked; the text is its own, in one line."""


class LockedError(ToolError):
    """Another process has the image open for writing."""


def find_program() -> str:
    """Return the path of ``qemu-img``.

    Raises:
        ToolMissingError: It is not installed.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise ToolMissingError
    return found


def alone(path: str, format: str) -> str:
    """Return what ``qemu-img`` calls one image without its backing files.

    Nothing that a header names is opened so, however strange the name.
    """
    options: dict[str, Any] = {"driver": format, "file": {"driver": "file", "filename": path}}
    if format in ("qcow2", "qed"):
        options["backing"] = None
    return f"json:{json.dumps(options)}"


def ask(command: str, path: str, format: str, *, share: bool) -> Any:
    """Return what ``qemu-img info`` or ``qemu-img map`` says of one image.

    Args:
        share: Whether to look even though another process writes to the image.

    Raises:
        ToolMissingError: It is not installed.
        LockedError: Another process has the image open for writing.
        ToolError: It failed, took too long, or said too much.
    """
    words = [find_program(), command, "--output=json", *(["-U"] if share else [])]
    said = _run([*words, alone(path, format)], f"{PROGRAM} {command}")
    try:
        return json.loads(said)
    except ValueError:
        raise ToolError(f"{PROGRAM} {command} did not answer in JSON") from None


def version() -> str | None:
    """Return the version of ``qemu-img``, such as ``7.2.22``; None where there is none to tell."""
    try:
        said = _run([find_program(), "--version"], PROGRAM)
    except (ToolMissingError, ToolError):
        return None
    found = re.search(rb"version (\S+)", said)
    return found[1].decode("ascii", "replace") if found else None


def _run(words: list[str], name: str) -> bytes:
    ran = run_within(
        words,
        seconds=TIMEOUT_SECONDS,
        bytes_max=OUTPUT_BYTES_MAX,
        env={**os.environ, "LC_ALL": "C"},
    )
    if ran.late:
        raise ToolError(f"{name} took more than {TIMEOUT_SECONDS:g} s, and was ended")
    if ran.loud:
        raise ToolError(f"{name} said more than {OUTPUT_BYTES_MAX >> 20} MiB, and was ended")
    if ran.status:
        kind = LockedError if _LOCKED.search(ran.complaints) else ToolError
        raise kind(_in_one_line(ran.complaints) or f"{name} ended with status {ran.status}")
    return ran.out


def _in_one_line(complaint: str) -> str:
    """Return the last thing that the program said, without its name and the image's.

    >>> _in_one_line("qemu-img: Could not open 'json:{\\"a\\": 1}': Image is corrupt\\n")
    'Could not open: Image is corrupt'
    """
    lines = [line for line in complaint.splitlines() if line.startswith(f"{PROGRAM}: ")]
    line = lines[-1] if lines else complaint.strip().partition("\n")[0]
    line = re.sub(r" '?json:\{.*\}'?", "", line.removeprefix(f"{PROGRAM}: "))
    return line if len(line) <= 300 else f"{line[:297]}..."
