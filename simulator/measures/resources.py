"""How much of each resource jobs had, and what each store held, over time."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise

from simulator.measures.changes import changes_of
from simulator.model.machine import Backup, Status
from simulator.moves import Move
from simulator.timeline import Timeline
from simulator.values import NamedTuple


class Stretch(NamedTuple):
    """A stretch of time in which a job had one share of a resource.

    Attributes:
        move: The number of the job.
        start, end: Ticks.
        speed: Bytes of data a second. The job keeps its share while it passes zeroes.
    """

    move: int
    start: int
    end: int
    speed: Fraction


class Use(NamedTuple):
    """What a resource carried.

    Attributes:
        stretches: In the order of the jobs, and then of time.
        size: Bytes of data that went through it.
        busy: Ticks in which some job had a share of it.
        peak: The most bytes a second that were shared out at one time.
    """

    name: str
    stretches: tuple[Stretch, ...]
    size: int
    busy: int
    peak: Fraction

    @property
    def totals(self) -> tuple[tuple[int, Fraction], ...]:
        """Bytes a second of all jobs together, from which tick on."""
        return tuple(_totals(self.stretches))


class Level(NamedTuple):
    """What a store held at a tick; between two levels it is as a straight line.

    Of two levels at one tick the first is what was before.
    """

    tick: int
    size: Fraction


def stretches_of(move: Move) -> Iterator[Stretch]:
    """Yield the stretches in which a job had one share of all that it went through.

    One that ended before its first byte had none.
    """
    last = move.done if move.done is not None else move.end
    if last is None or not move.paces:
        return
    ends = [*(pace.tick for pace in move.paces[1:]), last]
    for pace, end in zip(move.paces, ends, strict=True):
        speed = pace.speeds.data
        if speed and pace.tick < end:
            yield Stretch(move.number, pace.tick, end, speed)


def find_uses(timeline: Timeline) -> dict[str, Use]:
    """Return what each resource of a scenario carried, by its name."""
    through: dict[str, list[Move]] = {each.name: [] for each in timeline.script.resources}
    for move in timeline.moves:
        for name in dict.fromkeys(move.through):
            through[name].append(move)
    return {name: _use(name, moves) for name, moves in through.items()}


def _use(name: str, moves: Iterable[Move]) -> Use:
    stretches = tuple(each for move in moves for each in stretches_of(move))
    totals = [*_totals(stretches)]
    ends = [tick for tick, _ in totals[1:]]
    busy = sum(end - tick for (tick, speed), end in zip(totals, ends, strict=False) if speed)
    size = sum(move.data_bytes for move in moves)
    return Use(name, stretches, size, busy, max((s for _, s in totals), default=Fraction(0)))


def _totals(stretches: Iterable[Stretch]) -> Iterator[tuple[int, Fraction]]:
    changes: dict[int, Fraction] = {}
    for each in stretches:
        changes[each.start] = changes.get(each.start, Fraction(0)) + each.speed
        changes[each.end] = changes.get(each.end, Fraction(0)) - each.speed
    speed = Fraction(0)
    for tick in sorted(changes):
        if changes[tick]:
            speed += changes[tick]
            yield tick, speed


def find_stored(timeline: Timeline) -> dict[str, tuple[Level, ...]]:
    """Return what each resource with a capacity held, by its name, from its first byte on."""
    stores = {each.name: _Store() for each in timeline.script.resources if each.capacity}
    makers: dict[tuple[str, str], list[Move]] = {}
    for move in timeline.moves:
        makers.setdefault((move.name, move.disk), []).append(move)
        if move.store is not None:
            stores[move.store].fill(move)
    for tick, _, came, gone in changes_of(timeline):
        for sign, backups in ((-1, gone), (1, came)):
            for backup in backups:
                move_of = _maker(makers.get((backup.name, backup.disk), ()), backup, tick)
                if move_of is not None and move_of.store is not None:
                    stores[move_of.store].jump(tick, Fraction(sign * backup.data_bytes))
    return {name: store.levels() for name, store in stores.items()}


def _maker(moves: Iterable[Move], backup: Backup, tick: int) -> Move | None:
    """Return the job that made what is stored under its name at a tick; None where it runs."""
    if backup.status is Status.RUNNING or not backup.has_file:
        return None
    return next((move for move in reversed([*moves]) if move.start <= tick), None)


class _Store:
    """What fills a store, and when."""

    def __init__(self) -> None:
        self._jumps: dict[int, Fraction] = {}
        self._bends: dict[int, Fraction] = {}

    def jump(self, tick: int, size: Fraction) -> None:
        """Let it hold more, or less, at once."""
        self._jumps[tick] = self._jumps.get(tick, Fraction(0)) + size

    def fill(self, move: Move) -> None:
        """Let a job write to it; when the job has ended, what it wrote is there as a backup."""
        if move.end is None:
            return
        data = Fraction(move.data_bytes)
        points = [(pace.tick, pace.data) for pace in move.paces]
        points.append((move.done if move.done is not None else move.end, data))
        for (start, before), (end, after) in pairwise(points):
            if start < end:
                slope = (after - before) / (end - start)
                self._bends[start] = self._bends.get(start, Fraction(0)) + slope
                self._bends[end] = self._bends.get(end, Fraction(0)) - slope
            else:
                self.jump(start, after - before)
        self.jump(move.end, -data)

    def levels(self) -> tuple[Level, ...]:
        """Return what it held, wherever that takes a turn."""
        levels: list[Level] = []
        size, slope, last = Fraction(0), Fraction(0), 0
        for tick in sorted({*self._jumps, *self._bends}):
            size += slope * (tick - last)
            slope += self._bends.get(tick, Fraction(0))
            jump = self._jumps.get(tick, Fraction(0))
            if not jump and not self._bends.get(tick):
                last = tick
                continue
            if jump:
                levels.append(Level(tick, size))
            size, last = size + jump, tick
            levels.append(Level(tick, size))
        return tuple(levels)
