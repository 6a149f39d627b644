"""The moments of a timeline: instants, the guest's steps between them, and turns of schedules."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simulator.scenario.validation import RawStep

if TYPE_CHECKING:
    from simulator.schedule.turns import Turn

SCHEDULES = ("every", "cron")
"""Keys that begin a schedule."""


class Moment:
    """An instant of the file, a stretch of guest steps between two, or a turn of a schedule.

    Attributes:
        label: None for guest steps between two instants.
        tick: Simulated time: 1, 2, 3 … for named instants, nanoseconds for timed ones.
        entry: The entry of the file that it comes from.
        steps: Those that belong to it.
        turn: Which turn of a schedule it is.
    """

    __slots__ = ("entry", "label", "steps", "tick", "turn")

    def __init__(
        self,
        *,
        label: str | None,
        tick: int,
        entry: int = 0,
        steps: Iterable[RawStep] = (),
        turn: "Turn | None" = None,
    ) -> None:
        self.label = label
        self.tick = tick
        self.entry = entry
        self.steps = [*steps]
        self.turn = turn
