"""The shape of a scenario file, key by key: validation and the published schema are made from it.

Short forms, such as ``create: S1``, are made long before they are looked at, so that a path of
keys leads to the same place in both. What depends on more than one key is not said here.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypeAlias

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
from simulator.scenario.units import SIZE_PATTERN, read_size

STRICT = ConfigDict(extra="forbid", strict=True)

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
NAME_PATTERN = rf"^[^\s|{_HIDDEN}]([^|{_HIDDEN}]*[^\s|{_HIDDEN}])?$"
"""No bars, which end a row of a figure, no control characters, no blank at either end."""

FILE_NAME_PATTERN = NAME_PATTERN.replace("|", "|/")
"""The same without a slash: ``NAME/DISK`` is one disk's part of a backup."""

Name: TypeAlias = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=1023)]
FileName: TypeAlias = Annotated[str, StringConstraints(pattern=FILE_NAME_PATTERN, max_length=1023)]
Text: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")
]
"""No control characters, which would reach the reader's terminal."""
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
"""The name of something that another step makes."""


def _size(value: object) -> object:
    if isinstance(value, str):
        size = read_size(value)
        if size is None:
            raise PydanticCustomError("size", "no size")
        return size
    return value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _letter(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return "0"
    return value


def _nothing(value: object) -> object:
    return {} if value is None else value


def _long(key: str, short: type | tuple[type, ...] = (str, int, float)) -> Callable[[Any], object]:
    """Return what makes a short form long: a scalar becomes the value of a key."""

    def lengthen(value: object) -> object:
        return {key: value} if isinstance(value, short) else value

    return lengthen


def _long_disk(value: object) -> object:
    if isinstance(value, str) and value[-1:].isalpha():
        return {"size": value}
    return {"clusters": value} if isinstance(value, str | int | float) else value


SizeText: TypeAlias = Annotated[str, StringConstraints(pattern=SIZE_PATTERN)]

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(_size, json_schema_input_type=int | SizeText),
    Field(examples=["512 KiB", "1 TiB"]),
]

Letter: TypeAlias = Annotated[str, StringConstraints(pattern="^[A-Za-z0]$")]

Names: TypeAlias = Annotated[
    list[Word], BeforeValidator(_listed, json_schema_input_type=Word | list[Word])
]


Clusters: TypeAlias = Annotated[
    int, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": CLUSTERS_MAX})
]

Picture: TypeAlias = Annotated[str, WithJsonSchema({"anyOf": [{"type": "string"}, {"const": 0}]})]
"""An editor takes 0000 for a number."""


@with_config(STRICT)
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
    format: NotRequired[
        Annotated[Literal["qcow2", "raw"], Field(description="Only qcow2 can store bitmaps.")]
    ]


AnyDisk: TypeAlias = Annotated[
    Disk, BeforeValidator(_long_disk, json_schema_input_type=Clusters | SizeText | Disk)
]


@with_config(STRICT)
class Allowed(TypedDict):
    """A rule whose findings are accepted, and why."""

    rule: Annotated[Word, Field(description="Its code or name.", examples=["stale-bitmap"])]
    because: Annotated[Text, Field(description="Why its findings are accepted here.")]


Allows: TypeAlias = Annotated[
    list[Allowed],
    BeforeValidator(_listed, json_schema_input_type=Allowed | list[Allowed]),
    Field(description="Rules whose findings are accepted, and why."),
]

DiskWord: TypeAlias = Annotated[
    Word, Field(description="The disk; needed only where there are several.", examples=["vda"])
]
NewBitmap: TypeAlias = Annotated[
    FileName, Field(description="A checkpoint of this name begins here.", examples=["B1"])
]


@with_config(STRICT)
class Create(TypedDict):
    """The base image, at the start of a chain."""

    image: Annotated[FileName, Field(description="Name of the image.", examples=["S1"])]
    bitmap: NotRequired[NewBitmap]
    disk: NotRequired[DiskWord]
    size: NotRequired[Annotated[Size, Field(description="The disk's size in bytes.")]]
    format: NotRequired[Annotated[Literal["qcow2", "raw"], Field(description="Of the image.")]]


@with_config(STRICT)
class Attach(TypedDict):
    """A disk that joins the machine: a new one with its image, or one that was detached."""

    disk: Annotated[Word, Field(description="The disk.", examples=["vdb"])]
    image: NotRequired[
        Annotated[FileName, Field(description="Its new base image.", examples=["W1"])]
    ]
    bitmap: NotRequired[NewBitmap]
    clusters: NotRequired[
        Annotated[Clusters, Field(description="Number of clusters, where disks does not say.")]
    ]
    size: NotRequired[Annotated[Size, Field(description="Bytes, in place of clusters.")]]
    cluster_size: NotRequired[
        Annotated[Size, Field(description="A power of two, 512 bytes to 2 MiB.")]
    ]
    format: NotRequired[Annotated[Literal["qcow2", "raw"], Field(description="Of the image.")]]


@with_config(STRICT)
class Detach(TypedDict):
    """A disk that leaves the machine."""

    disk: Annotated[Word, Field(description="The disk.", examples=["vdb"])]


@with_config(STRICT)
class Undefine(TypedDict):
    """The host's definition of the machine is given up."""

    metadata: NotRequired[
        Annotated[bool, Field(description="Whether the metadata of checkpoints may go with it.")]
    ]


@with_config(STRICT)
class Guest(TypedDict):
    """What the guest writes, as a picture or as a range of bytes."""

    cells: NotRequired[
        Annotated[
            Picture,
            Field(
                description="One character a cluster: - untouched, a letter the data, 0 zeroes.",
                examples=["AAAA----"],
            ),
        ]
    ]
    disk: NotRequired[DiskWord]
    offset: NotRequired[Annotated[Size, Field(description="Bytes from the start of the disk.")]]
    length: NotRequired[Annotated[Size, Field(description="Bytes.", examples=["128 KiB"])]]
    data: NotRequired[
        Annotated[
            Letter,
            BeforeValidator(_letter, json_schema_input_type=Letter | Literal[0]),
            Field(description="A letter, or 0 for zeroes.", examples=["A"]),
        ]
    ]


@with_config(STRICT)
class Snapshot(TypedDict):
    """An external snapshot: a new overlay becomes the active image."""

    image: NotRequired[Annotated[FileName, Field(description="The overlay.", examples=["S2"])]]
    images: NotRequired[
        Annotated[
            dict[Word, FileName],
            Field(description="The overlay of each disk.", examples=[{"vda": "V2", "vdb": "W2"}]),
        ]
    ]
    bitmap: NotRequired[NewBitmap]
    disk: NotRequired[DiskWord]
    outside: NotRequired[
        Annotated[bool, Field(description="Made by a tool that knows nothing of bitmaps.")]
    ]


@with_config(STRICT)
class Checkpoint(TypedDict):
    """A named point in time for later incremental backups."""

    name: Annotated[FileName, Field(description="Name of the checkpoint.", examples=["C1"])]
    disks: NotRequired[Annotated[Names, Field(description="Those that take part; default all.")]]
    redefine: NotRequired[
        Annotated[bool, Field(description="Tell the host again of one whose metadata is lost.")]
    ]
    parent: NotRequired[
        Annotated[Word, Field(description="The checkpoint before one that is redefined.")]
    ]
    validate: NotRequired[
        Annotated[bool, Field(description="Whether the host looks for the bitmaps of it.")]
    ]


@with_config(STRICT)
class Backup(TypedDict):
    """A copy outside the chain: full, or only what changed."""

    to: Annotated[FileName, Field(description="The target.", examples=["full.bak"])]
    since: NotRequired[
        Annotated[Word, Field(description="The checkpoint to start from; without it, full.")]
    ]
    until: NotRequired[
        Annotated[
            Word,
            Field(description="The checkpoint or instant to end at; without it, now."),
        ]
    ]
    image: NotRequired[
        Annotated[Word, Field(description="An image of the chain to read, not the active one.")]
    ]
    bitmaps: NotRequired[
        Annotated[
            Names,
            Field(description="Read through just these: NAME or NODE.NAME.", examples=[["B2"]]),
        ]
    ]
    checkpoint: NotRequired[
        Annotated[FileName, Field(description="Starts this checkpoint in the same step.")]
    ]
    onto: NotRequired[Annotated[Word, Field(description="The backup that it is stacked on.")]]
    mode: NotRequired[
        Annotated[
            Literal["push", "pull"],
            Field(description="Whether QEMU writes the target, or a client reads an export."),
        ]
    ]
    disks: NotRequired[Annotated[Names, Field(description="Those that take part; default all.")]]
    scratch: NotRequired[
        Annotated[
            Size,
            Field(description="Bytes that a pull may keep of what the guest overwrites."),
        ]
    ]
    ends: NotRequired[
        Annotated[Word, Field(description="The later instant at which its job ends.")]
    ]
    fails: NotRequired[
        Annotated[Word, Field(description="The later instant at which its job fails.")]
    ]


@with_config(STRICT)
class Copy(TypedDict):
    """A plain copy of an image file, with no job."""

    image: Annotated[Word, Field(description="The image.", examples=["S1"])]
    to: Annotated[FileName, Field(description="The copy.", examples=["S1.bak"])]


_RestoreKeys = TypedDict(
    "_RestoreKeys",
    {
        "from": Annotated[
            Names, Field(description="Oldest first.", examples=[["full.bak", "inc1.bak"]])
        ],
        "as": NotRequired[
            Annotated[FileName, Field(description="Name of the result; default restored.")]
        ],
    },
)
"""The keys that are words of Python."""


@with_config(STRICT)
class Restore(_RestoreKeys):
    """Backups stacked, and the result compared with all that the guest ever saw."""

    of: NotRequired[
        Annotated[Word, Field(description="The instant that it is meant to give back.")]
    ]


@with_config(STRICT)
class Commit(TypedDict):
    """Overlays are merged down."""

    top: Annotated[Word, Field(description="The newest image to merge.", examples=["S2"])]
    base: NotRequired[
        Annotated[Word, Field(description="The image that takes the data; default the lowest.")]
    ]


@with_config(STRICT)
class Pull(TypedDict):
    """Backing data is pulled up."""

    into: Annotated[Word, Field(description="The image that takes the data.", examples=["S2"])]
    base: NotRequired[
        Annotated[Word, Field(description="The image that stays below it; default none.")]
    ]


@with_config(STRICT)
class BlockCopy(TypedDict):
    """A disk is copied into a new image, which takes the place of its chain."""

    to: Annotated[FileName, Field(description="The new image.", examples=["C1"])]
    disk: NotRequired[DiskWord]
    format: NotRequired[
        Annotated[Literal["qcow2", "raw"], Field(description="Of it; default the active image's.")]
    ]
    ends: NotRequired[
        Annotated[Word, Field(description="The later instant at which it takes over.")]
    ]
    fails: NotRequired[
        Annotated[Word, Field(description="The later instant at which the job fails.")]
    ]


@with_config(STRICT)
class Revert(TypedDict):
    """A return to an earlier state."""

    snapshot: Annotated[
        Word,
        Field(
            description="The image that the snapshot made; the state below it is returned to.",
            examples=["S2"],
        ),
    ]
    image: NotRequired[
        Annotated[FileName, Field(description="The overlay that takes the writes from now on.")]
    ]


@with_config(STRICT)
class Resize(TypedDict):
    """A new size of a disk: exactly one of size and clusters."""

    disk: NotRequired[DiskWord]
    size: NotRequired[Annotated[Size, Field(description="Bytes.", examples=["1 MiB"])]]
    clusters: NotRequired[
        Annotated[Clusters, Field(description="Number of clusters.", examples=[16])]
    ]


@with_config(STRICT)
class Cancel(TypedDict):
    """A running job is aborted."""

    job: Annotated[
        Word, Field(description="A backup's target, or a job's id.", examples=["full.bak"])
    ]


@with_config(STRICT)
class Delete(TypedDict):
    """What is given up: exactly one."""

    checkpoint: NotRequired[Annotated[Word, Field(description="A checkpoint.")]]
    children: NotRequired[
        Annotated[bool, Field(description="Whether all that descend from it go with it.")]
    ]
    metadata: NotRequired[
        Annotated[bool, Field(description="Whether only the host's note of it goes.")]
    ]
    backup: NotRequired[Annotated[Word, Field(description="A backup or a copy.")]]
    snapshot: NotRequired[
        Annotated[
            Word, Field(description="The image that a snapshot made, or a state inside an image.")
        ]
    ]


@with_config(STRICT)
class Command(TypedDict):
    """A command as QEMU takes it."""

    execute: Annotated[Word, Field(description="Its name.", examples=["block-dirty-bitmap-add"])]
    arguments: NotRequired[
        Annotated[
            dict[str, Any],
            Field(
                description="By QEMU's own names; a node is called like its image.",
                examples=[{"node": "S1", "name": "B1", "persistent": True}],
            ),
        ]
    ]
    id: NotRequired[Annotated[Any, Field(description="Has no meaning here.")]]


@with_config(STRICT)
class Nothing(TypedDict):
    """No arguments."""


NoArguments: TypeAlias = Annotated[
    Nothing,
    BeforeValidator(_nothing),
    WithJsonSchema({"maxProperties": 0, "not": {"type": ["array", "boolean", "number", "string"]}}),
]
"""The schema has no type, so that an editor does not complain of ``shutdown:`` with nothing."""


@with_config(STRICT)
class GuestStep(TypedDict):
    """What the guest does by itself, between two instants or at one."""

    write: NotRequired[
        Annotated[
            Guest,
            BeforeValidator(_long("cells"), json_schema_input_type=Picture | Guest),
            Field(description="The guest writes data.", examples=["AAAA----"]),
        ]
    ]
    zero: NotRequired[
        Annotated[
            Guest,
            BeforeValidator(_long("cells"), json_schema_input_type=Picture | Guest),
            Field(description="The guest writes zeroes.", examples=["0000----"]),
        ]
    ]
    discard: NotRequired[
        Annotated[
            Guest,
            BeforeValidator(_long("cells"), json_schema_input_type=Picture | Guest),
            Field(description="The guest gives clusters back (trim).", examples=["XX------"]),
        ]
    ]
    expect: NotRequired[
        Annotated[
            list[str],
            BeforeValidator(_listed, json_schema_input_type=str | list[str]),
            Field(
                description="Alone: a figure whose rows must be as drawn. "
                "Beside a verb: the rules that must be found here, or refused."
            ),
        ]
    ]
    allow: NotRequired[Allows]


@with_config(STRICT)
class Step(GuestStep):
    """One verb, and what is expected or allowed there."""

    create: NotRequired[
        Annotated[
            Create,
            BeforeValidator(_long("image"), json_schema_input_type=FileName | Create),
            Field(
                description="Make the base image, at the start of a chain.",
                examples=[{"image": "S1", "bitmap": "B1"}],
            ),
        ]
    ]
    snapshot: NotRequired[
        Annotated[
            Snapshot,
            BeforeValidator(_long("image"), json_schema_input_type=FileName | Snapshot),
            Field(
                description="Put an overlay on the chain.",
                examples=[{"image": "S2", "bitmap": "B2"}],
            ),
        ]
    ]
    checkpoint: NotRequired[
        Annotated[
            Checkpoint,
            BeforeValidator(_long("name"), json_schema_input_type=FileName | Checkpoint),
            Field(description="Start a named point in time.", examples=["C1"]),
        ]
    ]
    backup: NotRequired[
        Annotated[
            Backup,
            BeforeValidator(_long("to"), json_schema_input_type=FileName | Backup),
            Field(
                description="Copy data out of the chain.",
                examples=[{"to": "full.bak"}, {"since": "C1", "to": "inc.bak"}],
            ),
        ]
    ]
    copy: NotRequired[
        Annotated[
            Copy,
            Field(
                description="Copy an image file as it is.",
                examples=[{"image": "S1", "to": "S1.bak"}],
            ),
        ]
    ]
    restore: NotRequired[
        Annotated[
            Restore,
            BeforeValidator(
                _long("from", (str, int, float, list)),
                json_schema_input_type=Word | list[Word] | Restore,
            ),
            Field(
                description="Stack backups and compare with what the guest saw.",
                examples=[{"from": ["full.bak", "inc.bak"], "of": "T3"}],
            ),
        ]
    ]
    delete: NotRequired[
        Annotated[
            Delete,
            Field(description="Give up a checkpoint or a backup.", examples=[{"checkpoint": "C1"}]),
        ]
    ]
    commit: NotRequired[
        Annotated[
            Commit,
            BeforeValidator(_long("top"), json_schema_input_type=Word | Commit),
            Field(
                description="Merge overlays down into a base.",
                examples=[{"top": "S2", "base": "S1"}],
            ),
        ]
    ]
    pull: NotRequired[
        Annotated[
            Pull,
            BeforeValidator(_long("into"), json_schema_input_type=Word | Pull),
            Field(
                description="Pull backing data up into an image.",
                examples=[{"into": "S3", "base": "S1"}],
            ),
        ]
    ]
    blockcopy: NotRequired[
        Annotated[
            BlockCopy,
            BeforeValidator(_long("to"), json_schema_input_type=FileName | BlockCopy),
            Field(
                description="Copy a disk into a new image that takes over.",
                examples=["C1", {"to": "C1", "ends": "T3"}],
            ),
        ]
    ]
    revert: NotRequired[
        Annotated[
            Revert,
            BeforeValidator(_long("snapshot"), json_schema_input_type=Word | Revert),
            Field(description="Return to an earlier state.", examples=[{"snapshot": "S2"}]),
        ]
    ]
    resize: NotRequired[
        Annotated[
            Resize,
            BeforeValidator(_long_disk, json_schema_input_type=Clusters | SizeText | Resize),
            Field(
                description="Let the disk grow or shrink.",
                examples=[16, "1 MiB", {"disk": "vdb", "clusters": 16}],
            ),
        ]
    ]
    cancel: NotRequired[
        Annotated[
            Cancel,
            BeforeValidator(_long("job"), json_schema_input_type=Word | Cancel),
            Field(description="Abort a running job.", examples=["full.bak"]),
        ]
    ]
    attach: NotRequired[
        Annotated[
            Attach,
            BeforeValidator(_long("disk"), json_schema_input_type=Word | Attach),
            Field(
                description="Add a disk to the machine.",
                examples=[{"disk": "vdb", "clusters": 8, "image": "W1"}, "vdb"],
            ),
        ]
    ]
    detach: NotRequired[
        Annotated[
            Detach,
            BeforeValidator(_long("disk"), json_schema_input_type=Word | Detach),
            Field(description="Take a disk off the machine.", examples=["vdb"]),
        ]
    ]
    undefine: NotRequired[
        Annotated[
            Undefine,
            BeforeValidator(_nothing),
            Field(description="Give up the host's definition of the machine."),
        ]
    ]
    shutdown: NotRequired[Annotated[NoArguments, Field(description="Close all images cleanly.")]]
    start: NotRequired[Annotated[NoArguments, Field(description="Open the images again.")]]
    crash: NotRequired[Annotated[NoArguments, Field(description="The process dies.")]]
    qmp: NotRequired[
        Annotated[
            list[Command],
            BeforeValidator(_listed, json_schema_input_type=Command | list[Command]),
            Field(min_length=1, description="QEMU's own primitives; a list is one transaction."),
        ]
    ]
    ends: NotRequired[
        Annotated[Word, Field(description="Beside qmp: the later instant at which its jobs end.")]
    ]
    fails: NotRequired[
        Annotated[Word, Field(description="Beside qmp: the later instant at which its jobs fail.")]
    ]


ENDINGS = ("ends", "fails")
"""Keys that let a job run on: arguments of backup and blockcopy, and beside qmp."""

BESIDE = ("expect", "allow", *ENDINGS)
"""Keys of a step that stand beside its verb; the first is a verb too, where it stands alone."""

VERBS = tuple(key for key in Step.__annotations__ if key not in ("allow", *ENDINGS))
GUEST_VERBS = ("write", "zero", "discard")
VERBS_ALONE = ("shutdown", "start", "crash", "undefine")
"""Verbs that take nothing, so that a step may be just the word."""


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
            list[Step | Literal["shutdown", "start", "crash", "undefine"]],
            Field(description="One verb each; they happen in this order."),
        ]
    ]


@with_config(STRICT)
class Head(TypedDict):
    """A scenario but for its timeline."""

    scenario: Annotated[Text, Field(description="The title.")]
    about: NotRequired[Annotated[str, Field(description="What it shows.")]]
    source: NotRequired[Annotated[str, Field(description="Where it comes from.")]]
    model: NotRequired[
        Annotated[Word, Field(description="The API model that gives the verbs their meaning.")]
    ]
    disk: NotRequired[Annotated[AnyDisk, Field(description="The only disk, vda.", examples=[8])]]
    disks: NotRequired[
        Annotated[
            dict[FileName, AnyDisk],
            Field(description="Several disks by name.", examples=[{"vda": 8, "vdb": 8}]),
        ]
    ]
    allow: NotRequired[Allows]
    seed: NotRequired[Annotated[int, Field(description="For random workloads.")]]


@with_config(STRICT)
class Scenario(Head):
    """A scenario of disks, checkpoints and backups over time."""

    timeline: Annotated[
        list[Instant | GuestStep],
        Field(description="Instants, and the guest's steps between them, in the order of time."),
    ]
