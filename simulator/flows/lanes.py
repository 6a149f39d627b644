"""Jobs that go the same way, and are always equally fast: how far each of them has come."""

from collections.abc import Iterable
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any, TypeAlias

from simulator.flows.course import SECOND, Course, Speeds
from simulator.flows.sharing import PARTS, Flow, Pipe, Stream, parts_of
from simulator.values import NamedTuple

HAIR = 16
"""What is left of a tick by less than a part of it like this is over: places are rounded down."""

SECOND_OF_HAIRS = SECOND * HAIR


class Run(NamedTuple):
    """A course that is run.

    Attributes:
        goal: The place at which it stops.
        begun: How far its lane had come when it joined, in parts of a byte.
        begins: The tick at which it joined.
        first: How many notes its lane had by then.
    """

    course: Course
    goal: Fraction | int
    lane: "AnyLane"
    begun: int
    begins: int
    first: int


Note: TypeAlias = tuple[int, int | None, int]
"""A tick, how fast the jobs of a lane are from then on, and how far each of them has come by then.

That is in parts of a byte, since the lane was opened; None for no bound.
"""


class Together(Stream):
    """Jobs whose bytes are alike.

    All of them have moved as many bytes since they joined, so that the first to end is known.

    Attributes:
        notes: When they changed their speed; of one tick the last time counts.
    """

    def __init__(self, flow: Flow, pipes: tuple[Pipe[Any], ...]) -> None:
        super().__init__(flow, pipes)
        self.notes: list[Note] = []
        self._goals: list[tuple[int, int]] = []
        self._gone: set[int] = set()
        self._there: list[int] = []

    def join(self, number: int, run: Run) -> None:
        """Take a job in."""
        heappush(self._goals, (run.begun + parts_of(run.goal), number))

    def leave(self, number: int) -> None:
        """Let a job go."""
        if number in self._there:
            self._there.remove(number)
        else:
            self._gone.add(number)
        while self._goals and self._goals[0][1] in self._gone:
            self._gone.discard(heappop(self._goals)[1])

    def moved_at(self, tick: int) -> int:
        """Return how far it has come at a tick, in parts of a byte."""
        if not self.notes:
            return 0
        since, speed, came = self.notes[-1]
        return came + (tick - since) * (speed or 0) // SECOND

    def place(self, run: Run, tick: int) -> Fraction:
        """Return how far one of them has come."""
        if self.notes and self.notes[-1][1] is None:
            return Fraction(run.goal)
        return min(Fraction(run.goal), Fraction(self.moved_at(tick) - run.begun, PARTS))

    def go_on(self, tick: int) -> int:
        """Move bytes at their speed from now on.

        Returns:
            The tick at which the next of them comes to its goal.
        """
        speed, notes, goals = self.speed, self.notes, self._goals
        if not notes:
            since, came = tick, 0
            notes.append((tick, speed, 0))
        else:
            since, before, came = notes[-1]
            if before != speed:
                if since == tick:
                    notes.pop()
                elif before:
                    came += (tick - since) * before // SECOND
                since = tick
                notes.append((tick, speed, came))
        if speed is None or self._there:
            return since
        return since - (speed - (goals[0][0] - came) * SECOND_OF_HAIRS) // (speed * HAIR)

    def both(self, speed: Fraction | None) -> Speeds:
        """Return a speed of theirs for data and for zeroes, which they pass alike."""
        return Speeds(speed, speed)

    def ended(self, tick: int) -> Iterable[int]:
        """Return those that have come to their goals."""
        speed = self.notes[-1][1]
        moved = self.moved_at(tick) + (speed or 0) // SECOND_OF_HAIRS + 1
        while self._goals and (speed is None or self._goals[0][0] <= moved):
            _, number = heappop(self._goals)
            if number in self._gone:
                self._gone.discard(number)
            else:
                self._there.append(number)
        return self._there


class Alone(Stream):
    """A job that passes zeroes at another speed than data.

    Attributes:
        notes: When it changed its speed; of one tick the last time counts.
    """

    def __init__(
        self,
        flow: Flow,
        pipes: tuple[Pipe[Any], ...],
        course: Course,
        zeroes: Fraction | None,
        goal: Fraction | int,
    ) -> None:
        super().__init__(flow, pipes)
        self.notes: list[Note] = []
        self._course, self._zeroes, self._goal = course, zeroes, Fraction(goal)
        self._number = 0

    def join(self, number: int, run: Run) -> None:
        """Take the job in."""
        self._number = number

    def leave(self, number: int) -> None:
        """Let the job go."""

    def place(self, run: Run, tick: int) -> Fraction:
        """Return how far it has come."""
        return Fraction(self.moved_at(tick), PARTS)

    def moved_at(self, tick: int) -> int:
        """Return the same in parts of a byte."""
        if not self.notes:
            return 0
        since, speed, came = self.notes[-1]
        speeds = self.both(bytes_of(speed))
        place = self._course.advance(Fraction(came, PARTS), tick - since, speeds)
        return parts_of(min(self._goal, place))

    def go_on(self, tick: int) -> int:
        """Move data at its speed from now on.

        Returns:
            The tick at which it comes to its goal.
        """
        if not self.notes or self.notes[-1][1] != self.speed:
            moved = self.moved_at(tick)
            if self.notes and self.notes[-1][0] == tick:
                self.notes.pop()
            self.notes.append((tick, self.speed, moved))
        since, speed, came = self.notes[-1]
        left = self._course.time_between(
            Fraction(came, PARTS), self._goal, self.both(bytes_of(speed))
        )
        return since + ceiling(left.numerator, left.denominator)

    def both(self, speed: Fraction | None) -> Speeds:
        """Return a speed of its data, and that of its zeroes."""
        return Speeds(speed, self._zeroes)

    def ended(self, tick: int) -> Iterable[int]:
        """Return its number when it has come to its goal."""
        return (self._number,)


AnyLane: TypeAlias = Together | Alone


def bytes_of(speed: int | None) -> Fraction | None:
    """Return a speed in bytes a second."""
    return Fraction(speed, PARTS) if speed is not None else None


def ceiling(numerator: int, denominator: int) -> int:
    """Return a number of ticks rounded up, but for a hair."""
    return -((denominator - numerator * HAIR) // (denominator * HAIR))
