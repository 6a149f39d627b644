"""QEMU's own primitives: the commands of a ``qmp`` step as operations, or QEMU's refusal.

What is wrong with a command is QEMU's to refuse, in its own words, and no mistake in the file.
Source: observed on QEMU 7.2.22.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.model.operations import (
    AddBitmap,
    BitmapOperation,
    ClearBitmap,
    DisableBitmap,
    EnableBitmap,
    MergeBitmaps,
    Refusal,
    RemoveBitmap,
)
from simulator.model.requests import Qmp

UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1
INT64_MIN = -(1 << 63)


class _Refused(Exception):
    """QEMU turns a command down as it reads it."""


def read_commands(commands: Sequence[Mapping[str, Any]]) -> Qmp:
    """Return what commands ask for; several are one transaction.

    Args:
        commands: Each with ``execute`` and perhaps ``arguments``.
    """
    return Qmp(
        commands=tuple(command["execute"] for command in commands),
        operations=tuple(
            _read_command(command["execute"], command.get("arguments", {})) for command in commands
        ),
    )


def _read_command(execute: str, arguments: Mapping[str, Any]) -> BitmapOperation | Refusal:
    if execute not in _COMMANDS:
        return Refusal(f"The command {execute} has not been found")
    try:
        return _COMMANDS[execute](_Arguments(arguments))
    except _Refused as refused:
        return Refusal(str(refused))


class _Arguments:
    """The arguments of a command, taken one by one in the order in which QEMU looks at them."""

    def __init__(self, arguments: Mapping[str, Any], within: str = "") -> None:
        self._left = dict(arguments)
        self._within = within

    def text(self, name: str) -> str:
        """Take a text, which is required."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._ill_typed(name, "string")
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
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._ill_typed(name, "integer")
        if not INT64_MIN <= value <= UINT64_MAX:
            # The reader of JSON makes a floating-point number of it.
            raise self._ill_typed(name, "integer")
        if not 0 <= value <= UINT32_MAX:
            raise _Refused(f"Parameter '{self._within}{name}' expects uint32_t")
        return value

    def array(self, name: str) -> list[Any]:
        """Take a list, which is required."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._ill_typed(name, "array")
        return value

    def end(self) -> None:
        """Refuse what is left over."""
        for name in self._left:
            raise _Refused(f"Parameter '{self._within}{name}' is unexpected")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise _Refused(f"Parameter '{self._within}{name}' is missing")
        return self._left.pop(name)

    def _ill_typed(self, name: str, expected: str) -> _Refused:
        return _Refused(f"Invalid parameter type for '{self._within}{name}', expected: {expected}")


def _read_add(arguments: _Arguments) -> BitmapOperation:
    node, name = arguments.text("node"), arguments.text("name")
    granularity = arguments.uint32("granularity")
    persistent, disabled = arguments.flag("persistent"), arguments.flag("disabled")
    arguments.end()
    return AddBitmap(
        node=node,
        name=name,
        granularity=granularity,
        persistent=persistent,
        recording=not disabled,
    )


def _read_merge(arguments: _Arguments) -> BitmapOperation:
    node, target = arguments.text("node"), arguments.text("target")
    sources = tuple(
        _read_source(node, source, f"bitmaps[{index}].")
        for index, source in enumerate(arguments.array("bitmaps"))
    )
    arguments.end()
    return MergeBitmaps(node=node, name=target, sources=sources)


def _read_source(node: str, source: object, within: str) -> tuple[str, str]:
    """Return the node and name of a bitmap to merge; a bare name is on the target's node."""
    if isinstance(source, str):
        return node, source
    if not isinstance(source, dict):
        raise _Refused("Invalid parameter type for 'null', expected: BlockDirtyBitmapOrStr")
    arguments = _Arguments(source, within)
    key = arguments.text("node"), arguments.text("name")
    arguments.end()
    return key


def _on_one(
    operation: Callable[[str, str], BitmapOperation],
) -> Callable[[_Arguments], BitmapOperation]:
    """Return what reads the arguments of a command on one bitmap."""

    def read(arguments: _Arguments) -> BitmapOperation:
        node, name = arguments.text("node"), arguments.text("name")
        arguments.end()
        return operation(node, name)

    return read


_COMMANDS: Mapping[str, Callable[[_Arguments], BitmapOperation]] = {
    "block-dirty-bitmap-add": _read_add,
    "block-dirty-bitmap-remove": _on_one(lambda node, name: RemoveBitmap(node=node, name=name)),
    "block-dirty-bitmap-clear": _on_one(lambda node, name: ClearBitmap(node=node, name=name)),
    "block-dirty-bitmap-enable": _on_one(lambda node, name: EnableBitmap(node=node, name=name)),
    "block-dirty-bitmap-disable": _on_one(lambda node, name: DisableBitmap(node=node, name=name)),
    "block-dirty-bitmap-merge": _read_merge,
}

COMMANDS = tuple(_COMMANDS)
"""The commands that are implemented."""
