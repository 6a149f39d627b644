"""The same search with whole machines: for requests to which one cluster is not like another."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import combinations

from simulator.apis.base import ApiModel
from simulator.apis.proposals.asking import NeverEnds
from simulator.exploring.acts import GUEST, Act, Fresh, acts_of, request_of
from simulator.exploring.columns.shapes import Cells, Part, Shape, read_shape
from simulator.exploring.columns.space import Move, take_step
from simulator.exploring.judging import (
    GUEST_CHANGED,
    KINDS,
    LOST_POINT,
    RAISES,
    WRONG_BACKUP,
    Step,
    changed_by,
    ends_of,
    kept_after,
    leads_of,
    lost_with,
    noted_after,
    taken_by,
)
from simulator.exploring.noted import Noted, noted_of
from simulator.exploring.searching.search import Asked, Candidate, Told
from simulator.exploring.witness import Stepped, begin
from simulator.model.clusters import ClusterMap, ClusterSet, map_of, set_of
from simulator.model.machine import Machine
from simulator.model.values import replace
from simulator.values import NamedTuple

FIRST_VERSION = 256
"""What the first guest write leaves; each leaves another one."""


class _Came(NamedTuple):
    """A state, as long as steps from it are still to be taken."""

    number: int
    part: Part


class Direct:
    """A search, level by level, that plays each step on a machine of its own.

    Attributes:
        depth, complete: As of a search by formulas.
        moves, stopped: Acts at which the model raises, and whether it gave no answer.
    """

    def __init__(self, model: ApiModel, asked: Asked) -> None:
        self.model, self.asked = model, asked
        self.depth, self.complete, self.stopped = 0, False, False
        self.states = self.steps = 0
        self._known: set[bytes] = set()
        self._came: list[tuple[int, Stepped]] = []
        self._raised: dict[tuple[int, int], Move] = {}
        self._taken: dict[tuple[int, int], Stepped] = {}
        machine = begin(model, asked.limits.disks, asked.limits.clusters)
        self._frontier: list[_Came] = []
        self._add(0, Stepped(Act("")), Part(machine, noted_of(machine)), self._frontier)

    @property
    def coupled(self) -> dict[str, str]:
        """Nothing is left out: each cluster is looked at."""
        return {}

    @property
    def shapes(self) -> int:
        """How many shapes there are: nobody counts them here."""
        return 0

    @property
    def frontier(self) -> int:
        """How many states the next step starts from."""
        return len(self._frontier)

    def told(self) -> Told:
        """Return how far it has come."""
        return Told(self.states, self.depth, self.frontier, self.steps)

    def advance(self, report: Callable[[Told], None] = lambda told: None) -> list[Candidate]:
        """Take all steps from the newest states, and return those that seem wrong."""
        report(self.told())
        following: list[_Came] = []
        found: list[Candidate] = []
        for state in self._frontier:
            for place, (stepped, fresh) in enumerate(self._acts(state.part)):
                self._taken[state.number, place] = stepped
                kinds = self._take(state, place, stepped, fresh, following)
                found += [Candidate(k, state.number, place, self.depth + 1) for k in kinds]
                if not kinds:
                    del self._taken[state.number, place]
            report(self.told())
            most = self.asked.states_max
            if self.stopped or (most is not None and self.states > most):
                return found
        self._frontier = following
        self.depth += 1
        self.complete = not following
        order = {kind: n for n, kind in enumerate((*KINDS, ""))}
        return sorted(found, key=lambda c: (order[c.kind], c.parent, c.step))

    def _acts(self, part: Part) -> Iterator[tuple[Stepped, Fresh]]:
        """Yield all steps from a state, a guest's with the clusters that it writes."""
        fresh = Fresh(f"S{self.depth + 2}", f"B{self.depth + 1}", f"b{self.depth + 1}.bak")
        for act in acts_of(part.machine, self.asked.verbs, self.asked.limits):
            if act.verb not in GUEST:
                yield Stepped(act), fresh
                continue
            length = part.machine.disks[act.place].length
            for count in range(1, length + 1):
                for clusters in combinations(range(length), count):
                    yield Stepped(act, clusters), fresh

    def _take(
        self, state: _Came, place: int, stepped: Stepped, fresh: Fresh, following: list[_Came]
    ) -> list[str]:
        """Take a step, and return what seems wrong with it."""
        machine, noted = state.part
        request = request_of(machine, stepped.act, fresh, self._data(state.part, stepped))
        try:
            step = take_step(self.model, request, machine, noted)
        except NeverEnds:
            self.stopped = True
            self._raised[state.number, place] = Move(stepped.act, raised="it gives no answer")
            return [RAISES]
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            self._raised[state.number, place] = Move(stepped.act, raised=told)
            return [RAISES]
        self.steps += 1
        if isinstance(step, str):
            return []
        most = self.asked.limits.backups if self.asked.kept.backups else 0
        kinds, bare = judge(step, most, guest=stepped.act.verb in GUEST)
        self._add(state.number, stepped, Part(bare, noted_after(step, bare)), following)
        alarm = [""] if (self.asked.alarms and not kinds) or self.asked.each else []
        return kinds + alarm

    def _data(self, part: Part, stepped: Stepped) -> ClusterMap | ClusterSet | None:
        if stepped.act.verb not in GUEST:
            return None
        length = part.machine.disks[stepped.act.place].length
        if stepped.act.verb == "discard":
            return set_of(length, stepped.clusters)
        version = FIRST_VERSION + self.depth if stepped.act.verb == "write" else 0
        return map_of(length, dict.fromkeys(stepped.clusters, version))

    def _add(self, parent: int, stepped: Stepped, part: Part, following: list[_Came]) -> None:
        """Note a state, unless it is known."""
        shape = read_shape([part], self.asked.kept)
        told = repr((shape.key, columns_of(shape, part)))
        key = blake2b(told.encode(), digest_size=16).digest()
        if key in self._known:
            return
        self._known.add(key)
        live = {d: {at: part.noted.views[d][at] for at in there}
                for d, there in shape.moments[0].items()}  # fmt: skip
        notes = part.machine.snapshots if self.asked.kept.notes else ()
        machine = replace(part.machine, snapshots=notes)
        kept = Part(machine, Noted(live, part.noted.consumers, part.noted.snapshots))
        following.append(_Came(self.states, kept))
        self._came.append((parent, stepped))
        self.states += 1

    def move(self, candidate: Candidate) -> Move:
        """Return the step of a candidate."""
        known = self._raised.get((candidate.parent, candidate.step))
        return known or Move(self._taken[candidate.parent, candidate.step].act)

    def way(self, candidate: Candidate) -> list[Stepped]:
        """Return the steps that lead to a candidate, itself included."""
        way, number = [self._taken[candidate.parent, candidate.step]], candidate.parent
        while number:
            number, stepped = self._came[number]
            way.append(stepped)
        return way[::-1]


def columns_of(shape: Shape, part: Part) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Return the columns of each disk, in order where all of its clusters are alike."""
    found = []
    for disk, cells in zip(part.machine.disks, shape.cells, strict=True):
        lengths = {disk.length, *(image.length for image in disk.chain)}
        columns = [_column(cells, n) for n in range(max(lengths))]
        found.append(tuple(sorted(columns) if len(lengths) == 1 else columns))
    return tuple(found)


def _column(cells: tuple[Cells, ...], cluster: int) -> tuple[int, ...]:
    """Return what one cluster holds, letters named in order; -1 is nothing."""
    letters: dict[int, int] = {0: 0}
    held: list[int] = []
    for each in cells:
        if isinstance(each, ClusterSet):
            held.append(cluster in each)
        else:
            version = each.get(cluster)
            held.append(-1 if version is None else letters.setdefault(version, len(letters)))
    return tuple(held)


def judge(step: Step, most: int, *, guest: bool) -> tuple[list[str], Machine]:
    """Return what is wrong with a step on a whole machine, and what is kept of it.

    Args:
        most: How many backups are kept.
    """
    kinds = []
    taken = list(taken_by(step)) if step.after.backups is not step.before.backups else []
    if any(t.wrong and (t.late is None or t.late) for t in taken):
        kinds.append(WRONG_BACKUP)
    if not guest and any(bool(places) for _, places in changed_by(step)):
        kinds.append(GUEST_CHANGED)
    bare = kept_after(step, taken, most)
    left = {each.name for each in bare.backups}
    for disk in step.before.disks:
        views = step.noted.views[disk.name]
        pieces, leads = leads_of(step.before, views, disk)
        ends = ends_of(pieces)
        gone = frozenset(
            (n, ends.index(b.moment)) for n, b in enumerate(pieces) if b.name not in left
        )
        if gone and lost_with(leads, [not lead.unlike for lead in leads], gone):
            kinds.append(LOST_POINT)
    return kinds, bare
