"""Frozen values: the same as ``dataclasses.dataclass(frozen=True)``, at a third of its price.

The standard decorator writes and compiles six functions for each class, which was a tenth of a
small run. Here one is written, ``__init__``, and all classes share the others. What it gives is a
dataclass in all other ways: ``fields`` and ``replace`` of the standard library know it.
"""

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

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
            kind.__init__ = _write_init(kind, fields, slots=slots, kw_only=kw_only)
            names = tuple(field.name for field in fields)
            own = vars(kind)
            for name, function in _shared(names).items():
                if own.get(name) in (None, getattr(object, name)) or name == "__setattr__":
                    setattr(kind, name, function)
            return kind

        return freeze

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


__all__ = ["dataclass"]
