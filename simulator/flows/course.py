"""What a job has to move, in the order of the disk, and how far along it is.

Data goes through resources, at the flow's share of them. Zeroes move nothing there; whether they
take time is up to the job's own limit, which counts every cluster that the job covers. Source:
QEMU 7.2, ``speed``; ``facts/QEMU.md``, section 6.6.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

from simulator.values import NamedTuple

SECOND = 10**9
"""Nanoseconds."""

ROUNDED = Fraction(1, 1 << 32)
"""Bytes: more than a place among shared flows is rounded down by, and less than a byte a second
moves in a nanosecond."""


class Speeds(NamedTuple):
    """How fast a job moves what it covers, in bytes a second; None for no time at all.

    Attributes:
        data: Of clusters that hold data.
        zeroes: Of clusters that read as zeroes.
    """

    data: Fraction | None
    zeroes: Fraction | None


class Course:
    """The clusters of one job, one after the other.

    A place on it is a number of bytes covered from its start, data and zeroes alike.

    Attributes:
        covered: The clusters, ascending.
        data: Those of them that hold data, ascending.
        cluster_size: Bytes of one.
        size: Bytes covered; the last cluster of a disk may be cut short.
    """

    def __init__(
        self,
        covered: Sequence[int],
        data: Sequence[int],
        cluster_size: int,
        disk_size: int | None = None,
    ) -> None:
        """Make a course.

        Args:
            disk_size: Bytes of the disk; None where no cluster is cut short.
        """
        self.covered, self.data, self.cluster_size = covered, data, cluster_size
        self.size = _bytes_of(covered, cluster_size, disk_size)
        whole = data is covered
        self.data_size = self.size if whole else _bytes_of(data, cluster_size, disk_size)

    def data_before(self, place: Fraction) -> Fraction:
        """Return the bytes of data that lie before a place."""
        if place >= self.size:
            return Fraction(self.data_size)
        number, within = divmod(place, self.cluster_size)
        cluster = self.covered[int(number)]
        before = bisect_left(self.data, cluster)
        held = before < len(self.data) and self.data[before] == cluster
        return Fraction(before * self.cluster_size) + (within if held else 0)

    def time_between(self, start: Fraction, end: Fraction, speeds: Speeds) -> Fraction:
        """Return the nanoseconds from one place to a later one."""
        if speeds.data == speeds.zeroes:
            return _time(end - start, speeds.data)
        data = self.data_before(end) - self.data_before(start)
        return _time(data, speeds.data) + _time(end - start - data, speeds.zeroes)

    def time_left(self, place: Fraction, speeds: Speeds) -> Fraction:
        """Return the nanoseconds from a place to the end."""
        return self.time_between(place, Fraction(self.size), speeds)

    def advance(self, place: Fraction, nanoseconds: Fraction | int, speeds: Speeds) -> Fraction:
        """Return the place that is reached from another one after some time."""
        whole = Fraction(nanoseconds)
        if self.time_left(place, speeds) <= whole:
            return Fraction(self.size)
        if speeds.data is not None and speeds.data == speeds.zeroes:
            return place + whole * speeds.data / SECOND
        low = self._last_begun(place, whole, speeds)
        begun = max(place, Fraction(low * self.cluster_size))
        spent = self.time_between(place, begun, speeds)
        speed = speeds.data if self.holds_data(self.covered[low]) else speeds.zeroes
        assert speed is not None, "a cluster that takes no time is passed at once"
        return begun + (whole - spent) * speed / SECOND

    def _last_begun(self, place: Fraction, time: Fraction, speeds: Speeds) -> int:
        """Return the number of the last cluster that is begun within a time from a place on."""
        data, zeroes = (_time(Fraction(1), speed) for speed in speeds)
        passed = self.data_before(place)
        latest = time + passed * data + (place - passed) * zeroes
        # Whole numbers from here on. The times at which clusters are begun only grow.
        scale = data.denominator * zeroes.denominator
        each_data, each_zero = int(data * scale), int(zeroes * scale)
        end = int(latest * scale) // self.cluster_size
        low, high = int(place // self.cluster_size), len(self.covered) - 1
        while low < high:
            middle = (low + high + 1) // 2
            held = bisect_left(self.data, self.covered[middle])
            if held * each_data + (middle - held) * each_zero <= end:
                low = middle
            else:
                high = middle - 1
        return low

    def holds_data(self, cluster: int) -> bool:
        """Whether a cluster that is covered holds data."""
        number = bisect_left(self.data, cluster)
        return number < len(self.data) and self.data[number] == cluster

    def place_of(self, cluster: int) -> Fraction | None:
        """Return the place at which a cluster has been moved; None where it is not covered."""
        number = bisect_right(self.covered, cluster) - 1
        if number < 0 or self.covered[number] != cluster:
            return None
        return Fraction(min((number + 1) * self.cluster_size, self.size))

    def moved(self, place: Fraction) -> Sequence[int]:
        """Return the clusters that have been moved whole when a place is reached."""
        if place >= self.size:
            return self.covered
        return self.covered[: int((place + ROUNDED) // self.cluster_size)]


def _time(size: Fraction, speed: Fraction | None) -> Fraction:
    return SECOND * size / speed if speed is not None else Fraction(0)


def _bytes_of(clusters: Sequence[int], cluster_size: int, disk_size: int | None) -> int:
    size = len(clusters) * cluster_size
    if disk_size is None or not len(clusters):
        return size
    return size - max(0, (int(clusters[-1]) + 1) * cluster_size - disk_size)
