"""Sets and maps of clusters that are formulas: what a request makes of any one cluster.

A machine of one cluster holds these in place of contents. What it makes of them tells, cell by
cell, what it makes of every cluster of every disk. Where it asks whether something is empty there
is no one answer: both are given, one after the other, and what comes of it is compared.
"""

from collections.abc import Hashable, Iterator
from typing import Self

from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, Version
from simulator.model.clusters.small import SmallMap, SmallSet
from simulator.values import NamedTuple

NEW: Version = 255
"""What a guest write leaves: a letter that nobody has seen yet."""


class Node(NamedTuple):
    """A part of a formula.

    Attributes:
        kind: ``cell`` and ``bit`` are read from the column, by their place; ``hold`` is one version
            for all of a set; ``over`` the upper of two maps, where it holds anything; ``only`` a
            map within a set; ``held`` the set that a map holds something for; ``unlike`` that in
            which two maps read differently; ``or``, ``and``, ``less``, ``none`` and ``all`` sets.
        parts: What it is made of.
        value: A place, or a version.
    """

    kind: str
    parts: "tuple[Node, ...]" = ()
    value: int = 0


DISK = 1 << 16
"""Places of the cells of a disk begin at so many for each disk before it."""


def is_of(node: Node, disk: int) -> bool:
    """Whether a formula has a cell of a disk."""
    if node.kind in ("cell", "bit"):
        return node.value // DISK == disk
    return any(is_of(part, disk) for part in node.parts)


NONE, ALL = Node("none"), Node("all")
NOTHING = Node("hold", (NONE,), ZERO)


def over(lower: Node, upper: Node) -> Node:
    """Return a map with another one laid over it."""
    if upper == NOTHING or lower == upper:
        return lower
    if lower == NOTHING or (upper.kind == "hold" and upper.parts[0] == ALL):
        return upper
    return Node("over", (lower, upper))


def only(whole: Node, within: Node) -> Node:
    """Return a map within a set."""
    if within == ALL or whole == NOTHING:
        return whole
    if within == NONE:
        return NOTHING
    return hold(both(whole.parts[0], within), whole.value) if whole.kind == "hold" else (
        Node("only", (whole, within))
    )  # fmt: skip


def hold(places: Node, version: Version) -> Node:
    """Return a map in which all of a set hold one version."""
    return Node("hold", (places,), version) if places != NONE else NOTHING


def held(whole: Node) -> Node:
    """Return the set that a map holds something for."""
    if whole.kind == "hold":
        return whole.parts[0]
    if whole.kind == "over":
        return either(held(whole.parts[0]), held(whole.parts[1]))
    if whole.kind == "only":
        return both(held(whole.parts[0]), whole.parts[1])
    return Node("held", (whole,))


def unlike(one: Node, other: Node) -> Node:
    """Return the set in which two maps read differently."""
    if one == other:
        return NONE
    return Node("unlike", (one, other) if one < other else (other, one))


def either(one: Node, other: Node) -> Node:
    """Return all of two sets."""
    if one == other or other == NONE:
        return one
    if one == NONE or other == ALL:
        return other
    return one if one == ALL else Node("or", (one, other) if one < other else (other, one))


def both(one: Node, other: Node) -> Node:
    """Return what two sets have in common."""
    if one == other or other == ALL:
        return one
    if one == ALL or other == NONE:
        return other
    return one if one == NONE else Node("and", (one, other) if one < other else (other, one))


def less(one: Node, other: Node) -> Node:
    """Return a set without another one."""
    if NONE in (one, other):
        return one
    return NONE if other in (one, ALL) else Node("less", (one, other))


class Coupled(Exception):
    """A request for which one cluster is not like another: what it does to one depends on others.

    Attributes:
        why: What it asked of them.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Answers:
    """What is said to those who ask whether something is empty.

    Attributes:
        empty: Whether it is, as far as nobody knows better.
        asked: What was asked of, the sets.
        counted: Whether somebody counted clusters.
    """

    def __init__(self, *, empty: bool = False) -> None:
        self.empty = empty
        self.asked: list[Node] = []
        self.counted = False

    def is_there(self, places: Node) -> bool:
        """Say whether there is anything in a set."""
        if places in (NONE, ALL) or places.kind == "written":
            return places != NONE
        self.asked.append(places)
        return not self.empty


class FormulaSet(SmallSet):
    """A set of clusters as a formula.

    Attributes:
        node: The formula.
        answers: What is said of it.
    """

    __slots__ = ("answers", "node")

    def __init__(self, node: Node, answers: Answers) -> None:
        object.__setattr__(self, "node", node)
        object.__setattr__(self, "answers", answers)

    node: Node
    answers: Answers

    @property
    def bits(self) -> int:
        """Nobody may look at single clusters."""
        raise Coupled("it looks at single clusters")

    def _like(self, node: Node) -> "FormulaSet":
        return FormulaSet(node, self.answers)

    def __len__(self) -> int:
        self.answers.counted = True
        return int(self.answers.is_there(self.node))

    def __bool__(self) -> bool:
        return self.answers.is_there(self.node)

    def __iter__(self) -> Iterator[int]:
        raise Coupled("it goes through clusters one by one")

    def runs(self) -> Iterator[tuple[int, int]]:
        """Refuse: nobody may look at single clusters."""
        raise Coupled("it goes through clusters one by one")

    def since(self, older: ClusterSet) -> ClusterSet | None:
        """Say that nothing is known."""
        return None

    def __contains__(self, cluster: object) -> bool:
        raise Coupled("it looks at single clusters")

    @property
    def last(self) -> int:
        """The highest cluster; -1 without any."""
        return 0 if self.answers.is_there(self.node) else -1

    def __or__(self, other: ClusterSet) -> ClusterSet:
        return self._like(either(self.node, set_node(other)))

    def __and__(self, other: ClusterSet) -> ClusterSet:
        return self._like(both(self.node, set_node(other)))

    __ror__, __rand__ = __or__, __and__

    def __sub__(self, other: ClusterSet) -> ClusterSet:
        return self._like(less(self.node, set_node(other)))

    def __rsub__(self, other: ClusterSet) -> ClusterSet:
        return self._like(less(set_node(other), self.node))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClusterSet):
            return NotImplemented
        mine, theirs = self.node, set_node(other)
        return not self.answers.is_there(either(less(mine, theirs), less(theirs, mine)))

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"FormulaSet({self.node})"

    def below(self, end: int) -> SmallSet:
        """Return those that come before a place."""
        return self if end > 0 else self._like(NONE)

    def filled(self, version: Version) -> ClusterMap:
        """Return a map in which all of these hold one version."""
        return FormulaMap(hold(self.node, version), self.answers)

    def rescale(self, numerator: int, denominator: int, length: int) -> Self:
        """Refuse: granules of another size touch several clusters."""
        raise Coupled("one bit stands for another size than a cluster")


class FormulaMap(ClusterMap):
    """What clusters hold, as a formula.

    Attributes:
        node: The formula.
        answers: What is said of it.
    """

    __slots__ = ("answers", "node")

    def __init__(self, node: Node, answers: Answers) -> None:
        self.node, self.answers = node, answers

    def _like(self, node: Node) -> "FormulaMap":
        return FormulaMap(node, self.answers)

    def __len__(self) -> int:
        self.answers.counted = True
        return int(self.answers.is_there(held(self.node)))

    def __bool__(self) -> bool:
        return self.answers.is_there(held(self.node))

    @property
    def data_count(self) -> int:
        """The number of clusters that hold data."""
        self.answers.counted = True
        return int(self.answers.is_there(unlike(self.node, NOTHING)))

    def get(self, cluster: int) -> Version | None:
        """Refuse: nobody may look at single clusters."""
        raise Coupled("it looks at single clusters")

    def versions_at(self, clusters: ClusterSet) -> tuple[Version, ...]:
        """Refuse: nobody may look at single clusters."""
        raise Coupled("it looks at single clusters")

    def mark(self) -> Hashable:
        """Say that nothing is known."""
        return None

    def clusters(self) -> ClusterSet:
        """Return the clusters that the map holds something for."""
        return FormulaSet(held(self.node), self.answers)

    def items(self) -> Iterator[tuple[int, Version]]:
        """Refuse: nobody may look at single clusters."""
        raise Coupled("it goes through clusters one by one")

    def overlay(self, upper: ClusterMap) -> ClusterMap:
        """Return this map with another one laid over it: the upper one wins."""
        return self._like(over(self.node, map_node(upper)))

    def over(self, lower: ClusterMap) -> ClusterMap:
        """Return another map with this one laid over it: this one wins."""
        return self._like(over(map_node(lower), self.node))

    def restrict(self, clusters: ClusterSet) -> ClusterMap:
        """Return what the map holds for some clusters."""
        return self._like(only(self.node, set_node(clusters)))

    def below(self, end: int) -> ClusterMap:
        """Return what the map holds before a place."""
        return self if end > 0 else self._like(NOTHING)

    def differing(self, other: ClusterMap) -> ClusterSet:
        """Return the clusters that read differently."""
        return FormulaSet(unlike(self.node, map_node(other)), self.answers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClusterMap):
            return NotImplemented
        return not self.answers.is_there(unlike(self.node, map_node(other)))

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"FormulaMap({self.node})"


def set_node(places: ClusterSet) -> Node:
    """Return a set of a disk of one cluster as a formula."""
    if isinstance(places, FormulaSet):
        return places.node
    return ALL if places else NONE


def map_node(whole: ClusterMap) -> Node:
    """Return a map of a disk of one cluster as a formula."""
    if isinstance(whole, FormulaMap):
        return whole.node
    version = whole.get(0) if isinstance(whole, SmallMap) else None
    return hold(ALL, version) if version is not None else NOTHING
