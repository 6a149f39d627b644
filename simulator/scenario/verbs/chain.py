"""The chain's verbs: images that join it, merge, and are returned to."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.operations import CommitFile, RebaseFile
from simulator.model.requests import Commit as CommitRequest
from simulator.model.requests import Create as CreateRequest
from simulator.model.requests import Pull as PullRequest
from simulator.model.requests import Request
from simulator.model.requests import Revert as RevertRequest
from simulator.model.requests import Snapshot as SnapshotRequest
from simulator.scenario.disks import clusters_of
from simulator.scenario.names import New, Thing
from simulator.scenario.shapes import (
    STRICT,
    DiskWord,
    FileName,
    Flag,
    Form,
    ImageFormat,
    Lasts,
    Moves,
    NewBitmap,
    Size,
    Word,
    lasts,
    one_of,
    strict,
)
from simulator.scenario.verb import Around, Default, Verb, frees, makes, short
from simulator.scenario.yaml12 import Path
from simulator.timeline import DiskShape


@with_config(STRICT)
class Create(TypedDict):
    """The base image, at the start of a chain."""

    image: Annotated[FileName, Field(description="Name of the image.", examples=["S1"])]
    bitmap: NotRequired[NewBitmap]
    disk: NotRequired[DiskWord]
    size: NotRequired[Annotated[Size, Field(description="The disk's size in bytes.")]]
    format: NotRequired[Annotated[ImageFormat, Field(description="Of the image.")]]
    backing: NotRequired[
        Annotated[
            Word,
            Field(description="An image of another disk that it lies on: a linked clone."),
        ]
    ]


@with_config(strict(**one_of("image", "images")))
class Snapshot(TypedDict):
    """An external snapshot: a new overlay becomes the active image."""

    image: NotRequired[Annotated[FileName, Field(description="The overlay.", examples=["S2"])]]
    images: NotRequired[
        Annotated[
            dict[Word, FileName],
            Form("{DISK: NAME, ...}"),
            Field(description="The overlay of each disk.", examples=[{"vda": "V2", "vdb": "W2"}]),
        ]
    ]
    bitmap: NotRequired[NewBitmap]
    disk: NotRequired[DiskWord]
    outside: NotRequired[
        Annotated[Flag, Field(description="Made by a tool that knows nothing of bitmaps.")]
    ]


@with_config(STRICT)
class Commit(Lasts, Moves):
    """Overlays are merged down."""

    top: Annotated[Word, Field(description="The newest image to merge.", examples=["S2"])]
    base: NotRequired[
        Annotated[Word, Field(description="The image that takes the data; default the lowest.")]
    ]
    outside: NotRequired[
        Annotated[
            Flag,
            Field(description="By qemu-img; base is then the image below, which empties the top."),
        ]
    ]


@with_config(STRICT)
class Rebase(TypedDict):
    """An image is put onto another one."""

    image: Annotated[Word, Field(description="The image file.", examples=["S3"])]
    base: NotRequired[
        Annotated[Word, Field(description="The image that it lies on from now on; default none.")]
    ]
    safe: NotRequired[
        Annotated[
            Flag,
            Field(description="Whether what would read differently is copied first; default true."),
        ]
    ]


@with_config(STRICT)
class Pull(Lasts, Moves):
    """Backing data is pulled up."""

    into: Annotated[Word, Field(description="The image that takes the data.", examples=["S2"])]
    base: NotRequired[
        Annotated[Word, Field(description="The image that stays below it; default none.")]
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


def _read_create(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    disk = around.disks.find(path, arguments.get("disk"), "create")
    shape = around.disks.shapes.get(disk or "")
    if shape is None:
        return None
    size = arguments.get("size")
    if size is not None and clusters_of(size, shape.cluster_size) != shape.length:
        around.problems.add(
            (*path, "size"),
            f"the image has {clusters_of(size, shape.cluster_size):,} clusters, "
            f"the disk {shape.length:,}",
            expected="the size of the disk",
        )
    request = CreateRequest(
        image=arguments["image"],
        disk=shape.name,
        bitmap=arguments.get("bitmap"),
        format=arguments.get("format", shape.format),
        backing=arguments.get("backing"),
    )
    if request.backing is not None:
        _check_backing(around, path, request, shape)
    return request


def _check_backing(around: Around, path: Path, create: CreateRequest, shape: DiskShape) -> None:
    """Note what a linked clone cannot lie on."""
    path, name = (*path, "backing"), create.backing or ""
    if not around.names.check(Thing.IMAGE, path, name):
        return
    below = around.disks.shapes.get(around.names.disks.get(name, ""))
    if create.format == "raw":
        told = f"{create.image} is raw, and has no backing image"
        around.problems.add(path, told, expected="format: qcow2", at_key=True)
    elif below is not None and below.name == shape.name:
        told = f"{name} is an image of the same disk"
        around.problems.add(path, told, expected="an image of another disk", help=_FOR_OVERLAYS)
    elif below is not None and below.cluster_size != shape.cluster_size:
        around.problems.add(
            path,
            f"{name} has clusters of {below.cluster_size:,} bytes, {shape.name} of "
            f"{shape.cluster_size:,}",
            expected="an image of the same cluster_size",
        )


_FOR_OVERLAYS = "snapshot puts an overlay on the disk's own chain"


def _read_snapshot(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    if ("image" in arguments) == ("images" in arguments):
        both = "image" in arguments
        around.problems.add(
            (*path, "images") if both else path,
            "both image and images are there" if both else "snapshot has no image",
            expected="image: NAME, or images: {DISK: NAME, ...}",
        )
        return None
    read = _overlays if "images" in arguments else _overlay
    images = read(around, path, arguments)
    if images is None:
        return None
    return SnapshotRequest(
        images=images,
        bitmap=arguments.get("bitmap"),
        outside=arguments.get("outside", False),
    )


def _overlays(
    around: Around, path: Path, arguments: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    images = tuple(arguments["images"].items())
    for disk, _ in images:
        around.disks.check((*path, "images", disk), disk, at_key=True)
    if "disk" in arguments or not images:
        around.problems.add(
            (*path, "disk" if images else "images"),
            "disk stands beside images" if images else "images is empty",
            expected="images: {DISK: NAME, ...} alone",
        )
    return images


def _overlay(
    around: Around, path: Path, arguments: Mapping[str, Any]
) -> tuple[tuple[str, str], ...] | None:
    disks = around.disks
    if "disk" not in arguments and disks.only is None:
        around.problems.add(
            path,
            "snapshot does not say of which disks",
            expected=f"images: {{{', '.join(f'{disk}: NAME' for disk in disks.names)}}}",
        )
        return None
    disk = disks.find(path, arguments.get("disk"), "snapshot")
    return ((disk or "", arguments["image"]),)


def _snapshot_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    yield from _BEGINS(path, arguments)
    for disk, image in arguments.get("images", {}).items():
        yield New(Thing.IMAGE, image, (*path, "images", disk), disk)


def _read_commit(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    for key in ("top", "base"):
        if key in arguments:
            around.names.check(Thing.IMAGE, (*path, key), arguments[key])
    if arguments.get("outside", False):
        surplus = sorted(arguments.keys() - {"top", "base", "outside"})
        for key in surplus:
            told = f"{key} stands in a commit from outside, which is no job"
            around.problems.add((*path, key), told, expected="top and base alone", at_key=True)
        if not surplus:
            return CommitFile(arguments["top"], arguments.get("base"))
    return CommitRequest(top=arguments["top"], base=arguments.get("base"), lasting=lasts(arguments))


def _read_pull(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    for key in ("into", "base"):
        if key in arguments:
            around.names.check(Thing.IMAGE, (*path, key), arguments[key])
    return PullRequest(into=arguments["into"], base=arguments.get("base"), lasting=lasts(arguments))


def _commit_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    if arguments.get("outside", False):
        return
    yield New(Thing.JOB, CommitRequest(arguments["top"]).job, (*path, "top"), shared=True)


def _commit_frees(arguments: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    if not arguments.get("outside", False):
        yield Thing.IMAGE, arguments["top"]


def _read_rebase(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    image, base = arguments["image"], arguments.get("base")
    around.names.check(Thing.IMAGE, (*path, "image"), image)
    if base is not None and around.names.check(Thing.IMAGE, (*path, "base"), base):
        if base == image:
            told = f"{image} cannot lie on itself"
            around.problems.add((*path, "base"), told, expected="an image below it")
        elif around.names.lies_above(base, image):
            told = f"{base} lies above {image}"
            around.problems.add((*path, "base"), told, expected=f"an image below {image}")
    return RebaseFile(image, base, arguments.get("safe", True))


def _pull_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    yield New(Thing.JOB, PullRequest(arguments["into"]).job, (*path, "into"), shared=True)


def _read_revert(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    name = arguments["snapshot"]
    around.names.check_snapshot((*path, "snapshot"), name)
    overlay = arguments.get("image") or around.names.given(path)
    return RevertRequest(snapshot=name, image=overlay)


_BEGINS = makes(("image", Thing.IMAGE), ("bitmap", Thing.CHECKPOINT))

CREATE = Verb(
    name="create",
    says="Make the base image, at the start of a chain.",
    more="With `bitmap` a checkpoint begins here. `backing` is an image of another disk that it "
    "lies on: a linked clone, or another branch.",
    shape=Create,
    short=short("image", FileName),
    form="NAME or {image: NAME}",
    examples=({"image": "S1", "bitmap": "B1"}, {"image": "C1", "disk": "vdb", "backing": "S1"}),
    read=_read_create,
    makes=_BEGINS,
)

SNAPSHOT = Verb(
    name="snapshot",
    says="Put an overlay on the chain.",
    more="It becomes the active image; `outside`: by a tool that knows nothing of bitmaps.",
    shape=Snapshot,
    short=short("image", FileName),
    form="NAME or {image: NAME}",
    takes="NAME, `{image, bitmap?, disk?, outside?}` or `{images: {vda: V2}, bitmap?, outside?}`",
    examples=({"image": "S2", "bitmap": "B2"},),
    read=_read_snapshot,
    makes=_snapshot_makes,
)

COMMIT = Verb(
    name="commit",
    says="Merge overlays down into a base.",
    more="Without `base` into the lowest image. `outside`: by `qemu-img commit`, on a machine that "
    "is off; all images stay, and without `base` the one below the top takes its data.",
    shape=Commit,
    short=short("top", Word),
    form="NAME or {top: NAME, base: NAME}",
    examples=({"top": "S2", "base": "S1"},),
    read=_read_commit,
    makes=_commit_makes,
    frees=_commit_frees,
    jobs=lambda request: () if isinstance(request, CommitFile) else (request.job,),
)

REBASE = Verb(
    name="rebase",
    says="Let an image file name another backing image.",
    more="By `qemu-img rebase`, on a machine that is off. Without `base` it has none then; "
    "`safe: false` copies nothing, so that other data may come to light.",
    shape=Rebase,
    form="{image: NAME, base: NAME}",
    examples=({"image": "S3", "base": "S1", "safe": False},),
    read=_read_rebase,
)

PULL = Verb(
    name="pull",
    says="Pull backing data up into an image.",
    more="All that lies between it and `base`, or everything.",
    shape=Pull,
    short=short("into", Word),
    form="NAME or {into: NAME, base: NAME}",
    examples=({"into": "S3", "base": "S1"},),
    read=_read_pull,
    makes=_pull_makes,
    jobs=lambda request: (request.job,),
)

REVERT = Verb(
    name="revert",
    says="Return to an earlier state.",
    more="To the one below the image that a snapshot made, on a new overlay (`image`, or "
    "`NAME-revert`); or to one that is kept inside the active image. A machine that runs goes on "
    "(libvirt: `--running`).",
    shape=Revert,
    short=short("snapshot", Word),
    form="NAME or {snapshot: NAME}",
    examples=({"snapshot": "S2"},),
    read=_read_revert,
    makes=makes(("image", Thing.IMAGE)),
    frees=frees(("snapshot", Thing.IMAGE)),
    default=Default(
        "image",
        Thing.IMAGE,
        lambda arguments: f"{arguments['snapshot']}-revert",
        like="snapshot",
        again=True,
    ),
)
