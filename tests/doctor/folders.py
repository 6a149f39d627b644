"""Folders that virtnbdbackup 1.9.15 wrote, whole and broken, and a reader of their own for them."""

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recordings" / "virtnbdbackup"
ANSWERS: dict[str, Any] = json.loads((RECORDED / "answers.json").read_text())
"""What the guest's disks were at each instant, and which can be restored by which files."""

CLUSTER = 64 * 1024


def unpack(name: str, to: Path) -> Path:
    """Return a sample's folder of backups, unpacked with the times of its files."""
    with tarfile.open(RECORDED / f"{name}.tar.gz") as sample:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        sample.extractall(to, **safely)  # type: ignore[arg-type]
    return to / name / "backup"


def state_of(sample: str, instant: str) -> str:
    """Return what doctor calls an instant of a sample."""
    if instant == "full":
        return "virtnbdbackup.0"
    if instant == "diff":
        return "diff 1795962409"
    return f"virtnbdbackup.{instant.removeprefix('inc')}"


def lay(folder: Path, names: Sequence[str]) -> str:
    """Return a disk, a character a cluster, that uncompressed files give on one another."""
    disk = bytearray()
    for name in names:
        stream = (folder / name).read_bytes()
        place = 0
        while True:
            kind, start, length = stream[place : place + 40].split()
            place += 40
            first, count = int(start, 16), int(length, 16)
            if kind == b"meta":
                meta = json.loads(stream[place : place + count])
                disk = disk or bytearray(meta["virtualSize"])
            elif kind == b"data":
                disk[first : first + count] = stream[place : place + count]
            elif kind == b"zero":
                disk[first : first + count] = bytes(count)
            else:
                break
            place += count + 2 if kind != b"zero" else 0
    cells = (chr(disk[place]) for place in range(0, len(disk), CLUSTER))
    return "".join(cells).replace("\0", "-")
