"""The axis of time: where each instant stands."""

from typing import NamedTuple

from simulator.render.views.time.scale import Scale, is_timed, scale_of
from simulator.timeline import Timeline

AXIS_MAX = 1150.0
SLOT_MIN, SLOT_MAX = 14.0, 124.0


class Axis(NamedTuple):
    """Where each instant is.

    Attributes:
        places: Of the frames, ascending.
        end: Where the axis ends.
        scale: Where any tick is; None where distances say nothing.
    """

    places: tuple[float, ...]
    end: float
    scale: Scale | None = None

    @property
    def timed(self) -> bool:
        """Whether distances are times."""
        return self.scale is not None

    def room(self, number: int) -> float:
        """Return the distance from an instant to the next one, or to the end."""
        following = self.places[number + 1] if number + 1 < len(self.places) else self.end
        return following - self.places[number]

    def at(self, tick: int | None) -> float:
        """Return the place of a tick of a timed run; the end for None."""
        return self.scale.x(tick) if self.scale is not None and tick is not None else self.end


def axis_of(timeline: Timeline) -> Axis:
    """Return the axis: with equal distances, or with true ones where the instants are times."""
    if not is_timed(timeline):
        count = len(timeline.frames)
        slot = max(SLOT_MIN, min(SLOT_MAX, AXIS_MAX / max(count, 1)))
        places = tuple(slot * (n + 0.6) for n in range(count))
        return Axis(places, slot * (count + 0.6))
    scale = scale_of(timeline, AXIS_MAX)
    places = tuple(scale.x(frame.tick) for frame in timeline.frames)
    return Axis(places, scale.end, scale)
