"""States as rows of numbers, each once, with the step that each came by.

A row is the number of a shape and the codes of its columns, those of each disk sorted. Rows are
found by hashes, and compared in full, so that two states are never taken for one.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.uint64]
Numbers: TypeAlias = npt.NDArray[np.int64]

STEP_BYTES = 16
"""Bytes of a state beside its row: its hash, where it came from, and by which step."""


class Store:
    """All states that have been met, in the order in which they were.

    Attributes:
        count: How many there are.
    """

    def __init__(self, width: int) -> None:
        self.count, self._width = 0, width
        self._rows: Rows = np.empty((1024, width), dtype=np.uint64)
        self._parents: npt.NDArray[np.uint32] = np.empty(1024, dtype=np.uint32)
        self._steps: npt.NDArray[np.uint32] = np.empty(1024, dtype=np.uint32)
        self._seed = 1
        self._hashes: list[Rows] = []
        self._places: list[npt.NDArray[np.uint32]] = []

    @property
    def rows(self) -> Rows:
        """The states."""
        return self._rows[: self.count]

    @property
    def steps(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Where each state came from, and by which step."""
        return self._parents[: self.count], self._steps[: self.count]

    @property
    def size(self) -> int:
        """Bytes that the states take."""
        return self.count * (self._width * 8 + STEP_BYTES)

    def add(self, rows: Rows, parents: Numbers, steps: Numbers) -> Numbers:
        """Add states, and return the places of those that are new among the ones given.

        Args:
            parents: The number of the state that each came from.
            steps: What each came by, as a number.
        """
        while True:
            hashes = self._hash(rows)
            order = np.argsort(hashes, kind="stable")
            ordered = hashes[order]
            same = np.zeros(len(rows), dtype=np.bool_)
            same[1:] = ordered[1:] == ordered[:-1]
            alike = np.flatnonzero(same)
            if (rows[order[alike]] == rows[order[alike - 1]]).all():
                firsts = order[~same]
                known = self._known(rows[firsts], hashes[firsts])
                if known is not None:
                    break
            self._hash_anew()
        new = firsts[~known]
        new.sort()
        self._append(rows[new], hashes[new], parents[new], steps[new])
        return new

    def _hash(self, rows: Rows) -> Rows:
        """Return a hash for each row."""
        hashes = np.full(len(rows), self._seed, dtype=np.uint64)
        for column in range(rows.shape[1]):
            hashes ^= rows[:, column]
            hashes *= np.uint64(0x9E3779B97F4A7C15)
            hashes ^= hashes >> np.uint64(29)
        return hashes

    def _hash_anew(self) -> None:
        """Hash all states in another way: two that differ had one hash."""
        self._seed += 2
        hashes = self._hash(self.rows)
        order = np.argsort(hashes, kind="stable").astype(np.uint32)
        self._hashes, self._places = [hashes[order]], [order]

    def _known(self, rows: Rows, hashes: Rows) -> npt.NDArray[np.bool_] | None:
        """Return which states are there already; None where two that differ have one hash."""
        known = np.zeros(len(rows), dtype=np.bool_)
        for there, places in zip(self._hashes, self._places, strict=True):
            found = np.searchsorted(there, hashes)
            found[found == len(there)] = 0
            hit = np.flatnonzero(there[found] == hashes)
            if not (self._rows[places[found[hit]]] == rows[hit]).all():
                return None
            known[hit] = True
        return known

    def _append(self, rows: Rows, hashes: Rows, parents: Numbers, steps: Numbers) -> None:
        end = self.count + len(rows)
        if end > len(self._rows):
            room = max(end, 2 * len(self._rows))
            kept = self.rows, *self.steps
            self._rows = np.empty((room, self._width), dtype=np.uint64)
            self._parents = np.empty(room, dtype=np.uint32)
            self._steps = np.empty(room, dtype=np.uint32)
            self.rows[:], self.steps[0][:], self.steps[1][:] = kept
        self._rows[self.count : end] = rows
        self._parents[self.count : end] = parents
        self._steps[self.count : end] = steps
        order = np.argsort(hashes, kind="stable")
        self._merge(hashes[order], (order + self.count).astype(np.uint32))
        self.count = end

    def _merge(self, hashes: Rows, places: npt.NDArray[np.uint32]) -> None:
        """Keep sorted hashes in few parts, each of which is larger than the next."""
        while self._hashes and len(self._hashes[-1]) <= 2 * len(hashes):
            hashes = np.concatenate([self._hashes.pop(), hashes])
            places = np.concatenate([self._places.pop(), places])
            order = np.argsort(hashes, kind="stable")
            hashes, places = hashes[order], places[order]
        if len(hashes):
            self._hashes.append(hashes)
            self._places.append(places)
