"""The verbs of backups: taken, copied, stacked."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from simulator.model.operations import ConvertFile, CopyImage, StackBackups
from simulator.model.requests import Request, TakeBackup
from simulator.scenario.names import Thing
from simulator.scenario.problems import describe
from simulator.scenario.shapes import (
    AT_MOST_ONE,
    ENDINGS,
    MOVING,
    STRICT,
    FileName,
    Flag,
    Form,
    Lasts,
    Moves,
    Names,
    Size,
    Word,
    lasts,
    long,
    strict,
)
from simulator.scenario.verb import Around, Default, Short, Verb, makes, short
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

RESTORED_DEFAULT = "restored"


def _since(value: object) -> object:
    if isinstance(value, dict) or (isinstance(value, str) and value):
        return value
    raise PydanticCustomError("since", "no checkpoint")


_Full: TypeAlias = Annotated[
    None, WithJsonSchema({"not": {"type": ["array", "boolean", "number", "object", "string"]}})
]

Since: TypeAlias = Annotated[
    Any,
    BeforeValidator(_since, json_schema_input_type=Word | dict[Word, Word | _Full]),
    Form("a checkpoint, or {DISK: CHECKPOINT or null, ...}"),
]
"""One start for all disks, or its own for each; null is full."""


class _BackupOwn(TypedDict):
    to: Annotated[FileName, Field(description="The target.", examples=["full.bak"])]
    since: NotRequired[
        Annotated[
            Since,
            Field(
                description="The checkpoint to start from, or that of each disk; without it, full.",
                examples=["c1", {"vda": "c1", "vdb": None}],
            ),
        ]
    ]
    until: NotRequired[
        Annotated[
            Word,
            Field(description="The checkpoint or instant to end at; without it, now."),
            Form("a checkpoint, or an instant"),
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
    outside: NotRequired[
        Annotated[
            Flag, Field(description="Whether the client asks no host, and reads the files itself.")
        ]
    ]


_BackupKeys = TypedDict(
    "_BackupKeys",
    {
        "on-cbw-error": NotRequired[
            Annotated[
                Literal["break-guest-write", "break-snapshot"],
                Field(
                    description="Who is harmed where the scratch is full: the guest's write, or "
                    "the backup. QEMU has it since 11.1."
                ),
            ]
        ],
        "preserve-domain": NotRequired[
            Annotated[
                Flag,
                Field(
                    description="Whether the job goes on where the guest powers off meanwhile. "
                    "libvirt has it since 11.10."
                ),
            ]
        ],
    },
)
"""The keys that are no words of Python."""


@with_config(
    strict(**{"not": {"anyOf": [{"required": ["since", "bitmaps"]}, *AT_MOST_ONE["anyOf"]]}})
)
class Backup(_BackupOwn, _BackupKeys, Lasts, Moves):
    """A copy outside the chain: full, or only what changed."""


@with_config(STRICT)
class Copy(Moves):
    """A plain copy of an image file, with no job."""

    image: Annotated[Word, Field(description="The image.", examples=["S1"])]
    to: Annotated[FileName, Field(description="The copy.", examples=["S1.bak"])]


@with_config(STRICT)
class Convert(TypedDict):
    """A copy of what an image reads as."""

    image: Annotated[Word, Field(description="The image.", examples=["S2"])]
    to: Annotated[FileName, Field(description="The copy.", examples=["S2.bak"])]


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
class Restore(_RestoreKeys, Moves):
    """Backups stacked, and the result compared with all that the guest ever saw."""

    of: NotRequired[
        Annotated[Word, Field(description="The instant that it is meant to give back.")]
    ]


def _read_backup(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    since, until, image, onto = map(arguments.get, ("since", "until", "image", "onto"))
    _check_names(around, path, arguments)
    disk = around.names.disks.get(image) if image is not None else None
    starts = since if isinstance(since, dict) else {}
    listed = around.disks.read_listed(path, arguments)
    disks = tuple(starts) or listed
    _check_scratch(around, path, arguments)
    _check_outside(around, path, arguments)
    return TakeBackup(
        to=arguments["to"],
        disks=(disk,) if disk is not None and "disks" not in arguments else disks,
        since=None if isinstance(since, dict) else since,
        starts=tuple(starts.items()),
        until=until,
        image=image,
        bitmaps=_bitmaps(around, path, arguments["bitmaps"]) if "bitmaps" in arguments else (),
        checkpoint=arguments.get("checkpoint"),
        onto=onto,
        pulled=arguments.get("mode") == "pull",
        scratch=arguments.get("scratch"),
        on_full=arguments.get("on-cbw-error"),
        preserve=arguments.get("preserve-domain", False),
        lasting=lasts(arguments),
        outside=arguments.get("outside", False),
    )


_OF_THE_HOST = (
    *("checkpoint", "until", "scratch", "on-cbw-error", "preserve-domain"), *ENDINGS, *MOVING
)  # fmt: skip
"""What only a host can be asked for, or a job has."""


def _check_outside(around: Around, path: Path, arguments: Mapping[str, Any]) -> None:
    """Note what does not go with a client that asks no host: ``qemu-nbd`` tells it one bitmap."""
    if not arguments.get("outside", False):
        return
    if arguments.get("mode") != "pull":
        told, expected = "outside stands in a backup that QEMU pushes", "mode: pull beside it"
        around.problems.add((*path, "outside"), told, expected=expected, at_key=True)
    for key in (each for each in _OF_THE_HOST if each in arguments):
        told = f"{key} stands in a backup from outside, which asks no host and is no job"
        expected = "to, mode, since, bitmaps, image, disks or onto"
        around.problems.add((*path, key), told, expected=expected, at_key=True)
    if len(arguments.get("bitmaps", ())) > 1:
        told = "a client from outside is told one bitmap"
        around.problems.add((*path, "bitmaps"), told, expected="[NAME]", at_key=True)
    for index, name in enumerate(arguments.get("bitmaps", ())):
        if around.names.split(name) and name not in around.names.known[Thing.CHECKPOINT]:
            told = f"{shorten(name)} names an image, and qemu-nbd is told a bitmap's name only"
            around.problems.add((*path, "bitmaps", index), told, expected="NAME")


def _check_names(around: Around, path: Path, arguments: Mapping[str, Any]) -> None:
    """Note what a backup refers to and no step makes."""
    names = around.names
    if "since" in arguments:
        _check_since(around, path, arguments)
        if "bitmaps" in arguments:
            around.problems.add(
                (*path, "bitmaps"),
                "both since and bitmaps are there",
                expected="one of them",
                at_key=True,
            )
    if "image" in arguments:
        names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
    if "onto" in arguments:
        names.check(Thing.BACKUP, (*path, "onto"), arguments["onto"])
    until = arguments.get("until")
    if until is not None and around.labels.find(until) is None:
        names.check(Thing.CHECKPOINT, (*path, "until"), until)


def _check_since(around: Around, path: Path, arguments: Mapping[str, Any]) -> None:
    """Note a start that no step makes, and disks whose starts do not fit those that take part."""
    since, path = arguments["since"], (*path, "since")
    if not isinstance(since, dict):
        around.names.check(Thing.CHECKPOINT, path, since)
        return
    for disk, checkpoint in since.items():
        around.disks.check((*path, disk), disk, at_key=True)
        if isinstance(checkpoint, str):
            around.names.check(Thing.CHECKPOINT, (*path, disk), checkpoint)
        elif checkpoint is not None:
            told = f"{disk} is {describe(checkpoint)}"
            around.problems.add((*path, disk), told, expected="a checkpoint, or null")
    listed = arguments.get("disks")
    if not since or (listed is not None and set(listed) != set(since)):
        around.problems.add(
            path,
            "since names other disks than disks" if since else "since is empty",
            expected="{DISK: CHECKPOINT or null, ...} for each disk that takes part",
            at_key=True,
        )


def _check_scratch(around: Around, path: Path, arguments: Mapping[str, Any]) -> None:
    """Note a scratch image that nothing needs, or that has no room."""
    scratch = arguments.get("scratch")
    if scratch is None:
        if "on-cbw-error" in arguments:
            around.problems.add(
                (*path, "on-cbw-error"),
                "on-cbw-error stands in a backup whose old data always finds room",
                expected="scratch beside it",
                at_key=True,
            )
        return
    if arguments.get("mode") != "pull":
        around.problems.add(
            (*path, "scratch"),
            "scratch stands in a backup that QEMU pushes",
            expected="mode: pull beside it",
            at_key=True,
        )
    if scratch < 1:
        told = f"a scratch image of {scratch} bytes has room for nothing"
        around.problems.add((*path, "scratch"), told, expected="a size such as 64 KiB")


def _bitmaps(around: Around, path: Path, names: list[str]) -> tuple[tuple[str | None, str], ...]:
    if not names:
        around.problems.add((*path, "bitmaps"), "bitmaps is empty", expected="[NAME, ...]")
    bitmaps: list[tuple[str | None, str]] = []
    for index, name in enumerate(names):
        on = around.names.split(name)
        if on is not None and name not in around.names.known[Thing.CHECKPOINT]:
            bitmaps.append(on)
        elif around.names.check(Thing.CHECKPOINT, (*path, "bitmaps", index), name, called="bitmap"):
            bitmaps.append((None, name))
    return tuple(bitmaps)


def _read_copy(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    around.names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
    return CopyImage(image=arguments["image"], target=arguments["to"])


def _read_convert(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    around.names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
    return ConvertFile(arguments["image"], arguments["to"])


def _read_restore(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    sources = tuple(arguments["from"])
    for index, source in enumerate(sources):
        around.names.check(Thing.BACKUP, (*path, "from", index), source)
    if not sources:
        expected = "[OLDEST, ..., NEWEST]"
        around.problems.add((*path, "from"), "from is empty", expected=expected)
    of = arguments.get("of")
    label = around.labels.find(of) if of is not None else None
    if of is not None and label is None:
        around.problems.add(
            (*path, "of"),
            f"unknown instant {shorten(of)}",
            expected=alternatives(around.labels.ticks),
            help=nearest(of, around.labels.ticks),
        )
    name = arguments.get("as") or around.names.given(path)
    return StackBackups(name=name, sources=sources, of=label)


BACKUP = Verb(
    name="backup",
    says="Copy data out of the chain.",
    more="Full without `since`; `since: {vda: c1, vdb: null}` gives each disk its own start, and "
    "null is full; `until` is a checkpoint or an instant to end at, in place of now; `bitmaps` "
    "reads through just these; `image` reads a lower image; `checkpoint` starts one in the same "
    "step; `onto` names the backup it is stacked on; `mode: pull`: a client reads an export, and "
    "`scratch` is the room for what the guest overwrites meanwhile; with `on-cbw-error: "
    "break-snapshot` the backup, and not the guest's write, pays where it is full (QEMU 11.1). A "
    "pull may write over a backup that is there: what changed goes into its file, and a full one "
    "makes it anew. `preserve-domain: true`: where the guest powers off (`shutdown`), the job "
    "goes on, and the machine is off when it ends (libvirt 11.10). `outside`: its client asks no "
    "host, and reads the files of a machine that is off with `qemu-nbd`, through the bitmap of one "
    "name.",
    shape=Backup,
    short=short("to", FileName),
    form="NAME or {to: NAME}",
    examples=({"to": "full.bak"}, {"since": "C1", "to": "inc.bak"}),
    read=_read_backup,
    makes=makes(("to", Thing.BACKUP), ("checkpoint", Thing.CHECKPOINT)),
    jobs=lambda request: (request.to,),
)

COPY = Verb(
    name="copy",
    says="Copy an image file as it is.",
    shape=Copy,
    form="{image: NAME, to: NAME}",
    examples=({"image": "S1", "to": "S1.bak"},),
    read=_read_copy,
    makes=makes(("to", Thing.BACKUP)),
)

CONVERT = Verb(
    name="convert",
    says="Copy what an image and all below it read as.",
    more="By `qemu-img convert`, of an image that no QEMU writes.",
    shape=Convert,
    form="{image: NAME, to: NAME}",
    examples=({"image": "S2", "to": "S2.bak"},),
    read=_read_convert,
    makes=makes(("to", Thing.BACKUP)),
)

RESTORE = Verb(
    name="restore",
    says="Stack backups and compare with what the guest saw.",
    more="Oldest first; `of` is the instant that it is meant to give back.",
    shape=Restore,
    short=Short(long("from", (str, int, float, list)), Word | list[Word], "NAME, `[NAME, ...]`"),
    form="{from: [NAME, ...]}",
    examples=({"from": ["full.bak", "inc.bak"], "of": "T3"},),
    read=_read_restore,
    makes=makes(("as", Thing.RESTORE)),
    default=Default("as", Thing.RESTORE, lambda arguments: RESTORED_DEFAULT),
)
