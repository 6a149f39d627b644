"""Backup files of virtnbdbackup: frames of data and of zeroes, with a head for each.

Heads are read and data is not, so that a large file takes no longer than a small one. Source: files
of virtnbdbackup 1.9.15, ``docs/doctor.md``.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from simulator.doctor.reading.held import COPY, DIFFERENTIAL, FULL, INCREMENT, BackupFile
from simulator.inspect.image.runs import Run, join_runs, total
from simulator.values import NamedTuple

HEAD = 40
"""Bytes of a frame's head: its kind, where it begins, how long it is."""

LINE_END = b"\r\n"

_HEAD = re.compile(rb"(meta|data|zero|stop|comp) ([0-9a-f]{16}) ([0-9a-f]{16})\r\n")

_NAME = re.compile(
    rf"(?P<disk>.+?)\.(?:(?P<whole>{FULL}|{COPY})"
    rf"|{INCREMENT}\.(?P<checkpoint>.+)|{DIFFERENTIAL}\.(?P<seconds>\d+))\.data"
)

META_MAX = 1 << 20
"""Bytes of the description; a longer one is none."""


class StreamError(Exception):
    """A file that is no backup of virtnbdbackup, or whose head cannot be read."""


class _Cut(Exception):
    """A stream that goes wrong after its description, and how."""


class _Frame(NamedTuple):
    kind: bytes
    start: int
    length: int


def is_stream(name: str) -> bool:
    """Whether a file's name is that of a finished backup.

    >>> is_stream("vda.inc.virtnbdbackup.1.data"), is_stream("vda.full.data.partial")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def read_stream(path: str) -> BackupFile:
    """Return a backup file, with what is damaged about it.

    Raises:
        StreamError: It has no head, or one that says nothing.
        OSError: It cannot be read.
    """
    name = os.path.basename(path)
    matched = _NAME.fullmatch(name)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        written = os.fstat(file.fileno()).st_mtime_ns
        meta = _read_meta(file)
        runs: list[Run] = []
        damage = ""
        try:
            sizes = _compressed_sizes(file, size) if meta["compressed"] else None
            for frame in _frames(file, size, sizes):
                runs.append((frame.start, frame.length, "A" if frame.kind == b"data" else "0"))
        except _Cut as error:
            damage = str(error)
    kind, ends = _kind(matched, meta)
    held = join_runs(sorted(runs))
    damage = damage or _disagreement(kind, meta, runs, held)
    return BackupFile(
        path=path,
        name=name,
        disk=str(meta["diskName"]),
        kind=kind,
        starts=str(meta["parentCheckpoint"]) if kind in (INCREMENT, DIFFERENTIAL) else None,
        ends=ends,
        checkpoint=str(meta["checkpointName"]),
        size=int(meta["virtualSize"]),
        runs=held,
        written=written,
        taken=str(meta.get("date", "")),
        damage=damage,
    )


def _kind(matched: re.Match[str] | None, meta: dict[str, Any]) -> tuple[str, str]:
    """Return what a file is, and what it leads to. A copy and a full backup have like heads."""
    if matched is not None and matched["seconds"]:
        return DIFFERENTIAL, f"{DIFFERENTIAL} {matched['seconds']}"
    if matched is not None and matched["whole"] == COPY:
        return COPY, COPY
    return (INCREMENT if meta["incremental"] else FULL), str(meta["checkpointName"])


def _read_meta(file: BinaryIO) -> dict[str, Any]:
    """Return the description at a stream's beginning."""
    head = file.read(HEAD)
    matched = _HEAD.fullmatch(head)
    if matched is None or matched[1] != b"meta":
        cut = " is cut off" if len(head) < HEAD else " is no head of virtnbdbackup's"
        raise StreamError(f"its head{cut}")
    length = int(matched[3], 16)
    text = file.read(min(length, META_MAX))
    if len(text) < length or file.read(2) != LINE_END:
        raise StreamError(f"its description is cut off: {len(text)} of {length} bytes")
    try:
        meta = json.loads(text)
    except ValueError:
        raise StreamError("its description is no JSON") from None
    wanted = {
        "virtualSize": int, "dataSize": int, "diskName": str, "checkpointName": str,
        "parentCheckpoint": str, "incremental": bool,
    }  # fmt: skip
    if not isinstance(meta, dict):
        raise StreamError("its description is no table")
    for key, kind in wanted.items():
        if not isinstance(meta.get(key), kind):
            raise StreamError(f"its description lacks {key}")
    return {"compressed": False, **meta}


def _compressed_sizes(file: BinaryIO, size: int) -> list[int]:
    """Return how long each data frame is in a compressed file, as its last bytes say."""
    here = file.tell()
    file.seek(max(0, size - HEAD))
    matched = _HEAD.fullmatch(file.read(HEAD))
    if matched is None or matched[1] != b"comp":
        raise _Cut("it is cut off: the list of compressed sizes at its end is missing")
    length = int(matched[3], 16)
    begins = size - HEAD - len(LINE_END) - length
    file.seek(max(0, begins))
    try:
        sizes = json.loads(file.read(length))
    except ValueError:
        sizes = None
    file.seek(here)
    if begins < here or not isinstance(sizes, list) or not all(isinstance(n, int) for n in sizes):
        raise _Cut("the list of compressed sizes at its end cannot be read")
    return sizes


def _frames(file: BinaryIO, size: int, sizes: list[int] | None) -> Iterator[_Frame]:
    """Yield the frames of a stream up to its end.

    Args:
        sizes: How long each data frame is in the file; None where as long as it says.
    """
    left = iter(sizes) if sizes is not None else None
    while True:
        place = file.tell()
        head = file.read(HEAD)
        matched = _HEAD.fullmatch(head)
        if matched is None:
            what = (
                "it has no stop frame" if len(head) < HEAD else f"no frame begins at byte {place:,}"
            )
            raise _Cut(what if len(head) == HEAD or not head else f"{what}, and ends in a head")
        frame = _Frame(matched[1], int(matched[2], 16), int(matched[3], 16))
        if frame.kind == b"stop":
            break
        if frame.kind not in (b"data", b"zero"):
            raise _Cut(f"a frame of another kind is at byte {place:,}")
        if frame.kind == b"data":
            length = frame.length if left is None else next(left, None)
            if length is None:
                raise _Cut("it has more data than its list of compressed sizes")
            ends = file.tell() + length + len(LINE_END)
            if ends > size:
                raise _Cut(f"it ends within the data of byte {frame.start:,} of the disk")
            file.seek(ends - len(LINE_END))
            if file.read(len(LINE_END)) != LINE_END:
                raise _Cut(f"the data of byte {frame.start:,} of the disk has no end")
        yield frame
    if sizes is None and file.tell() != size:
        raise _Cut(f"{size - file.tell():,} bytes follow its stop frame")


def _disagreement(kind: str, meta: dict[str, Any], runs: list[Run], held: tuple[Run, ...]) -> str:
    """Return how what a stream holds is not what its description says, or nothing."""
    data = total(run for run in runs if run[2] == "A")
    if total(runs) != total(held):
        return "two of its frames are of one place"
    if held and held[-1][0] + held[-1][1] > meta["virtualSize"]:
        return "it holds more than the disk is long"
    if data != meta["dataSize"]:
        return f"it has {data:,} of the {meta['dataSize']:,} bytes of data that its head tells"
    if kind in (FULL, COPY) and total(held) != meta["virtualSize"]:
        return f"it covers {total(held):,} of the disk's {meta['virtualSize']:,} bytes"
    return ""
