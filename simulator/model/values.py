"""Changing a frozen value: the same as ``dataclasses.replace``, at a tenth of its price.

A run of the mail changes values seventy times, and the standard function looks at every field of a
class each time. Here a function that copies is written once for each class, as ``dataclasses``
writes its ``__init__``.
"""

from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace
else:
    _COPIERS: dict[type, Any] = {}

    def replace(value: T, /, **changes: Any) -> T:
        """Return a copy of a value of a dataclass with other values in some fields.

        It must not have a ``__post_init__``; what was cached on the value is not copied.

        >>> from simulator.model.bitmap import Window
        >>> replace(Window(start=1), end=2)
        Window(start=1, end=2)
        """
        kind = type(value)
        return (_COPIERS.get(kind) or _write_copier(kind))(value, changes)

    def _write_copier(kind: type) -> Any:
        """Write the function that copies a value of a class with some changes, field by field."""
        assert not hasattr(kind, "__post_init__"), f"{kind.__name__} looks at its fields"
        names = list(kind.__dataclass_fields__)
        space: dict[str, Any] = {"new": object.__new__, "kind": kind}
        if "__slots__" in vars(kind):
            setters = _Setters({name: kind.__dict__[name].__set__ for name in names})
            space |= {f"set_{name}": setter for name, setter in setters.items()}
            space["setters"] = setters
            body = "; ".join(f"set_{name}(copy, value.{name})" for name in names)
            body += "\n for name in changes: setters[name](copy, changes[name])"
        else:
            # What is cached on the value stands beside its fields.
            held = ", ".join(f"{name!r}: value.{name}" for name in names)
            space["check"] = _Setters(dict.fromkeys(names)).__getitem__
            body = f"held = {{{held}, **changes}}; copy.__dict__.update(held)"
            body += f"\n if len(held) > {len(names)}: [*map(check, held)]"
        exec(f"def copier(value, changes):\n copy = new(kind); {body}\n return copy", space)
        return _COPIERS.setdefault(kind, space["copier"])

    class _Setters(dict[str, Any]):
        """What changes each field."""

        def __missing__(self, name: str) -> Any:
            raise TypeError(f"there is no field {name}")


__all__ = ["replace"]
