"""Jobs that move their bytes at the same time, and what they share: who is how far at any tick."""

from collections.abc import Mapping
from fractions import Fraction
from heapq import heappop, heappush

from simulator.flows.course import Course, Speeds
from simulator.flows.lanes import Alone, AnyLane, Run, Together, bytes_of, ceiling
from simulator.flows.sharing import PARTS, Flow, Pipe, Shares, parts_of
from simulator.values import NamedTuple


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


class Traffic:
    """Jobs under way. Shares are worked out anew only when a flow begins or ends.

    Ticks only grow from one call to the next.
    """

    def __init__(self, bandwidths: Mapping[str, Fraction]) -> None:
        """Begin without any job.

        Args:
            bandwidths: Bytes a second that each resource can carry.
        """
        self._pipes = {n: Pipe[AnyLane](parts_of(each)) for n, each in bandwidths.items()}
        self._shares = Shares[AnyLane]()
        self._runs: dict[int, Run] = {}
        self._waiting: dict[int, tuple[int, Course, Flow, Fraction | None, Fraction | int]] = {}
        self._begins: list[tuple[int, int]] = []
        self._ways: dict[Flow, tuple[Flow, tuple[Pipe[AnyLane], ...]]] = {}
        self._together: dict[Flow, Together] = {}
        self._ends: dict[AnyLane, int] = {}
        self._next: int | None = None

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
        stop = goal if goal is not None else course.size
        self._waiting[number] = tick, course, flow, zeroes, stop
        heappush(self._begins, (tick, number))

    def settle(self, tick: int) -> None:
        """Let the jobs flow whose time to begin has come, and share the resources anew."""
        begins, ends, shares = self._begins, self._ends, self._shares
        while begins and begins[0][0] <= tick:
            _, number = heappop(begins)
            if number in self._waiting:
                self._join(number, tick)
        if not shares.changed:
            return
        for lane in shares.changed:
            if not lane.count:
                ends.pop(lane, None)
                lane.notes.clear()
        for lane in shares.settle():
            ends[lane] = lane.go_on(tick)
        self._next = min(ends.values(), default=None)

    def _join(self, number: int, tick: int) -> None:
        _, course, asked, zeroes, goal = self._waiting.pop(number)
        flow, pipes = self._ways.get(asked) or self._way_of(asked)
        lane: AnyLane | None
        if course.data_size == course.size or _is_even(flow, zeroes):
            lane = self._together.get(flow)
            if lane is None:
                lane = self._together[flow] = Together(flow, pipes)
            begun = lane.moved_at(tick)
        else:
            lane, begun = Alone(flow, pipes, course, zeroes, goal), 0
        self._runs[number] = run = Run(course, goal, lane, begun, tick, len(lane.notes))
        lane.join(number, run)
        self._shares.begin(lane)

    def _way_of(self, flow: Flow) -> tuple[Flow, tuple[Pipe[AnyLane], ...]]:
        """Return a flow through what has a bandwidth, and these; each flow is asked for once."""
        names = tuple(name for name in flow.through if name in self._pipes)
        way = Flow(names, flow.limit), tuple(self._pipes[name] for name in names)
        return self._ways.setdefault(flow, way)

    def next_tick(self) -> int | None:
        """Return when the next of them begins to flow or has come to its goal; None for never."""
        begins, soon = self._begins, self._next
        while begins and begins[0][1] not in self._waiting:
            heappop(begins)
        if begins and (soon is None or begins[0][0] < soon):
            return begins[0][0]
        return soon

    def ended(self, tick: int) -> list[int]:
        """Return those that have come to their goals at a tick, in their order."""
        if self._next is None or self._next > tick:
            return []
        numbers: list[int] = []
        for lane, end in self._ends.items():
            if end <= tick:
                numbers += lane.ended(tick)
        numbers.sort()
        return numbers

    def drop(self, number: int) -> None:
        """Let one go that moves no more bytes."""
        if self._waiting.pop(number, None) is not None:
            return
        lane = self._runs.pop(number).lane
        lane.leave(number)
        self._shares.end(lane)

    def place(self, number: int, tick: int) -> Fraction:
        """Return how many bytes of its course a job has covered at a tick."""
        if number in self._waiting:
            return Fraction(0)
        run = self._runs[number]
        return run.lane.place(run, tick)

    def goal(self, number: int) -> Fraction:
        """Return the place on its course at which a job stops."""
        return Fraction(self._runs[number].goal)

    def under(self, number: int) -> Way | None:
        """Return how a job is under way; None before its first byte."""
        run = self._runs.get(number)
        if run is None:
            return None
        lane = run.lane
        since, speed, _ = lane.notes[-1]
        tick = max(since, run.begins)
        return Way(run.course, lane.place(run, tick), tick, lane.both(bytes_of(speed)))

    def end(self, number: int) -> int | None:
        """Return when a job will come to its goal if nothing changes; None before it begins."""
        way = self.under(number)
        if way is None:
            return None
        left = way.course.time_between(way.place, self.goal(number), way.speeds)
        return way.tick + ceiling(left.numerator, left.denominator)

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
        for tick, speed, came in lane.notes[max(0, run.first - 1) :]:
            speeds = lane.both(bytes_of(speed))
            if tick <= run.begins:
                found = [Pace(run.begins, speeds)]
            else:
                place = min(Fraction(run.goal), Fraction(came - run.begun, PARTS))
                found.append(Pace(tick, speeds, run.course.data_before(place)))
        return tuple(found)


def _is_even(flow: Flow, zeroes: Fraction | None) -> bool:
    """Whether a flow passes zeroes as fast as data, whatever others do."""
    return not flow.through and zeroes is not None and parts_of(zeroes) == flow.limit
