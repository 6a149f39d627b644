"""The shapes of what every scenario file has: its head, and a key for each verb."""

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from simulator.releases.hosts import KNOWN
from simulator.scenario.shapes import (
    ENDINGS_BESIDE,
    GUEST_VERBS,
    STRICT,
    Allows,
    AnyDisk,
    FileName,
    Form,
    LaterInstant,
    Stopped,
    Text,
    Word,
    one_of,
    strict,
)
from simulator.scenario.verbs import VERBS, VERBS_ALONE, VERBS_HOST

_make_shape: Any = TypedDict
"""A shape whose keys only the table of verbs knows."""

_GUEST_KEYS = {
    **{name: VERBS[name].field() for name in (*GUEST_VERBS, "expect")},
    "allow": NotRequired[Allows],
}

_HOST_KEYS = {
    **{name: VERBS[name].field() for name in VERBS_HOST},
    **{
        key: NotRequired[
            Annotated[
                shape,
                Field(description=f"Beside qmp: the later instant at which its jobs {what}."),
            ]
        ]
        for key, what, shape in zip(
            ENDINGS_BESIDE, ("end", "fail"), (LaterInstant, Stopped), strict=True
        )
    },
}

_VERBS = (*GUEST_VERBS, *VERBS_HOST)

GuestStep: Any = with_config(strict(**one_of(*GUEST_VERBS)))(_make_shape("GuestStep", _GUEST_KEYS))
GuestStep.__doc__ = "What the guest does by itself, between two instants or at one."

_FIGURE = {"required": ["expect"], "not": {"anyOf": one_of(*_VERBS)["oneOf"]}}

Step: Any = with_config(
    strict(
        **{
            "oneOf": [*one_of(*_VERBS)["oneOf"], _FIGURE],
            "dependentRequired": {key: ["qmp"] for key in ENDINGS_BESIDE},
            "not": {"required": [*ENDINGS_BESIDE]},
        }
    )
)(_make_shape("Step", {**_GUEST_KEYS, **_HOST_KEYS}))
Step.__doc__ = "One verb, and what is expected or allowed there."


def part_of(shape: Any, keys: frozenset[str]) -> Any:
    """Return a shape that knows some of the keys only."""
    known = {key: kind for key, kind in shape.__annotations__.items() if key in keys}
    return with_config(STRICT)(_make_shape(shape.__name__, known))


AnyStep: Any = Step | Literal[VERBS_ALONE]


def _release(value: object) -> object:
    """Return a version as text: YAML takes 10.0 for a number."""
    return str(value) if isinstance(value, float) else value


Release: TypeAlias = Annotated[
    str,
    BeforeValidator(_release),
    Form("a version such as 10.0"),
    WithJsonSchema({"type": ["string", "number"]}),
]


@with_config(STRICT)
class HostShape(TypedDict):
    """The releases of QEMU and libvirt that a scenario follows."""

    qemu: NotRequired[
        Annotated[Release, Field(description="QEMU's.", examples=list(KNOWN["qemu"]))]
    ]
    libvirt: NotRequired[
        Annotated[Release, Field(description="libvirt's.", examples=list(KNOWN["libvirt"]))]
    ]


@with_config(STRICT)
class Head(TypedDict):
    """A scenario but for its timeline."""

    scenario: Annotated[Text, Field(description="The title.")]
    about: NotRequired[Annotated[str, Form("text"), Field(description="What it shows.")]]
    source: NotRequired[Annotated[str, Form("text"), Field(description="Where it comes from.")]]
    model: NotRequired[
        Annotated[Word, Field(description="The API model that gives the verbs their meaning.")]
    ]
    host: NotRequired[
        Annotated[
            HostShape,
            Form("{qemu: VERSION, libvirt: VERSION}"),
            Field(
                description="The releases that are followed; one of them brings the other.",
                examples=[{"qemu": "10.0", "libvirt": "11.3"}],
            ),
        ]
    ]
    disk: NotRequired[Annotated[AnyDisk, Field(description="The only disk, vda.", examples=[8])]]
    disks: NotRequired[
        Annotated[
            dict[FileName, AnyDisk],
            Form("{NAME: {clusters: NUMBER}, ...}"),
            Field(description="Several disks by name.", examples=[{"vda": 8, "vdb": 8}]),
        ]
    ]
    allow: NotRequired[Allows]
    seed: NotRequired[
        Annotated[int, Form("a whole number"), Field(description="For random workloads.")]
    ]
