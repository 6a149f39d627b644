"""Reads and writes recordings and timelines: lines of JSON that a diff shows well.

A step tells what was asked (``op``) and all that was found afterwards:

- ``error``: the words of a refusal; on QEMU, with who said so: ``QMP``, ``Job`` or ``NBD``.
- ``layers``: images, base first, each with its own cells. ``z`` is an explicit zero cluster, ``0``
  one full of zero bytes, ``~`` one of mixed bytes, ``-`` nothing.
- ``bitmaps``: image, name, cells (``!`` where nobody may read them) and flags: ``r`` recording,
  ``p`` persistent, ``b`` busy, ``i`` inconsistent; on libvirt the granularity too.
- ``guest``: what the guest sees. ``checkpoints``: names and parents, on libvirt.
- ``backup``: the cells of the copy, where one was made; ``copied_bytes``: what its job told.
- ``restored``: what a stack of backups reads as, ``parts`` each of them, ``matches`` the steps
  after which the guest saw the same.
- ``during``: how each of the guest's steps beside a job went.

A file of arguments has a line for each command, as ``tests/recordings/on_schema.py`` says.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

FOLDER = Path(__file__).parent
FORMAT = 1
STATE = ("layers", "bitmaps", "guest", "checkpoints")
"""What a step leaves out where it is as it was after the step before."""

Op: TypeAlias = Any
Step: TypeAlias = dict[str, Any]
Line: TypeAlias = tuple[int, dict[str, Any]]


class RecordingError(Exception):
    """A file that is no recording, or one that this cannot read; the text says where and why."""


class Timeline(NamedTuple):
    """What is to be done, step by step.

    Attributes:
        cells: Clusters of its only disk, of 64 KiB each.
    """

    name: str
    cells: int
    ops: tuple[Op, ...]


class Recorded(NamedTuple):
    """A timeline, and what was found after each step."""

    name: str
    cells: int
    steps: tuple[Step, ...]


class Recording(NamedTuple):
    """What one version of the real thing did.

    Attributes:
        head: ``of`` (qemu or libvirt), ``version``, ``command`` and ``date``; on libvirt ``qemu``,
            the version below it.
    """

    head: Mapping[str, Any]
    timelines: tuple[Recorded, ...]


def recordings(of: str) -> list[Path]:
    """Return the files that tell of ``qemu`` or of ``libvirt``, one for each version."""
    return sorted(FOLDER.glob(f"{of}-*.jsonl"))


def path_of(head: Mapping[str, Any]) -> Path:
    """Return the file of a recording."""
    return FOLDER / f"{head['of']}-{head['version']}.jsonl"


def read_timelines(of: str) -> tuple[Timeline, ...]:
    """Return the project's own list of timelines for ``qemu`` or for ``libvirt``."""
    path = FOLDER / "timelines" / f"{of}.jsonl"
    return tuple(
        Timeline(name, cells, tuple(line["op"] for line in steps))
        for name, cells, steps in _timelines(path, _lines(path))
    )


def read_recording(path: Path) -> Recording:
    """Return a recording, each of its steps with all that it tells.

    Raises:
        RecordingError: The file cannot be read, is none, or has a newer format.
    """
    lines = _lines(path)
    told = _head(path, lines)
    played = [Recorded(n, cells, _whole(steps)) for n, cells, steps in _timelines(path, lines)]
    return Recording(told, tuple(played))


def write_recording(recording: Recording) -> str:
    """Return a recording as the text of its file."""
    lines = [{"format": FORMAT, **recording.head}]
    for played in recording.timelines:
        lines.append({"timeline": played.name, "cells": played.cells})
        lines += _changes(played.steps)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def _head(path: Path, lines: Iterator[Line]) -> Mapping[str, Any]:
    """Take the first line of a file, and return what it tells."""
    number, head = next(lines, (1, {}))
    if not isinstance(head.get("format"), int):
        raise RecordingError(f"{path}:{number}: this is no recording: it has no format")
    if head["format"] > FORMAT:
        found, known = head["format"], FORMAT
        raise RecordingError(f"{path}:{number}: format {found}; this reads formats up to {known}")
    for key in ("of", "version"):
        if not isinstance(head.get(key), str):
            raise RecordingError(f"{path}:{number}: the head does not tell its {key}")
    return {key: value for key, value in head.items() if key != "format"}


def read_arguments(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the head of a file of arguments, and the arguments of each command.

    Raises:
        RecordingError: The file cannot be read, is none, or has a newer format.
    """
    lines = _lines(path)
    head = _head(path, lines)
    commands: dict[str, Any] = {}
    for number, line in lines:
        if not isinstance(line.get("execute"), str) or not isinstance(line.get("arguments"), dict):
            raise RecordingError(f"{path}:{number}: no command with its arguments")
        commands[line["execute"]] = line["arguments"]
    return head, commands


def write_arguments(head: Mapping[str, Any], commands: Mapping[str, Any]) -> str:
    """Return the arguments of commands as the text of their file."""
    lines = [{"execute": name, "arguments": told} for name, told in commands.items()]
    return "".join(f"{json.dumps(line)}\n" for line in ({"format": FORMAT, **head}, *lines))


def _lines(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from None
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        try:
            told = json.loads(line)
        except json.JSONDecodeError as error:
            raise RecordingError(f"{path}:{number}:{error.colno}: no JSON: {error.msg}") from None
        if not isinstance(told, dict):
            raise RecordingError(f"{path}:{number}: an object is expected")
        yield number, told


def _timelines(path: Path, lines: Iterable[Line]) -> Iterator[tuple[str, int, list[Step]]]:
    """Yield name, number of cells and lines of each timeline."""
    name, cells, steps = "", 0, list[Step]()
    for number, line in lines:
        if "op" in line and name:
            steps.append(line)
        elif isinstance(line.get("timeline"), str) and isinstance(line.get("cells"), int):
            if name:
                yield name, cells, steps
            name, cells, steps = line["timeline"], line["cells"], []
        else:
            raise RecordingError(f"{path}:{number}: neither a timeline with its cells nor a step")
    if name:
        yield name, cells, steps


def _whole(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return steps with what was left out, since it was as before."""
    state: Step = {}
    whole: list[Step] = []
    for step in steps:
        state |= {key: step[key] for key in STATE if key in step}
        whole.append({**state, **step})
    return tuple(whole)


def _changes(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield steps without what is as before."""
    state: Step = {}
    for step in steps:
        told = {key: step[key] for key in STATE if key in step and step[key] != state.get(key)}
        state |= told
        yield {**{key: value for key, value in step.items() if key not in STATE}, **told}
