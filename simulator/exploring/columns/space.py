"""The shapes that machines of a model come to, and what each request makes of their columns."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from simulator.apis.base import ApiModel, Plan
from simulator.apis.proposals.asking import NeverEnds, limited
from simulator.exploring.acts import GUEST, Act, Fresh, Limits, acts_of, request_of
from simulator.exploring.columns.formulas import (
    NEW,
    Answers,
    Coupled,
    FormulaMap,
    FormulaSet,
    Node,
    map_node,
    set_node,
)
from simulator.exploring.columns.shapes import (
    Cells,
    Kept,
    Part,
    Shape,
    blank_cells,
    next_map,
    put_back,
    read_shape,
    renumbered,
    together,
)
from simulator.exploring.judging import (
    DIFFERS,
    GUEST_CHANGED,
    LOST_POINT,
    WRONG_BACKUP,
    Lead,
    Step,
    changed_by,
    differ,
    ends_of,
    kept_after,
    leads_of,
    noted_after,
    taken_by,
)
from simulator.exploring.noted import Noted
from simulator.model.clusters import ClusterMap, ClusterSet, set_of
from simulator.model.machine import Machine
from simulator.model.operations import GuestOperation, Refusal
from simulator.model.requests import Request
from simulator.model.transitions import apply_all
from simulator.values import NamedTuple

WRITTEN = Node("written")
NO_CLUSTERS = set_of(1)

ENDLESS = "it gives no answer in good time"
"""What is said of an act to which a model gave no answer; no more is asked of it."""

Formulas: TypeAlias = tuple[Node, ...]


class Flag(NamedTuple):
    """What is wrong where a formula holds for any column.

    Attributes:
        disk: The place of the disk.
        late: A second formula that must hold for any column, too; None for none.
        lead: Of a restore point: what leads where.
    """

    kind: str
    disk: int
    node: Node
    late: Node | None = None
    lead: Lead | None = None


class Move(NamedTuple):
    """What one act makes of all states of a shape.

    Attributes:
        after: The number of the shape that comes of it; -1 where nothing does, as of a refusal.
        formulas: The columns of each disk afterwards.
        flags: What may be wrong.
        gone: The places of the backups that go, and of the states that they stand for.
        checks: Formulas that must agree where others are all empty: those, and two alike.
        raised: What the model raised, or why clusters are not alike; nothing comes of it.
        coupled: Whether it is the latter.
        differs: Whether one model accepts it, and the other does not.
    """

    act: Act
    after: int = -1
    formulas: tuple[Formulas, ...] = ()
    flags: tuple[Flag, ...] = ()
    gone: frozenset[tuple[int, int]] = frozenset()
    checks: tuple[tuple[int, Formulas, Node, Node], ...] = ()
    raised: str | None = None
    coupled: bool = False
    differs: bool = False


class Held(NamedTuple):
    """Machines of a shape, with formulas in place of contents: one for each model.

    They are gone when every act has been tried on them.
    """

    number: int
    parts: tuple[Part, ...]
    shape: Shape


class _Came(NamedTuple):
    """What came of an act under one answer."""

    parts: tuple[Part, ...]
    shape: Shape
    formulas: tuple[Formulas, ...]
    flags: tuple[Flag, ...]
    gone: frozenset[tuple[int, int]]


class Differing(Exception):
    """One model accepts what the other turns down."""


class Fickle(Exception):
    """A model does not give one answer to one question."""

    def __str__(self) -> str:
        return "the same was asked twice, and the answers differ: it is not deterministic"


def take_step(model: ApiModel, request: Request, machine: Machine, noted: Noted) -> Step | str:
    """Return what a model makes of a request, or the host's no.

    Raises:
        NeverEnds: A proposal gives no answer.
    """
    plan = ask(model, machine, request)
    proposed = hasattr(model, "inner") and not isinstance(request, GuestOperation)
    if proposed and ask(model, machine, request) != plan:
        raise Fickle
    after = plan if isinstance(plan, Refusal) else apply_all(machine, plan)
    if isinstance(plan, Refusal):
        return plan.text
    return after.text if isinstance(after, Refusal) else Step(request, plan, machine, after, noted)


def ask(model: ApiModel, machine: Machine, request: Request) -> Plan:
    """Return what a request stands for; a proposal is asked without its guard, for its formulas'
    sake, but no longer than the guard would wait."""
    inner: ApiModel | None = getattr(model, "inner", None)
    if inner is None:
        return model.plan(machine, request)
    return limited(partial(inner.plan, machine, request))


class Space:
    """All shapes that have been met, numbered.

    Attributes:
        shapes, moves: By number; None for moves that nobody asked for yet.
        order: Their numbers, in the order in which their moves were asked for.
        stopped: Whether a model gave no answer in good time: it is asked no more.
    """

    def __init__(
        self, models: tuple[ApiModel, ...], kept: Kept, limits: Limits, verbs: tuple[str, ...]
    ) -> None:
        self.models, self.kept, self.limits, self.verbs = models, kept, limits, verbs
        self.answers = Answers()
        self.shapes: list[Held] = []
        self.moves: list[tuple[Move, ...] | None] = []
        self._numbers: dict[object, int] = {}
        self._alike: dict[tuple[Formulas, ...], tuple[Formulas, ...]] = {}
        self._count = 0
        self.stopped = False
        self.order: list[int] = []

    def hold(self, parts: tuple[Part, ...]) -> int:
        """Return the number of the shape of machines."""
        return self._number(parts, read_shape(parts, self.kept))

    def _number(self, parts: tuple[Part, ...], shape: Shape) -> int:
        number = self._numbers.get(shape.key)
        if number is None:
            number = self._numbers[shape.key] = len(self.shapes)
            given = [iter(cells) for cells in blank_cells(shape, self.answers)]
            held = tuple([
                self._blank(part, moments, given)
                for part, moments in zip(parts, shape.moments, strict=True)
            ])  # fmt: skip
            self.shapes.append(Held(number, held, shape._replace(cells=())))
            self.moves.append(None)
        return number

    def _blank(
        self, part: Part, moments: dict[str, tuple[int, ...]], given: list[Iterator[Cells]]
    ) -> Part:
        """Return a machine whose cells are read from a column."""
        bare, noted = renumbered(
            Part(put_back(part.machine, self.kept, given), part.noted), self.kept
        )
        for disk in bare.disks:
            _ = disk.guest_view  # It is kept, so it is worked out before anybody says "empty".
        views: dict[str, dict[int, ClusterMap]] = {}
        for (name, live), cells in zip(moments.items(), given, strict=True):
            there = live if self.kept.windows else range(len(live))
            views[name] = {at: next_map(cells) for at in there}
        return Part(bare, Noted(views, noted.consumers, noted.snapshots))

    def moves_of(self, number: int) -> tuple[Move, ...]:
        """Return what each act makes of a shape."""
        known = self.moves[number]
        if known is None:
            known = self._keep(number, (self._with_number(*each) for each in self.tried(number)))
        return known

    def learn(self, number: int, found: Iterable[tuple[Move, Hashable]]) -> None:
        """Keep what each act makes of a shape, as another process has found it.

        Args:
            found: Each move, and the key of the shape that comes of it; None where none does.
        """
        self._keep(number, (self._learned(number, move, key) for move, key in found))

    def tried(self, number: int) -> "Iterator[tuple[Move, _Came | None]]":
        """Yield what each act makes of a shape: the move, and what comes of it."""
        held = self.shapes[number]
        for act in acts_of(held.parts[0].machine, self.verbs, self.limits):
            yield self._try(held, act)

    def _keep(self, number: int, moves: Iterator[Move]) -> tuple[Move, ...]:
        """Keep the moves of a shape, up to one at which a model gives no answer."""
        self.order.append(number)
        kept: list[Move] = []
        while not self.stopped and (move := next(moves, None)) is not None:
            kept.append(move)
            self.stopped = move.raised == ENDLESS
        known = self.moves[number] = tuple(kept)
        self.shapes[number] = self.shapes[number]._replace(parts=())
        return known

    def _learned(self, number: int, move: Move, key: Hashable) -> Move:
        """Return a move that another process has found with the number of its shape.

        Machines are not sent between processes: where the shape is new, they are made again.
        """
        after = -1 if key is None else self._numbers.get(key)
        if after is None:
            return self._with_number(*self._try(self.shapes[number], move.act))
        return move._replace(after=after)

    def _with_number(self, move: Move, came: "_Came | None") -> Move:
        if came is None:
            return move
        # Most shapes have acts that do the same as on others.
        formulas = self._alike.setdefault(move.formulas, move.formulas)
        return move._replace(after=self._number(came.parts, came.shape), formulas=formulas)

    def _try(self, held: Held, act: Act) -> "tuple[Move, _Came | None]":
        """Return what an act makes of a shape."""
        self._count += 1
        fresh = Fresh(f"S{self._count}", f"B{self._count}", f"b{self._count}.bak")
        self.answers.asked, self.answers.empty = [], False
        try:
            came = self._take(held, act, fresh)
            asked = tuple(dict.fromkeys(self.answers.asked))
            if isinstance(came, str) and not asked:
                return Move(act), None
            checks = self._compare(held, act, fresh, came, asked) if asked else ()
        except Coupled as coupled:
            return Move(act, raised=coupled.why, coupled=True), None
        except Differing:
            return Move(act, differs=True), None
        except NeverEnds:
            return Move(act, raised=ENDLESS), None
        except Exception as error:
            return Move(act, raised=f"{type(error).__name__}: {error}".rstrip(": ")), None
        if isinstance(came, str):
            return Move(act), None
        if len(came.parts) > 1:
            shape, formulas = together(came.shape, came.formulas)
            came = came._replace(shape=shape, formulas=formulas)
        move = Move(act, formulas=came.formulas, flags=came.flags, gone=came.gone, checks=checks)
        return move, came

    def _compare(
        self, held: Held, act: Act, fresh: Fresh, came: _Came | str, asked: Formulas
    ) -> tuple[tuple[int, Formulas, Node, Node], ...]:
        """Ask again as if all were empty, and return what must agree where it is.

        Raises:
            Coupled: What comes of it depends on whether any cluster is in some set.
        """
        self.answers.empty = True
        try:
            other = self._take(held, act, fresh)
        finally:
            self.answers.empty = False
        asked = tuple(dict.fromkeys(self.answers.asked))
        if _key(came) != _key(other):
            if _key(self._take(held, act, fresh)) != _key(came):
                raise Fickle
            raise Coupled("what comes of it depends on whether any cluster holds anything")
        if isinstance(came, str) or isinstance(other, str):
            return ()
        return tuple(
            (disk, asked, one, two)
            for disk, (mine, theirs) in enumerate(zip(came.formulas, other.formulas, strict=True))
            for one, two in zip(mine, theirs, strict=True)
            if one != two
        )

    def _take(self, held: Held, act: Act, fresh: Fresh) -> _Came | str:
        """Return what comes of an act, or the host's no."""
        request = request_of(held.parts[0].machine, act, fresh, self._data(act))
        steps: list[Step] = []
        refused: list[str] = []
        for model, (machine, noted) in zip(self.models, held.parts, strict=True):
            step = take_step(model, request, machine, noted)
            if isinstance(step, str):
                refused.append(step)
            else:
                steps.append(step)
        if not steps:
            return refused[0]
        if refused:
            raise Differing
        if len(steps) == 1:
            return self._came(steps, *self._judged(steps[0], guest=act.verb in GUEST))
        flags = [Flag(DIFFERS, disk, set_node(unlike)) for disk, unlike in differ(*steps)]
        bare = [self._judged(step, guest=True)[0][0] for step in steps]
        return self._came(steps, bare, flags, frozenset())

    def _came(
        self,
        steps: Sequence[Step],
        bare: Sequence[Machine],
        flags: Sequence[Flag],
        gone: frozenset[tuple[int, int]],
    ) -> _Came:
        parts = [Part(m, noted_after(step, m)) for step, m in zip(steps, bare, strict=True)]
        shape = read_shape(parts, self.kept)
        formulas = tuple([tuple([_node(each) for each in cells]) for cells in shape.cells])
        live = tuple([
            Part(part.machine, Noted(
                {d: {at: part.noted.views[d][at] for at in there} for d, there in moments.items()},
                part.noted.consumers, part.noted.snapshots,
            ))
            for part, moments in zip(parts, shape.moments, strict=True)
        ])  # fmt: skip
        flags = tuple(flag for flag in flags if flag.node.kind != "none" or flag.lead is not None)
        return _Came(live, shape, formulas, flags, gone)

    def _data(self, act: Act) -> ClusterMap | ClusterSet | None:
        if act.verb == "write":
            return FormulaMap(Node("hold", (WRITTEN,), NEW), self.answers)
        if act.verb == "zero":
            return FormulaMap(Node("hold", (WRITTEN,), 0), self.answers)
        return FormulaSet(WRITTEN, self.answers) if act.verb == "discard" else None

    def _judged(
        self, step: Step, *, guest: bool
    ) -> tuple[list[Machine], list[Flag], frozenset[tuple[int, int]]]:
        """Return the machine with backups that say no more than what they give, what is wrong with
        a step, and the backups that go with it."""
        places = {disk.name: n for n, disk in enumerate(step.after.disks)}
        flags: list[Flag] = []
        taken = list(taken_by(step)) if step.after.backups is not step.before.backups else []
        for each in taken:
            if each.wrong is not None:
                late = set_node(each.late) if each.late is not None else None
                disk = places[each.backup.disk]
                flags.append(Flag(WRONG_BACKUP, disk, set_node(each.wrong), late))
        if not guest:
            flags += [Flag(GUEST_CHANGED, places[d], set_node(c)) for d, c in changed_by(step)]
        bare = kept_after(step, taken, self.limits.backups if self.kept.backups else 0)
        gone, lost = self._lost(step, bare)
        return [bare], flags + lost, gone

    def _lost(self, step: Step, bare: Machine) -> tuple[frozenset[tuple[int, int]], list[Flag]]:
        """Return the backups that go with a step, and what they may be needed for."""
        left = {each.name for each in bare.backups}
        if all(each.name in left for each in step.before.backups):
            return frozenset(), []
        flags, gone = [], set[tuple[int, int]]()
        for place, disk in enumerate(step.before.disks):
            views = step.noted.views[disk.name]
            pieces, leads = leads_of(step.before, views, disk)
            ends = ends_of(pieces)
            gone |= {(n, ends.index(b.moment)) for n, b in enumerate(pieces) if b.name not in left}
            for lead in leads:
                node = set_node(lead.unlike)
                flags.append(Flag(LOST_POINT, place, node, lead=lead._replace(unlike=NO_CLUSTERS)))
        return frozenset(gone), flags


def _node(cells: Cells) -> Node:
    return map_node(cells) if isinstance(cells, ClusterMap) else set_node(cells)


def _key(came: _Came | str) -> object:
    return came if isinstance(came, str) else came.shape.key


def coupled_acts(moves: Sequence[tuple[Move, ...] | None]) -> dict[str, str]:
    """Return the verbs for which clusters are not alike, and why."""
    return {
        move.act.verb: move.raised or "" for each in moves for move in each or () if move.coupled
    }
