"""Verbs as requests: what each step of a scenario asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.model.operations import (
    CloseImages,
    CopyImage,
    DropBackup,
    KillProcess,
    OpenImages,
    StackBackups,
)
from simulator.model.requests import (
    Create,
    DeleteCheckpoint,
    Qmp,
    Request,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)
from simulator.scenario.disks import Disks, clusters_of
from simulator.scenario.figures import Figures
from simulator.scenario.labels import Labels
from simulator.scenario.later import COMMANDS_LATER, tell_later
from simulator.scenario.names import Names, Thing
from simulator.scenario.pictures import Pictures
from simulator.scenario.problems import Problems
from simulator.scenario.qmp import read_commands
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path


class Verbs:
    """Makes requests of steps, once all names and disks of the file are known."""

    def __init__(self, disks: Disks, names: Names, labels: Labels, problems: Problems) -> None:
        self._disks = disks
        self._names = names
        self._labels = labels
        self._problems = problems
        self._pictures = Pictures(problems)
        self._figures = Figures(names, disks, problems)
        self._readers: Mapping[str, Callable[[Path, Any], Request | None]] = {
            "create": self._create,
            "write": self._guest,
            "zero": self._guest,
            "discard": self._guest,
            "snapshot": self._snapshot,
            "checkpoint": self._checkpoint,
            "backup": self._backup,
            "copy": self._copy,
            "restore": self._restore,
            "delete": self._delete,
            "shutdown": lambda path, arguments: CloseImages(),
            "start": lambda path, arguments: OpenImages(),
            "crash": lambda path, arguments: KillProcess(),
            "qmp": self._qmp,
            "expect": self._expect,
        }

    def read(self, path: Path, verb: str, arguments: Any) -> Request | None:
        """Return what a step asks for, or None where that is a problem.

        Args:
            path: Where the step stands.
            verb: Its verb.
            arguments: What the verb takes, in its long form.
        """
        return self._readers[verb]((*path, verb), arguments)

    def _create(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        disk = self._disks.find(path, arguments.get("disk"), "create")
        shape = self._disks.shapes.get(disk or "")
        if shape is None:
            return None
        size = arguments.get("size")
        if size is not None and clusters_of(size, shape.cluster_size) != shape.length:
            self._problems.add(
                (*path, "size"),
                f"the image has {clusters_of(size, shape.cluster_size):,} clusters, "
                f"the disk {shape.length:,}",
                expected="the size of the disk",
            )
        return Create(
            image=arguments["image"],
            disk=shape.name,
            bitmap=arguments.get("bitmap"),
            format=arguments.get("format", shape.format),
        )

    def _guest(self, path: Path, arguments: dict[str, Any]) -> Request | None:
        verb = str(path[-1])
        disk = self._disks.find(path, arguments.get("disk"), verb)
        shape = self._disks.shapes.get(disk or "")
        return self._pictures.read(path, verb, arguments, shape) if shape is not None else None

    def _snapshot(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        if ("image" in arguments) == ("images" in arguments):
            both = "image" in arguments
            self._problems.add(
                (*path, "images") if both else path,
                "both image and images are there" if both else "snapshot has no image",
                expected="image: NAME, or images: {DISK: NAME, ...}",
            )
            return None
        if "images" in arguments:
            images = tuple(arguments["images"].items())
            for disk, _ in images:
                self._disks.check((*path, "images", disk), disk, at_key=True)
            if "disk" in arguments or not images:
                key = "disk" if images else "images"
                self._problems.add(
                    (*path, key),
                    "disk stands beside images" if images else "images is empty",
                    expected="images: {DISK: NAME, ...} alone",
                )
        else:
            if "disk" not in arguments and self._disks.only is None:
                self._problems.add(
                    path,
                    "snapshot does not say of which disks",
                    expected=f"images: {{{', '.join(f'{d}: NAME' for d in self._disks.names)}}}",
                )
                return None
            disk = self._disks.find(path, arguments.get("disk"), "snapshot")
            images = ((disk or "", arguments["image"]),)
        return Snapshot(
            images=images,
            bitmap=arguments.get("bitmap"),
            outside=arguments.get("outside", False),
        )

    def _checkpoint(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        disks = tuple(arguments.get("disks", self._disks.names))
        for index, disk in enumerate(arguments.get("disks", ())):
            self._disks.check((*path, "disks", index), disk)
        return StartCheckpoint(name=arguments["name"], disks=disks)

    def _backup(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        since, image, onto = (arguments.get(key) for key in ("since", "image", "onto"))
        if since is not None:
            self._names.check(Thing.CHECKPOINT, (*path, "since"), since)
            if "bitmaps" in arguments:
                self._problems.add(
                    (*path, "bitmaps"),
                    "both since and bitmaps are there",
                    expected="one of them",
                    at_key=True,
                )
        if image is not None:
            self._names.check(Thing.IMAGE, (*path, "image"), image)
        if onto is not None:
            self._names.check(Thing.BACKUP, (*path, "onto"), onto)
        disk = self._names.disks.get(image) if image is not None else None
        return TakeBackup(
            to=arguments["to"],
            disks=(disk,) if disk is not None else self._disks.names,
            since=since,
            image=image,
            bitmaps=self._bitmaps(path, arguments["bitmaps"]) if "bitmaps" in arguments else (),
            checkpoint=arguments.get("checkpoint"),
            onto=onto,
        )

    def _bitmaps(self, path: Path, names: list[str]) -> tuple[tuple[str | None, str], ...]:
        if not names:
            self._problems.add((*path, "bitmaps"), "bitmaps is empty", expected="[NAME, ...]")
        bitmaps: list[tuple[str | None, str]] = []
        for index, name in enumerate(names):
            on = self._names.split(name)
            if on is not None and name not in self._names.known[Thing.CHECKPOINT]:
                bitmaps.append(on)
            elif self._names.check(
                Thing.CHECKPOINT, (*path, "bitmaps", index), name, called="bitmap"
            ):
                bitmaps.append((None, name))
        return tuple(bitmaps)

    def _copy(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        self._names.check(Thing.IMAGE, (*path, "image"), arguments["image"])
        return CopyImage(image=arguments["image"], target=arguments["to"])

    def _restore(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        sources = tuple(arguments["from"])
        for index, source in enumerate(sources):
            self._names.check(Thing.BACKUP, (*path, "from", index), source)
        if not sources:
            self._problems.add((*path, "from"), "from is empty", expected="[OLDEST, ..., NEWEST]")
        of = arguments.get("of")
        label = self._labels.find(of) if of is not None else None
        if of is not None and label is None:
            self._problems.add(
                (*path, "of"),
                f"unknown instant {shorten(of)}",
                expected=alternatives(self._labels.ticks),
                help=nearest(of, self._labels.ticks),
            )
        name = arguments["as"] if "as" in arguments else self._names.restored[path[:-1]]
        return StackBackups(name=name, sources=sources, of=label)

    def _delete(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        if len(arguments) != 1:
            self._problems.add(
                path,
                "delete has two things to delete" if arguments else "delete has nothing to delete",
                expected="{checkpoint: NAME} or {backup: NAME}",
            )
            return None
        if "checkpoint" in arguments:
            name = arguments["checkpoint"]
            self._names.check(Thing.CHECKPOINT, (*path, "checkpoint"), name)
            return DeleteCheckpoint(name=name)
        self._names.check(Thing.BACKUP, (*path, "backup"), arguments["backup"])
        return DropBackup(name=arguments["backup"])

    def _qmp(self, path: Path, commands: list[Mapping[str, Any]]) -> Qmp:
        for index, command in enumerate(commands):
            if command["execute"] in COMMANDS_LATER:
                where = (*path, index, "execute")
                what = f"the command {command['execute']}"
                tell_later(self._problems, where, what, at_key=False)
        return read_commands(commands)

    def _expect(self, path: Path, texts: list[str]) -> Request | None:
        if len(texts) != 1:
            self._problems.add(path, "expect stands alone", expected="a figure, or a verb beside")
            return None
        return self._figures.read((*path, 0), texts[0])
