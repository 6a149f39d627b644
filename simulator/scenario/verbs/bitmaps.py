"""The verbs of checkpoints, and of giving things up."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.operations import (
    BITMAP_WORDS,
    AddBitmap,
    BitmapOperation,
    DropBackup,
    MergeBitmaps,
    RemoveFile,
)
from simulator.model.requests import (
    DeleteCheckpoint,
    DeleteSnapshot,
    RedefineCheckpoint,
    Request,
    StartCheckpoint,
    UseTool,
)
from simulator.scenario.names import New, Thing
from simulator.scenario.shapes import (
    STRICT,
    FileName,
    Flag,
    Names,
    Outside,
    Size,
    Word,
    one_of,
    strict,
)
from simulator.scenario.verb import Around, Verb, check_outside, frees, short
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class Checkpoint(TypedDict):
    """A named point in time for later incremental backups."""

    name: Annotated[FileName, Field(description="Name of the checkpoint.", examples=["C1"])]
    disks: NotRequired[Annotated[Names, Field(description="Those that take part; default all.")]]
    redefine: NotRequired[
        Annotated[Flag, Field(description="Tell the host again of one whose metadata is lost.")]
    ]
    parent: NotRequired[
        Annotated[Word, Field(description="The checkpoint before one that is redefined.")]
    ]
    validate: NotRequired[
        Annotated[Flag, Field(description="Whether the host looks for the bitmaps of it.")]
    ]


CHANGES = {word: kind for kind, word in BITMAP_WORDS.items()}
"""What can be done to a bitmap, by the key that names the bitmap, or that to be merged."""


@with_config(strict(**one_of(*CHANGES)))
class Bitmap(TypedDict):
    """A change of a bitmap in an image file: exactly one."""

    image: Annotated[Word, Field(description="The image file.", examples=["S1"])]
    add: NotRequired[Annotated[FileName, Field(description="Add one of this name; it records.")]]
    remove: NotRequired[Annotated[Word, Field(description="Remove it.")]]
    clear: NotRequired[Annotated[Word, Field(description="Forget its bits.")]]
    enable: NotRequired[Annotated[Word, Field(description="Let it record.")]]
    disable: NotRequired[Annotated[Word, Field(description="Freeze it.")]]
    merge: NotRequired[Annotated[Word, Field(description="Merge it into another one.")]]
    into: NotRequired[Annotated[Word, Field(description="The one that takes the bits.")]]
    source: NotRequired[
        Annotated[Word, Field(description="The image that has the merged one; default the same.")]
    ]
    granularity: NotRequired[
        Annotated[Size, Field(description="Bytes for one bit of one that is added.")]
    ]


@with_config(strict(**one_of("checkpoint", "backup", "snapshot", ("image", "outside"))))
class Delete(Outside):
    """What is given up: exactly one."""

    checkpoint: NotRequired[Annotated[Word, Field(description="A checkpoint.")]]
    children: NotRequired[
        Annotated[Flag, Field(description="Whether all that descend from it go with it.")]
    ]
    metadata: NotRequired[
        Annotated[Flag, Field(description="Whether only the host's note of it goes.")]
    ]
    backup: NotRequired[Annotated[Word, Field(description="A backup or a copy.")]]
    snapshot: NotRequired[
        Annotated[
            Word, Field(description="The image that a snapshot made, or a state inside an image.")
        ]
    ]


def _read_checkpoint(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    disks = around.disks.read_listed(path, arguments)
    parent = arguments.get("parent")
    if parent is not None:
        around.names.check(Thing.CHECKPOINT, (*path, "parent"), parent)
    if arguments.get("redefine", False):
        return RedefineCheckpoint(
            name=arguments["name"],
            disks=disks,
            parent=parent,
            validate=arguments.get("validate", False),
        )
    for key in ("parent", "validate"):
        if key in arguments:
            around.problems.add(
                (*path, key),
                f"{key} stands in a checkpoint that is not redefined",
                expected="redefine: true beside it",
                at_key=True,
            )
    return StartCheckpoint(name=arguments["name"], disks=disks)


def _checkpoint_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    # The bitmaps of one that is redefined may be there already, and so may its name.
    redefined = arguments.get("redefine", False)
    yield New(Thing.CHECKPOINT, arguments["name"], (*path, "name"), shared=redefined)


def _read_delete(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    things = arguments.keys() - {"children", "metadata", "outside"}
    check_outside(around, path, arguments)
    for key in sorted(arguments.keys() - things - {"outside"}):
        beside = ("checkpoint",) if key == "children" else ("checkpoint", "snapshot")
        if things.isdisjoint(beside):
            expected = f"a {' or a '.join(beside)} beside it"
            told = f"{key} stands alone"
            around.problems.add((*path, key), told, expected=expected, at_key=True)
    if len(things) != 1:
        around.problems.add(
            path,
            "delete has two things to delete" if things else "delete has nothing to delete",
            expected=DELETE.form,
        )
        return None
    if "image" in arguments:
        around.names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
        return RemoveFile(arguments["image"])
    if "snapshot" in arguments:
        around.names.check_snapshot((*path, "snapshot"), arguments["snapshot"])
        metadata = arguments.get("metadata", False)
        return DeleteSnapshot(name=arguments["snapshot"], metadata=metadata)
    if "checkpoint" in arguments:
        name = arguments["checkpoint"]
        around.names.check(Thing.CHECKPOINT, (*path, "checkpoint"), name)
        return DeleteCheckpoint(
            name=name,
            children=arguments.get("children", False),
            metadata=arguments.get("metadata", False),
        )
    around.names.check(Thing.BACKUP, (*path, "backup"), arguments["backup"])
    return DropBackup(name=arguments["backup"])


_BESIDE = {"merge": ("into", "source"), "add": ("granularity",)}
"""Arguments that stand beside one change only."""


def _read_bitmap(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    asked = [word for word in CHANGES if word in arguments]
    for word, others in _BESIDE.items():
        for key in others:
            if key in arguments and word not in asked:
                told = f"{key} stands in a bitmap without {word}"
                around.problems.add((*path, key), told, expected=f"{word}: NAME", at_key=True)
    around.names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
    if len(asked) != 1:
        told = f"bitmap has {' and '.join(asked)}" if asked else "bitmap does not say what to do"
        around.problems.add(path, told, expected=f"one of {', '.join(CHANGES)}")
        return None
    change = _bitmap_change(around, path, arguments, asked[0])
    return UseTool(change) if change is not None else None


def _bitmap_change(
    around: Around, path: Path, arguments: Mapping[str, Any], word: str
) -> BitmapOperation | None:
    image, name = arguments["image"], arguments[word]
    if word == "add":
        return AddBitmap(image, name, arguments.get("granularity"))
    around.names.check(Thing.CHECKPOINT, (*path, word), name, called="bitmap")
    if word != "merge":
        kind: Any = CHANGES[word]
        return kind(image, name)  # type: ignore[no-any-return]  # each takes just these
    source, into = arguments.get("source", image), arguments.get("into")
    around.names.check(Thing.IMAGE, (*path, "source"), source)
    if into is None:
        around.problems.add(path, "merge does not say into which bitmap", expected="into: NAME")
        return None
    around.names.check(Thing.CHECKPOINT, (*path, "into"), into, called="bitmap")
    return MergeBitmaps(image, into, ((source, name),))


def _bitmap_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    if "add" in arguments:
        image = arguments["image"]
        yield New(Thing.CHECKPOINT, arguments["add"], (*path, "add"), like=image, shared=True)


CHECKPOINT = Verb(
    name="checkpoint",
    says="Start a named point in time.",
    more="Later incrementals start there. `redefine: true` tells the host again of one whose "
    "metadata it has lost, `validate: true` lets it look for the bitmaps.",
    shape=Checkpoint,
    short=short("name", FileName),
    form="NAME or {name: NAME}",
    examples=("C1",),
    read=_read_checkpoint,
    makes=_checkpoint_makes,
)

DELETE = Verb(
    name="delete",
    says="Give up a checkpoint, a backup or a snapshot; or remove an image file.",
    more="`children: true` takes all that descend from a checkpoint along, `metadata: true` only "
    "the host's note of a checkpoint or a snapshot. An image goes with `outside: true` only: "
    "whoever removes it asks nobody, and QEMU notices when it opens it again.",
    shape=Delete,
    form="{checkpoint: NAME}, {backup: NAME} or {snapshot: NAME}",
    takes="`{checkpoint, children?, metadata?}`, `{snapshot, metadata?}`, `{backup}` or "
    "`{image, outside}`",
    examples=({"checkpoint": "C1"},),
    read=_read_delete,
    frees=frees(
        ("checkpoint", Thing.CHECKPOINT),
        ("backup", Thing.BACKUP),
        ("snapshot", Thing.IMAGE),
        ("image", Thing.IMAGE),
    ),
)

BITMAP = Verb(
    name="bitmap",
    says="Change a bitmap in an image file.",
    more="By `qemu-img bitmap`, on a machine that is off; it is in the file at once, and may be "
    "below the active image. `source` is the image that has the bitmap to be merged, if not the "
    "same.",
    shape=Bitmap,
    form="{image: NAME, add: NAME} or another change",
    takes="`{image, add, granularity?}`, `{image, merge, into, source?}`, or with `remove`, "
    "`clear`, `enable` or `disable`",
    examples=(
        {"image": "S1", "add": "B1"},
        {"image": "S1", "merge": "B2", "into": "B1", "source": "S2"},
    ),
    read=_read_bitmap,
    makes=_bitmap_makes,
    frees=frees(("remove", Thing.CHECKPOINT)),
)
