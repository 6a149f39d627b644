"""The machine's verbs: its power, its disks, its definition."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.clusters import CLUSTERS_MAX
from simulator.model.operations import CloseImages, KillProcess, OpenImages, ResizeImage
from simulator.model.requests import Attach as AttachRequest
from simulator.model.requests import Detach as DetachRequest
from simulator.model.requests import Migrate as MigrateRequest
from simulator.model.requests import Request, UseTool
from simulator.model.requests import Resize as ResizeRequest
from simulator.model.requests import Undefine as UndefineRequest
from simulator.scenario.disks import clusters_of, lacking
from simulator.scenario.names import Thing
from simulator.scenario.problems import WRITTEN
from simulator.scenario.shapes import (
    STRICT,
    Clusters,
    DiskWord,
    FileName,
    Flag,
    ImageFormat,
    NewBitmap,
    NoArguments,
    Outside,
    Size,
    SizeText,
    Word,
    long_disk,
    nothing,
    one_of,
    strict,
)
from simulator.scenario.verb import Around, Short, Verb, check_outside, makes, short
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class Undefine(TypedDict):
    """The host's definition of the machine is given up."""

    metadata: NotRequired[
        Annotated[Flag, Field(description="Whether the metadata of checkpoints may go with it.")]
    ]


@with_config(STRICT)
class Migrate(TypedDict):
    """The machine goes on on another host."""

    storage: NotRequired[
        Annotated[
            Literal["shared", "copied"],
            Field(description="Whether both hosts have the same storage; default shared."),
        ]
    ]
    bitmaps: NotRequired[
        Annotated[Flag, Field(description="Whether bitmaps go along where it is copied.")]
    ]
    to: NotRequired[
        Annotated[Word, Field(description="What the other host is called.", examples=["beta"])]
    ]


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
    format: NotRequired[Annotated[ImageFormat, Field(description="Of the image.")]]


@with_config(STRICT)
class Detach(TypedDict):
    """A disk that leaves the machine."""

    disk: Annotated[Word, Field(description="The disk.", examples=["vdb"])]


@with_config(strict(**one_of("size", "clusters")))
class Resize(Outside):
    """A new size of a disk: exactly one of size and clusters."""

    disk: NotRequired[DiskWord]
    size: NotRequired[Annotated[Size, Field(description="Bytes.", examples=["1 MiB"])]]
    clusters: NotRequired[
        Annotated[Clusters, Field(description="Number of clusters.", examples=[16])]
    ]


def _read_attach(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    shape = around.disks.shapes.get(arguments["disk"])
    if shape is None:
        return None
    return AttachRequest(
        disk=shape.name,
        image=arguments.get("image"),
        bitmap=arguments.get("bitmap"),
        format=arguments.get("format", shape.format),
    )


def _read_detach(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    disk = around.disks.check((*path, "disk"), arguments["disk"])
    return DetachRequest(disk=disk) if disk is not None else None


def _read_undefine(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    return UndefineRequest(arguments.get("metadata", False))


def _read_migrate(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    copied = arguments.get("storage") == "copied"
    if arguments.get("bitmaps") is False and not copied:
        around.problems.add(
            (*path, "bitmaps"),
            "bitmaps is false on the same storage, where they go with the images",
            expected="storage: copied beside it",
            at_key=True,
        )
    return MigrateRequest(copied, arguments.get("bitmaps"), arguments.get("to"))


def _read_resize(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    outside = check_outside(around, path, arguments)
    image = arguments.get("image", "")
    if image:
        around.names.check(Thing.IMAGE, (*path, "image"), image)
        disk = around.names.disks.get(image)
    else:
        disk = around.disks.find(path, arguments.get("disk"), "resize")
    shape = around.disks.shapes.get(disk or "")
    told = [key for key in ("size", "clusters") if key in arguments]
    if len(told) != 1:
        around.problems.add(
            (*path, told[1]) if told else path,
            "both size and clusters are there" if told else "resize has no size",
            expected="one of size and clusters",
            at_key=bool(told),
        )
    if shape is None or len(told) != 1:
        return None
    value = arguments[told[0]]
    length = value if told[0] == "clusters" else clusters_of(value, shape.cluster_size)
    if not 1 <= length <= CLUSTERS_MAX:
        around.problems.add(
            (*path, told[0]),
            f"{told[0]} is {WRITTEN}",
            expected=f"1 to {CLUSTERS_MAX:,} clusters (2**34)",
        )
        return None
    lacks = lacking(value, shape.cluster_size) if told[0] == "size" else 0
    around.disks.resize(shape.name, length)
    if outside:
        return UseTool(ResizeImage(image, length, lacks))
    return ResizeRequest(disk=shape.name, length=length, lacks=lacks)


def _alone(name: str, says: str, request: Request) -> Verb:
    """Return a verb that takes nothing."""
    return Verb(
        name=name,
        says=says,
        shape=NoArguments,
        form="nothing",
        takes="nothing",
        read=lambda around, path, arguments: request,
    )


SHUTDOWN = _alone("shutdown", "Close all images cleanly.", CloseImages())
START = _alone("start", "Open the images again.", OpenImages())
CRASH = _alone("crash", "The process dies.", KillProcess())

UNDEFINE = Verb(
    name="undefine",
    says="Give up the host's definition of the machine.",
    more="One that runs loses its checkpoints' metadata when it stops.",
    shape=Undefine,
    short=Short(nothing, None, "nothing"),
    form="nothing, or {metadata: true}",
    read=_read_undefine,
)

MIGRATE = Verb(
    name="migrate",
    says="Let the machine go on on another host.",
    more="With the same storage persistent bitmaps go with the images. With `storage: copied` each "
    "disk is copied as one image: `bitmaps: true` sends those of the active image along, under "
    "libvirt all that are whole, merged; libvirt does so by itself. The host's notes of "
    "checkpoints stay behind.",
    shape=Migrate,
    short=Short(nothing, None, "nothing"),
    form="nothing, or {storage: shared or copied, bitmaps: true, to: HOST}",
    read=_read_migrate,
)

RESIZE = Verb(
    name="resize",
    says="Let the disk grow or shrink.",
    shape=Resize,
    short=Short(long_disk, Clusters | SizeText, "a number of clusters, a size"),
    form="a number of clusters, a size such as 1 MiB, or {disk, size or clusters}",
    takes="a number of clusters, a size, `{disk?, size}` or `{disk?, clusters}`; "
    "`{image, size, outside}`",
    examples=(16, "1 MiB", {"disk": "vdb", "clusters": 16}),
    read=_read_resize,
)

ATTACH = Verb(
    name="attach",
    says="Add a disk to the machine.",
    more="With `image` a new one, whose size stands here or under `disks`; without, one that was "
    "detached, as it was.",
    shape=Attach,
    short=short("disk", Word, "DISK"),
    form="DISK or {disk: DISK, clusters: NUMBER, image: NAME}",
    examples=({"disk": "vdb", "clusters": 8, "image": "W1"}, "vdb"),
    read=_read_attach,
    makes=makes(("image", Thing.IMAGE), ("bitmap", Thing.CHECKPOINT)),
)

DETACH = Verb(
    name="detach",
    says="Take a disk off the machine.",
    more="With its images and their bitmaps.",
    shape=Detach,
    short=short("disk", Word, "DISK"),
    form="DISK or {disk: DISK}",
    examples=("vdb",),
    read=_read_detach,
)
