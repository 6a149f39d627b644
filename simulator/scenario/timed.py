"""The shape of a whole scenario file: instants, schedules and workloads, and a head with time.

It is for the published schema and for messages: to read a file, few of these shapes are needed.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.scenario.guests.shapes import GuestShape
from simulator.scenario.moving import FaultsShape, Resources
from simulator.scenario.shapes import (
    ENDINGS_BESIDE,
    GUEST_VERBS,
    STRICT,
    Duration,
    Form,
    Name,
    Whenever,
    Word,
    make_shape,
    one_of,
    strict,
)
from simulator.scenario.steps import ALL, GUEST_KEYS, Head, step_of
from simulator.scenario.verbs import VERBS_ALONE, VERBS_HOST

GuestStep: Any = with_config(strict(**one_of(*GUEST_VERBS)))(
    step_of(dict.fromkeys(GUEST_KEYS), "GuestStep")
)
GuestStep.__doc__ = "What the guest does by itself, between two instants or at one."

_ONE_VERB = one_of(*GUEST_VERBS, *VERBS_HOST)["oneOf"]
_FIGURE = {"required": ["expect"], "not": {"anyOf": _ONE_VERB}}
_STEP = strict(
    **{
        "oneOf": [*_ONE_VERB, _FIGURE],
        "dependentRequired": {key: ["qmp"] for key in ENDINGS_BESIDE},
        "not": {"required": [*ENDINGS_BESIDE]},
    }
)

Step: Any = with_config(_STEP)(step_of(ALL))
Step.__doc__ = "One verb, and what is expected or allowed there."

AnyStep: Any = Step | Literal[VERBS_ALONE]

_INSTEAD = Field(description="What is done in its place where the host refuses the step.")

FullStep: Any = with_config(_STEP)(
    make_shape(
        "FullStep",
        {
            **Step.__annotations__,
            "else": NotRequired[Annotated[AnyStep | list[AnyStep], _INSTEAD]],
        },
    )
)
FullStep.__doc__ = "A step, and what is done where the host refuses it."

AnyFullStep: Any = FullStep | Literal[VERBS_ALONE]

Steps: Any = list.__class_getitem__(AnyFullStep)


@with_config(STRICT)
class Instant(TypedDict):
    """Steps that happen at the same simulated time, in the order of the file."""

    at: Annotated[
        Name,
        Field(
            description="A name, or a time since the start; one kind in a file.",
            examples=["T1", "90s", "2h30m"],
        ),
    ]
    do: NotRequired[
        Annotated[
            Steps,
            Field(description="One verb each; they happen in this order."),
        ]
    ]


_SPAN = {
    "from": NotRequired[Annotated[Whenever, Field(description="The first time; default 0s.")]],
    "until": NotRequired[
        Annotated[Whenever, Field(description="The last time; default that of the last instant.")]
    ],
    "overlap": NotRequired[
        Annotated[
            Literal["refuse", "skip", "queue"],
            Field(
                description="Where the jobs of the time before still run: whether it is asked for "
                "all the same, left out, or waits; default refuse."
            ),
        ]
    ],
    "do": Annotated[
        Steps,
        Field(
            description="In names <n> counts the times from 1, <n-1> and the like are integers, "
            "<date> is the day."
        ),
    ],
}

Every: Any = with_config(STRICT)(
    make_shape(
        "Every",
        {
            "every": Annotated[Duration, Field(description="How often.", examples=["24h"])],
            **_SPAN,
        },
    )
)
Every.__doc__ = "Steps that are done again and again."

Cron: Any = with_config(STRICT)(
    make_shape(
        "Cron",
        {
            "cron": Annotated[
                Word,
                Field(
                    description="Minute, hour, day of month, month, day of week, in the clock's "
                    "zone.",
                    examples=["0 22 * * 1-5"],
                ),
            ],
            "at-change": NotRequired[
                Annotated[
                    Literal["once"],
                    Field(
                        description="What the clock skips or doubles is done once, as cron does."
                    ),
                ]
            ],
            **_SPAN,
        },
    )
)
Cron.__doc__ = "Steps that are done when cron says so."


@with_config(STRICT)
class GuestEntry(TypedDict):
    """A guest that writes by itself."""

    guest: Annotated[
        GuestShape,
        Form("{workload, writes, ...}"),
        Field(
            description="What it writes, and how often.",
            examples=[{"workload": "uniform", "writes": "200/s", "until": "7d"}],
        ),
    ]


@with_config(STRICT)
class TimedHead(Head):
    """A scenario with time, but for its timeline."""

    clock: NotRequired[
        Annotated[
            Word,
            Form("a date and its zone such as 2026-03-02T00:00:00Z"),
            Field(
                description="What 0s is on a calendar.",
                examples=["2026-03-02T00:00:00Z", "2026-03-02T00:00 Europe/Berlin"],
            ),
        ]
    ]
    resources: NotRequired[Resources]
    faults: NotRequired[
        Annotated[
            FaultsShape,
            Form("{crash: {mean}, backup: {fails}, store: {loses}}"),
            Field(
                description="What fails by chance, drawn with the seed.",
                examples=[{"crash": {"mean": "30d"}, "backup": {"fails": "2%"}}],
            ),
        ]
    ]


@with_config(STRICT)
class Scenario(TimedHead):
    """A scenario of disks, checkpoints and backups over time."""

    timeline: Annotated[
        list[Instant | GuestStep | Every | Cron | GuestEntry],
        Field(description="Instants, and the guest's steps between them, in the order of time."),
    ]
