"""The steps of a scenario that goes on from real images, as lines of YAML."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simulator.inspect.image.runs import Run, write_cells
from simulator.inspect.image.seen import ZERO
from simulator.inspect.scenario.plan import Layer, Plan

PICTURE_MAX = 64
"""A disk of more clusters is written in ranges instead of pictures."""


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


_CONSTANTS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@dataclass(slots=True)
class Script:
    """The timeline of a scenario, as lines.

    Attributes:
        alone: Whether there is one disk, so that no step need name it.
    """

    alone: bool
    lines: list[str] = field(default_factory=list)
    instants: int = 0

    def instant(self, steps: Sequence[str]) -> None:
        """Add an instant with steps."""
        self.instants += 1
        self.lines += [f"  - at: T{self.instants}", "    do:", *(f"      - {s}" for s in steps)]

    def guest(self, steps: Sequence[str]) -> None:
        """Add guest steps between two instants."""
        self.lines += [f"  - {step}" for step in steps]


def make_image(script: Script, plan: Plan, number: int) -> str:
    """Return the step that makes an image of a disk."""
    layer = plan.layers[number]
    verb, name = ("snapshot" if number else "create"), quoted(layer.name)
    more = "" if script.alone else f", disk: {plan.name}"
    more += ", format: raw" if layer.format == "raw" and not number else ""
    return f"{verb}: {{image: {name}{more}}}" if more else f"{verb}: {name}"


def keep_states(script: Script, plan: Plan, layer: Layer, steps: list[str]) -> list[str]:
    """Write what each internal snapshot of an image holds, and take it.

    Args:
        steps: That are still to be done.

    Returns:
        Steps that are to be done afterwards.
    """
    held: tuple[Run, ...] = ()
    for name, content in layer.kept:
        if content != held:
            script.instant(steps)
            script.guest(list(writes(script, plan, content)))
            steps = []
        held = content
        arguments = f"{{device: {quoted(layer.name)}, name: {quoted(name)}}}"
        steps.append(f"qmp: {{execute: blockdev-snapshot-internal-sync, arguments: {arguments}}}")
    return steps


def writes(script: Script, plan: Plan, runs: Sequence[Run]) -> Iterator[str]:
    """Yield guest steps that write clusters: one picture, or a range for each run."""
    if not runs:
        return
    if plan.length <= PICTURE_MAX:
        yield _picture(script, plan, "write", runs)
        return
    size = plan.cluster_size
    for first, count, held in runs:
        yield range_of(script, plan, "write", first * size, count * size, held)


def discards(script: Script, plan: Plan, runs: Sequence[Run]) -> Iterator[str]:
    """Yield guest steps that discard clusters: one picture, or a range for each run."""
    if not runs:
        return
    if plan.length <= PICTURE_MAX:
        yield _picture(script, plan, "discard", runs)
        return
    size = plan.cluster_size
    for first, count, _ in runs:
        yield range_of(script, plan, "discard", first * size, count * size)


def _picture(script: Script, plan: Plan, verb: str, runs: Sequence[Run]) -> str:
    cells = write_cells(runs, plan.length)
    if not cells.strip("0"):
        cells = f'"{cells}"'
    return f"{verb}: {cells}" if script.alone else f"{verb}: {{disk: {plan.name}, cells: {cells}}}"


def range_of(
    script: Script, plan: Plan, verb: str, offset: int, length: int, held: str | None = None
) -> str:
    """Return a guest step on a stretch of bytes."""
    length = min(length, plan.length * plan.cluster_size - offset)
    disk = "" if script.alone else f"disk: {plan.name}, "
    verb = "zero" if held == ZERO else verb
    data = f", data: {held}" if verb == "write" else ""
    return f"{verb}: {{{disk}offset: {size_of(offset)}, length: {size_of(length)}{data}}}"


def size_of(number: int) -> str:
    """Return bytes as a scenario has them, in the largest unit that divides them."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number and number % unit == 0:
            return f"{number // unit} {name}"
    return str(number)


def quoted(text: str) -> str:
    """Return a name as YAML takes it for a text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS:
        return text
    return json.dumps(text, ensure_ascii=False)
