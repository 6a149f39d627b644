"""What would be lost if the machine died now, and what it would take to come back.

Loss at a moment is that moment minus the newest instant whose state can be restored from the
backups that are complete then, by content.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from simulator.measures.changes import changes_of, end_of
from simulator.restorable.history import History, history_of
from simulator.restorable.reaching import Reaching
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple, dataclass

Goals: TypeAlias = tuple[tuple[str, int], ...]
"""The disks that a machine had, and the node of each one's state."""


class Point(NamedTuple):
    """What can be restored from a tick on, until the next point.

    Attributes:
        label, instant: The newest instant and its tick; None where nothing can be restored.
        size: Bytes of data of its cheapest chains.
    """

    tick: int
    label: str | None
    instant: int | None
    size: int

    def loss(self, tick: int) -> int:
        """Return what would be lost at a tick: all since the start, where nothing is left."""
        return tick - (self.instant or 0)


@dataclass(frozen=True)
class Loss:
    """The loss of a run, from the first moment at which anything can be restored to the end.

    Attributes:
        points: Ascending, each at a tick of its own; none where nothing ever can be restored.
        end: The end of the run.
    """

    points: tuple[Point, ...]
    end: int

    def at(self, tick: int) -> int | None:
        """Return what would be lost at a tick; None before anything can be restored."""
        place = bisect_right(self.points, tick, key=lambda point: point.tick)
        return self.points[place - 1].loss(tick) if place else None

    @property
    def stretches(self) -> Iterator[tuple[Point, int]]:
        """Each point, and the tick until which it is so."""
        ends = [*(point.tick for point in self.points[1:]), self.end]
        return zip(self.points, ends, strict=False)

    @cached_property
    def worst(self) -> int | None:
        """The most that would be lost, in ticks."""
        return max((point.loss(end) for point, end in self.stretches), default=None)

    @cached_property
    def worst_at(self) -> int | None:
        """The first tick up to which it has grown so far; a backup may be complete just then."""
        return next((e for point, e in self.stretches if point.loss(e) == self.worst), None)

    @cached_property
    def mean(self) -> Fraction | None:
        """The mean over the time, in ticks."""
        if not self.points:
            return None
        first = self.points[0].tick
        if first == self.end:
            return Fraction(self.points[-1].loss(self.end))
        doubled = sum(p.loss(end) ** 2 - p.loss(p.tick) ** 2 for p, end in self.stretches)
        return Fraction(doubled, 2 * (self.end - first))


def find_loss(timeline: Timeline) -> Loss:
    """Return what a run would have lost at each moment; asked again, the same."""
    known = timeline.memo.get("loss")
    if not isinstance(known, Loss):
        known = timeline.memo["loss"] = Loss(_thin(_Finder(timeline).points()), end_of(timeline))
    return known


def _thin(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return points without those that change nothing, and of one tick the last."""
    found: list[Point] = []
    for point in points:
        if found and found[-1].tick == point.tick:
            found.pop()
        if not found or found[-1][1:] != point[1:]:
            found.append(point)
    return tuple(found)


class _Finder:
    """Goes along the instants of a run, and knows the newest one that can be restored."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._history: History = history_of(timeline)
        self._disks = {name: Reaching(graph) for name, graph in self._history.graphs.items()}
        self._passed: list[tuple[Frame, Goals]] = []
        self._having: dict[tuple[str, int], list[int]] = {}
        self._usable = 0
        self._newest = -1

    def points(self) -> Iterator[Point]:
        """Yield what can be restored at the end of each instant, once anything can be."""
        begun = False
        for tick, frame, came, gone in changes_of(self._timeline):
            if frame is not None:
                for reaching in self._disks.values():
                    reaching.see(frame.entries - 1)
            for backup in gone:
                place = self._history.place(backup)
                if place is not None:
                    self._usable -= self._history.graphs[backup.disk].gives(place)
                    self._disks[backup.disk].go(place)
            for backup in came:
                place = self._history.place(backup)
                if place is not None:
                    self._usable += self._history.graphs[backup.disk].gives(place)
                    self._disks[backup.disk].come(place)
            if frame is not None and frame.label is not None:
                self._pass(frame)
            self._look()
            point = self._point(tick)
            begun = begun or point.instant is not None
            if begun:
                yield point

    def _pass(self, frame: Frame) -> None:
        """Take in an instant that has passed, unless there was no disk then."""
        goals = tuple(
            (disk.name, node)
            for disk in frame.machine.disks
            if disk.chain
            for node in [self._history.node(disk.name, disk.moment)]
            if node is not None
        )
        if not goals:
            return
        for goal in goals:
            self._having.setdefault(goal, []).append(len(self._passed))
        self._passed.append((frame, goals))
        if self._can_be_restored(len(self._passed) - 1):
            self._newest = len(self._passed) - 1

    def _look(self) -> None:
        """Find the newest instant that can be restored, where that has changed."""
        for name, reaching in self._disks.items():
            for node in reaching.changed & reaching.costs.keys():
                for number in reversed(self._having.get((name, node), ())):
                    if number <= self._newest:
                        break
                    if self._can_be_restored(number):
                        self._newest = number
            reaching.changed.clear()
        while self._newest >= 0 and not self._can_be_restored(self._newest):
            self._newest -= 1

    def _can_be_restored(self, number: int) -> bool:
        return all(node in self._disks[disk].costs for disk, node in self._passed[number][1])

    def _point(self, tick: int) -> Point:
        if self._newest < 0 or not self._usable:
            return Point(tick, None, None, 0)
        frame, goals = self._passed[self._newest]
        size = sum(self._disks[disk].costs[node].size for disk, node in goals)
        return Point(tick, frame.label, frame.tick, size)
