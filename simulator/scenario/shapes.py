"""The parts that the shapes of a scenario's keys are made of: names, sizes, pictures, disks.

Validation and the published schema are made from shapes. Short forms, such as ``create: S1``, are
made long before they are looked at, so that a path of keys leads to the same place in both. What
depends on more than one key is not said here.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import combinations
from typing import (
    Annotated,
    Any,
    Literal,
    LiteralString,
    NotRequired,
    TypeAlias,
    get_args,
    get_origin,
)

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from simulator.model.clusters import CLUSTERS_MAX
from simulator.scenario.units import (
    FREQUENCY_PATTERN,
    RATE_PATTERN,
    SHARE_PATTERN,
    SIZE_PATTERN,
    TICK_MAX,
    read_duration,
    read_frequency,
    read_rate,
    read_share,
    read_size,
)
from simulator.values import dataclass

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Form:
    """What a key takes, in the words of a message; a key without one takes a name."""

    text: str


A_NAME = "a name"

MOVING = ("rate", "through", "latency")
"""Keys that say how fast a job moves its bytes."""


def strict(**choices: Any) -> ConfigDict:
    """Return the configuration of a mapping whose keys exclude, or need, one another.

    Args:
        choices: Keywords of JSON Schema that say so; the readers say it in a user's words.
    """
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=choices)


def one_of(*alternatives: str | tuple[str, ...]) -> dict[str, Any]:
    """Return what says that exactly one of some keys, or groups of keys, is there."""
    groups = ((each,) if isinstance(each, str) else each for each in alternatives)
    return {"oneOf": [{"required": list(group)} for group in groups]}


make_shape: Any = TypedDict
"""Makes the shape of a mapping whose keys are known at run-time only, or are words of Python."""


def part_of(shape: Any, keys: Collection[str]) -> Any:
    """Return the shape of a mapping that knows some of the keys only, beside those it must have."""
    kept = shape.__required_keys__.union(keys)
    known = {key: kind for key, kind in shape.__annotations__.items() if key in kept}
    return with_config(STRICT)(make_shape(shape.__name__, known))


def keys_of(shape: Any) -> dict[str, str]:
    """Return the keys of a mapping, or of the mappings of a list, each with what it takes.

    What ends a job, and how fast its bytes move, comes last.
    """
    annotations: dict[str, Any] = getattr(_mapping(shape), "__annotations__", {})
    ordered = sorted(annotations, key=lambda key: (key in MOVING, key in ENDINGS))
    return {key: _form(annotations[key]) for key in ordered}


def required_keys(shape: Any) -> frozenset[str]:
    """Return the keys of a mapping that may not be left out."""
    required: frozenset[str] = getattr(_mapping(shape), "__required_keys__", frozenset())
    return required


def _mapping(shape: Any) -> Any:
    """Return the shape of a mapping that a list, or an annotation, is about."""
    while get_origin(shape) in (Annotated, list):
        shape = get_args(shape)[0]
    return shape


def _form(annotation: Any) -> str:
    if get_origin(annotation) is NotRequired:
        (annotation,) = get_args(annotation)
    metadata = getattr(annotation, "__metadata__", ())
    forms = [each.text for each in metadata if isinstance(each, Form)]
    return forms[-1] if forms else A_NAME


_HIDDEN = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
NAME_PATTERN = rf"^[^\s|{_HIDDEN}]([^|{_HIDDEN}]*[^\s|{_HIDDEN}])?$"
"""No bars, which end a row of a figure, no control characters, no blank at either end."""

_WITH_TEMPLATE = rf"[^|{_HIDDEN}]*<[^<>|{_HIDDEN}]+>[^|{_HIDDEN}]*"
FILE_NAME_PATTERN = rf"^(?:{NAME_PATTERN[1:-1].replace('|', '|/')}|{_WITH_TEMPLATE})$"
"""The same without a slash: ``NAME/DISK`` is one disk's part of a backup.

In ``week<n/7>`` a slash divides; what comes of it is looked at when it is used.
"""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=1023)]
FileName: TypeAlias = Annotated[str, StringConstraints(pattern=FILE_NAME_PATTERN, max_length=1023)]
Text: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"),
    Form("text"),
]
"""No control characters, which would reach the reader's terminal."""
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
"""The name of something that another step makes."""
Flag: TypeAlias = Annotated[bool, Form("true or false")]


def _size(value: object) -> object:
    if isinstance(value, str):
        size = read_size(value)
        if size is None:
            raise PydanticCustomError("size", "no size")
        return size
    return value


def listed(value: object) -> object:
    """Return a value as a list: one that is none is its only entry."""
    return value if isinstance(value, list) else [value]


def nothing(value: object) -> object:
    """Return a mapping for what is left empty."""
    return {} if value is None else value


@with_config(STRICT)
class Nothing(TypedDict):
    """No arguments."""


NoArguments: TypeAlias = Annotated[
    Nothing,
    BeforeValidator(nothing),
    WithJsonSchema({"maxProperties": 0, "not": {"type": ["array", "boolean", "number", "string"]}}),
]
"""The schema has no type, so that an editor does not complain of ``shutdown:`` with nothing."""


def long(key: str, short: type | tuple[type, ...] = (str, int, float)) -> Callable[[Any], object]:
    """Return what makes a short form long: a scalar becomes the value of a key."""

    def lengthen(value: object) -> object:
        return {key: value} if isinstance(value, short) else value

    return lengthen


def long_disk(value: object) -> object:
    """Return the long form of a size or a number of clusters."""
    if isinstance(value, str) and value[-1:].isalpha():
        return {"size": value}
    return {"clusters": value} if isinstance(value, str | int | float) else value


SizeText: TypeAlias = Annotated[str, StringConstraints(pattern=SIZE_PATTERN)]

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(_size, json_schema_input_type=int | SizeText),
    Field(examples=["512 KiB", "1 TiB"]),
    Form("a size such as 64 KiB"),
]

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(d|h|ms|m|s|us|ns) *)+$"


def _duration(text: str) -> int | None:
    time = read_duration(text)
    whole = time is not None and time.denominator == 1 and time <= TICK_MAX
    return int(time) if time is not None and whole else None


def _measured(kind: LiteralString, read: Callable[[str], object], pattern: str) -> BeforeValidator:
    """Return what makes a number of a text.

    Args:
        kind: What it is called where it is told that a text is none.
        read: Returns the number; None where the text is none.
        pattern: What such a text looks like, for the schema.
    """

    def validate(value: object) -> object:
        number = read(value) if isinstance(value, str) else None
        if number is None:
            raise PydanticCustomError(kind, "no measure")
        return number

    text = Annotated[str, StringConstraints(pattern=pattern)]
    return BeforeValidator(validate, json_schema_input_type=text)


Duration: TypeAlias = Annotated[
    Any,
    _measured("duration", _duration, DURATION_PATTERN),
    Field(examples=["10s", "2h30m"]),
    Form("a time such as 10s or 2h30m"),
]
"""Ticks."""

Rate: TypeAlias = Annotated[
    Any,
    _measured("rate", read_rate, RATE_PATTERN),
    Field(examples=["400 MiB/s"]),
    Form("a rate above 0 such as 400 MiB/s"),
]
"""Bytes a second, as a fraction."""

Frequency: TypeAlias = Annotated[
    Any,
    _measured("frequency", read_frequency, FREQUENCY_PATTERN),
    Field(examples=["200/s"]),
    Form("how often in a time, such as 200/s"),
]
"""So many a tick, as a fraction."""

Share: TypeAlias = Annotated[
    Any,
    _measured("share", read_share, SHARE_PATTERN),
    Field(examples=["5%"]),
    Form("a share of at most 100% such as 5%"),
]
"""A fraction of at most 1."""

Names: TypeAlias = Annotated[
    list[Word],
    BeforeValidator(listed, json_schema_input_type=Word | list[Word]),
    Form("a name, or a list of names"),
]


Clusters: TypeAlias = Annotated[
    int,
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": CLUSTERS_MAX}),
    Form("a number of clusters"),
]

Picture: TypeAlias = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"const": 0}]}),
    Form("a picture, one character a cluster"),
]
"""An editor takes 0000 for a number."""

ImageFormat: TypeAlias = Literal["qcow2", "raw"]


@with_config(strict(**{"not": {"required": ["clusters", "size"]}}))
class Disk(TypedDict):
    """A virtual disk."""

    clusters: NotRequired[
        Annotated[Clusters, Field(description="Number of clusters.", examples=[8])]
    ]
    size: NotRequired[Annotated[Size, Field(description="Bytes, in place of clusters.")]]
    cluster_size: NotRequired[
        Annotated[
            Size,
            Field(
                description="A power of two, 512 bytes to 2 MiB; 64 KiB if left out.",
                examples=["64 KiB", "4 KiB"],
            ),
        ]
    ]
    format: NotRequired[Annotated[ImageFormat, Field(description="Only qcow2 can store bitmaps.")]]


AnyDisk: TypeAlias = Annotated[
    Disk,
    BeforeValidator(long_disk, json_schema_input_type=Clusters | SizeText | Disk),
    Form("a number of clusters, or {clusters, cluster_size, format}"),
]

DiskWord: TypeAlias = Annotated[
    Word, Field(description="The disk; needed only where there are several.", examples=["vda"])
]
NewBitmap: TypeAlias = Annotated[
    FileName, Field(description="A checkpoint of this name begins here.", examples=["B1"])
]
LaterInstant: TypeAlias = Annotated[
    Word, Form("the label of a later instant, a time after the step such as +30m, or never")
]

GUEST_VERBS = ("write", "zero", "discard")
"""What the guest does by itself, between two instants or at one."""

Whenever: TypeAlias = Annotated[
    Word,
    Form("a time since the start such as 2h30m, or a date where there is a clock"),
    Field(examples=["24h", "2026-03-05T22:00"]),
]


class Moves(TypedDict):
    """What moves bytes may take time."""

    rate: NotRequired[Annotated[Rate, Field(description="The most that its job moves.")]]
    through: NotRequired[
        Annotated[
            Names,
            Field(description="The resources that its bytes go through.", examples=[["pool"]]),
        ]
    ]
    latency: NotRequired[Annotated[Duration, Field(description="The time before the first byte.")]]


ENDINGS = ("ends", "fails", "cancel")
"""Keys that let a job run on: arguments of the verbs that start one."""

ENDINGS_BESIDE = ENDINGS[:2]
"""Those that may stand beside qmp; cancel is a verb there."""

AT_MOST_ONE = {"anyOf": [{"required": [*two]} for two in combinations(ENDINGS, 2)]}
"""What says of keys that no two of those that end a job are there."""


Copied: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1),
    Form("a picture, one character a cluster, or a share such as 50%"),
    Field(
        description="What it has copied then: a picture in which any other character than - marks "
        "a cluster, or a share of what it has to copy.",
        examples=["XX------", "50%"],
    ),
]


@with_config(STRICT)
class Stop(TypedDict):
    """When a job is stopped, which one, and how far it had come."""

    at: Annotated[LaterInstant, Field(description="The later instant at which it is stopped.")]
    job: NotRequired[
        Annotated[
            Word,
            Field(
                description="Which of several jobs; the others end well then.",
                examples=["full.bak"],
            ),
        ]
    ]
    copied: NotRequired[Copied]


Stopped: TypeAlias = Annotated[
    Stop,
    BeforeValidator(long("at"), json_schema_input_type=Word | Stop),
    Form("the label of a later instant, a time after the step such as +30m, or {at, job, copied}"),
]


class Lasts(TypedDict):
    """What a job that runs on may end by."""

    ends: NotRequired[
        Annotated[LaterInstant, Field(description="The later instant at which its job ends.")]
    ]
    fails: NotRequired[
        Annotated[Stopped, Field(description="The later instant at which its job fails.")]
    ]
    cancel: NotRequired[
        Annotated[Stopped, Field(description="The later instant at which it is aborted.")]
    ]


def lasts(arguments: Mapping[str, Any]) -> bool:
    """Whether the job of a step runs on: something ends it, or its bytes take time."""
    return any(key in arguments for key in (*ENDINGS, *MOVING))


class Outside(TypedDict):
    """What somebody does to an image file who knows nothing of the host."""

    image: NotRequired[Annotated[Word, Field(description="An image file, from outside.")]]
    outside: NotRequired[
        Annotated[Flag, Field(description="By somebody who knows nothing of the host.")]
    ]


@with_config(STRICT)
class Allowed(TypedDict):
    """A rule whose findings are accepted, and why."""

    rule: Annotated[
        Word,
        Field(description="Its code or name.", examples=["stale-bitmap"]),
        Form("the code or name of a rule"),
    ]
    because: Annotated[Text, Field(description="Why its findings are accepted here.")]


Allows: TypeAlias = Annotated[
    list[Allowed],
    BeforeValidator(listed, json_schema_input_type=Allowed | list[Allowed]),
    Field(description="Rules whose findings are accepted, and why."),
    Form("{rule: RULE, because: REASON} or a list of these"),
]
