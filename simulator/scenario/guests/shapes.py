"""Workloads: what a guest writes by itself, and how often."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from simulator.model.clusters import VERSIONS_MAX, WORKLOAD_FIRST
from simulator.model.sizes import write_size
from simulator.scenario.disks import Disks
from simulator.scenario.labels import Labels
from simulator.scenario.problems import WRITTEN, Problems
from simulator.scenario.shapes import (
    STRICT,
    DiskWord,
    Flag,
    Form,
    Frequency,
    Share,
    Size,
    Whenever,
    one_of,
    strict,
)
from simulator.scenario.words import shorten
from simulator.scenario.yaml12 import Path
from simulator.timeline import DiskShape
from simulator.values import NamedTuple
from simulator.workload.guests import Guest, Pattern, stretches_of

if TYPE_CHECKING:
    from simulator.schedule.clock import Clock

CHANGES_MAX = VERSIONS_MAX - WORKLOAD_FIRST - 1
"""Changes of clusters that one disk's workloads may make: each has a version of its own."""

HOUR = 3_600 * 10**9

DAY = 24 * HOUR

_HOURS = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? *- *([0-9]{1,2})(?::([0-9]{2}))?")

_EVERY_SO_OFTEN = "one of writes: 200/s, or hours: {08-18: 200/s}"


def _skew(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) <= 100:  # type: ignore[arg-type]  # it is a number
        raise PydanticCustomError("measure", "no measure")
    return float(value)  # type: ignore[arg-type]  # it is a number


Skew: TypeAlias = Annotated[
    Any,
    BeforeValidator(_skew),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
    Form("a number above 0 such as 1.1"),
]


@with_config(STRICT)
class Mix(TypedDict):
    """Which share of the writes does something else."""

    zero: NotRequired[Annotated[Share, Field(description="The share that writes zeroes.")]]
    discard: NotRequired[Annotated[Share, Field(description="The share that trims.")]]


_GuestKeys = TypedDict(
    "_GuestKeys",
    {"from": NotRequired[Annotated[Whenever, Field(description="When it begins; default 0s.")]]},
)
"""The key that is a word of Python."""


@with_config(strict(**one_of("writes", "hours")))
class GuestShape(_GuestKeys):
    """What a guest writes by itself."""

    workload: Annotated[
        Literal["sequential", "uniform", "zipf", "append-log"],
        Field(description="Which slot comes next."),
    ]
    until: NotRequired[
        Annotated[Whenever, Field(description="When it ends; default the last instant.")]
    ]
    writes: NotRequired[Annotated[Frequency, Field(description="How often it writes.")]]
    hours: NotRequired[
        Annotated[
            dict[str, Frequency],
            Form("{HOUR-HOUR: NUMBER/s, ...}"),
            Field(
                description="How often by the hour of the day, in place of writes.",
                examples=[{"08-18": "200/s", "18-08": "20/s"}],
            ),
        ]
    ]
    arrivals: NotRequired[
        Annotated[
            Literal["even", "poisson"],
            Field(description="Whether the gaps are even, or drawn; default even."),
        ]
    ]
    disk: NotRequired[DiskWord]
    length: NotRequired[
        Annotated[Size, Field(description="Bytes of one write; default 4 KiB.", examples=["4 KiB"])]
    ]
    region: NotRequired[
        Annotated[
            list[Size],
            Form("[START, END], both sizes"),
            Field(
                description="Where it writes, the end left out; default the whole disk.",
                examples=[[0, "200 GiB"]],
                min_length=2,
                max_length=2,
            ),
        ]
    ]
    skew: NotRequired[
        Annotated[Skew, Field(description="Of zipf: rank r has the weight r^-skew; default 1.")]
    ]
    scatter: NotRequired[
        Annotated[Flag, Field(description="Of zipf: whether ranks lie scattered; default true.")]
    ]
    head: NotRequired[
        Annotated[
            int,
            Form("a whole number of writes"),
            Field(description="Of append-log: slot 0 comes after so many; default 16."),
        ]
    ]
    mix: NotRequired[
        Annotated[
            Mix,
            Form("{zero: SHARE, discard: SHARE}"),
            Field(
                description="The shares of writes that do something else.",
                examples=[{"zero": "5%", "discard": "10%"}],
            ),
        ]
    ]


OF_PATTERN: Mapping[str, tuple[str, ...]] = {
    "skew": ("zipf",),
    "scatter": ("zipf",),
    "head": ("append-log",),
}
"""The workloads that an argument belongs to."""


class Around(NamedTuple):
    """What a workload is read with.

    Attributes:
        unfit: Its arguments that are left out, since something is wrong with them.
    """

    disks: Disks
    labels: Labels
    problems: Problems
    unfit: frozenset[str | int] = frozenset()


def read_end(
    path: Path, arguments: Mapping[str, Any], labels: Labels, problems: Problems
) -> int | None:
    """Return when a workload ends, where it says so and not before it begins."""
    if "until" not in arguments:
        return None
    end = labels.read_time((*path, "until"), arguments["until"])
    begin = labels.read_time((*path, "from"), arguments["from"]) if "from" in arguments else 0
    if begin is not None and end is not None and end < begin:
        problems.add(
            (*path, "until"),
            f"until {arguments['until']} comes before from {arguments.get('from', '0s')}",
            expected="the same time or a later one",
        )
    return end


def read_guest(
    around: Around, path: Path, arguments: Mapping[str, Any], number: int, end: int | None
) -> Guest | None:
    """Return a workload; None where something is wrong with it.

    Args:
        path: Where its arguments stand.
        arguments: In their long form, without what does not fit.
        number: Its place among the workloads of the file.
        end: When it ends, if it does not say so; None if nothing says so.
    """
    problems, before = around.problems, len(around.problems)
    disk = around.disks.find(path, arguments.get("disk"), "guest")
    shape = around.disks.shapes.get(disk or "")
    _check_keys(around, path, arguments)
    room = _room(around, path, arguments, shape)
    begin = _time(around, path, arguments, "from", 0)
    end = _time(around, path, arguments, "until", end)
    if end is None and "until" not in arguments:
        problems.add(path, "guest has no end", expected="until: TIME, or a later instant")
    rates = _rates(around, path, arguments)
    if begin is None or end is None or shape is None or rates is None or room is None:
        return None
    if len(problems) > before or end < begin or around.unfit:
        return None
    start, length, slots = room
    mix = arguments.get("mix", {})
    guest = Guest(
        number=number,
        disk=shape.name,
        cluster_size=shape.cluster_size,
        pattern=Pattern(arguments["workload"]),
        stretches=stretches_of(begin, end, _changes(around.labels, begin, rates)),
        poisson=arguments.get("arrivals") == "poisson",
        start=start,
        length=length,
        slots=slots,
        skew=arguments.get("skew", 1.0),
        scatter=arguments.get("scatter", True),
        head=min(arguments.get("head", 16), CHANGES_MAX),
        zero=mix.get("zero", Fraction(0)),
        discard=mix.get("discard", Fraction(0)),
    )
    _check_size(around, path, guest)
    return guest


def _room(
    around: Around, path: Path, arguments: Mapping[str, Any], shape: DiskShape | None
) -> tuple[int, int, int] | None:
    """Return where a region begins, the bytes of a slot and the number of slots."""
    length = arguments.get("length", 4096)
    if shape is None:
        return None
    region = _region(around, path, arguments.get("region"), shape.length * shape.cluster_size)
    if region is None:
        return None
    start, end = region
    if 1 <= length <= end - start:
        return start, length, (end - start) // length
    around.problems.add(
        (*path, "length") if "length" in arguments else path,
        f"one write has {write_size(length)}",
        expected=f"1 byte to {write_size(end - start)}, as the region has",
    )
    return None


def _check_keys(around: Around, path: Path, arguments: Mapping[str, Any]) -> None:
    problems = around.problems
    told = [key for key in ("writes", "hours") if key in arguments]
    if len(told) != 1 and around.unfit.isdisjoint(("writes", "hours")):
        problems.add(
            (*path, "hours") if told else path,
            "both writes and hours are there" if told else "guest does not say how often it writes",
            expected=_EVERY_SO_OFTEN,
            at_key=bool(told),
        )
    for key, patterns in OF_PATTERN.items():
        if key in arguments and arguments.get("workload") not in (*patterns, None):
            problems.add(
                (*path, key),
                f"{key} stands in a workload that is {arguments['workload']}",
                expected=f"workload: {patterns[0]}",
                at_key=True,
            )
    if arguments.get("head", 1) < 1:
        problems.add((*path, "head"), f"head is {WRITTEN}", expected="a number of writes above 0")
    if sum(arguments.get("mix", {}).values()) > 1:
        problems.add((*path, "mix"), "the mix is more than all", expected="at most 100% together")
    if arguments.get("writes", 1) == 0:
        problems.add((*path, "writes"), "it never writes", expected="a number above 0")


def _region(
    around: Around, path: Path, region: list[int] | None, size: int
) -> tuple[int, int] | None:
    start, end = region or (0, size)
    if 0 <= start < end <= size:
        return start, end
    around.problems.add(
        (*path, "region"),
        f"the region is {write_size(start)} to {write_size(end)}",
        expected=f"two sizes, the smaller one first, up to {write_size(size)} as the disk has",
    )
    return None


def _time(
    around: Around, path: Path, arguments: Mapping[str, Any], key: str, default: int | None
) -> int | None:
    if key not in arguments:
        return default
    return around.labels.read_time((*path, key), arguments[key])


Rates: TypeAlias = list[tuple[int, Fraction]]
"""The times of a day, in ticks since midnight, at which a rate begins to hold; ascending."""


def _rates(around: Around, path: Path, arguments: Mapping[str, Any]) -> Rates | None:
    if "hours" not in arguments:
        return [(0, arguments["writes"])] if "writes" in arguments else None
    spans: list[tuple[int, int, Fraction]] = []
    for key, rate in arguments["hours"].items():
        match = _HOURS.fullmatch(key)
        first, last = (
            (int(match[n]) * HOUR + int(match[n + 1] or 0) * HOUR // 60 for n in (1, 3))
            if match is not None
            else (0, DAY + 1)
        )
        if first == last or first >= DAY or last > DAY:
            around.problems.add(
                (*path, "hours", key),
                f"{shorten(key)} are no hours of a day",
                expected="two hours such as 08-18, or 18-08 across midnight",
                at_key=True,
            )
            return None
        spans += [(first, last, rate)] if first < last else [(first, DAY, rate), (0, last, rate)]
    spans.sort()
    changes: Rates = []
    reached = 0
    for first, last, rate in spans:
        if first < reached:
            around.problems.add(
                (*path, "hours"), "two of the hours overlap", expected="each hour once"
            )
            return None
        if first > reached:
            changes.append((reached, Fraction(0)))
        if last > first:
            changes.append((first, rate))
        reached = last
    return [*changes, (reached, Fraction(0))] if reached < DAY else changes


def _changes(labels: Labels, begin: int, rates: Rates) -> Iterator[tuple[int, Fraction]]:
    """Yield the ticks at which another rate begins to hold, from the day of *begin* on."""
    if len(rates) == 1:
        yield begin, rates[0][1]
        return
    for day in count():
        for since, rate in rates:
            yield _tick_of(labels.clock, begin, day, since), rate


def _tick_of(clock: "Clock | None", begin: int, day: int, since: int) -> int:
    """Return the tick of a time of a day, so many days after that of a tick.

    Args:
        clock: Without one 0s is midnight.
        since: The time, in ticks since midnight.
    """
    if clock is None:
        return (begin // DAY + day) * DAY + since
    first = clock.local(begin).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    local = first + timedelta(days=day, microseconds=since // 1000)
    return clock.tick_at(local.replace(tzinfo=clock.zone))


def _check_size(around: Around, path: Path, guest: Guest) -> None:
    if guest.changes <= CHANGES_MAX:
        return
    key = "writes" if guest.changes // max(guest.writes, 1) < 16 else "length"
    around.problems.add(
        (*path, key),
        f"the workload changes {guest.changes:,} clusters, which memory does not hold",
        expected=f"at most {CHANGES_MAX:,} changes of clusters in one run",
    )
