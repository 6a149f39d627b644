"""Pictures and ranges: which clusters a guest's step touches, and what they hold afterwards."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from string import ascii_letters
from typing import Any

from simulator.model.clusters import ZERO, ClusterMap, map_of, range_of, set_of
from simulator.model.operations import Extent, GuestDiscard, GuestWrite
from simulator.model.operations.jobs import Copied
from simulator.model.sizes import write_size
from simulator.scenario.problems import WRITTEN, Problems
from simulator.scenario.units import read_share
from simulator.scenario.words import shorten
from simulator.scenario.yaml12 import Path
from simulator.timeline import DiskShape

TOUCHED_MAX = 1 << 24
"""Clusters that one step may touch on a large disk."""

UNTOUCHED = "-"

WRITABLE = frozenset(f"{ascii_letters}0{UNTOUCHED}")
"""Characters of a picture of what the guest writes."""

_NOT_WRITABLE = re.compile(r"[^A-Za-z0-]+")
"""Cells that adjoin and say nothing of what the guest writes."""


def without_bars(cells: str) -> str:
    """Return a picture without the bars around it, which are optional."""
    return cells[1:-1] if len(cells) > 1 and cells[0] == cells[-1] == "|" else cells


class Pictures:
    """Reads the arguments of ``write``, ``zero`` and ``discard``.

    A picture that is drawn again gives the same map: maps are immutable.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._maps: dict[tuple[str, str, int], ClusterMap] = {}

    def read(
        self, path: Path, verb: str, guest: dict[str, Any], disk: DiskShape, lengths: Sequence[int]
    ) -> GuestWrite | GuestDiscard | None:
        """Return what the guest does, or None where that is a problem.

        Args:
            path: Where the arguments stand.
            verb: One of the guest's verbs.
            guest: The arguments.
            disk: The disk that they are about.
            lengths: The numbers of clusters that it has had so far.
        """
        extent = None
        if "cells" in guest:
            others = [key for key in ("offset", "length", "data") if key in guest]
            if others:
                self._problems.add(
                    (*path, others[0]),
                    f"{verb} has both cells and {others[0]}",
                    expected="a picture, or offset and length",
                    at_key=True,
                )
                return None
            data = self._drawn((*path, "cells"), verb, guest["cells"], lengths)
        else:
            data, extent = self._range(path, verb, guest, disk._replace(length=max(lengths)))
        if data is None:
            return None
        if verb == "discard":
            return GuestDiscard(disk=disk.name, clusters=data.clusters(), extent=extent)
        return GuestWrite(disk=disk.name, data=data, extent=extent)

    def _drawn(
        self, path: Path, verb: str, cells: str, lengths: Sequence[int]
    ) -> ClusterMap | None:
        drawn = without_bars(cells)
        length = len(drawn) if len(drawn) in lengths else lengths[-1]
        key = verb, cells, length
        if key not in self._maps:
            if not self._check_drawn(path, verb, cells, drawn, length):
                return None
            zero = verb != "write"
            versions = {
                cluster: ZERO if zero or letter == "0" else ord(letter)
                for cluster, letter in enumerate(drawn)
                if letter != UNTOUCHED
            }
            self._maps[key] = map_of(length, versions)
        return self._maps[key]

    def _check_drawn(self, path: Path, verb: str, cells: str, drawn: str, length: int) -> bool:
        fits = self.check_cells(path, verb, cells)
        if len(drawn) != length:
            self._problems.add(
                path,
                f"the picture has {_counted(len(drawn))}, the disk has {_counted(length)}",
                expected=f"{length:,} characters between the bars, if any",
            )
        return fits and len(drawn) == length

    def check_cells(self, path: Path, verb: str, cells: str) -> bool:
        """Return whether each cell of a picture fits; those that do not are noted, runs as one."""
        drawn = without_bars(cells)
        if verb == "write":
            wrong = [(run.start(), run[0]) for run in _NOT_WRITABLE.finditer(drawn)]
            expected = "A to Z or a to z for data, 0 for zeroes, - for untouched"
        else:
            wrong = [*_runs_without_marks(drawn)]
            expected = "- for untouched, any other character without blanks for the rest"
        for start, run in wrong:
            one = len(run) == 1
            where = f"cell {start + 1}" if one else f"cells {start + 1} to {start + len(run)}"
            blanks = "a blank" if one else "blanks"
            self._problems.add(
                path,
                f"{where} of the picture {'is' if one else 'are'} "
                f"{blanks if run.isspace() else shorten(run)}",
                expected=expected,
                offset=start + (len(cells) != len(drawn)),
                width=len(run),
            )
        return not wrong

    def copied(self, path: Path, text: str, *, timed: bool) -> Copied | None:
        """Return what a job had copied, as a picture or a share; None where that is a problem.

        How long the picture has to be, and what there was to copy, only a run can tell.

        Args:
            path: Where it stands.
            timed: Whether instants are times.
        """
        if timed:
            self._problems.add(
                path,
                "copied is told, and here time tells how far a job has come",
                expected="no copied where instants are times",
                at_key=True,
            )
            return None
        if text.rstrip().endswith("%"):
            share = read_share(text)
            if share is None:
                expected = "a picture, or a share of at most 100% such as 50%"
                self._problems.add(path, f"copied is {shorten(text)}", expected=expected)
            return share
        if not self.check_cells(path, "discard", text):
            return None
        drawn = without_bars(text)
        return set_of(len(drawn), (n for n, cell in enumerate(drawn) if cell != UNTOUCHED))

    def _range(
        self, path: Path, verb: str, guest: dict[str, Any], disk: DiskShape
    ) -> tuple[ClusterMap | None, Extent | None]:
        needed = ("offset", "length", "data") if verb == "write" else ("offset", "length")
        missing = [key for key in needed if key not in guest]
        if missing:
            self._problems.add(
                path,
                f"{verb} has no {missing[0] if len(missing) < len(needed) else 'cells'}",
                expected=f"a picture, or {{{', '.join(needed)}}}",
            )
            return None, None
        offset, length = guest["offset"], guest["length"]
        if not self._check_range(path, offset, length, disk):
            return None, None
        size = disk.cluster_size
        first, last = offset // size, (offset + length - 1) // size
        if last - first >= TOUCHED_MAX:
            self._problems.add(
                (*path, "length"),
                f"{verb} touches {last - first + 1:,} clusters",
                expected=f"at most {TOUCHED_MAX:,} in one step",
            )
            return None, None
        letter = guest["data"] if verb == "write" else "0"
        version = ZERO if letter == "0" else ord(letter)
        whole = offset % size == 0 and length % size == 0
        data = range_of(disk.length, first, last - first + 1, version)
        return data, None if whole else Extent(offset=offset, length=length)

    def _check_range(self, path: Path, offset: int, length: int, disk: DiskShape) -> bool:
        size = disk.size
        if not 0 <= offset < size:
            self._problems.add(
                (*path, "offset"),
                f"the offset is {WRITTEN}",
                expected=f"0 to {size - 1:,}: the disk has {write_size(size)}",
            )
            return False
        if not 1 <= length <= size - offset:
            self._problems.add(
                (*path, "length"),
                f"the length is {WRITTEN}",
                expected=f"1 to {size - offset:,}: the disk has {write_size(size)}",
            )
            return False
        return True


def _marks(cell: str) -> bool:
    return cell.isprintable() and not cell.isspace()


def _runs_without_marks(drawn: str) -> Iterator[tuple[int, str]]:
    """Yield the cells of a picture that are no marks, each run of them with its place."""
    if drawn.isprintable() and " " not in drawn:
        return  # The only blank that can be printed: so a picture of megabytes is soon through.
    start = 0
    for fit, group in groupby(drawn, _marks):
        run = "".join(group)
        if not fit:
            yield start, run
        start += len(run)


def _counted(clusters: int) -> str:
    return f"{clusters:,} cluster{'' if clusters == 1 else 's'}"
