"""The shapes of what every scenario file has: its head, and a key for each verb."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, NotRequired, TypeAlias

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
    make_shape,
)
from simulator.scenario.verbs import VERBS, VERBS_HOST

GUEST_KEYS = (*GUEST_VERBS, "expect", "allow")
"""The keys of a step that the guest does by itself."""

STEP_KEYS = (*GUEST_KEYS, *VERBS_HOST, *ENDINGS_BESIDE)
"""The keys of any step: the verbs, and what stands beside one."""


Used: TypeAlias = Mapping[str, Collection[str] | None]
"""Keys of a step, each with the arguments that count; None for all of them."""

ALL: Used = dict.fromkeys(STEP_KEYS)


def step_of(keys: Used, name: str = "Step") -> Any:
    """Return the shape of a step that knows some of the keys, and some arguments of each."""
    known = {key: _field(key, keys[key]) for key in STEP_KEYS if key in keys}
    return with_config(STRICT)(make_shape(name, known))


def _field(key: str, arguments: Collection[str] | None) -> Any:
    """Return the type of a key of a step."""
    if key in VERBS:
        return VERBS[key].field(arguments)
    if key == "allow":
        return NotRequired[Allows]
    what, shape = ("end", LaterInstant) if key == "ends" else ("fail", Stopped)
    told = f"Beside qmp: the later instant at which its jobs {what}."
    return NotRequired[Annotated[shape, Field(description=told)]]


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
