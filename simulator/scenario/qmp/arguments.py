"""The arguments of a QMP command, taken in the order in which QEMU looks at them.

What is wrong with them is QEMU's to refuse, in its own words. Source: observed on QEMU 7.2.22.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.releases.hosts import precedes
from simulator.scenario.qmp.ignored import Newer, Type

UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


_TYPES: Mapping[str, type[object]] = {"integer": int, "string": str, "boolean": bool}


class RefusedError(Exception):
    """QEMU turns a command down as it reads it.

    Attributes:
        cause: What QEMU does not tell of it.
    """

    def __init__(self, text: str, cause: str = "") -> None:
        super().__init__(text)
        self.cause = cause


class Arguments:
    """The arguments of a command, taken one by one in the order in which QEMU looks at them.

    Attributes:
        release: That of the QEMU that looks at them.
    """

    def __init__(self, arguments: Mapping[str, Any], release: str, within: str = "") -> None:
        self._left = dict(arguments)
        self._within = within
        self.release = release

    def text(self, name: str) -> str:
        """Take a text, which is required."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._ill_typed(name, "string")
        return value

    def optional(self, name: str) -> str | None:
        """Take a text, or None where it is left out."""
        return self.text(name) if name in self._left else None

    def has(self, name: str) -> bool:
        """Whether an argument is there, and not taken yet."""
        return name in self._left

    def choice(self, name: str, words: Sequence[str]) -> str | None:
        """Take one of some words, or None where it is left out."""
        value = self.optional(name)
        if value is not None and value not in words:
            raise RefusedError(f"Parameter '{self._within}{name}' does not accept value '{value}'")
        return value

    def flag(self, name: str) -> bool:
        """Take true or false; false where it is left out."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self._ill_typed(name, "boolean")
        return value

    def uint32(self, name: str) -> int | None:
        """Take a number, or None where it is left out."""
        if name not in self._left:
            return None
        value = self._left.pop(name)
        # The reader of JSON makes a floating-point number of what is longer than 64 bits.
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not INT64_MIN <= value <= UINT64_MAX:
            raise RefusedError(f"Parameter '{self._within}{name}' expects uint64")
        assert isinstance(value, int)
        if not 0 <= value <= UINT32_MAX:
            raise RefusedError(f"Parameter '{self._within}{name}' expects uint32_t")
        return value

    def int64(self, name: str) -> int:
        """Take a number, which is required."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._ill_typed(name, "integer")
        if not INT64_MIN <= value <= INT64_MAX:
            raise self._ill_typed(name, "integer")
        return value

    def array(self, name: str) -> list[Any]:
        """Take a list, which is required."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._ill_typed(name, "array")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Take a mapping; an empty one where it is left out."""
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise self._ill_typed(name, "object")
        return value

    def peek(self, *names: str) -> object:
        """Return an argument, or a member of one, that is taken later; None where it is not."""
        found: object = self._left
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def drop(self, *names: str) -> None:
        """Let go of arguments that have no meaning here."""
        for name in names:
            self._left.pop(name, None)

    def ignore(self, types: Mapping[str, Type]) -> None:
        """Let go of arguments that change nothing here, if they are what QEMU takes."""
        for name, type in types.items():
            if name in self._left:
                self._ignore(name, type)

    def _ignore(self, name: str, type: Type) -> None:
        if isinstance(type, Newer):
            if not precedes(self.release, type.since):
                self._ignore(name, type.type)
        elif isinstance(type, tuple):
            self.choice(name, type)
        elif isinstance(type, str):
            self._check_type(name, self._left.pop(name), type)
        else:
            members = Arguments(self.mapping(name), self.release, f"{self._within}{name}.")
            members.ignore(type)
            members.end()

    def _check_type(self, name: str, value: object, type: str) -> None:
        expected = bool if isinstance(value, bool) else _TYPES[type]
        if not isinstance(value, expected) or (expected is bool) != (type == "boolean"):
            raise self._ill_typed(name, type)
        if name == "speed" and isinstance(value, int) and value < 0:
            raise RefusedError("Parameter 'speed' expects a non-negative value")

    def end(self) -> None:
        """Refuse what is left over."""
        for name in self._left:
            raise RefusedError(f"Parameter '{self._within}{name}' is unexpected")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise RefusedError(f"Parameter '{self._within}{name}' is missing")
        return self._left.pop(name)

    def _ill_typed(self, name: str, expected: str) -> RefusedError:
        return RefusedError(
            f"Invalid parameter type for '{self._within}{name}', expected: {expected}"
        )
