"""Each refusal of the model `libvirt` is met in a shipped scenario, which a real one can be asked.

The rooms' source is read for the places where a refusal is made, and the scenarios are played under
the model to see which of them run.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

import simulator
from tests.checkout import ROOT, scenario_files

ROOM = ROOT / "simulator" / "apis" / "libvirt"


class Place(NamedTuple):
    """Where a refusal is made: its module, its first and last line, and its source."""

    path: Path
    first: int
    last: int
    source: str


def places() -> Iterator[Place]:
    """Yield each place of the room where a refusal is made."""
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal":
                last = node.end_lineno or node.lineno
                yield Place(path, node.lineno, last, ast.unparse(node))


@cache
def lines_run() -> frozenset[tuple[str, int]]:
    """Return the lines of the room that run when all shipped scenarios are played under libvirt."""
    files = {str(path) for path in ROOM.glob("*.py")}
    met: set[tuple[str, int]] = set()

    def in_room(frame: FrameType, event: str, argument: Any) -> Any:
        met.add((frame.f_code.co_filename, frame.f_lineno))
        return in_room

    def anywhere(frame: FrameType, event: str, argument: Any) -> Any:
        return in_room(frame, event, argument) if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    try:
        for path in scenario_files():
            scenario = simulator.load(path)
            sys.settrace(anywhere)
            scenario.run("libvirt")
            sys.settrace(before)
    finally:
        sys.settrace(before)
    return frozenset(met)


PLACES = [*places()]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.source[:60])
def test_a_scenario_meets_each_refusal(place: Place) -> None:
    met = any((str(place.path), n) in lines_run() for n in range(place.first, place.last + 1))
    assert met, (
        f"no scenario meets {place.path.name}:{place.first}, {place.source}: "
        "write one in scenarios/flagged/, and ask a real libvirt by "
        "backup-timeline verify FILE --with libvirt"
    )


def test_there_are_refusals_to_look_for() -> None:
    assert len(PLACES) > 20
