"""Courses that are run at one time, and what they share: how far each has come at any tick."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from heapq import heappop, heappush
from typing import NamedTuple, TypeAlias

from simulator.flows.course import SECOND, Course, Speeds
from simulator.flows.sharing import PARTS, Flow, parts_of, share

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


class Way(NamedTuple):
    """A job under way.

    Attributes:
        course: What it moves.
        place: How far along that it was at a tick.
        tick: That tick: its first one, or that of the last change of speeds.
        speeds: How fast it has been from then on.
    """

    course: Course
    place: Fraction
    tick: int
    speeds: Speeds


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
    lane: "_AnyLane"
    begun: int
    begins: int
    first: int


class _Lane:
    """Jobs that go the same way, and are always equally fast.

    Attributes:
        count: How many there are.
        ticks, speeds, came: When they changed their speed, to how many parts of a byte a second
            (None for no bound), and how many parts each of them had moved by then since the lane
            was opened.
        end: The tick at which the next of them comes to its goal; None where nobody does.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow, self.count = flow, 0
        self.ticks: list[int] = []
        self.speeds: list[int | None] = []
        self.came: list[int] = []
        self.end: int | None = None

    def note(self, tick: int, speed: int | None, came: int) -> None:
        """Note a speed, and how far they had come then; of one tick the last one counts."""
        if self.ticks and self.ticks[-1] == tick:
            for each in (self.ticks, self.speeds, self.came):
                each.pop()
        self.ticks.append(tick)
        self.speeds.append(speed)
        self.came.append(came)


class _Together(_Lane):
    """Jobs whose bytes are alike.

    All of them have moved as many bytes since they joined, so that the first to end is known.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self._goals: list[tuple[int, int]] = []
        self._gone: set[int] = set()
        self._there: list[int] = []

    def join(self, number: int, run: _Run) -> None:
        """Take a job in."""
        self.count += 1
        heappush(self._goals, (run.begun + parts_of(run.goal), number))

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
        if not self.ticks:
            return 0
        return self.came[-1] + (tick - self.ticks[-1]) * (self.speeds[-1] or 0) // SECOND

    def place(self, run: _Run, tick: int) -> Fraction:
        """Return how far one of them has come."""
        if self.ticks and self.speeds[-1] is None:
            return run.goal
        return min(run.goal, Fraction(self.moved_at(tick) - run.begun, PARTS))

    def go_on(self, tick: int, speed: int | None) -> None:
        """Move bytes at a speed from now on."""
        if not self.ticks or self.speeds[-1] != speed:
            self.note(tick, speed, self.moved_at(tick))
        self.end = self._end()

    def both(self, speed: Fraction | None) -> Speeds:
        """Return a speed of theirs for data and for zeroes, which they pass alike."""
        return Speeds(speed, speed)

    def _end(self) -> int | None:
        tick, speed = self.ticks[-1], self.speeds[-1]
        if self._there or (speed is None and self._goals):
            return tick
        if not self._goals or speed is None:
            return None
        return tick + _ceiling((self._goals[0][0] - self.came[-1]) * SECOND, speed)

    def ended(self, tick: int) -> Iterable[int]:
        """Return those that have come to their goals."""
        speed = self.speeds[-1]
        moved = self.moved_at(tick) + (speed or 0) // (SECOND * HAIR) + 1
        while self._goals and (speed is None or self._goals[0][0] <= moved):
            _, number = heappop(self._goals)
            if number in self._gone:
                self._gone.discard(number)
            else:
                self._there.append(number)
        return self._there


class _Alone(_Lane):
    """A job that passes zeroes at another speed than data."""

    def __init__(self, flow: Flow, course: Course, zeroes: Fraction | None, goal: Fraction) -> None:
        super().__init__(flow)
        self._course, self._zeroes, self._goal = course, zeroes, goal
        self._number = 0

    def join(self, number: int, run: _Run) -> None:
        """Take the job in."""
        self.count, self._number = 1, number

    def leave(self, number: int) -> None:
        """Let the job go."""
        self.count = 0

    def place(self, run: _Run, tick: int) -> Fraction:
        """Return how far it has come."""
        return Fraction(self.moved_at(tick), PARTS)

    def moved_at(self, tick: int) -> int:
        """Return the same in parts of a byte."""
        if not self.ticks:
            return 0
        speeds = self.both(_bytes_of(self.speeds[-1]))
        begun = Fraction(self.came[-1], PARTS)
        place = self._course.advance(begun, tick - self.ticks[-1], speeds)
        return parts_of(min(self._goal, place))

    def go_on(self, tick: int, speed: int | None) -> None:
        """Move data at a speed from now on."""
        if self.ticks and self.speeds[-1] == speed:
            return
        moved = self.moved_at(tick)
        self.note(tick, speed, moved)
        begun, speeds = Fraction(moved, PARTS), self.both(_bytes_of(speed))
        left = self._course.time_between(begun, self._goal, speeds)
        self.end = tick + _ceiling(left.numerator, left.denominator)

    def both(self, speed: Fraction | None) -> Speeds:
        """Return a speed of its data, and that of its zeroes."""
        return Speeds(speed, self._zeroes)

    def ended(self, tick: int) -> Iterable[int]:
        """Return its number when it has come to its goal."""
        return (self._number,)


_AnyLane: TypeAlias = _Together | _Alone


class Traffic:
    """Jobs under way. Shares are worked out anew only when a flow begins or ends.

    Ticks only grow from one call to the next.
    """

    def __init__(self, bandwidths: Mapping[str, Fraction]) -> None:
        """Begin without any job.

        Args:
            bandwidths: Bytes a second that each resource can carry.
        """
        self._bandwidths = {name: parts_of(each) for name, each in bandwidths.items()}
        self._runs: dict[int, _Run] = {}
        self._waiting: dict[int, tuple[int, Course, Flow, Fraction | None, Fraction]] = {}
        self._begins: list[tuple[int, int]] = []
        self._together: dict[Flow, _Together] = {}
        self._lanes: dict[_AnyLane, None] = {}
        self._users: dict[str, dict[_AnyLane, None]] = {name: {} for name in bandwidths}
        self._changed: dict[_AnyLane, None] = {}

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
        counts = {lane: lane.count for lane in self._connected()}
        flows = {lane: lane.flow for lane, count in counts.items() if count}
        speeds = share(flows, self._bandwidths, counts)
        for lane, count in counts.items():
            if count:
                lane.go_on(tick, speeds[lane])
            else:
                self._close(lane)
        self._changed.clear()

    def _join(self, number: int, tick: int) -> None:
        _, course, flow, zeroes, goal = self._waiting.pop(number)
        lane: _AnyLane
        if course.data_size == course.size or _is_even(flow, zeroes):
            lane = self._together.get(flow) or _Together(flow)
            self._together[flow] = lane
            begun = lane.moved_at(tick)
        else:
            lane, begun = _Alone(flow, course, zeroes, goal), 0
        self._runs[number] = run = _Run(course, goal, lane, begun, tick, len(lane.ticks))
        lane.join(number, run)
        self._lanes[lane] = self._changed[lane] = None
        for name in flow.through:
            self._users[name][lane] = None

    def _close(self, lane: _AnyLane) -> None:
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

    def under(self, number: int) -> Way | None:
        """Return how a job is under way; None before its first byte."""
        run = self._runs.get(number)
        if run is None:
            return None
        lane = run.lane
        tick = max(lane.ticks[-1], run.begins)
        return Way(run.course, lane.place(run, tick), tick, lane.both(_bytes_of(lane.speeds[-1])))

    def end(self, number: int) -> int | None:
        """Return when a job will come to its goal if nothing changes; None before it begins."""
        way = self.under(number)
        if way is None:
            return None
        left = way.course.time_between(way.place, self._runs[number].goal, way.speeds)
        return way.tick + _ceiling(left.numerator, left.denominator)

    def begins(self, number: int) -> int:
        """Return when a job's first byte moves."""
        return self._waiting[number][0] if number in self._waiting else self._runs[number].begins

    def paces(self, number: int) -> tuple[Pace, ...]:
        """Return how fast a job has been, and is."""
        run = self._runs.get(number)
        if run is None:
            return ()
        # The pace that its lane had when it joined counts, unless it changed then.
        lane, found = run.lane, list[Pace]()
        for each in range(max(0, run.first - 1), len(lane.ticks)):
            tick, speeds = lane.ticks[each], lane.both(_bytes_of(lane.speeds[each]))
            if tick <= run.begins:
                found = [Pace(run.begins, speeds)]
            else:
                place = min(run.goal, Fraction(lane.came[each] - run.begun, PARTS))
                found.append(Pace(tick, speeds, run.course.data_before(place)))
        return tuple(found)

    def _connected(self) -> list[_AnyLane]:
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


def _is_even(flow: Flow, zeroes: Fraction | None) -> bool:
    """Whether a flow passes zeroes as fast as data, whatever others do."""
    return not flow.through and zeroes is not None and parts_of(zeroes) == flow.limit


def _bytes_of(speed: int | None) -> Fraction | None:
    """Return a speed in bytes a second."""
    return Fraction(speed, PARTS) if speed is not None else None


def _ceiling(numerator: int, denominator: int) -> int:
    """Return a number of ticks rounded up, but for a hair."""
    return -(-(numerator * HAIR - denominator) // (denominator * HAIR)) if numerator else 0
