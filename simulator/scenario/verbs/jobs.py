"""The verbs of jobs that are no backup: a disk that is copied, a job that is aborted."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.requests import BlockCopy as BlockCopyRequest
from simulator.model.requests import CancelJob, Request
from simulator.scenario.names import New, Thing
from simulator.scenario.shapes import (
    STRICT,
    Copied,
    DiskWord,
    FileName,
    Flag,
    ImageFormat,
    Lasts,
    Moves,
    Word,
    lasts,
)
from simulator.scenario.verb import Around, Verb, short
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class BlockCopy(Lasts, Moves):
    """A disk is copied into a new image, which takes the place of its chain."""

    to: Annotated[FileName, Field(description="The new image.", examples=["C1"])]
    disk: NotRequired[DiskWord]
    format: NotRequired[
        Annotated[ImageFormat, Field(description="Of it; default the active image's.")]
    ]
    shallow: NotRequired[
        Annotated[
            Flag,
            Field(description="Only the active image, onto the same backing image."),
        ]
    ]


@with_config(STRICT)
class Cancel(TypedDict):
    """A running job is aborted."""

    job: Annotated[
        Word, Field(description="A backup's target, or a job's id.", examples=["full.bak"])
    ]
    copied: NotRequired[Copied]


def _read_blockcopy(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    disk = around.disks.find(path, arguments.get("disk"), "blockcopy")
    if disk is None:
        return None
    return BlockCopyRequest(
        to=arguments["to"],
        disk=disk,
        format=arguments.get("format"),
        lasting=lasts(arguments),
        shallow=arguments.get("shallow", False),
    )


def _blockcopy_makes(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
    yield New(Thing.IMAGE, arguments["to"], (*path, "to"), arguments.get("disk"))
    # The job goes by the name of the image that it makes.
    yield New(Thing.JOB, arguments["to"], (*path, "to"), shared=True)


def _read_cancel(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    name = arguments["job"]
    if not around.names.has(Thing.JOB, name):
        around.names.check(Thing.BACKUP, (*path, "job"), name, called="backup or job")
    return CancelJob(job=name, copied=around.copied((*path, "copied"), arguments))


BLOCKCOPY = Verb(
    name="blockcopy",
    says="Copy a disk into a new image that takes over.",
    more="It holds all that the guest sees, and takes the place of the chain; `format` is the "
    "active image's if left out. `shallow: true` copies the active image only, onto the same "
    "backing image. With `ends` it takes over then.",
    shape=BlockCopy,
    short=short("to", FileName),
    form="NAME or {to: NAME}",
    examples=("C1", {"to": "C1", "ends": "T3"}),
    read=_read_blockcopy,
    makes=_blockcopy_makes,
    jobs=lambda request: (request.to,),
)

CANCEL = Verb(
    name="cancel",
    says="Abort a running job.",
    more="It had copied all, or what `copied` tells.",
    shape=Cancel,
    short=short("job", Word, "a backup's name, a job's id"),
    form="the name of a backup or a job, or {job: NAME, copied: PICTURE or SHARE}",
    examples=("full.bak", {"job": "full.bak", "copied": "XX------"}),
    read=_read_cancel,
)
