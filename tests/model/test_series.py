"""Things in a row are what a tuple of them would be, whichever parts states share."""

from collections.abc import Iterator
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.model import series
from simulator.model.series import (
    Many,
    Series,
    added,
    changed_places,
    exchanged,
    find,
    kept,
    mapped,
    parts_of,
    picked,
    put,
    put_at,
    without,
)

NAME = attrgetter("name")
SIZE = attrgetter("size")
"""A kind of key that few states are asked for."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "put", "at", "drop", "keep", "map", "back"]),
        st.integers(0, 30),
        st.integers(0, 40),
    ),
    max_size=40,
)


class Thing:
    """Something with a name; two of one name are two things."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.size = -name


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """Let few things be many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "FEW", 2)
        patch.setattr(series, "PART_MAX", 4)
        yield


def step(things: Series[Thing], what: str, place: int, name: int) -> Series[Thing]:
    """Return the things after a step, and see that it did what it does to a tuple."""
    there, names = tuple(things), [each.name for each in things]
    place, new = (place % len(there) if there else 0), Thing(name)
    match what:
        case "put":
            now = put(things, NAME, new)
            wanted = tuple(new if each.name == name else each for each in there)
            wanted = wanted if name in names else (*there, new)
        case "at" if there:
            new = Thing(there[place].name)
            now = put_at(things, {place: new})
            wanted = tuple(new if n == place else each for n, each in enumerate(there))
        case "drop" if there:
            now = without(things, there[place])
            wanted = tuple(each for n, each in enumerate(there) if n != place)
        case "keep":
            now = kept(things, lambda each: each.name % 3 > 0)
            wanted = tuple(each for each in there if each.name % 3 > 0)
        case "map" if there:
            new = Thing(there[place].name)
            now = mapped(things, lambda each: new if each is there[place] else each)
            wanted = tuple(new if n == place else each for n, each in enumerate(there))
        case "add" if name not in names:
            now, wanted = added(things, new), (*there, new)
        case _:
            return things
    assert tuple(now) == wanted
    return now


@given(STEPS)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_states_are_what_tuples_would_be(steps: list[tuple[str, int, int]]) -> None:
    states: list[Series[Thing]] = [()]
    for what, place, name in steps:
        before = states[-1]
        now = states[place % len(states)] if what == "back" else step(before, what, place, name)
        states.append(now)
        # An older state is asked as well, or first: what is noted of a part must serve both.
        old = states[name % len(states)]
        for asked in (now, old) if place % 2 else (old, now):
            by_name = {each.name: each for each in asked}
            if place % 3:
                assert all(find(asked, NAME, n) is by_name.get(n) for n in range(42))
            if not name % 4:
                assert all(find(asked, SIZE, -n) is by_name.get(n) for n in range(42))
        there, were = tuple(now), tuple(before)
        assert (len(now), [*reversed(now)]) == (len(there), [*reversed(there)])
        assert [now[n] for n in range(-len(there), len(there))] == [*there, *there]
        assert now[place:] == there[place:]
        some = range(place % 3, len(there), 1 + name % 5)
        assert picked(now, some) == [there[n] for n in some]
        assert now[-3:-1] == there[-3:-1]
        pairs = zip(were, there, strict=False)
        assert changed_places(before, now) == [n for n, (a, b) in enumerate(pairs) if a is not b]
        gone, new = exchanged(before, now)
        assert gone == [each for each in were if each not in there]
        assert new == [each for each in there if each not in were]


def test_a_state_shares_all_parts_but_the_one_that_changed() -> None:
    before = series.series(map(Thing, range(100)))
    assert isinstance(before, Many)
    for after in (
        put(before, NAME, Thing(50)),
        without(before, before[50]),
        added(before, Thing(0)),
    ):
        parts = {*map(id, parts_of(before))}
        assert sum(id(part) not in parts for part in parts_of(after)) == 1


@pytest.mark.parametrize("count", [3, 98])
def test_a_state_is_asked_for_a_new_thing_after_the_one_before_was_asked(count: int) -> None:
    before, new = series.series(map(Thing, range(count))), Thing(count)
    after = added(before, new)
    assert find(before, NAME, 0) is before[0]
    assert find(after, NAME, count) is new


def test_a_place_that_is_not_there_is_told() -> None:
    things = series.series(map(Thing, range(100)))
    for place in (100, -101):
        with pytest.raises(IndexError, match="there are 100 things"):
            things[place]
