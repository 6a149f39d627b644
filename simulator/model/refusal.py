"""Refusals: a host turns a request down, in its own words."""

from enum import StrEnum

from simulator.values import dataclass


class Fault(StrEnum):
    """Why a host turns a request down, where that is one of the well-known ways to go wrong."""

    MISSING = "missing"
    """There is no such bitmap where one is needed."""

    GAP = "gap"
    """Images that hold a bitmap do not follow one another."""

    FROZEN = "frozen"
    """A bitmap does not reach now."""

    INCONSISTENT = "inconsistent"
    """The process died while a bitmap was open for writing."""

    BUSY = "busy"
    """A job or an export uses a bitmap."""

    UNMERGEABLE = "unmergeable"
    """Bitmaps are of different sizes."""

    JOB = "job"
    """A job runs, and the host does not do both."""

    OFF = "off"
    """The machine does not run."""

    UNKNOWN = "unknown"
    """The host knows no such checkpoint."""

    OUT_OF_STEP = "out of step"
    """The host's note of a checkpoint and its bitmaps disagree."""

    BOUNDARY = "boundary"
    """An end other than now was asked for, which the API does not have."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The host turns a request down. The state stays as it was.

    Attributes:
        text: The host's own words where they are known.
        cause: What the host does not tell, such as why a bitmap is missing.
        fault: What kind of mistake it is; None for any other, or where that is not known.
    """

    text: str
    cause: str = ""
    fault: Fault | None = None
