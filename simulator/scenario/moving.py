"""How a job moves its bytes: the arguments that say so, of whichever verb."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, with_config
from typing_extensions import TypedDict

from simulator.flows.resources import Faults, Moving, Resource
from simulator.scenario.problems import FIRST, Problems
from simulator.scenario.shapes import (
    MOVING,
    STRICT,
    Duration,
    FileName,
    Form,
    Rate,
    Share,
    Size,
    long,
)
from simulator.scenario.units import RATE_PATTERN
from simulator.scenario.verb import Around
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

A_RESOURCE = "a rate such as 400 MiB/s, or {bandwidth, capacity}"


@with_config(STRICT)
class ResourceShape(TypedDict):
    """Something that the data of jobs goes through."""

    bandwidth: NotRequired[Annotated[Rate, Field(description="Bytes in a time.")]]
    capacity: NotRequired[Annotated[Size, Field(description="Bytes that it keeps.")]]


RateText: TypeAlias = Annotated[str, Field(pattern=RATE_PATTERN)]

AnyResource: TypeAlias = Annotated[
    ResourceShape,
    BeforeValidator(
        long("bandwidth", (str, int, float)), json_schema_input_type=RateText | ResourceShape
    ),
    Form(A_RESOURCE),
]

Resources: TypeAlias = Annotated[
    dict[FileName, AnyResource],
    Form("{NAME: RATE, ...}"),
    Field(
        description="What jobs share: disks, networks, stores.",
        examples=[{"pool": "2 GiB/s", "repo": {"bandwidth": "400 MiB/s", "capacity": "20 TiB"}}],
    ),
]


@with_config(STRICT)
class CrashShape(TypedDict):
    """How often the process dies."""

    mean: Annotated[Duration, Field(description="The time between two, on average.")]


@with_config(STRICT)
class BackupShape(TypedDict):
    """How often a job fails."""

    fails: Annotated[Share, Field(description="The share of jobs that fail.")]


@with_config(STRICT)
class StoreShape(TypedDict):
    """How often a stored backup is lost."""

    loses: Annotated[Share, Field(description="The share of backups that are lost.")]


@with_config(STRICT)
class FaultsShape(TypedDict):
    """What goes wrong by itself."""

    crash: NotRequired[
        Annotated[CrashShape, Form("{mean: TIME}"), Field(description="The process dies.")]
    ]
    backup: NotRequired[
        Annotated[BackupShape, Form("{fails: SHARE}"), Field(description="A job fails.")]
    ]
    store: NotRequired[
        Annotated[StoreShape, Form("{loses: SHARE}"), Field(description="A stored backup is lost.")]
    ]


def read_resources(
    head: Mapping[str, Any], told: object, problems: Problems
) -> dict[str, Resource]:
    """Return the resources that the top of a scenario defines, by name.

    Args:
        told: All that the file has, also what does not fit: so that nobody takes it for unknown.
    """
    names = told if isinstance(told, dict) else {}
    found = {str(name): Resource(str(name)) for name in names}
    for name, shape in head.get("resources", {}).items():
        capacity = shape.get("capacity")
        if not shape:
            problems.add(("resources", name), f"{name} has nothing", expected=A_RESOURCE)
        if capacity is not None and capacity < 1:
            where = ("resources", name, "capacity")
            problems.add(where, f"{name} keeps {capacity} bytes", expected="a size above 0")
        found[name] = Resource(name=name, bandwidth=shape.get("bandwidth"), capacity=capacity)
    return found


def read_faults(head: Mapping[str, Any], problems: Problems) -> Faults | None:
    """Return what fails by chance; None where the top of a scenario does not say."""
    told = head.get("faults")
    if told is None:
        return None
    mean = told.get("crash", {}).get("mean")
    if mean == 0:
        problems.add(("faults", "crash", "mean"), "the mean is 0", expected="a time above 0")
    return Faults(
        crash=mean,
        backup=told.get("backup", {}).get("fails", Fraction(0)),
        store=told.get("store", {}).get("loses", Fraction(0)),
    )


CRASHES_MAX = 100_000
"""The most crashes that are to be expected of a run."""


def check_faults(faults: Faults, until: int, problems: Problems) -> None:
    """Note crashes that are too many.

    Args:
        until: The last tick of the run.
    """
    if faults.crash and until > CRASHES_MAX * faults.crash:
        problems.add(
            ("faults", "crash", "mean"),
            f"some {int(until // faults.crash):,} crashes are to be expected",
            expected=f"a longer time: a run has at most {CRASHES_MAX:,}",
        )


def moving_at(speed: int, *, held: bool) -> Moving:
    """Return how a job moves that QEMU was given a speed for, in bytes a second."""
    return Moving(rate=Fraction(speed), held=held, lets_pass=True)


def read_moving(path: Path, arguments: Mapping[str, Any], around: Around) -> Moving | None:
    """Return how a step's job moves its bytes; None where the step does not say.

    Args:
        path: Where the arguments stand, below the verb.
    """
    labels, resources, problems = around.labels, around.resources, around.problems
    keys = [key for key in MOVING if key in arguments]
    if not keys:
        return None
    if labels.named is not None:
        problems.add(
            (*path, keys[0]),
            f"{keys[0]} needs times, and {labels.named} on {FIRST} is a name",
            expected="instants at times since the start, such as 0s and 2h30m",
            at_key=True,
            first=labels.path(labels.named),
        )
    for index, name in enumerate(arguments.get("through", ())):
        if name not in resources:
            problems.add(
                (*path, "through", index),
                f"unknown resource {shorten(name)}",
                expected=alternatives(resources) or "resources: {NAME: RATE} at the top",
                help=nearest(name, resources),
            )
    return Moving(
        rate=arguments.get("rate"),
        through=tuple(dict.fromkeys(arguments.get("through", ()))),
        latency=arguments.get("latency", 0),
        held="ends" in arguments,
    )
