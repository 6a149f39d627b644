"""Courses that are run at one time, and what they share: how far each has come at any tick."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from heapq import heappop, heappush
from typing import NamedTuple, TypeAlias

from simulator.flows.course import SECOND, Course, Speeds
from simulator.flows.sharing import Flow, share

PARTS = 1 << 64
"""A place is kept in such parts of a byte: a thousand thirds of a share would have no end."""

HAIR = 16
"""What is left of a tick by less than a part of it like this is over: places are rounded down."""


class Pace(NamedTuple):
    """How fast a job moves its bytes from a tick on.

    Attributes:
        data: Bytes of data that it has moved by then.
    """

    tick: int
    speeds: Speeds
    data: Fraction = Fraction(0)


class _Run(NamedTuple):
    """A course that is run.

    Attributes:
        goal: The place at which it stops.
        begun: How far its lane had come when it joined, in parts of a byte.
        begins: The tick at which it joined.
        first: How many paces its lane had had by then.
    """

    course: Course
    goal: Fraction
    lane: "_Lane"
    begun: int
    begins: int
    first: int


class _Together:
    """Jobs that are always equally fast: their bytes are alike, and they go the same way.

    All of them have moved as many bytes since they joined, so that the first to end is known.

    Attributes:
        moved: Parts of a byte that each of them has moved since the lane was opened, at the tick
            of the newest pace.
        paces, came: How fast they have been, and what *moved* was then.
        end: The tick at which the next of them comes to its goal; None where nobody does.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow, self.count = flow, 0
        self.moved = 0
        self.paces: list[Pace] = []
        self.came: list[int] = []
        self.end: int | None = None
        self._goals: list[tuple[int, int]] = []
        self._gone: set[int] = set()
        self._there: list[int] = []

    def join(self, number: int, run: _Run) -> None:
        """Take a job in."""
        self.count += 1
        goal = run.goal.numerator * PARTS // run.goal.denominator
        heappush(self._goals, (run.begun + goal, number))

    def leave(self, number: int) -> None:
        """Let a job go."""
        self.count -= 1
        if number in self._there:
            self._there.remove(number)
            return
        self._gone.add(number)
        while self._goals and self._goals[0][1] in self._gone:
            self._gone.discard(heappop(self._goals)[1])

    def moved_at(self, tick: int) -> int:
        """Return how far it has come at a tick, in parts of a byte."""
        if not self.paces:
            return 0
        pace = self.paces[-1]
        speed = pace.speeds.data
        if speed is None:
            return self._goals[-1][0] if self._goals else self.moved
        run = (tick - pace.tick) * PARTS * speed.numerator // (SECOND * speed.denominator)
        return self.moved + run

    def place(self, run: _Run, tick: int) -> Fraction:
        """Return how far one of them has come."""
        if self.paces and self.paces[-1].speeds.data is None:
            return run.goal
        return min(run.goal, Fraction(self.moved_at(tick) - run.begun, PARTS))

    def go_on(self, tick: int, speed: Fraction | None) -> None:
        """Move bytes at a speed from now on."""
        if not self.paces or self.paces[-1].speeds.data != speed:
            self.moved = self.moved_at(tick)
            _note(self, Pace(tick, Speeds(speed, speed)), self.moved)
        self.end = self._end()

    def _end(self) -> int | None:
        pace = self.paces[-1]
        if self._there:
            return pace.tick
        if not self._goals:
            return None
        speed = pace.speeds.data
        if speed is None:
            return pace.tick
        left = (self._goals[0][0] - self.moved) * SECOND * speed.denominator
        return pace.tick + _ceiling(left, PARTS * speed.numerator)

    def ended(self, tick: int) -> Iterable[int]:
        """Return those that have come to their goals."""
        speed = self.paces[-1].speeds.data
        moved = self.moved_at(tick)
        if speed is not None:
            moved += PARTS * speed.numerator // (SECOND * speed.denominator * HAIR) + 1
        while self._goals and (speed is None or self._goals[0][0] <= moved):
            _, number = heappop(self._goals)
            if number in self._gone:
                self._gone.discard(number)
            else:
                self._there.append(number)
        return self._there


class _Alone:
    """A job that passes zeroes at another speed than data."""

    def __init__(self, flow: Flow, course: Course, zeroes: Fraction | None, goal: Fraction) -> None:
        self.flow, self.count = flow, 1
        self.moved = 0
        self.paces: list[Pace] = []
        self.came: list[int] = []
        self.end: int | None = None
        self._course, self._zeroes, self._goal = course, zeroes, goal
        self._place = Fraction(0)
        self._number = 0

    def join(self, number: int, run: _Run) -> None:
        """Take the job in."""
        self._number = number

    def leave(self, number: int) -> None:
        """Let the job go."""
        self.count = 0

    def place(self, run: _Run | None, tick: int) -> Fraction:
        """Return how far it has come."""
        if not self.paces:
            return self._place
        pace = self.paces[-1]
        place = self._course.advance(self._place, tick - pace.tick, pace.speeds)
        return min(self._goal, Fraction(int(place * PARTS), PARTS))

    def go_on(self, tick: int, speed: Fraction | None) -> None:
        """Move data at a speed from now on."""
        if self.paces and self.paces[-1].speeds.data == speed:
            return
        speeds = Speeds(speed, self._zeroes)
        self._place = self.place(None, tick)
        _note(self, Pace(tick, speeds), int(self._place * PARTS))
        left = self._course.time_between(self._place, self._goal, speeds)
        self.end = tick + _ceiling(left.numerator, left.denominator)

    def ended(self, tick: int) -> Iterable[int]:
        """Return its number when it has come to its goal."""
        return (self._number,)


_Lane: TypeAlias = _Together | _Alone


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
        self._waiting: dict[int, tuple[int, Course, Flow, Fraction | None, Fraction]] = {}
        self._begins: list[tuple[int, int]] = []
        self._together: dict[Flow, _Together] = {}
        self._lanes: dict[_Lane, None] = {}
        self._users: dict[str, dict[_Lane, None]] = {name: {} for name in bandwidths}
        self._changed: dict[_Lane, None] = {}

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
        if not self._users.keys() >= {*flow.through}:
            flow = flow._replace(through=tuple(n for n in flow.through if n in self._users))
        stop = goal if goal is not None else Fraction(course.size)
        self._waiting[number] = tick, course, flow, zeroes, stop
        heappush(self._begins, (tick, number))

    def settle(self, tick: int) -> None:
        """Let the jobs flow whose time to begin has come, and share the resources anew."""
        while self._begins and self._begins[0][0] <= tick:
            _, number = heappop(self._begins)
            if number in self._waiting:
                self._join(number, tick)
        if not self._changed:
            return
        lanes = self._connected()
        counts = {lane: lane.count for lane in lanes if lane.count}
        flows = {lane: lane.flow for lane in counts}
        for lane, speed in share(flows, self._bandwidths, counts).items():
            lane.go_on(tick, speed)
        for lane in lanes:
            if not lane.count:
                self._close(lane)
        self._changed.clear()

    def _join(self, number: int, tick: int) -> None:
        _, course, flow, zeroes, goal = self._waiting.pop(number)
        lane: _Lane
        if course.data_size == course.size or (not flow.through and zeroes == flow.limit):
            lane = self._together.get(flow) or _Together(flow)
            self._together[flow] = lane
            begun = lane.moved_at(tick)
        else:
            lane, begun = _Alone(flow, course, zeroes, goal), 0
        self._runs[number] = run = _Run(course, goal, lane, begun, tick, len(lane.paces))
        lane.join(number, run)
        self._lanes[lane] = self._changed[lane] = None
        for name in flow.through:
            self._users[name][lane] = None

    def _close(self, lane: _Lane) -> None:
        del self._lanes[lane]
        for name in lane.flow.through:
            self._users[name].pop(lane, None)
        if self._together.get(lane.flow) is lane:
            del self._together[lane.flow]

    def next_tick(self) -> int | None:
        """Return when the next of them begins to flow or has come to its goal; None for never."""
        while self._begins and self._begins[0][1] not in self._waiting:
            heappop(self._begins)
        ends = [lane.end for lane in self._lanes if lane.end is not None]
        if self._begins:
            ends.append(self._begins[0][0])
        return min(ends, default=None)

    def ended(self, tick: int) -> list[int]:
        """Return those that have come to their goals at a tick, in their order."""
        there = (lane for lane in self._lanes if lane.end is not None and lane.end <= tick)
        return sorted(number for lane in there for number in lane.ended(tick))

    def drop(self, number: int) -> None:
        """Let one go that moves no more bytes."""
        if self._waiting.pop(number, None) is not None:
            return
        lane = self._runs.pop(number).lane
        lane.leave(number)
        self._changed[lane] = None

    def place(self, number: int, tick: int) -> Fraction:
        """Return how many bytes of its course a job has covered at a tick."""
        if number in self._waiting:
            return Fraction(0)
        run = self._runs[number]
        return run.lane.place(run, tick)

    def goal(self, number: int) -> Fraction:
        """Return the place on its course at which a job stops."""
        return self._runs[number].goal

    def under(self, number: int) -> tuple[Course, Fraction, int, Speeds] | None:
        """Return a course, the place on it at the last change of speeds, its tick, and the speeds.

        Returns:
            None before the first byte.
        """
        run = self._runs.get(number)
        if run is None:
            return None
        pace = run.lane.paces[-1]
        tick = max(pace.tick, run.begins)
        return run.course, run.lane.place(run, tick), tick, pace.speeds

    def end(self, number: int) -> int | None:
        """Return when a job will come to its goal if nothing changes; None before it begins."""
        found = self.under(number)
        if found is None:
            return None
        course, place, tick, speeds = found
        left = course.time_between(place, self._runs[number].goal, speeds)
        return tick + _ceiling(left.numerator, left.denominator)

    def begins(self, number: int) -> int:
        """Return when a job's first byte moves."""
        return self._waiting[number][0] if number in self._waiting else self._runs[number].begins

    def paces(self, number: int) -> tuple[Pace, ...]:
        """Return how fast a job has been, and is."""
        run = self._runs.get(number)
        if run is None:
            return ()
        # The pace that its lane had when it joined counts, unless it changed then.
        start = max(0, run.first - 1)
        found: list[Pace] = []
        for pace, came in zip(run.lane.paces[start:], run.lane.came[start:], strict=True):
            if pace.tick <= run.begins:
                found = [Pace(run.begins, pace.speeds)]
            else:
                place = min(run.goal, Fraction(came - run.begun, PARTS))
                found.append(pace._replace(data=run.course.data_before(place)))
        return tuple(found)

    def _connected(self) -> list[_Lane]:
        """Return the lanes whose shares may change."""
        if len(self._changed) == 1:
            (lane,) = self._changed
            if all(len(self._users[name]) == 1 for name in lane.flow.through):
                return [lane]
        found = dict(self._changed)
        left: Iterable[str] = {name for lane in found for name in lane.flow.through}
        names = set(left)
        while left:
            fresh = [lane for name in left for lane in self._users[name] if lane not in found]
            found.update(dict.fromkeys(fresh))
            left = {name for lane in fresh for name in lane.flow.through} - names
            names |= set(left)
        return [*found]


def _note(lane: _Lane, pace: Pace, came: int) -> None:
    """Note a pace, and how far its lane had come then; of one tick the last one counts."""
    if lane.paces and lane.paces[-1].tick == pace.tick:
        lane.paces.pop()
        lane.came.pop()
    lane.paces.append(pace)
    lane.came.append(came)


def _ceiling(numerator: int, denominator: int) -> int:
    """Return a number of ticks rounded up, but for a hair."""
    return -(-(numerator * HAIR - denominator) // (denominator * HAIR)) if numerator else 0
