"""Where two maps of clusters part, told by the levels that they share."""

from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from simulator.model.clusters.arrays import Integers, LargeSet
from simulator.model.clusters.interfaces import Version
from simulator.model.clusters.levels import VERSION_BITS, Level, flatten
from simulator.values import NamedTuple

TOP_MAX = 8
"""What was written last is looked for in so many of the newest levels."""


class Pile(Protocol):
    """Levels on top of one another."""

    @property
    def depth(self) -> int:
        """How many there are."""

    @property
    def level(self) -> Level:
        """The newest."""

    @property
    def lower(self) -> Self:
        """The pile without that one; that of no levels is its own."""

    @property
    def made_flat(self) -> Level | None:
        """All of them as one, where that is there."""

    @property
    def most(self) -> Version:
        """The highest version that any of them has."""


P = TypeVar("P", bound=Pile)


class Parted(NamedTuple, Generic[P]):
    """Where two piles part, from their ends and from their beginnings.

    Attributes:
        apart: Whether they may differ at all.
        tops: The levels that both end with.
        my, their: The piles without those.
        mine, theirs: The levels from there down to where both have begun alike, newest first.
        base: What both have begun with.
    """

    apart: bool
    tops: list[Level]
    my: P
    their: P
    mine: list[Level]
    theirs: list[Level]
    base: P

    @property
    def newer(self) -> bool:
        """Whether what came after the common beginning is newer than all of that."""
        most = self.base.most
        return all(level.oldest > most for level in (*self.mine, *self.theirs))

    @property
    def grown(self) -> bool:
        """Whether just one of them has more, and all of that is newer than what both began with."""
        return not (self.mine and self.theirs) and self.newer

    @property
    def hidden(self) -> bool:
        """Whether all that only one of them has is on top of both as well."""
        levels = self.mine or self.theirs
        return self.grown and all(any(level is top for top in self.tops) for level in levels)


def part(my: P, their: P) -> Parted[P]:
    """Return where two piles part."""
    tops = []
    while my.depth and my is not their and my.level is their.level:
        tops.append(my.level)
        my, their = my.lower, their.lower
    mine: list[Level] = []
    theirs: list[Level] = []
    one, other = my, their
    while one is not other and (one.depth or other.depth):
        if one.depth >= other.depth:
            mine.append(one.level)
            one = one.lower
        else:
            theirs.append(other.level)
            other = other.lower
    apart = bool(mine or theirs)
    if apart and my.made_flat is not None and their.made_flat is not None:
        apart = not np.array_equal(my.made_flat.packed, their.made_flat.packed)
    return Parted(apart, tops, my, their, mine, theirs, one)


def is_seen(level: Level, lacking: Pile, tops: list[Level]) -> bool:
    """Whether a few looks find what one of two maps shows of a level that the other one lacks.

    Args:
        lacking: The one that lacks it, without the levels that both have on top.
    """
    most = lacking.most
    if level.newest[0] <= most or any(level is top for top in tops):
        return False
    for entry in level.few.tolist():
        cluster, version = divmod(entry, 1 << int(VERSION_BITS))
        if version > most and not any(top.holds(cluster) for top in tops):
            return True
    return False


class Top(NamedTuple, Generic[P]):
    """The newest levels of a pile.

    Attributes:
        levels: They, newest first.
        flat: All of them as one.
        base: What they lie on.
    """

    levels: list[Level]
    flat: Level
    base: P


def top_of(pile: P, wanted: LargeSet) -> Top[P] | None:
    """Return the newest levels, if they hold just some clusters; None if they do not.

    What was written since a point in time is mostly asked for like that.
    """
    return _made_of(pile, wanted) or _holding(pile, wanted.array)


def _made_of(pile: P, wanted: LargeSet) -> Top[P] | None:
    """Return the newest levels, if a set that is not united yet has a part from each of them."""
    levels: list[Level] = []
    for each in wanted.parts():
        if not pile.depth or pile.level.clusters is not each or len(levels) == TOP_MAX:
            return None
        levels.append(pile.level)
        pile = pile.lower
    held = flatten(levels[::-1])
    wanted.take(held.clusters)
    return Top(levels, held, pile)


def _holding(pile: P, wanted: Integers) -> Top[P] | None:
    """Return the same of whatever clusters."""
    levels: list[Level] = []
    most = 0
    while pile.depth and most < len(wanted) and len(levels) < TOP_MAX:
        levels.append(pile.level)
        most += len(pile.level.packed)
        pile = pile.lower
    if most < len(wanted):
        return None
    held = flatten(levels[::-1])
    # Where levels hold the same clusters, there are fewer in all: the next ones may hold the rest.
    while len(held.packed) < len(wanted) and pile.depth and len(levels) < TOP_MAX:
        levels.append(pile.level)
        held = flatten([pile.level, held])
        pile = pile.lower
    return Top(levels, held, pile) if np.array_equal(wanted, held.clusters.array) else None
