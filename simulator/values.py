"""Frozen values: ``dataclasses.dataclass(frozen=True)`` and ``typing.NamedTuple`` at a low price.

The standard decorator writes and compiles six functions for each class, and the standard named
tuple one and six closures, which was a tenth of a small run each. Here one is written, which makes
a value, when there are many values of a class; all classes share the others. What they give is a
dataclass and a named tuple in all other ways: ``fields`` and ``replace`` of the standard library
know the one, ``_fields``, ``_replace`` and patterns the other.
"""

import dataclasses
import sys
from collections import namedtuple
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

FEW = 16
"""So many values of a class are made slowly before a function is written that makes one quickly.

To write it takes as long.
"""

if TYPE_CHECKING:
    from dataclasses import dataclass
    from typing import NamedTuple
else:

    def _bind(
        names: tuple[str, ...],
        defaults: dict[str, Any],
        args: tuple[Any, ...],
        keys: dict[str, Any],
    ) -> list[Any] | None:
        """Return the value of each field, in their order; None where what is given does not fit."""
        rest = names[len(args) :]
        given = {**{name: defaults[name] for name in rest if name in defaults}, **keys}
        fits = len(args) + len(given) == len(names) and all(name in given for name in rest)
        return [*args, *(given[name] for name in rest)] if fits else None

    def dataclass(*, frozen: bool, slots: bool = False, kw_only: bool = False) -> Any:
        """Return the decorator that makes a class one of frozen values.

        Its fields are plain: with a default at most, no ``field(...)``, and no ``__post_init__``.

        >>> @dataclass(frozen=True, slots=True)
        ... class Point:
        ...     x: int
        ...     y: int = 0
        >>> Point(1), Point(1) == Point(x=1, y=0), Point(1) == (1, 0)
        (Point(x=1, y=0), True, False)
        >>> Point(1).x = 2
        Traceback (most recent call last):
        dataclasses.FrozenInstanceError: cannot assign to field 'x'
        """
        assert frozen, "a value does not change"
        plain = dataclasses.dataclass(
            init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
        )

        def freeze(kind: type) -> type:
            # Where there is none, the standard decorator writes one, and parses a signature for it.
            kind.__doc__ = kind.__doc__ or kind.__name__
            kind = plain(kind)
            fields = dataclasses.fields(kind)
            assert not hasattr(kind, "__post_init__"), f"{kind.__name__} looks at its fields"
            kind.__init__ = _fill(kind, fields, slots=slots, kw_only=kw_only)
            names = tuple(field.name for field in fields)
            own = vars(kind)
            for name, function in _shared(names).items():
                if own.get(name) in (None, getattr(object, name)) or name == "__setattr__":
                    setattr(kind, name, function)
            return kind

        return freeze

    def _fill(kind: type, fields: Any, *, slots: bool, kw_only: bool) -> Any:
        """Return the function that fills the first values, and is replaced then by the written."""
        names = tuple(field.name for field in fields)
        defaults = {
            field.name: field.default
            for field in fields
            if field.default is not dataclasses.MISSING
        }
        left = FEW

        def __init__(self: Any, *args: Any, **keys: Any) -> None:
            nonlocal left
            left -= 1
            fits = left > 0 and not (kw_only and args)
            held = _bind(names, defaults, args, keys) if fits else None
            if held is None:
                # What does not fit is told by the written one, in the words of Python.
                kind.__init__ = _write_init(kind, fields, slots=slots, kw_only=kw_only)
                kind.__init__(self, *args, **keys)
                return
            for name, value in zip(names, held, strict=True):
                object.__setattr__(self, name, value)

        return __init__

    def _write_init(kind: type, fields: Any, *, slots: bool, kw_only: bool) -> Any:
        """Write the function that fills a value."""
        space: dict[str, Any] = {"put": object.__setattr__}
        taken, body = ["self", "*"] if kw_only and fields else ["self"], []
        for field in fields:
            name = field.name
            assert field.default_factory is dataclasses.MISSING, f"{name} is not plain"
            has_default = field.default is not dataclasses.MISSING
            space |= {f"default_{name}": field.default} if has_default else {}
            taken.append(f"{name}=default_{name}" if has_default else name)
            if slots:
                space[f"put_{name}"] = kind.__dict__[name].__set__
                body.append(f"put_{name}(self, {name})")
            else:
                body.append(f"put(self, {name!r}, {name})")
        exec(f"def __init__({', '.join(taken)}):\n {'; '.join(body) or 'pass'}", space)
        init = space["__init__"]
        init.__qualname__ = f"{kind.__qualname__}.__init__"
        return init

    def _shared(names: tuple[str, ...]) -> dict[str, Any]:
        """Return what the values of a class do beside holding their fields."""
        key = attrgetter(*names) if names else lambda value: ()

        def __eq__(self: Any, other: Any) -> Any:
            return key(self) == key(other) if type(self) is type(other) else NotImplemented

        def __hash__(self: Any) -> int:
            return hash(key(self))

        return {
            "__eq__": __eq__,
            "__hash__": __hash__,
            "__repr__": _repr,
            "__setattr__": _set,
            "__delattr__": _delete,
        }

    def _repr(self: Any) -> str:
        names = (field.name for field in dataclasses.fields(self))
        held = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({held})"

    def _set(self: Any, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _delete(self: Any, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    class _Row(tuple):
        """What all named tuples share."""

        __slots__ = ()
        _fields = ()

        @classmethod
        def _make(cls, values: Any) -> Any:
            return cls(*values)

        def _replace(self, **changes: Any) -> Any:
            made = tuple.__new__(type(self), map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"no fields of {type(self).__name__}: {', '.join(changes)}")
            return made

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            held = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({held})"

    # The fastest way to a field is that of the standard library, by the field's place.
    _WIDE = namedtuple("_WIDE", [f"field{place}" for place in range(32)])
    _PLACES = [vars(_WIDE)[name] for name in _WIDE._fields]

    def _annotated(space: dict[str, Any]) -> Iterable[str]:
        """Return the names that the body of a class annotates, in their order."""
        if sys.version_info < (3, 14):
            return space.get("__annotations__", ())
        # They are written down when somebody asks, as the standard library does there.
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(space)
        if annotate is None:
            return ()
        return annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)

    class _Naming(type):
        """Makes a class of named tuples of one that says the fields."""

        def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(mcs, name, bases, space)
            fields = tuple(_annotated(space))
            defaults = {field: space[field] for field in fields if field in space}
            assert tuple(defaults) == fields[len(fields) - len(defaults) :], f"{name}: a gap"
            places = dict(zip(fields, _PLACES[: len(fields)], strict=True))
            own = {"__slots__": (), "_fields": fields, "_field_defaults": defaults}
            own |= {"__match_args__": fields, "__new__": _make_slowly, **places}
            return type(name, (_Row, *bases[1:]), {**space, **own})

    def _make_slowly(kind: type, /, *args: Any, **keys: Any) -> Any:
        """Make one of the first values of a class."""
        owner = next(each for each in kind.__mro__ if "__new__" in vars(each))
        _MADE[owner] = made = _MADE.get(owner, 0) + 1
        fits = made < FEW
        held = _bind(owner._fields, owner._field_defaults, args, keys) if fits else None
        if held is not None:
            return tuple.__new__(kind, held)
        # What does not fit is told by the written one, in the words of Python.
        _write_new(owner)
        return owner.__new__(kind, *args, **keys)

    _MADE: dict[type, int] = {}
    """How many values of each class are made, as long as there are few."""

    def _write_new(owner: Any) -> None:
        """Give a class the function that makes all other values."""
        names = ", ".join(owner._fields)
        space = {"_new": tuple.__new__}
        made = eval(f"lambda _kind, {names}: _new(_kind, ({names}{',' if names else ''}))", space)
        made.__name__, made.__qualname__ = "__new__", f"{owner.__qualname__}.__new__"
        made.__defaults__ = tuple(owner._field_defaults.values())
        owner.__new__ = staticmethod(made)

    class NamedTuple(metaclass=_Naming):
        """The base of named tuples.

        >>> class Extent(NamedTuple):
        ...     start: int
        ...     length: int = 1
        >>> Extent(3), Extent(3)._replace(length=2), Extent(3) == (3, 1)
        (Extent(start=3, length=1), Extent(start=3, length=2), True)
        """


__all__ = ["NamedTuple", "dataclass"]
