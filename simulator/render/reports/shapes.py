"""What the report document is made of. Its names are a contract; its schema is made from here.

Times are seconds since the start, sizes bytes. Where instants are names there are no seconds, and
what would be some is null.
"""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from simulator.render.shapes import FindingDocument

Seconds: TypeAlias = float | None
Steps: TypeAlias = list[tuple[float, float]]
"""A second, and what is so from it on."""


class JobReport(TypedDict):
    """A job, or what moved bytes without one; one row a disk.

    *at* and *until* name the instants of its start and its end. *end* is null while it runs.
    *data_bytes* hold data and *zero_bytes* read as zeroes; *copied_bytes* is what QEMU's own job
    counts as progress, and *stored_bytes* the data that is left in its target.
    """

    name: str
    machine: str | None
    disk: str
    kind: str
    start: Seconds
    end: Seconds
    status: Literal["running", "completed", "failed", "cancelled"]
    data_bytes: int
    zero_bytes: int
    copied_bytes: int
    waited_writes: int
    waited_seconds: float
    scratch_peak: int
    window: Seconds
    at: str | None
    until: str | None
    stored_bytes: int
    through: list[str]
    why: str | None


class ResourceReport(TypedDict):
    """What jobs had of a resource.

    *busy_seconds* is the time in which some job had a share of it, *peak* the most bytes a second
    that were shared out, and *use* what all shares come to. *stored* is what it keeps at the end,
    and *fill* what it held; between two of those it is as on a straight line.
    """

    bytes: int
    busy_seconds: float
    peak: float
    stored: int
    bandwidth: float | None
    capacity: int | None
    stored_peak: int
    use: Steps
    fill: Steps


CurvePoint = TypedDict(
    "CurvePoint",
    {"from": float, "at": str | None, "instant": Seconds, "bytes": int},
)
"""From a second on *at* is the newest instant that can be restored, by so many bytes of backups.

Null where nothing can be restored any more: all since the start would be lost.
"""


class LossReport(TypedDict):
    """What would be lost if the machine died: *mean* and *worst* from the first moment at which
    anything can be restored to the end. All null where nothing ever can."""

    worst: Seconds
    worst_at: Seconds
    mean: Seconds
    curve: list[CurvePoint]


class RecoveryReport(TypedDict):
    """What it takes to come back: *bytes* of the cheapest chains to the newest instant, at the end
    of the run and at worst, and the time that they take at a *rate* after a *latency*, where a
    restore of the scenario has one."""

    bytes: int | None
    seconds: Seconds
    worst_bytes: int | None
    worst_seconds: Seconds
    worst_at: Seconds
    rate: float | None
    latency: Seconds


class FreezeReport(TypedDict):
    """A stretch in which the guest could not write; *end* is null where nobody ended it."""

    start: float
    end: Seconds
    seconds: float


class StallReport(TypedDict):
    """How long the guest waited: for freezes, and for copies before its writes."""

    frozen_seconds: float
    longest_freeze: float
    freezes: list[FreezeReport]
    waited_writes: int
    waited_seconds: float


class BitmapReport(TypedDict):
    """A dirty bitmap at the end of the run: *bytes* is a bit for each granule."""

    disk: str
    node: str
    name: str
    granularity: int
    bytes: int


class InstantReport(TypedDict):
    """What there is at the end of an instant."""

    at: str
    seconds: Seconds
    backups: int
    stored_bytes: int
    bitmaps: int
    bitmap_bytes: int


class ReportDocument(TypedDict):
    """What ``backup-timeline report --format json`` prints."""

    format: Literal[1]
    file: str
    scenario: str
    model: str
    host: dict[str, str]
    ends: Seconds
    jobs: list[JobReport]
    resources: dict[str, ResourceReport]
    loss: LossReport
    recovery: RecoveryReport
    stalls: StallReport
    bitmaps: list[BitmapReport]
    instants: list[InstantReport]
    findings: list[FindingDocument]
