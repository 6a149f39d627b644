"""A guest's workload as a value: when it writes, where, and what."""

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction

from simulator.values import NamedTuple


class Pattern(StrEnum):
    """Which slot comes next."""

    SEQUENTIAL = "sequential"
    UNIFORM = "uniform"
    ZIPF = "zipf"
    APPEND_LOG = "append-log"


class Stretch(NamedTuple):
    """A stretch of time in which a guest writes at one rate.

    Attributes:
        begin, end: Ticks; a write at the end belongs to the stretch, one at the begin does not.
        rate: Writes a tick; may be 0.
    """

    begin: int
    end: int
    rate: Fraction


class Guest(NamedTuple):
    """One workload of one disk.

    Attributes:
        number: Its place among the workloads of the file, from 0; each has its own chance.
        disk: Name of the disk.
        cluster_size: Bytes of a cluster of it.
        pattern: Which slot comes next.
        stretches: When it writes and how often, in the order of time; they adjoin.
        poisson: Whether the gaps are drawn.
        start: First byte of its region.
        length: Bytes of one write, and of one slot.
        slots: How many whole slots the region has; at least 1.
        skew: A rank's weight is its ``-skew``-th power, for ``zipf``.
        scatter: Whether the ranks lie scattered over the region.
        head: So many writes come before each one of slot 0, for ``append-log``.
        zero, discard: The shares of the writes that are zeroing, or trim.
    """

    number: int
    disk: str
    cluster_size: int
    pattern: Pattern
    stretches: tuple[Stretch, ...]
    poisson: bool
    start: int
    length: int
    slots: int
    skew: float = 1.0
    scatter: bool = True
    head: int = 16
    zero: Fraction = Fraction(0)
    discard: Fraction = Fraction(0)

    @property
    def end(self) -> int:
        """The tick up to and including which it writes."""
        return self.stretches[-1].end

    @property
    def writes(self) -> int:
        """How many writes there are; of drawn gaps, how many are to be expected."""
        return int(sum((each.end - each.begin) * each.rate for each in self.stretches))

    @property
    def changes(self) -> int:
        """How many clusters all writes touch at most, each write's counted anew."""
        return self.writes * (-(-self.length // self.cluster_size) + (not self.aligned))

    @property
    def aligned(self) -> bool:
        """Whether no write reaches over the border of a cluster that it need not cross."""
        size = self.cluster_size
        if self.length >= size:
            return self.start % size == 0 and self.length % size == 0
        return self.start % size % self.length == 0 and size % self.length == 0


def stretches_of(
    begin: int, end: int, changes: Iterable[tuple[int, Fraction]]
) -> tuple[Stretch, ...]:
    """Return the stretches between two ticks; at least one.

    Args:
        changes: The ticks from which on each rate holds, ascending, and maybe without an end.
    """
    made: list[Stretch] = []
    since, held = begin, Fraction(0)
    for tick, rate in changes:
        if tick >= end and tick > begin:
            break
        if rate != held and tick > since:
            made.append(Stretch(since, tick, held))
            since = tick
        held = rate
    if since < end or not made:
        made.append(Stretch(since, end, held))
    return tuple(made)
