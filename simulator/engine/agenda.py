"""What is to happen, in the order of time; what comes of it may put more on the list."""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from simulator.timeline import Instant, Statement


class Agenda:
    """What is still to happen.

    At one tick ends of jobs come first, in the order in which they were put here, and then what
    the file has, in its order.
    """

    def __init__(self, instants: Iterable[Instant]) -> None:
        self._instants = deque(instants)
        self._later: list[tuple[int, int, Statement]] = []
        self._count = 0

    def add(self, tick: int, statement: Statement) -> None:
        """Let something happen at a later tick."""
        self._count += 1
        heappush(self._later, (tick, self._count, statement))

    def next_tick(self) -> int | None:
        """Return when something happens next; None where nothing does."""
        ticks = []
        if self._instants:
            ticks.append(self._instants[0].tick)
        if self._later:
            ticks.append(self._later[0][0])
        return min(ticks, default=None)

    def take(self, tick: int) -> tuple[list[Statement], list[Instant]]:
        """Return what is due at a tick: what comes by itself, and what the file has."""
        ends, instants = [], []
        while self._later and self._later[0][0] == tick:
            ends.append(heappop(self._later)[2])
        while self._instants and self._instants[0].tick == tick:
            instants.append(self._instants.popleft())
        return ends, instants
