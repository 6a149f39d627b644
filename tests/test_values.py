"""Frozen values made quickly are what the standard decorator makes."""

import copy
import dataclasses
import pickle
import typing

import pytest

from simulator.values import FEW, NamedTuple, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """With slots, by name only."""

    name: str
    held: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The same of the standard library."""

    name: str
    held: tuple[int, ...] = ()


@dataclass(frozen=True)
class Open:
    """Without slots, and with a text of its own."""

    name: str

    def __repr__(self) -> str:
        return "open"


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing at all."""


def test_a_value_is_written_compared_and_replaced_as_a_standard_one() -> None:
    one, standard = Kept(name="a", held=(1,)), Standard(name="a", held=(1,))
    assert repr(one) == repr(standard).replace("Standard", "Kept")
    assert one == Kept(name="a", held=(1,)) != Kept(name="a")
    assert hash(one) == hash(Kept(name="a", held=(1,)))
    assert one.__eq__(standard) is NotImplemented
    assert dataclasses.replace(one, held=()) == Kept(name="a")
    assert [each.name for each in dataclasses.fields(Kept)] == ["name", "held"]
    assert repr(Open("a")) == "open"
    assert Empty() == Empty()


def test_a_value_does_not_change_and_takes_no_other_field() -> None:
    for value in (Kept(name="a"), Open("a")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
            value.name = "b"  # type: ignore[misc]  # that is the point
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
            del value.name
    with pytest.raises(TypeError):
        Kept("a")  # type: ignore[call-arg]  # by name only
    with pytest.raises(TypeError):
        Kept(name="a", other=1)  # type: ignore[call-arg]  # there is none
    assert not hasattr(Kept(name="a"), "__dict__")


class Extent(NamedTuple):
    """A named tuple with a default, and a method."""

    start: int
    length: int = 1

    @property
    def end(self) -> int:
        """Where the next one starts."""
        return self.start + self.length


class StandardExtent(typing.NamedTuple):
    """The same of the standard library."""

    start: int
    length: int = 1


class Nothing(NamedTuple):
    """No field at all."""


def test_a_named_tuple_is_as_a_standard_one() -> None:
    one, standard = Extent(3), StandardExtent(3)
    assert repr(one) == repr(standard).replace("Standard", "")
    assert (tuple(one), one == (3, 1)) == (tuple(standard), True)
    assert hash(one) == hash(standard)
    assert (one._replace(length=5), Extent._make((3, 5))) == ((3, 5), (3, 5))
    assert one._asdict() == standard._asdict()
    assert (Extent._fields, Extent._field_defaults) == (("start", "length"), {"length": 1})
    assert one.end == 4
    assert Nothing() == ()
    assert not hasattr(one, "__dict__")
    match one:
        case Extent(start, length):
            assert (start, length) == (3, 1)
        case _:
            pytest.fail("no pattern fits")
    assert pickle.loads(pickle.dumps(one)) == one == copy.copy(one)


def test_a_named_tuple_takes_its_fields_only_and_does_not_change() -> None:
    one = Extent(start=1, length=2)
    with pytest.raises(AttributeError):
        one.start = 2  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        Extent()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Extent(1, 2, 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Extent(1, end=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        one._replace(end=2)  # type: ignore[call-arg]


def test_a_named_tuple_has_the_hints_of_its_fields_only() -> None:
    assert typing.get_type_hints(Extent) == typing.get_type_hints(StandardExtent)


class Row(NamedTuple):
    """A row, with a default."""

    first: int
    second: int = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """The same as a value."""

    first: int
    second: int = 2


@pytest.mark.parametrize("kind", [Row, Pair])
def test_the_first_values_of_a_class_are_made_as_all_others(kind: type[Row] | type[Pair]) -> None:
    made = []
    for _ in range(2 * FEW):
        made += [kind(1), kind(1, 2), kind(first=1), kind(second=2, first=1), kind(1, second=2)]
    assert len({repr(each) for each in made}) == len(set(made)) == 1


@pytest.mark.parametrize("before", [0, FEW])
@pytest.mark.parametrize(
    ("args", "keys"),
    [((), {}), ((), {"second": 2}), ((1, 2, 3), {}), ((1,), {"first": 1}), ((1,), {"third": 3})],
)
def test_what_does_not_fit_is_told_as_of_a_function(
    before: int, args: tuple[int, ...], keys: dict[str, int]
) -> None:
    class Own(NamedTuple):
        first: int
        second: int = 2

    @dataclass(frozen=True)
    class Value:
        first: int
        second: int = 2

    for kind in (Own, Value):
        for _ in range(before):
            kind(1)
        with pytest.raises(TypeError, match="argument"):
            kind(*args, **keys)
        assert kind(1, 3).second == 3
