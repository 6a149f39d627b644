"""Courses that are run at one time, and what they share: how far each has come at any tick."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from simulator.flows.course import Course, Speeds
from simulator.flows.sharing import Flow, share


class Pace(NamedTuple):
    """How fast a job moves its bytes from a tick on.

    Attributes:
        data: Bytes of data that it has moved by then.
    """

    tick: int
    speeds: Speeds
    data: Fraction = Fraction(0)


class _Run:
    """A course that is run, as it was when its speeds last changed."""

    def __init__(
        self,
        course: Course,
        flow: Flow,
        zeroes: Fraction | None,
        tick: int,
        goal: Fraction | None,
    ) -> None:
        self.course, self.flow, self.zeroes = course, flow, zeroes
        self.begins = tick
        self.goal = goal if goal is not None else Fraction(course.size)
        self.place = Fraction(0)
        self.paces: list[Pace] = []
        self.end: int | None = None

    def place_at(self, tick: int) -> Fraction:
        """Return how far it has come at a tick that is not before the last change of speeds."""
        if not self.paces:
            return self.place
        pace = self.paces[-1]
        return min(self.goal, self.course.advance(self.place, tick - pace.tick, pace.speeds))

    def go_on(self, tick: int, speed: Fraction | None) -> None:
        """Move data at another speed from now on."""
        speeds = Speeds(speed, self.zeroes)
        if self.paces and self.paces[-1].speeds == speeds:
            return
        self.place = self.place_at(tick)
        if self.paces and self.paces[-1].tick == tick:
            self.paces.pop()
        self.paces.append(Pace(tick, speeds, self.course.data_before(self.place)))
        self.end = tick + ceil(self.course.time_between(self.place, self.goal, speeds))


class Traffic:
    """Jobs under way. Shares are worked out anew only when a flow begins or ends.

    Ticks only grow from one call to the next.
    """

    def __init__(self, bandwidths: Mapping[str, Fraction]) -> None:
        """Begin without any job.

        Args:
            bandwidths: Bytes a second that each resource can carry.
        """
        self._bandwidths = bandwidths
        self._runs: dict[int, _Run] = {}
        self._waiting: set[int] = set()
        self._users: dict[str, set[int]] = {}
        self._changed: set[str] = set()
        self._begun: set[int] = set()

    def begin(
        self,
        number: int,
        course: Course,
        flow: Flow,
        zeroes: Fraction | None,
        tick: int,
        goal: Fraction | None = None,
    ) -> None:
        """Let a job begin, now or later.

        Args:
            number: What it is called from now on; those that end at one tick end in this order.
            zeroes: How fast it passes zeroes, in bytes a second; None for no time at all.
            tick: When its first byte moves.
            goal: The place on its course at which it stops; None for its end.
        """
        bounded = flow._replace(
            through=tuple(name for name in flow.through if name in self._bandwidths)
        )
        self._runs[number] = _Run(course, bounded, zeroes, tick, goal)
        self._waiting.add(number)

    def settle(self, tick: int) -> None:
        """Let the jobs flow whose time to begin has come, and share the resources anew."""
        for number in [n for n in self._waiting if self._runs[n].begins <= tick]:
            self._waiting.discard(number)
            self._begun.add(number)
            self._change(number, joins=True)
        if not self._changed and not self._begun:
            return
        touched = self._connected()
        flows = {n: self._runs[n].flow for n in touched}
        for number, speed in share(flows, self._bandwidths).items():
            self._runs[number].go_on(tick, speed)
        self._changed.clear()
        self._begun.clear()

    def next_tick(self) -> int | None:
        """Return when the next of them begins to flow or has moved all; None where none does."""
        waiting = (self._runs[number].begins for number in self._waiting)
        ends = (run.end for run in self._runs.values() if run.end is not None)
        return min((*waiting, *ends), default=None)

    def ended(self, tick: int) -> list[int]:
        """Return those that have come to their goals at a tick, in their order."""
        ends = ((number, run.end) for number, run in self._runs.items())
        return sorted(number for number, end in ends if end is not None and end <= tick)

    def drop(self, number: int) -> None:
        """Let one go that moves no more bytes."""
        if number in self._waiting:
            self._waiting.discard(number)
        else:
            self._change(number, joins=False)
        self._begun.discard(number)
        del self._runs[number]

    def place(self, number: int, tick: int) -> Fraction:
        """Return how many bytes of its course a job has covered at a tick."""
        return self._runs[number].place_at(tick)

    def goal(self, number: int) -> Fraction:
        """Return the place on its course at which a job stops."""
        return self._runs[number].goal

    def under(self, number: int) -> tuple[Course, Fraction, int, Speeds] | None:
        """Return a course, the place on it at the last change of speeds, its tick, and the speeds.

        Returns:
            None before the first byte.
        """
        run = self._runs[number]
        if not run.paces:
            return None
        return run.course, run.place, run.paces[-1].tick, run.paces[-1].speeds

    def end(self, number: int) -> int | None:
        """Return when a job will have moved all if nothing changes; None before it begins."""
        return self._runs[number].end

    def begins(self, number: int) -> int:
        """Return when a job's first byte moves."""
        return self._runs[number].begins

    def paces(self, number: int) -> tuple[Pace, ...]:
        """Return how fast a job has been, and is."""
        return tuple(self._runs[number].paces)

    def _change(self, number: int, *, joins: bool) -> None:
        for name in self._runs[number].flow.through:
            users = self._users.setdefault(name, set())
            if joins:
                users.add(number)
            else:
                users.discard(number)
            self._changed.add(name)

    def _connected(self) -> list[int]:
        """Return the jobs whose shares may change, in their order."""
        found, names = set(self._begun), set(self._changed)
        left: Iterable[str] = names
        while left:
            fresh = {n for name in left for n in self._users.get(name, ())} - found
            found |= fresh
            left = {name for n in fresh for name in self._runs[n].flow.through} - names
            names |= set(left)
        return sorted(found)
