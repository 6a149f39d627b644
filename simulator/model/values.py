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
    _set = object.__setattr__

    def replace(value: T, /, **changes: Any) -> T:
        """Return a copy of a value of a dataclass with other values in some fields.

        It must not have a ``__post_init__``; what was cached on the value is not copied.

        >>> from simulator.model.bitmap import Window
        >>> replace(Window(start=1), end=2)
        Window(start=1, end=2)
        """
        kind = type(value)
        copy = (_COPIERS.get(kind) or _write_copier(kind))(value)
        for name, held in changes.items():
            if name not in kind.__dataclass_fields__:
                raise TypeError(f"{kind.__name__} has no field {name}")
            _set(copy, name, held)
        return copy

    def _write_copier(kind: type) -> Any:
        """Write the function that copies a value of a class, field by field."""
        assert not hasattr(kind, "__post_init__"), f"{kind.__name__} looks at its fields"
        names = list(kind.__dataclass_fields__)
        space = {"new": object.__new__, "kind": kind}
        if "__slots__" in vars(kind):
            space |= {f"set_{name}": kind.__dict__[name].__set__ for name in names}
            body = "; ".join(f"set_{name}(copy, value.{name})" for name in names)
        else:
            # What is cached on the value stands beside its fields.
            held = ", ".join(f"{name!r}: value.{name}" for name in names)
            body = f"copy.__dict__.update({{{held}}})"
        exec(f"def copier(value):\n copy = new(kind); {body}\n return copy", space)
        return _COPIERS.setdefault(kind, space["copier"])


__all__ = ["replace"]
