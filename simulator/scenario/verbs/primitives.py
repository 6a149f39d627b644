"""The verb of QEMU's own primitives."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.clusters import CLUSTERS_MAX
from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.model.operations import CommitImages, MirrorDisk, PullImages, ResizeImage, RunBackup
from simulator.model.requests import Qmp
from simulator.releases.hosts import KNOWN, QEMU
from simulator.releases.unmodelled import not_there
from simulator.scenario.disks import clusters_of, lacking
from simulator.scenario.later import COMMANDS_LATER, tell_later
from simulator.scenario.names import New, Thing
from simulator.scenario.qmp import commands_in, names_freed, names_made, read_commands
from simulator.scenario.shapes import STRICT, Form, Word
from simulator.scenario.verb import Around, Verb, one_or_more
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class Command(TypedDict):
    """A command as QEMU takes it."""

    execute: Annotated[Word, Field(description="Its name.", examples=["block-dirty-bitmap-add"])]
    arguments: NotRequired[
        Annotated[
            dict[str, Any],
            Form("a mapping"),
            Field(
                description="By QEMU's own names; a node is called like its image.",
                examples=[{"node": "S1", "name": "B1", "persistent": True}],
            ),
        ]
    ]
    id: NotRequired[Annotated[Any, Field(description="Has no meaning here.")]]


def _read(around: Around, path: Path, commands: list[Mapping[str, Any]]) -> Qmp:
    for index, command in enumerate(commands):
        where = (*path, index, "execute")
        for name, given in commands_in([command]):
            what = f"the command {name}" if name in COMMANDS_LATER else ""
            what = what or not_there(name, given, KNOWN[QEMU][0])
            if what:
                tell_later(around.problems, where, what, at_key=False)
    shapes = around.disks.shapes

    def clusters(node: str, size: int) -> tuple[int, int]:
        shape = shapes.get(around.names.disks.get(node, ""))
        one = shape.cluster_size if shape else CLUSTER_SIZE_DEFAULT
        return (clusters_of(size, one), lacking(size, one)) if size >= 0 else (size // one, 0)

    asked = read_commands(commands, clusters)
    for operation in asked.operations:
        if isinstance(operation, ResizeImage):
            told = around.names.disks.get(operation.node)
            for disk in shapes if told is None else (told,):
                if 1 <= operation.length <= CLUSTERS_MAX:
                    around.disks.resize(disk, operation.length)
    return asked


def _jobs(request: Qmp) -> tuple[str, ...]:
    """Return the jobs that commands start: backups by their targets, others by their ids.

    Those of any release: an older one may not know an argument.
    """
    operations = [*request.operations, *(each for _, later in request.newer for each in later)]
    backups = [each.target for each in operations if isinstance(each, RunBackup)]
    merges = [each for each in operations if isinstance(each, CommitImages | PullImages)]
    copies = [each.job or each.into for each in operations if isinstance(each, MirrorDisk)]
    named = (*backups, *copies, *(each.job for each in merges if each.job is not None))
    return tuple(dict.fromkeys(named))


def _makes(path: Path, commands: list[Mapping[str, Any]]) -> Iterator[New]:
    for thing, name, node in names_made(commands):
        yield New(thing, name, path, like=node, shared=True)


def _frees(commands: list[Mapping[str, Any]]) -> Iterator[tuple[Thing, str]]:
    yield from names_freed(commands)


QMP = Verb(
    name="qmp",
    says="QEMU's own primitives; a list is one transaction.",
    shape=Annotated[list[Command], Field(min_length=1)],
    short=one_or_more(Command, "a QMP command"),
    form="{execute: COMMAND, arguments: {...}} or a list of these",
    takes="a QMP command, or a list of them",
    read=_read,
    makes=_makes,
    frees=_frees,
    jobs=_jobs,
)
