"""Looks at all states of a model, nearest first, for steps that go wrong."""

from collections.abc import Callable, Iterator

import numpy as np

from simulator.apis.base import ApiModel
from simulator.exploring.acts import GUEST, NOTED, VERBS_DEFAULT, Limits
from simulator.exploring.columns.shapes import Kept, Part
from simulator.exploring.columns.sharing import ask_ahead
from simulator.exploring.columns.space import Move, Space, coupled_acts
from simulator.exploring.judging import DIFFERS, KINDS, RAISES
from simulator.exploring.noted import noted_of
from simulator.exploring.searching.levels import ACTS_MAX, Levels, Made
from simulator.exploring.searching.store import Numbers, Rows, Store
from simulator.exploring.witness import Stepped, begin
from simulator.values import NamedTuple


class Asked(NamedTuple):
    """What is looked for, and how far.

    Attributes:
        alarms: Whether steps are wanted that are right, to ask rules about them: one of each act
            on each shape.
        each: Whether all steps are wanted.
        others: Whether states are those of one cluster among any number of others.
        states_max: Where it stops; None for no limit.
        workers: How many processes ask the model.
    """

    limits: Limits
    verbs: tuple[str, ...] = VERBS_DEFAULT
    alarms: bool = False
    states_max: int | None = None
    others: bool = False
    each: bool = False
    workers: int = 1

    @property
    def kept(self) -> Kept:
        """What of a state anything that is tried can ask for."""
        noted = not NOTED.isdisjoint(self.verbs)
        return Kept("read" in self.verbs, "revert" in self.verbs, "drop" in self.verbs, noted)


EACH = "each"
"""The kind of a step that may be right or wrong."""


class Candidate(NamedTuple):
    """A step that seems to go wrong, or that rules are to be asked about.

    Attributes:
        kind: One of `KINDS`; empty where nothing is wrong.
        parent: The number of the state before it.
        step: As in the store.
        depth: How many steps there are, this one included.
    """

    kind: str
    parent: int
    step: int
    depth: int


class Told(NamedTuple):
    """How far a search has come."""

    states: int
    depth: int
    frontier: int
    steps: int


class Search:
    """A search, level by level.

    Attributes:
        depth: How many steps its newest states are away.
        low, settled: The first of those states, and how many states there are up to them.
        complete: Whether all states within the limits have been seen.
    """

    def __init__(self, models: tuple[ApiModel, ...], asked: Asked) -> None:
        limits = asked.limits
        self.models, self.asked = models, asked
        self.space = Space(models, asked.kept, limits, asked.verbs)
        self.levels = Levels(self.space, limits.clusters, limits.disks, others=asked.others)
        self.store = Store(1 + limits.clusters * limits.disks)
        self.depth, self.complete = 0, False
        self.low = self.settled = 0
        self._seen: set[tuple[str, int, int]] = set()
        machines = [begin(model, limits.disks, 1) for model in models]
        number = self.space.hold(tuple(Part(each, noted_of(each)) for each in machines))
        row = np.zeros((1, 1 + limits.clusters * limits.disks), dtype=np.uint64)
        row[0, 0] = number
        self.store.add(row, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
        self.settled = 1

    def go_on(
        self, rows: Rows, parents: Numbers, taken: Numbers, progress: tuple[int, int, int]
    ) -> None:
        """Be where another search was.

        Args:
            rows, parents, taken: Its states, and what they came by.
            progress: How deep it was, the first of its newest states, and how many steps it took.
        """
        self.store = Store(rows.shape[1])
        self.store.add(rows, parents, taken)
        self.depth, self.low, self.levels.steps = progress
        self.settled = self.store.count
        self.complete = self.low == self.settled

    @property
    def frontier(self) -> int:
        """How many states the next step starts from."""
        return self.store.count - self.low

    @property
    def states(self) -> int:
        """How many states have been seen."""
        return self.store.count

    @property
    def steps(self) -> int:
        """How many steps have been taken."""
        return self.levels.steps

    @property
    def shapes(self) -> int:
        """How many shapes there are."""
        return len(self.space.shapes)

    @property
    def stopped(self) -> bool:
        """Whether the model gave no answer."""
        return self.space.stopped

    @property
    def coupled(self) -> dict[str, str]:
        """The verbs for which clusters are not alike, and why."""
        return coupled_acts(self.space.moves)

    def told(self) -> Told:
        """Return how far it has come."""
        return Told(self.store.count, self.depth, self.frontier, self.levels.steps)

    def advance(self, report: Callable[[Told], None] = lambda told: None) -> list[Candidate]:
        """Take all steps from the newest states, and return those that seem wrong.

        Args:
            report: Is told how far it has come, now and then.
        """
        report(self.told())
        low, high = self.low, self.store.count
        rows = self.store.rows[low:high]
        order = np.argsort(rows[:, 0], kind="stable")
        rows, numbers = rows[order], order + low
        ask_ahead(self.space, np.unique(rows[:, 0]).tolist(), self.asked.workers)
        found = list(self._raised(rows, numbers))
        for made in self.levels.next_of(rows, numbers):
            self.store.add(made.rows, made.parents, made.steps)
            found += self._wrong(made)
            report(self.told())
            if self.asked.states_max is not None and self.store.count > self.asked.states_max:
                return found
        self.low, self.settled = high, self.store.count
        self.depth += 1
        self.complete = self.store.count == high
        places = {kind: n for n, kind in enumerate((*KINDS, "", EACH))}
        return sorted(found, key=lambda c: (places[c.kind], c.parent, c.step))

    def _wrong(self, made: Made) -> Iterator[Candidate]:
        """Yield a step for each shape and act that goes wrong."""
        good = np.ones(len(made.rows), dtype=np.bool_)
        for kind, bits in made.wrong.items():
            good &= ~bits
            yield from self._firsts(kind, made, np.flatnonzero(bits))
        if self.asked.alarms:
            yield from self._firsts("", made, np.flatnonzero(good))
        if self.asked.each:
            acts = (made.steps % ACTS_MAX).astype(np.uint64)[:, None]
            _, firsts = np.unique(np.hstack([made.rows, acts]), axis=0, return_index=True)
            for place in firsts.tolist():
                parent, step = int(made.parents[place]), int(made.steps[place])
                yield Candidate(EACH, parent, step, self.depth + 1)

    def _firsts(self, kind: str, made: Made, places: Numbers) -> Iterator[Candidate]:
        shapes = self.store.rows[made.parents[places], 0].astype(np.int64)
        keys = shapes * ACTS_MAX + made.steps[places] % ACTS_MAX
        values, firsts = np.unique(keys, return_index=True)
        for value, first in zip(values.tolist(), places[firsts].tolist(), strict=True):
            shape, act = divmod(value, ACTS_MAX)
            if (kind, shape, act) not in self._seen:
                self._seen.add((kind, shape, act))
                parent, step = int(made.parents[first]), int(made.steps[first])
                yield Candidate(kind, parent, step, self.depth + 1)

    def _raised(self, rows: Rows, numbers: Numbers) -> Iterator[Candidate]:
        """Yield the acts at which the model raises."""
        shapes, firsts = np.unique(rows[:, 0], return_index=True)
        for shape, first in zip(shapes.tolist(), firsts.tolist(), strict=True):
            for place, move in enumerate(self.space.moves_of(shape)):
                kind = DIFFERS if move.differs else RAISES
                if move.differs or (move.raised is not None and not move.coupled):
                    yield Candidate(kind, int(numbers[first]), place, self.depth + 1)

    def move(self, candidate: Candidate) -> Move:
        """Return the step of a candidate."""
        shape = int(self.store.rows[candidate.parent, 0])
        return self.space.moves_of(shape)[candidate.step % ACTS_MAX]

    def way(self, candidate: Candidate) -> list[Stepped]:
        """Return the steps that lead to a candidate, itself included."""
        parents, steps = self.store.steps
        numbers, taken = [candidate.parent], [candidate.step]
        while numbers[-1]:
            taken.append(int(steps[numbers[-1]]))
            numbers.append(int(parents[numbers[-1]]))
        return self._placed(list(zip(reversed(numbers), reversed(taken), strict=True)))

    def _placed(self, taken: list[tuple[int, int]]) -> list[Stepped]:
        """Return steps with the clusters that the guest writes where they really are.

        A state has its columns in order, so they change places from step to step.
        """
        limits = self.asked.limits
        own = [list(range(limits.clusters)) for _ in range(limits.disks)]
        way = []
        for place, (number, step) in enumerate(taken):
            row = self.store.rows[number]
            act = self.space.moves_of(int(row[0]))[step % ACTS_MAX].act
            mask = step // ACTS_MAX
            chosen = [n for n in range(limits.clusters) if mask >> n & 1]
            clusters = tuple(sorted(own[max(act.place, 0)][n] for n in chosen))
            if act.verb in GUEST and not mask:
                clusters = (limits.clusters,)  # Another one.
            way.append(Stepped(act, clusters))
            last = place == len(taken) - 1
            for disk, orders in enumerate(() if last else self.levels.orders(row, step)):
                own[disk] = [own[disk][n] for n in orders]
        return way
