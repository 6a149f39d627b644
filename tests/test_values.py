"""Frozen values made quickly are what the standard decorator makes."""

import dataclasses

import pytest

from simulator.values import dataclass


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
