"""Works out formulas for many columns at a time, and packs columns into numbers.

A column is a row of a matrix of bytes: of a map's cell 0 is nothing, 1 explicit zeroes, and 2 and
more are letters, in the order in which they first stand in the row; of a set's, 1 is in it.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.exploring.columns.formulas import DISK, NEW, Node
from simulator.model.clusters import ZERO

Matrix: TypeAlias = npt.NDArray[np.uint8]
Codes: TypeAlias = npt.NDArray[np.uint64]
Bits: TypeAlias = npt.NDArray[np.bool_]

FALLS, ZEROES, FIRST, FRESH = 0, 1, 2, 255
"""What a cell of a map holds: nothing, zeroes, the first letter, and one just written."""

CODE_BITS_MAX = 63
"""A column takes at most so many bits."""


class TooWide(Exception):
    """A column has more cells than fit into a number."""


class Worked:
    """The values of formulas for some columns; each formula is worked out once."""

    def __init__(self, columns: Matrix, written: bool | Bits, disk: int = 0) -> None:
        """Begin with the columns.

        Args:
            written: Whether the guest writes these clusters.
            disk: The place of their disk.
        """
        self._first = disk * DISK
        self.columns = columns
        count = len(columns)
        self._written = np.full(count, written) if isinstance(written, bool) else written
        self._known: dict[Node, npt.NDArray[np.uint8]] = {}
        self._sets: dict[Node, Bits] = {}

    def cell(self, node: Node) -> npt.NDArray[np.uint8]:
        """Return what the cells of a map hold."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = self._map(node)
        return known

    def _map(self, node: Node) -> npt.NDArray[np.uint8]:
        match node.kind:
            case "cell":
                return self.columns[:, node.value - self._first]
            case "over":
                lower, upper = self.cell(node.parts[0]), self.cell(node.parts[1])
                return np.where(upper == FALLS, lower, upper)
            case "only":
                return self.cell(node.parts[0]) * self.bit(node.parts[1])
            case "hold":
                code = {ZERO: ZEROES, NEW: FRESH}[node.value]
                return self.bit(node.parts[0]) * np.uint8(code)
        raise AssertionError(f"{node.kind} is no map")

    def bit(self, node: Node) -> Bits:
        """Return which columns are in a set."""
        known = self._sets.get(node)
        if known is None:
            known = self._sets[node] = self._set(node)
        return known

    def _set(self, node: Node) -> Bits:
        match node.kind:
            case "bit":
                return np.not_equal(self.columns[:, node.value - self._first], 0)
            case "written":
                return self._written
            case "none" | "all":
                return np.full(len(self.columns), node.kind == "all")
            case "held":
                return np.not_equal(self.cell(node.parts[0]), FALLS)
            case "unlike":
                one, other = map(self.cell, node.parts)
                # Zeroes and nothing read alike.
                return np.not_equal(np.maximum(one, ZEROES), np.maximum(other, ZEROES))
        return self._of_sets(node.kind, *map(self.bit, node.parts))

    def _of_sets(self, kind: str, one: Bits, other: Bits) -> Bits:
        match kind:
            case "or":
                return np.logical_or(one, other)
            case "and":
                return np.logical_and(one, other)
            case "less":
                return np.logical_and(one, np.logical_not(other))
        raise AssertionError(f"{kind} is no set")

    def matrix(self, nodes: Sequence[Node], kinds: str) -> Matrix:
        """Return the columns that formulas make, their letters renamed."""
        made = np.empty((len(self.columns), len(nodes)), dtype=np.uint8)
        for place, (node, kind) in enumerate(zip(nodes, kinds, strict=True)):
            made[:, place] = self.cell(node) if kind == "m" else self.bit(node)
        return rename(made, kinds)


def rename(columns: Matrix, kinds: str) -> Matrix:
    """Return columns whose letters are numbered in the order in which they first stand there."""
    maps = [place for place, kind in enumerate(kinds) if kind == "m"]
    given = [columns[:, place].copy() for place in maps]
    following = np.full(len(columns), FIRST, dtype=np.uint8)
    for number, (place, letters) in enumerate(zip(maps, given, strict=True)):
        named = np.minimum(letters, FIRST)
        is_new = letters >= FIRST
        for before in range(number):
            known = is_new & (letters == given[before])
            if known.any():
                np.copyto(named, columns[:, maps[before]], where=known)
                is_new &= ~known
        np.copyto(named, following, where=is_new)
        following += is_new
        columns[:, place] = named
    return columns


def bases_of(kinds: str) -> list[int]:
    """Return how many values each cell of a column can have.

    The n-th cell of a map holds one of the first n letters at most.

    Raises:
        TooWide: They do not fit into a number.
    """
    letters, bases, room = 0, [], 1
    for kind in kinds:
        letters += kind == "m"
        bases.append(letters + 2 if kind == "m" else 2)
        room *= bases[-1]
    if room > 1 << CODE_BITS_MAX:
        raise TooWide
    return bases


def pack(columns: Matrix, bases: Sequence[int]) -> Codes:
    """Return each column as a number."""
    codes = np.zeros(len(columns), dtype=np.uint64)
    for place, base in enumerate(bases):
        codes *= np.uint64(base)
        codes += columns[:, place]
    return codes


def unpack(codes: Codes, bases: Sequence[int]) -> Matrix:
    """Return columns that were packed."""
    columns = np.empty((len(codes), len(bases)), dtype=np.uint8)
    left = codes
    for place in range(len(bases) - 1, -1, -1):
        base = np.uint64(bases[place])
        above = left // base
        columns[:, place] = left - above * base
        left = above
    return columns
