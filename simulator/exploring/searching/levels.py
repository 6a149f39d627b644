"""Makes the next states of many, a formula at a time, and tells which steps go wrong."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from simulator.exploring.acts import GUEST
from simulator.exploring.columns.formulas import Coupled, Node, is_of
from simulator.exploring.columns.programs import Codes, Worked, bases_of, pack, unpack
from simulator.exploring.columns.space import Flag, Formulas, Move, Space
from simulator.exploring.judging import LOST_POINT, lost_with
from simulator.exploring.searching.store import Numbers, Rows
from simulator.values import NamedTuple

ACTS_MAX, MASKS_BITS = 1 << 12, 16
"""A step is the place of an act among those of its shape, and which clusters the guest writes."""

CLUSTERS_MAX, DISKS_MAX = 12, 8
"""The largest disks, and the most."""

ROWS_MAX = 1 << 20
"""So many states are made at a time."""


class Program(NamedTuple):
    """What one act does to the columns of all states of some shapes."""

    formulas: tuple[Formulas, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    flags: tuple[Flag, ...]
    gone: frozenset[tuple[int, int]]
    checks: tuple[tuple[int, Formulas, Node, Node], ...]
    verb: str
    disk: int


class Made(NamedTuple):
    """States that came of steps.

    Attributes:
        rows: The states.
        parents: The number of the state that each came from.
        steps: What each came by.
        wrong: Which of them are wrong, by kind.
    """

    rows: Rows
    parents: Numbers
    steps: Numbers
    wrong: dict[str, npt.NDArray[np.bool_]]


class Levels:
    """Takes states to the next ones.

    Attributes:
        steps: How many steps have been taken.
    """

    def __init__(self, space: Space, clusters: int, disks: int, *, others: bool = False) -> None:
        """Begin.

        Args:
            others: Whether there are other clusters, which a guest may write instead.
        """
        self.space, self.clusters, self.disks = space, clusters, disks
        self._least = 0 if others else 1
        self.steps = 0
        self._bases: dict[str, list[int]] = {}
        self._programs: list[Program] = []
        self._numbers: dict[Program, int] = {}
        self._plans: dict[int, list[tuple[int, int, int]]] = {}

    def bases(self, kinds: str) -> list[int]:
        """Return how many values each cell of a column can have."""
        known = self._bases.get(kinds)
        if known is None:
            known = self._bases[kinds] = bases_of(kinds)
        return known

    def next_of(self, rows: Rows, numbers: Numbers) -> Iterator[Made]:
        """Yield what comes of all steps from some states.

        Args:
            rows: The states, those of one shape together.
            numbers: The number of each.
        """
        shapes, starts = np.unique(rows[:, 0], return_index=True)
        assert (np.diff(starts) > 0).all(), "states of one shape stand together"
        ends = [*starts[1:].tolist(), len(rows)]
        groups: dict[int, list[tuple[int, int, int, int]]] = {}
        for shape, start, end in zip(shapes.tolist(), starts.tolist(), ends, strict=True):
            for program, after, place in self._plan(shape):
                groups.setdefault(program, []).append((start, end, after, place))
        for program, parts in groups.items():
            yield from self._in_pieces(rows, numbers, self._programs[program], parts)

    def _plan(self, shape: int) -> list[tuple[int, int, int]]:
        """Return the number of the program of each move of a shape, what comes of it, its place."""
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._plans[shape] = [
                (self._number(self._program(shape, move)), move.after, place)
                for place, move in enumerate(self.space.moves_of(shape))
                if move.after >= 0
            ]
        return plan

    def _number(self, program: Program) -> int:
        number = self._numbers.setdefault(program, len(self._programs))
        if number == len(self._programs):
            self._programs.append(program)
        return number

    def _program(self, shape: int, move: Move) -> Program:
        kinds, after = self.space.shapes[shape].shape.kinds, self.space.shapes[move.after].shape
        act = move.act
        return Program(move.formulas, kinds, after.kinds, move.flags, move.gone, move.checks,
                       act.verb, act.place if act.verb in GUEST else -1)  # fmt: skip

    def _in_pieces(
        self,
        rows: Rows,
        numbers: Numbers,
        program: Program,
        parts: Sequence[tuple[int, int, int, int]],
    ) -> Iterator[Made]:
        """Yield what a program makes, so many states at a time as there is room for."""
        several = (1 << self.clusters) - 1 if program.disk >= 0 else 1
        most = max(1, ROWS_MAX // several)
        waiting: list[tuple[int, int, int, int]] = []
        count = 0
        for start, end, after, place in parts:
            while start < end:
                cut = min(end, start + most - count)
                waiting.append((start, cut, after, place))
                count += cut - start
                start = cut
                if count >= most:
                    yield from self._run(rows, numbers, program, waiting)
                    waiting, count = [], 0
        if waiting:
            yield from self._run(rows, numbers, program, waiting)

    def _run(
        self,
        rows: Rows,
        numbers: Numbers,
        program: Program,
        parts: Sequence[tuple[int, int, int, int]],
    ) -> Iterator[Made]:
        """Yield what a program makes of some states."""
        counts = [end - start for start, end, _, _ in parts]
        taken = np.concatenate([rows[start:end] for start, end, _, _ in parts])
        parents = np.concatenate([numbers[start:end] for start, end, _, _ in parts])
        shapes = np.repeat(np.array([after for *_, after, _ in parts], dtype=np.uint64), counts)
        acts = np.repeat(np.array([place for *_, place in parts], dtype=np.int64), counts)
        ran = [self._columns(program, disk, taken) for disk in range(self.disks)]
        masks = range(self._least, 1 << self.clusters) if program.disk >= 0 else (0,)
        for mask in masks:
            made = np.empty_like(taken)
            made[:, 0] = shapes
            wrong: dict[str, npt.NDArray[np.bool_]] = {}
            for disk, (idle, written) in enumerate(ran):
                chosen = disk == program.disk
                place = slice(1 + disk * self.clusters, 1 + (disk + 1) * self.clusters)
                codes = idle.codes.copy()
                for cluster in range(self.clusters):
                    if chosen and mask >> cluster & 1:
                        codes[:, cluster] = written.codes[:, cluster]
                codes.sort(axis=1)
                made[:, place] = codes
                for kind, bits in idle.wrong.items():
                    wrong[kind] = np.logical_or(wrong.get(kind, False), bits)
            self.steps += len(made)
            yield Made(made, parents, acts + mask * ACTS_MAX, wrong)

    def orders(self, row: Rows, step: int) -> list[list[int]]:
        """Return where the columns of each disk stand after a step, once they are in order."""
        shape, rows = int(row[0]), row[None, :]
        program = self._program(shape, self.space.moves_of(shape)[step % ACTS_MAX])
        mask, orders = step // ACTS_MAX, []
        for disk in range(self.disks):
            idle, written = self._columns(program, disk, rows)
            codes = [
                (written if disk == program.disk and mask >> n & 1 else idle).codes[0, n]
                for n in range(self.clusters)
            ]
            orders.append(sorted(range(self.clusters), key=codes.__getitem__))
        return orders

    def _columns(self, program: Program, disk: int, rows: Rows) -> "tuple[_Ran, _Ran]":
        """Return what a program makes of the columns of one disk: idle ones, and written ones."""
        taken = rows[:, 1 + disk * self.clusters : 1 + (disk + 1) * self.clusters]
        codes, back = np.unique(taken.ravel(), return_inverse=True)
        back = back.reshape(taken.shape)
        idle = self._ran(program, disk, codes, back, written=False)
        if program.disk != disk:
            return idle, idle
        return idle, self._ran(program, disk, codes, back, written=True)

    def _ran(
        self, program: Program, disk: int, codes: Codes, back: Numbers, *, written: bool
    ) -> "_Ran":
        columns = unpack(codes, self.bases(program.before[disk]))
        worked = Worked(columns, written, disk)
        check_alike(program, disk, worked)
        made = worked.matrix(program.formulas[disk], program.after[disk])
        wrong: dict[str, npt.NDArray[np.bool_]] = {}
        leads = []
        for flag in program.flags:
            if flag.disk != disk:
                continue
            bits = np.any(worked.bit(flag.node)[back], axis=1)
            if flag.late is not None:
                bits = np.logical_and(bits, np.any(worked.bit(flag.late)[back], axis=1))
            if flag.kind == LOST_POINT:
                leads.append((flag, bits))
            else:
                wrong[flag.kind] = np.logical_or(wrong.get(flag.kind, False), bits)
        if leads:
            wrong[LOST_POINT] = self._lose(program, leads)
        return _Ran(pack(made, self.bases(program.after[disk]))[back], wrong)

    def _lose(
        self, program: Program, leads: Sequence[tuple[Flag, npt.NDArray[np.bool_]]]
    ) -> npt.NDArray[np.bool_]:
        """Return where a state that could be restored cannot be any more."""
        masks = np.zeros(len(leads[0][1]), dtype=np.uint64)
        for place, (_, bits) in enumerate(leads):
            masks |= bits.astype(np.uint64) << np.uint64(place)
        values, back = np.unique(masks, return_inverse=True)
        ways = [flag.lead for flag, _ in leads if flag.lead is not None]
        lost = [
            lost_with(ways, [not value >> n & 1 for n in range(len(ways))], program.gone)
            for value in values.tolist()
        ]
        return np.array(lost)[back]


class _Ran(NamedTuple):
    codes: Codes
    wrong: dict[str, npt.NDArray[np.bool_]]


def check_alike(program: Program, disk: int, worked: Worked) -> None:
    """Look whether formulas agree where they must: clusters are alike then.

    Raises:
        Coupled: They do not.
    """
    for place, empty, one, other in program.checks:
        if place != disk:
            continue
        asked = [worked.bit(each) for each in empty if is_of(each, disk)]
        bare = ~np.logical_or.reduce([np.zeros(len(worked.columns), dtype=np.bool_), *asked])
        is_set = one.kind in SETS or other.kind in SETS
        first, second = (worked.bit(e) if is_set else np.maximum(worked.cell(e), 0)
                         for e in (one, other))  # fmt: skip
        if (bare & (first != second)).any():
            raise Coupled(f"{program.verb}: what is left depends on what other clusters hold")


SETS = frozenset({"bit", "written", "none", "all", "held", "unlike", "or", "and", "less"})
