"""The guest's verbs: what a machine writes by itself."""

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)

from simulator.model.operations import GuestDiscard, GuestWrite, WriteFile
from simulator.model.requests import Request
from simulator.scenario.names import Thing
from simulator.scenario.shapes import (
    DiskWord,
    Form,
    Outside,
    Picture,
    Size,
    listed,
    one_of,
    strict,
)
from simulator.scenario.verb import Around, Verb, check_outside, short
from simulator.scenario.yaml12 import Path

Letter: TypeAlias = Annotated[str, StringConstraints(pattern="^[A-Za-z0]$")]


def _letter(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return "0"
    return value


@with_config(strict(**one_of("cells", ("offset", "length"))))
class Guest(Outside):
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
            Form("a letter or 0"),
        ]
    ]


def _read_guest(around: Around, path: Path, arguments: dict[str, Any]) -> Request | None:
    verb = str(path[-1])
    outside, image = check_outside(around, path, arguments), arguments.get("image", "")
    if image:
        around.names.check(Thing.IMAGE, (*path, "image"), image)
        disk = around.names.disks.get(image)
    else:
        disk = around.disks.find(path, arguments.get("disk"), verb)
    shape = around.disks.shapes.get(disk or "")
    if shape is None:
        if "cells" in arguments:
            around.pictures.check_cells((*path, "cells"), verb, arguments["cells"])
        return None
    read = around.pictures.read(path, verb, arguments, shape, around.disks.lengths(shape.name))
    if outside and isinstance(read, GuestDiscard):
        told = "nobody discards from outside"
        around.problems.add((*path, "outside"), told, expected="write or zero", at_key=True)
    return WriteFile(image, read.data) if outside and isinstance(read, GuestWrite) else read


def _expected(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Return measures as they are: their names are looked at when they are read."""
    return value if isinstance(value, dict) else handler(listed(value))


def _tell_measures(schema: dict[str, Any]) -> None:
    from simulator.scenario.expected.measures import measures_schema

    schema.clear()
    schema.update(measures_schema())


Measures: TypeAlias = Annotated[dict[str, Any], Field(json_schema_extra=_tell_measures)]


def _read_expect(around: Around, path: Path, texts: list[str] | dict[str, Any]) -> Request | None:
    if isinstance(texts, dict):
        from simulator.scenario.expected.measures import Measures as Reader

        reader = Reader(
            around.names, around.disks, around.labels, around.problems, around.resources
        )
        return reader.read(path, texts)
    if len(texts) != 1:
        around.problems.add(path, "expect stands alone", expected="a figure, or a verb beside")
        return None
    return around.figures.read((*path, 0), texts[0])


def _guest(name: str, says: str, example: str, takes: str) -> Verb:
    return Verb(
        name=name,
        says=says,
        shape=Guest,
        short=short("cells", Picture, "PICTURE"),
        form="a picture or {offset, length, data}",
        takes=takes,
        examples=(example,),
        read=_read_guest,
    )


_DRAWN = "PICTURE, `{cells, disk?}` or "

WRITE = _guest(
    "write",
    "The guest writes data.",
    "AAAA----",
    f"{_DRAWN}`{{offset, length, data, disk?}}`; `{{image, cells, outside}}`",
)
ZERO = _guest(
    "zero",
    "The guest writes zeroes.",
    "0000----",
    f"{_DRAWN}`{{offset, length, disk?}}`",
)
DISCARD = _guest(
    "discard",
    "The guest gives clusters back (trim).",
    "XX------",
    f"{_DRAWN}`{{offset, length, disk?}}`",
)

EXPECT = Verb(
    name="expect",
    says="Alone: a figure whose rows must be as drawn, or measures of the run. "
    "Beside a verb: the rules that must be found here, or refused.",
    shape=Annotated[
        list[str],
        WrapValidator(_expected, json_schema_input_type=str | list[str] | Measures),
    ],
    form="a figure, measures, or a list of rules beside a verb",
    takes='rows of a figure, measures such as `{full.bak: {window: "<= 2h"}, loss: "<= 25h"}`, '
    "or a list of rules beside a verb",
    read=_read_expect,
)
