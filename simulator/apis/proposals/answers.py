"""What each policy is to give, read off the types in :class:`~simulator.apis.base.ApiModel`."""

import dataclasses
import functools
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from simulator.apis.base import ApiModel, Plan
from simulator.model.operations import BitmapKey, Operation, Refusal
from simulator.model.requests import TakeBackup

ANSWERS: dict[str, Any] = {
    name: get_type_hints(each)["return"]
    for name, each in vars(ApiModel).items()
    if callable(each) and name[0] != "_"
}
"""The type of each policy's answer."""

KINDS: dict[Any, str] = {
    Plan: "a tuple of primitives, or a Refusal",
    tuple[Operation, ...]: "a tuple of primitives",
    Refusal | None: "a Refusal, or None",
    TakeBackup | Refusal: "a TakeBackup, or a Refusal",
    tuple[BitmapKey, ...] | Refusal: "a tuple of (node, bitmap), or a Refusal",
    tuple[BitmapKey, ...] | Refusal | None: "a tuple of (node, bitmap), a Refusal, or None",
}
"""These types in words."""


def write_kind(kind: Any) -> str:
    """Return the type of an answer in words."""
    return KINDS.get(kind, "what ApiModel says")


def find_wrong(value: Any, kind: Any) -> tuple[Any] | None:
    """Return what is not of the type of an answer, the whole or the first such part of it.

    Types that are neither plain, nor made of plain ones, are left to who uses the value.

    >>> find_wrong(("S1", "B1"), tuple[str, ...])
    >>> find_wrong(("S1", 7), tuple[str, ...])
    (7,)
    >>> find_wrong(None, tuple[str, ...])
    (None,)
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _find_in_union(value, parts)
    mro = type.__dict__["__mro__"].__get__(type(value))
    if origin is tuple:
        if tuple not in mro:
            return (value,)
        kinds = parts[:1] * len(value) if parts[-1:] == (...,) else parts
        if len(kinds) != len(value):
            return (value,)
        found = (find_wrong(each, part) for each, part in zip(value, kinds, strict=True))
        return next((wrong for wrong in found if wrong is not None), None)
    fields = _fields(kind) if isinstance(kind, type) else None
    if fields is None:
        return None
    if kind not in mro:
        return (value,)
    wrong = any(find_wrong(getattr(value, name), part) for name, part in fields.items())
    return (value,) if wrong else None


def _find_in_union(value: Any, kinds: tuple[Any, ...]) -> tuple[Any] | None:
    """Return what is wrong with a value that may be of several types: the least part of it."""
    wrong = [find_wrong(value, kind) for kind in kinds]
    if None in wrong:
        return None
    return next((found for found in wrong if found and found[0] is not value), (value,))


@functools.cache
def _fields(kind: type) -> dict[str, Any] | None:
    """Return the fields of a class of values, and their types; None for one that is not known."""
    if kind in (str, int, bool, NoneType) or issubclass(kind, Enum):
        return {}
    known = dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")
    return get_type_hints(kind) if known else None
