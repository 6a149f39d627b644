"""The places of named things in a tuple, known from that of the state before.

Ten thousand checkpoints are as many tuples, each with one thing more than the one before. So a name
is looked up in what was noted of those before, and only what is new is noted.
"""

from collections.abc import Callable, Hashable, Sequence
from operator import is_
from typing import Generic, TypeVar

T = TypeVar("T")


class Places(Generic[T]):
    """Where things stand in a tuple, by their keys; it goes on from one tuple to a later one."""

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        self._items: tuple[T, ...] = ()
        self._alike: tuple[T, ...] = ()
        self._places: dict[Hashable, list[int]] = {}

    def find(self, items: tuple[T, ...], key: Hashable) -> Sequence[T]:
        """Return the things of a key, in their order."""
        self._note(items)
        places = self._places.get(key, ())
        return [items[place] for place in places if place < len(items)]

    def move(self, before: tuple[T, ...], after: tuple[T, ...]) -> None:
        """Take in that others of the same keys have come into the places of some things."""
        self._note(before)
        if len(self._items) == len(before):
            self._items = self._alike = after

    def follows(self, items: tuple[T, ...]) -> bool:
        """Whether a tuple begins as what is noted, or is the beginning of that."""
        if items is not self._alike and all(map(is_, items, self._items)):
            self._alike = items
        return items is self._alike

    def _note(self, items: tuple[T, ...]) -> None:
        if not self.follows(items):
            self._items, self._alike, self._places = (), items, {}
        for place in range(len(self._items), len(items)):
            self._places.setdefault(self._key(items[place]), []).append(place)
        if len(items) > len(self._items):
            self._items = items
