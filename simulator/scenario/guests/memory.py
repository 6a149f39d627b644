"""Whether memory holds what guests write, as far as that can be told before anything is played."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from simulator.workload.guests import Guest

KEPT_BYTES = 16
"""What a run keeps of each cluster that changes between two instants, at the least.

Measured on 10 million writes to 1 TiB, with 0 to 1,000 backups: 16 to 40."""

DRAWN_BYTES = 40
"""What each change takes while it is drawn, with all others between two instants. Measured: 41."""

SMALL_BYTES = 256 << 20
"""Nobody needs to look whether this is there."""


def need_of(guest: Guest, ticks: Sequence[int]) -> int:
    """Return the bytes that a workload takes at least.

    Args:
        ticks: When somebody looks at the disk, ascending.
    """
    most = guest.changes * (KEPT_BYTES + DRAWN_BYTES)
    if most <= SMALL_BYTES:
        return most
    region = guest.slots * guest.length // guest.cluster_size + 2
    made = [*_changes(guest, ticks)]
    return KEPT_BYTES * sum(min(each, region) for each in made) + DRAWN_BYTES * max(made)


def _changes(guest: Guest, ticks: Sequence[int]) -> Iterator[int]:
    """Yield how many changes a guest makes in each stretch between two looks at its disk."""
    per_write = guest.changes // max(guest.writes, 1)
    for stretch in guest.stretches:
        first = bisect_right(ticks, stretch.begin)
        last = bisect_right(ticks, stretch.end)
        for begin, end in pairwise((stretch.begin, *ticks[first:last], stretch.end)):
            yield int((end - begin) * stretch.rate) * per_write


def free_bytes(root: Path = Path("/")) -> int | None:
    """Return how many bytes a program can still have; None where the system does not say.

    Swap counts, and so does what the limit of a container leaves, where there is one.

    Args:
        root: What ``/proc`` and ``/sys`` lie in.
    """
    told = _read(root / "proc/meminfo")
    sizes = {key: int(size) << 10 for key, size in re.findall(r"(\w+): +(\d+) kB", told)}
    found = [sizes["MemAvailable"] + sizes.get("SwapFree", 0)] if "MemAvailable" in sizes else []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        where = root / "sys/fs/cgroup"
        if not kinds:
            found += _left(where, path, "memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
            found += _left(where / "memory", path, limit, used)
    return min(found, default=None)


def _left(where: Path, path: str, limit: str, used: str) -> Iterator[int]:
    """Yield what a control group leaves, and each one that it lies in."""
    folder = where / path.lstrip("/")
    for each in (folder, *folder.parents):
        most, taken = _read(each / limit).strip(), _read(each / used).strip()
        if most.isdigit() and taken.isdigit():
            # Cached pages of files are given back when somebody needs them.
            told = re.findall(r"\b(?:total_)?inactive_file (\d+)", _read(each / "memory.stat"))
            yield int(most) - int(taken) + max(map(int, told), default=0)
        if each == where:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
