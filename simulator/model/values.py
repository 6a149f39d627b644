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
        space: dict[str, Any] = {"kind": kind, "names": names, "refuse": _refuse}
        if "__slots__" in vars(kind):
            # While it is filled, the copy is of a class with the same fields that is not frozen.
            space["filling"] = type(kind.__name__, (), {"__slots__": names})
            body = "copy = filling(); " + "; ".join(f"copy.{name} = value.{name}" for name in names)
            body += "\n try:\n  for name in changes: setattr(copy, name, changes[name])"
            body += "\n except AttributeError: refuse(names, changes)"
            body += "\n copy.__class__ = kind"
        else:
            # What is cached on the value stands beside its fields.
            space["new"] = object.__new__
            held = ", ".join(f"{name!r}: value.{name}" for name in names)
            body = f"copy = new(kind); held = {{{held}, **changes}}; copy.__dict__.update(held)"
            body += f"\n if len(held) > {len(names)}: refuse(names, changes)"
        exec(f"def copier(value, changes):\n {body}\n return copy", space)
        return _COPIERS.setdefault(kind, space["copier"])

    def _refuse(names: list[str], changes: dict[str, Any]) -> None:
        unknown = next(name for name in changes if name not in names)
        raise TypeError(f"there is no field {unknown}")


__all__ = ["replace"]
