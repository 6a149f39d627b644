"""Things in a row of which each state has nearly the same as the state before.

Ten thousand checkpoints are as many states, each with one thing more. A few things are a tuple;
many are parts in a row, which states share. So a change costs the part that it is in, and what is
not the same in two states is found in the parts that they do not share.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, compress, count, islice
from operator import is_, is_not
from typing import Any, TypeAlias, TypeVar, overload

T = TypeVar("T")
R = TypeVar("R")

FEW = 12
"""So many things are a tuple, and are looked through one by one."""

PART_MAX = 128
"""The most things of a part."""


class Part(tuple[T, ...]):
    """Things that stand side by side, with what has been found out about them."""

    @cached_property
    def known(self) -> dict[Callable[[tuple[T, ...]], Any], Any]:
        """What functions of the part gave."""
        return {}

    @cached_property
    def places(self) -> dict[Callable[[T], Hashable], dict[Hashable, int]]:
        """Where the thing of a key stands, for each kind of key that somebody asked for.

        Later states of the part share what is known of a kind, so it may tell of things behind.
        """
        return {}

    def find(self, key: Callable[[T], Hashable], wanted: Hashable) -> int:
        """Return the place of the thing that has a key; -1 where none has it."""
        place = self.places_by(key).get(wanted, -1)
        return place if place < len(self) else -1

    def places_by(self, key: Callable[[T], Hashable]) -> dict[Hashable, int]:
        """Return where the thing of each key stands, and maybe some behind them."""
        known = self.places.get(key)
        if known is None:
            known = self.places[key] = dict(zip(map(key, self), range(len(self)), strict=True))
        return known

    def alike(self, things: Iterable[T]) -> "Part[T]":
        """Return a part of other things that have the same keys, place by place."""
        part = Part(things)
        part.places = self.places
        return part

    def longer(self, new: Sequence[T]) -> "Part[T]":
        """Return the part with other things behind its own."""
        part = Part((*self, *new))
        for key, known in self.places.items():
            # Two states that come next to the same one do not share what is behind.
            if len(known) == len(self):
                known.update(zip(map(key, new), range(len(self), len(part)), strict=True))
                part.places[key] = known
        return part


Numbers: TypeAlias = dict[Callable[[T], Hashable], dict[Hashable, tuple[int, ...]]]
"""The numbers of parts for each key, by kind of key."""


class Many(Sequence[T]):
    """Many things in a row, in parts; no part is empty.

    Attributes:
        numbers: In which parts a thing of a key is or was, by kind of key that somebody asked for.
            Later states share what is known of a kind, so it may tell of things that came later.
    """

    __slots__ = ("_length", "numbers", "parts")

    def __init__(self, parts: Iterable[Part[T]], numbers: Numbers[T] | None = None) -> None:
        self.parts = tuple(parts)
        self.numbers: Numbers[T] = {**numbers} if numbers else {}
        self._length = sum(map(len, self.parts))

    def with_part(self, number: int, part: Part[T], new: Sequence[T] = ()) -> "Many[T]":
        """Return the things with another part in the place of one.

        Args:
            new: Those of its things whose keys the part had not.
        """
        self.note(number, part, new)
        return Many((*self.parts[:number], part, *self.parts[number + 1 :]), self.numbers)

    def note(self, number: int, part: Part[T], new: Sequence[T]) -> None:
        """Remember in which part things stand from now on, and where, for later states of it."""
        for key, known in self.numbers.items():
            part.places_by(key)
            for wanted in map(key, new):
                numbers = known.get(wanted, ())
                if number not in numbers:
                    known[wanted] = (*numbers, number)

    def find(self, key: Callable[[T], Hashable], wanted: Hashable) -> tuple[int, int]:
        """Return the part in which the thing of a key is, and its place there; -1 for none."""
        known = self.numbers.get(key)
        if known is None:
            known = self.numbers[key] = {}
            for number, part in enumerate(self.parts):
                known.update(dict.fromkeys(part.places_by(key), (number,)))
        for number in known.get(wanted, ()):
            place = self.parts[number].find(key, wanted) if number < len(self.parts) else -1
            if place >= 0:
                return number, place
        return -1, -1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self.parts)

    def __reversed__(self) -> Iterator[T]:
        return chain.from_iterable(map(reversed, reversed(self.parts)))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        if isinstance(place, slice):
            return self._between(*place.indices(self._length))
        # Mostly one of the newest is meant.
        behind = place if place < 0 else place - self._length
        for part in reversed(self.parts) if behind < 0 else ():
            if behind >= -len(part):
                return part[behind]
            behind += len(part)
        raise IndexError(f"there are {self._length} things, and none at {place}")

    def _between(self, start: int, stop: int, step: int) -> tuple[T, ...]:
        if step < 0:
            return tuple(self)[start : stop if stop >= 0 else None : step]
        ends = [0, *accumulate(map(len, self.parts))]
        number = bisect_right(ends, start) - 1
        start, stop = start - ends[number], stop - ends[number]
        there = chain.from_iterable(self.parts[number:])
        return tuple(islice(there, start, max(start, stop), step))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Many):
            return NotImplemented
        return self.parts == other.parts or tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


Series: TypeAlias = tuple[T, ...] | Many[T]
"""Things in a row: a tuple of a few, a part, or many in parts."""


def series(things: Iterable[T]) -> Series[T]:
    """Return things in a row, as whoever looks at all of them makes it.

    >>> series("abc"), len(series(range(1000)).parts)
    (('a', 'b', 'c'), 8)
    """
    there = tuple(things)
    if len(there) <= FEW:
        return there
    return Part(there) if len(there) <= PART_MAX else Many(_parted(there))


def parts_of(things: Series[T]) -> tuple[tuple[T, ...], ...]:
    """Return what things are made of: their parts, or the one tuple that they are."""
    return (things,) if isinstance(things, tuple) else things.parts


def known_of(part: tuple[T, ...], find: Callable[[tuple[T, ...]], R]) -> R:
    """Return what a function gives for a part; it is asked once for each that states share."""
    if not isinstance(part, Part):
        return find(part)
    if find not in part.known:
        part.known[find] = find(part)
    return part.known[find]  # type: ignore[no-any-return]  # each function has its own kind


def added(things: Series[T], *new: T) -> Series[T]:
    """Return things with others behind them."""
    if type(things) is tuple:
        return series((*things, *new))
    if isinstance(things, Many):
        last = things.parts[-1]
        if len(last) + len(new) > PART_MAX:
            many = things
            for part in _parted(new):
                many = many.with_part(len(many.parts), part, part)
            return many
        return things.with_part(len(things.parts) - 1, last.longer(new), new)
    if isinstance(things, Part) and len(things) + len(new) <= PART_MAX:
        return things.longer(new)
    return series((*things, *new))


def find(things: Series[T], key: Callable[[T], Hashable], wanted: Hashable) -> T | None:
    """Return the thing that has a key, or None.

    Args:
        key: No two things have the same.
    """
    if type(things) is tuple:
        for thing in reversed(things):
            if key(thing) == wanted:
                return thing
        return None
    number, place = _place_of(things, key, wanted)
    return parts_of(things)[number][place] if place >= 0 else None


def put(things: Series[T], key: Callable[[T], Hashable], new: T) -> Series[T]:
    """Return things with one in the place of that which has the same key, or behind them all.

    Args:
        key: No two things have the same.
    """
    number, place = _place_of(things, key, key(new))
    if place < 0:
        return added(things, new)
    part = parts_of(things)[number]
    changed = (*part[:place], new, *part[place + 1 :])
    if not isinstance(part, Part):
        return changed
    alike = part.alike(changed)
    return alike if isinstance(things, tuple) else things.with_part(number, alike)


def put_at(things: Series[T], new: Mapping[int, T]) -> Series[T]:
    """Return things with others at some places."""
    if not new:
        return things
    if isinstance(things, tuple):
        changed = _placed(things, new, new, 0)
        return Part(changed) if isinstance(things, Part) else changed
    parts = [*things.parts]
    for number, start, places in _in_parts(parts, sorted(new)):
        parts[number] = Part(_placed(parts[number], new, places, start))
        things.note(number, parts[number], [new[place] for place in places])
    return Many(parts, things.numbers)


def picked(things: Series[T], places: Sequence[int]) -> list[T]:
    """Return the things at some places, which ascend."""
    if isinstance(things, tuple):
        return [things[place] for place in places]
    found: list[T] = []
    for number, start, there in _in_parts(things.parts, places):
        part = things.parts[number]
        found += [part[place - start] for place in there]
    return found


def _in_parts(
    parts: Sequence[Part[T]], places: Sequence[int]
) -> Iterator[tuple[int, int, Sequence[int]]]:
    """Yield the number and the start of each part that has some of the places, and which ones.

    Args:
        places: They ascend.
    """
    ends = [*accumulate(map(len, parts))]
    low = 0
    while low < len(places):
        number = bisect_right(ends, places[low])
        high = bisect_left(places, ends[number], low)
        yield number, ends[number] - len(parts[number]), places[low:high]
        low = high


def by_parts(things: Series[T], change: Callable[[tuple[T, ...]], tuple[T, ...]]) -> Series[T]:
    """Return things of which each part is changed by itself; states share one that is as before."""
    if isinstance(things, Part):
        return _changed(things, change(things))
    if isinstance(things, tuple):
        return change(things)
    parts = [
        part if now is part else _changed(part, now)
        for part, now in zip(things.parts, map(change, things.parts), strict=True)
    ]
    fresh = [*compress(enumerate(parts), map(is_not, parts, things.parts))]
    if not fresh:
        return things
    for number, part in fresh:
        if part.places is not things.parts[number].places:
            things.note(number, part, part)
    # Where a part is gone, those behind it have other numbers.
    whole = Many(parts, things.numbers) if all(parts) else Many(filter(None, parts))
    return whole if len(whole) > PART_MAX else series(whole)


def mapped(things: Series[T], change: Callable[[T], T]) -> Series[T]:
    """Return things that are changed one by one."""
    return by_parts(things, lambda part: tuple(map(change, part)))


def kept(things: Series[T], keep: Callable[[T], bool]) -> Series[T]:
    """Return those of some things that are kept."""
    return by_parts(things, lambda part: tuple(filter(keep, part)))


def without(things: Series[T], *gone: T) -> Series[T]:
    """Return things without some of them, which are these very values."""
    left = frozenset(map(id, gone))
    return by_parts(
        things,
        lambda part: (
            part
            if left.isdisjoint(map(id, part))
            else tuple(each for each in part if id(each) not in left)
        ),
    )


def changed_places(before: Series[T], after: Series[T]) -> list[int]:
    """Return the places at which another value stands now than before, where both have one."""
    if before is after:
        return []
    if isinstance(before, tuple) and isinstance(after, tuple):
        return _unlike(before, after, 0)
    old, new = parts_of(before), parts_of(after)
    starts = accumulate(map(len, old), initial=0)
    found: list[int] = []
    for number, start in compress(enumerate(starts), map(is_not, old, new)):
        one, other = old[number], new[number]
        if len(one) != len(other):
            rest = chain.from_iterable(old[number:]), chain.from_iterable(new[number:])
            return found + _unlike(*rest, start)
        found += _unlike(one, other, start)
    return found


def exchanged(before: Series[T], after: Series[T]) -> tuple[list[T], list[T]]:
    """Return the things that are there no more, and the new ones: those that are another value."""
    if before is after:
        return [], []
    left, came = _unshared(before, after)
    if len(came) >= len(left) and all(map(is_, left, came)):
        return [], [*came[len(left) :]]
    unlike = [*map(is_not, left, came)]
    gone = [*compress(left, unlike), *left[len(unlike) :]]
    new = [*compress(came, unlike), *came[len(unlike) :]]
    if not (gone and new):
        return gone, new
    # What stands elsewhere now is neither.
    known, there = {*map(id, gone)}, {*map(id, new)}
    return [e for e in gone if id(e) not in there], [e for e in new if id(e) not in known]


def _unshared(one: Series[T], other: Series[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Return what either has in parts that the other has not."""
    if isinstance(one, tuple) or isinstance(other, tuple):
        return one, other
    # Mostly only the last part is another one.
    unlike = compress(count(), map(is_not, one.parts, other.parts))
    first = next(unlike, min(len(one.parts), len(other.parts)))
    left, right = one.parts[first:], other.parts[first:]
    shared = frozenset(map(id, left)).intersection(map(id, right))
    ours = chain.from_iterable(part for part in left if id(part) not in shared)
    theirs = chain.from_iterable(part for part in right if id(part) not in shared)
    return [*ours], [*theirs]


def _place_of(things: Series[T], key: Callable[[T], Hashable], wanted: Hashable) -> tuple[int, int]:
    """Return the part in which the thing of a key is, and its place there; -1 for none."""
    if isinstance(things, Many):
        return things.find(key, wanted)
    return 0, things.find(key, wanted) if isinstance(things, Part) else _find(things, key, wanted)


def _find(things: tuple[T, ...], key: Callable[[T], Hashable], wanted: Hashable) -> int:
    """Return the same, looked for one by one from the newest."""
    place = len(things)
    while place:
        place -= 1
        if key(things[place]) == wanted:
            return place
    return -1


def _placed(
    things: tuple[T, ...], new: Mapping[int, T], places: Iterable[int], start: int
) -> tuple[T, ...]:
    """Return things with others at some places, which are counted from one before them."""
    changed = [*things]
    for place in places:
        changed[place - start] = new[place]
    return tuple(changed)


def _parted(things: tuple[T, ...]) -> tuple[Part[T], ...]:
    starts = range(0, len(things), PART_MAX)
    return tuple(Part(things[start : start + PART_MAX]) for start in starts)


def _changed(part: Part[T], now: tuple[T, ...]) -> Part[T]:
    """Return a part as it is now; the same one where nothing changed."""
    if now is part or (len(now) == len(part) and all(map(is_, now, part))):
        return part
    return now if isinstance(now, Part) else Part(now)


def _unlike(before: Iterable[T], after: Iterable[T], start: int) -> list[int]:
    return [*compress(count(start), map(is_not, before, after))]
