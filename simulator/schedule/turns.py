"""The turns of a schedule, and what becomes of one while the jobs of the last still run."""

from enum import StrEnum

from simulator.values import NamedTuple


class Overlap(StrEnum):
    """What becomes of a turn whose forerunner's jobs still run."""

    REFUSE = "refuse"
    """It is asked for all the same: the host decides."""

    SKIP = "skip"
    """It is left out."""

    QUEUE = "queue"
    """It waits until they have ended."""


class Turn(NamedTuple):
    """One repetition of a schedule.

    Attributes:
        schedule: Which schedule of the file, from 0.
        number: Counted from 1.
    """

    schedule: int
    number: int
    overlap: Overlap = Overlap.REFUSE
