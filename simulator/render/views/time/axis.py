"""The axis of time: where each instant stands."""

from typing import NamedTuple

from simulator.timeline import Timeline

AXIS_MAX = 1150.0
SLOT_MIN, SLOT_MAX = 14.0, 124.0


class Axis(NamedTuple):
    """Where each instant is.

    Attributes:
        places: Of the frames, ascending.
        end: Where the axis ends.
        timed: Whether distances are times.
    """

    places: tuple[float, ...]
    end: float
    timed: bool

    def room(self, number: int) -> float:
        """Return the distance from an instant to the next one, or to the end."""
        following = self.places[number + 1] if number + 1 < len(self.places) else self.end
        return following - self.places[number]


def axis_of(timeline: Timeline) -> Axis:
    """Return the axis: with equal distances, or with true ones where the instants are times."""
    ticks = [frame.tick for frame in timeline.frames]
    named = ticks == [*range(1, len(ticks) + 1)] or len(ticks) < 2 or ticks[-1] - ticks[0] < 1000
    if named:
        slot = max(SLOT_MIN, min(SLOT_MAX, AXIS_MAX / max(len(ticks), 1)))
        places = tuple(slot * (n + 0.6) for n in range(len(ticks)))
        return Axis(places, slot * (len(ticks) + 0.6), timed=False)
    span = ticks[-1] - ticks[0]
    scaled = tuple(30 + (AXIS_MAX - 120) * (tick - ticks[0]) / span for tick in ticks)
    return Axis(scaled, AXIS_MAX, timed=True)
