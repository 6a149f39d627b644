"""What a job has to move, in the order of the disk, and how far along it is.

A stretch of data goes through resources, at the flow's share of them. A stretch of zeroes moves
nothing there; whether it takes time is up to the job's own limit, which counts every cluster that
the job covers. Source: QEMU 7.2, ``speed``; ``facts/QEMU.md``, section 6.6.
"""

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

SECOND = 10**9
"""Nanoseconds."""


class Stretch(NamedTuple):
    """Neighbouring clusters that a job moves alike.

    Attributes:
        first: The first cluster.
        length: Number of clusters; at least 1.
        data: Whether they hold data.
    """

    first: int
    length: int
    data: bool


class Speeds(NamedTuple):
    """How fast a job moves what it covers, in bytes a second; None for no time at all.

    Attributes:
        data: Of clusters that hold data.
        zeroes: Of clusters that read as zeroes.
    """

    data: Fraction | None
    zeroes: Fraction | None


class Course:
    """The stretches of one job, and sums over those before each.

    A place on it is a number of bytes covered from its start, data and zeroes alike.
    """

    def __init__(self, stretches: Iterable[Stretch], cluster_size: int) -> None:
        self.stretches = tuple(stretches)
        self._cluster_size = cluster_size
        sizes = [stretch.length * cluster_size for stretch in self.stretches]
        self._ends = list(accumulate(sizes))
        held = (size if s.data else 0 for size, s in zip(sizes, self.stretches, strict=True))
        self._data = [0, *accumulate(held)]
        self._starts = [0, *self._ends[:-1]] if self._ends else []

    @property
    def size(self) -> int:
        """Bytes covered."""
        return self._ends[-1] if self._ends else 0

    @property
    def data_size(self) -> int:
        """Bytes of data."""
        return self._data[-1]

    def data_before(self, place: Fraction) -> Fraction:
        """Return the bytes of data that lie before a place."""
        number = bisect_right(self._starts, place) - 1
        if number < 0:
            return Fraction(0)
        within = place - self._starts[number] if self.stretches[number].data else 0
        return Fraction(self._data[number] + within)

    def time_between(self, start: Fraction, end: Fraction, speeds: Speeds) -> Fraction:
        """Return the nanoseconds from one place to a later one."""
        data = self.data_before(end) - self.data_before(start)
        zeroes = end - start - data
        return Fraction(SECOND) * (
            (data / speeds.data if speeds.data is not None else 0)
            + (zeroes / speeds.zeroes if speeds.zeroes is not None else 0)
        )

    def time_left(self, place: Fraction, speeds: Speeds) -> Fraction:
        """Return the nanoseconds from a place to the end."""
        return self.time_between(place, Fraction(self.size), speeds)

    def advance(self, place: Fraction, nanoseconds: Fraction | int, speeds: Speeds) -> Fraction:
        """Return the place that is reached from another one after some time."""
        whole = Fraction(nanoseconds)
        if self.time_left(place, speeds) <= whole:
            return Fraction(self.size)
        # The last stretch that is begun within the time: times at their starts only grow.
        low, high = max(0, bisect_right(self._starts, place) - 1), len(self.stretches) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.time_between(place, Fraction(self._starts[middle]), speeds) <= whole:
                low = middle
            else:
                high = middle - 1
        begun = max(place, Fraction(self._starts[low]))
        spent = self.time_between(place, begun, speeds)
        speed = speeds.data if self.stretches[low].data else speeds.zeroes
        assert speed is not None, "a stretch that takes no time is passed at once"
        return begun + (whole - spent) * speed / SECOND

    def place_of(self, cluster: int) -> Fraction | None:
        """Return the place at which a cluster has been moved; None where it is not covered."""
        number = bisect_right([stretch.first for stretch in self.stretches], cluster) - 1
        if number < 0:
            return None
        stretch = self.stretches[number]
        if cluster >= stretch.first + stretch.length:
            return None
        return Fraction(self._starts[number] + (cluster - stretch.first + 1) * self._cluster_size)

    def moved(self, place: Fraction) -> Iterable[Stretch]:
        """Yield the clusters that have been moved whole when a place is reached."""
        for stretch, start in zip(self.stretches, self._starts, strict=True):
            whole = int((place - start) // self._cluster_size)
            if whole <= 0:
                return
            yield stretch._replace(length=min(whole, stretch.length))
