"""Which slot each write goes to: drawn without a table, so a petabyte costs what a floppy does."""

from math import ceil
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.workload.guests import Guest, Pattern

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

PIECE = 1 << 14
"""So many writes are worked on at once: they stay in the processor's cache.

What they are worked on in is kept from one piece to the next, for to get memory that is new costs
more than what is done with it.
"""


class Places:
    """Draws the slots of one workload."""

    def __init__(self, guest: Guest, chance: np.random.Generator) -> None:
        self._guest = guest
        self._ranks = Ranks(guest.slots, guest.skew)
        self._scatter = Scatter(guest.slots, chance)

    def draw(self, done: int, count: int, chance: np.random.Generator) -> Integers:
        """Return the slots of the next writes.

        Args:
            done: How many writes came before them.
        """
        slots = self._guest.slots
        match self._guest.pattern:
            case Pattern.SEQUENTIAL:
                return np.arange(done, done + count, dtype=np.int64) % slots
            case Pattern.UNIFORM:
                return chance.integers(0, slots, count)
            case Pattern.APPEND_LOG:
                turn, place = np.divmod(
                    np.arange(done, done + count, dtype=np.int64), self._guest.head + 1
                )
                slot = (turn * self._guest.head + place) % slots
                slot[place == self._guest.head] = 0
                return slot
            case Pattern.ZIPF:
                ranks = self._ranks.draw(count, chance)
                return self._scatter.apply(ranks) if self._guest.scatter else ranks


class Ranks:
    """Ranks 0, 1, 2 … of which the r-th has the weight ``(r + 1) ** -skew``.

    Source: W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone
    discrete distributions", 1996. Exact up to floating point, and as quick for 10 as for 10**12.
    """

    def __init__(self, slots: int, skew: float) -> None:
        self._slots = slots
        self._skew = skew
        self._room = np.empty((3, PIECE))
        self._high = self._area(np.array([1.5]))[0] - 1.0
        self._low = self._area(np.array([slots + 0.5]))[0]
        beyond = self._area(np.array([2.5])) - 2.0**-skew
        self._sure = 2.0 - float(self._edge(beyond, beyond)[0])

    def _area(self, x: Floats) -> Floats:
        """The area below ``x ** -skew``, from a place that does not matter."""
        log = np.log(x)
        made: Floats = (
            log if self._skew == 1.0 else np.expm1((1.0 - self._skew) * log) / (1.0 - self._skew)
        )
        return made

    def _edge(self, area: Floats, x: Floats) -> Floats:
        """Put into an array where the area is reached, and return it."""
        if self._skew == 1.0:
            np.exp(area, out=x)
            return x
        np.multiply(area, 1.0 - self._skew, out=x)
        np.clip(x, -1.0, np.inf, out=x)
        np.log1p(x, out=x)
        x /= 1.0 - self._skew
        np.exp(x, out=x)
        return x

    def draw(self, count: int, chance: np.random.Generator) -> Integers:
        """Return so many ranks."""
        ranks = np.empty(count, dtype=np.int64)
        filled = 0
        while filled < count:
            left = count - filled
            for begin in range(0, left, PIECE):
                found = self._try(min(PIECE, left - begin), chance)
                ranks[filled : filled + len(found)] = found
                filled += len(found)
        return ranks

    def _try(self, count: int, chance: np.random.Generator) -> Floats:
        """Return at most so many ranks; as many more are to be drawn as there lack."""
        area, x, rank = self._room[:, :count]
        chance.random(out=area)
        area *= self._high - self._low
        area += self._low
        self._edge(area, x)
        np.rint(x, out=rank)
        np.clip(rank, 1.0, float(self._slots), out=rank)
        np.subtract(rank, x, out=x)
        unsure = np.flatnonzero(x > self._sure)
        few = rank[unsure]
        kept = np.ones(count, dtype=bool)
        kept[unsure[area[unsure] < self._area(few + 0.5) - few**-self._skew]] = False
        rank -= 1.0
        ranks: Floats = rank[kept]
        return ranks


class Scatter:
    """A permutation of ``range(slots)`` that is no table: multiply, fold, and walk what is beyond.

    Each step can be undone within a power of two, so all of them are a permutation of that; what
    lands beyond the slots goes through it again, which leaves a permutation of the slots.
    """

    def __init__(self, slots: int, chance: np.random.Generator) -> None:
        bits = max((slots - 1).bit_length(), 1)
        # What is beyond the bits never comes back, and half the memory takes half the time.
        whole = np.uint32 if bits <= 32 else np.uint64
        most = (1 << bits) - 1
        self._slots = slots
        self._room = np.empty((2, PIECE), dtype=whole)
        self._mask, self._fold = whole(most), whole(ceil(bits / 2))
        self._odd = [whole((int(n) | 1) & most) for n in chance.integers(1 << 40, 1 << 62, 3)]
        self._plus = [whole(int(n) & most) for n in chance.integers(1 << 40, 1 << 62, 3)]

    def apply(self, places: Integers) -> Integers:
        """Let each of some places be where it goes, and return them."""
        self._step(places)
        beyond = np.flatnonzero(places >= self._slots)
        while len(beyond):
            again = places[beyond]
            self._step(again)
            places[beyond] = again
            beyond = beyond[again >= self._slots]
        return places

    def _step(self, places: Integers) -> None:
        for begin in range(0, len(places), PIECE):
            piece = places[begin : begin + PIECE]
            moved, folded = self._room[:, : len(piece)]
            moved[...] = piece
            for odd, plus in zip(self._odd, self._plus, strict=True):
                moved *= odd
                moved += plus
                moved &= self._mask
                np.right_shift(moved, self._fold, out=folded)
                moved ^= folded
            piece[...] = moved
