"""The verbs of what happens to stored backups."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.operations import CorruptBackup, DropBackup, GuestDiscard
from simulator.model.requests import Request
from simulator.scenario.names import Thing
from simulator.scenario.shapes import STRICT, DiskWord, Picture, Word
from simulator.scenario.verb import Around, Verb, frees, short
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class Lose(TypedDict):
    """A backup that is gone."""

    backup: Annotated[Word, Field(description="A backup or a copy.", examples=["inc1.bak"])]


@with_config(STRICT)
class Corrupt(TypedDict):
    """A backup that has gone bad."""

    backup: Annotated[Word, Field(description="A backup or a copy.", examples=["inc1.bak"])]
    cells: Annotated[
        Picture,
        Field(description="- for clusters that are sound, any other character for the rest."),
    ]
    disk: NotRequired[DiskWord]


def _read_lose(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    around.names.check(Thing.BACKUP, (*path, "backup"), arguments["backup"])
    return DropBackup(name=arguments["backup"], lost=True)


def _read_corrupt(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request | None:
    around.names.check(Thing.BACKUP, (*path, "backup"), arguments["backup"])
    disk = around.disks.find(path, arguments.get("disk"), "corrupt")
    shape = around.disks.shapes.get(disk or "")
    if shape is None:
        return None
    drawn = {"cells": arguments["cells"]}
    # The cells are drawn as those of a discard are: whatever is no - is meant.
    marked = around.pictures.read(path, "discard", drawn, shape, around.disks.lengths(shape.name))
    if not isinstance(marked, GuestDiscard):
        return None
    return CorruptBackup(name=arguments["backup"], clusters=marked.clusters, disk=disk)


LOSE = Verb(
    name="lose",
    says="A stored backup is gone.",
    shape=Lose,
    short=short("backup", Word),
    form="NAME or {backup: NAME}",
    examples=({"backup": "inc1.bak"},),
    read=_read_lose,
    frees=frees(("backup", Thing.BACKUP)),
)

CORRUPT = Verb(
    name="corrupt",
    says="Some clusters of a stored backup hold something else.",
    more="Nobody knows; they are drawn `?`.",
    shape=Corrupt,
    form="{backup: NAME, cells: PICTURE}",
    examples=({"backup": "inc1.bak", "cells": "---X----"},),
    read=_read_corrupt,
)
