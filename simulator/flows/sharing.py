"""Max-min fair shares: no flow can have more without another one, no faster than it, having less.

pool 100 MB/s: a and b go through it, b no faster than 20 MB/s    a has 80, b has 20
"""

from collections.abc import Iterable
from fractions import Fraction
from math import inf
from typing import Any, Generic, TypeVar

from simulator.values import NamedTuple

PARTS = 1 << 64
"""A speed is a number of such parts of a byte a second: thirds of thirds have no end otherwise."""


def parts_of(number: Fraction | int) -> int:
    """Return bytes as parts of a byte."""
    return number.numerator * PARTS // number.denominator


class Flow(NamedTuple):
    """Something that moves bytes.

    Attributes:
        through: The resources that its bytes go through, each once.
        limit: Parts of a byte a second that it never exceeds; None for no limit of its own.
    """

    through: tuple[str, ...]
    limit: int | None = None


class Stream:
    """Flows that go the same way, and are always equally fast.

    Attributes:
        flow: The way of each of them.
        limit: Parts of a byte a second that none of them exceeds; None for no limit of their own.
        pipes: What they go through, each once.
        count: How many there are.
        speed: How fast each of them is; None for no bound, or where that is not known yet.
    """

    __slots__ = ("count", "flow", "limit", "pipes", "speed")

    def __init__(self, flow: Flow, pipes: "tuple[Pipe[Any], ...]") -> None:
        self.flow, self.limit, self.pipes = flow, flow.limit, pipes
        self.count = 0
        self.speed: int | None = None


S = TypeVar("S", bound=Stream)


class Pipe(Generic[S]):
    """A resource that flows go through.

    Attributes:
        width: Parts of a byte a second that it can carry.
        streams: What goes through it.
        count: How many flows these are.
        left, waiting: What it can carry still while shares are worked out, and for how many.
        turn: When that was last done.
    """

    __slots__ = ("count", "left", "streams", "turn", "waiting", "width")

    def __init__(self, width: int) -> None:
        self.width = self.left = width
        self.count = self.waiting = self.turn = 0
        self.streams: dict[S, None] = {}


class Shares(Generic[S]):
    """What each flow has of the pipes that it goes through.

    All flows are filled alike until one of them meets its limit or a pipe of it is full; that one
    stays as it is, and the others go on. So where a flow begins or ends, those keep their speed
    that were full before it could matter, and those that no pipe connects with it through others.

    Attributes:
        changed: Where flows have begun or ended since shares were worked out.
    """

    def __init__(self) -> None:
        """Begin with no flow."""
        self.changed: dict[S, None] = {}
        self._kept: float = inf
        self._turn = 0

    def begin(self, stream: S) -> None:
        """Let one more flow go with a stream."""
        stream.count += 1
        self.changed[stream] = None
        for pipe in stream.pipes:
            pipe.streams[stream] = None
            pipe.count += 1
            # Flows that have less than all could have are held by something else.
            each = pipe.width // pipe.count
            if each < self._kept:
                self._kept = each

    def end(self, stream: S) -> None:
        """Let one flow of a stream go."""
        stream.count -= 1
        self.changed[stream] = None
        for pipe in stream.pipes:
            pipe.count -= 1
            if not stream.count:
                del pipe.streams[stream]
        # Until they were that fast, it was not this flow that held the others.
        if stream.speed is not None and stream.speed < self._kept:
            self._kept = stream.speed

    def settle(self) -> list[S]:
        """Work out shares anew, and forget what has changed.

        A speed is in parts of a byte a second, rounded down.

        Returns:
            Those that have another speed now, or another count.
        """
        waiting, pipes = self._reached()
        changed = self.changed
        found: list[S] = []
        limited: list[S] = []
        for stream in waiting:
            if stream.limit is not None:
                limited.append(stream)
        if len(limited) > 1:
            limited.sort(key=_limit, reverse=True)
        while waiting:
            level = limited[-1].limit if limited else None
            held: Iterable[S] = ()
            for pipe in pipes:
                if pipe.waiting:
                    each = pipe.left // pipe.waiting
                    if level is None or each < level:
                        level, held = each, pipe.streams
                    elif each == level:
                        held = [*held, *pipe.streams]
            while limited and limited[-1].limit == level:
                held = [*held, limited.pop()]
            full: list[S] = []
            for stream in held if level is not None else [*waiting]:
                if stream in waiting:
                    del waiting[stream]
                    full.append(stream)
                    if stream.speed != level or stream in changed:
                        stream.speed = level
                        found.append(stream)
            for stream in full if waiting else ():
                count = stream.count
                taken = (level or 0) * count
                for pipe in stream.pipes:
                    pipe.left -= taken
                    pipe.waiting -= count
        changed.clear()
        self._kept = inf
        return found

    def _reached(self) -> tuple[dict[S, None], list[Pipe[S]]]:
        """Return those that may have another speed, and the pipes that they go through.

        The pipes carry already what the others keep.
        """
        self._turn = turn = self._turn + 1
        reached, kept = [*self.changed], self._kept
        waiting: dict[S, None] = {}
        for stream in reached:
            if stream.count:
                waiting[stream] = None
        pipes: list[Pipe[S]] = []
        for stream in reached:
            for pipe in stream.pipes:
                if pipe.turn == turn:
                    continue
                pipe.turn = turn
                left, number = pipe.width, pipe.count
                for other in pipe.streams:
                    if other not in waiting:
                        speed = other.speed or 0
                        if speed < kept:
                            left -= speed * other.count
                            number -= other.count
                        else:
                            waiting[other] = None
                            reached.append(other)
                if number:
                    pipe.left, pipe.waiting = left, number
                    pipes.append(pipe)
        return waiting, pipes


def _limit(stream: Stream) -> int:
    return stream.limit or 0
