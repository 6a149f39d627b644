"""Verbs as requests: what each step of a scenario asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.model.clusters import CLUSTERS_MAX
from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.model.machine import Status
from simulator.model.operations import (
    CloseImages,
    CommitImages,
    CopyImage,
    DropBackup,
    KillProcess,
    OpenImages,
    PullImages,
    ResizeImage,
    RunBackup,
    StackBackups,
)
from simulator.model.requests import (
    Attach,
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    FinishJobs,
    Pull,
    Qmp,
    RedefineCheckpoint,
    Request,
    Resize,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    Undefine,
)
from simulator.scenario.disks import Disks, clusters_of
from simulator.scenario.figures import Figures
from simulator.scenario.labels import Labels
from simulator.scenario.later import COMMANDS_LATER, tell_later
from simulator.scenario.names import Names, Thing
from simulator.scenario.pictures import Pictures
from simulator.scenario.problems import WRITTEN, Problems
from simulator.scenario.qmp import Clusters, commands_in, read_commands
from simulator.scenario.shapes import ENDINGS
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
        self._lasting = False
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
            "undefine": lambda path, arguments: Undefine(arguments.get("metadata", False)),
            "commit": self._commit,
            "pull": self._pull,
            "blockcopy": self._blockcopy,
            "revert": self._revert,
            "resize": self._resize,
            "cancel": self._cancel,
            "attach": self._attach,
            "detach": self._detach,
            "qmp": self._qmp,
            "expect": self._expect,
        }

    def read(self, path: Path, step: Mapping[str, Any], verb: str) -> Request | None:
        """Return what a step asks for, or None where that is a problem.

        Args:
            path: Where the step stands.
            step: Its verb and what stands beside it, in their long forms.
            verb: Its verb.
        """
        self._lasting = any(key in step for key in ENDINGS)
        return self._readers[verb]((*path, verb), step[verb])

    def read_ending(
        self, path: Path, step: Mapping[str, Any], verb: str, request: Request
    ) -> tuple[str, FinishJobs] | None:
        """Return the instant at which the jobs of a step end, and how; None where it names none.

        Args:
            path: Where the step stands.
            step: Its verb and what stands beside it.
            verb: Its verb.
            request: What it asks for.
        """
        holder, where = (step, path) if verb == "qmp" else (step[verb], (*path, verb))
        named = [key for key in ENDINGS if isinstance(holder, Mapping) and key in holder]
        beside = [key for key in ENDINGS if key in step and verb != "qmp"]
        if beside:
            self._problems.add(
                (*path, beside[0]),
                f"{beside[0]} stands beside {verb}",
                expected="ends or fails as an argument of backup or blockcopy, or beside qmp",
                at_key=True,
            )
        if not named:
            return None
        if len(named) > 1:
            self._problems.add(
                (*where, named[1]),
                "both ends and fails are there",
                expected="one of them",
                at_key=True,
            )
        jobs = _jobs_of(request)
        if not jobs:
            self._problems.add(
                (*where, named[0]),
                f"{named[0]} stands beside commands that start no job",
                expected="blockdev-backup, block-commit or block-stream",
                at_key=True,
            )
        label = self._later((*where, named[0]), holder[named[0]])
        if label is None or not jobs:
            return None
        status = Status.COMPLETED if named[0] == "ends" else Status.FAILED
        return label, FinishJobs(jobs=jobs, status=status)

    def _later(self, path: Path, word: str) -> str | None:
        """Return the label of an instant after the step, or None where that is a problem."""
        label = self._labels.find(word)
        if label is None:
            self._problems.add(
                path,
                f"unknown instant {shorten(word)}",
                expected=alternatives(self._labels.ticks),
                help=nearest(word, self._labels.ticks),
            )
        elif self._labels.entry(label) <= _entry(path):
            self._problems.add(
                path,
                f"the instant {label} is no later one",
                expected="an instant that comes after this step",
            )
        else:
            return label
        return None

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

    def _attach(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        shape = self._disks.shapes.get(arguments["disk"])
        if shape is None:
            return None
        return Attach(
            disk=shape.name,
            image=arguments.get("image"),
            bitmap=arguments.get("bitmap"),
            format=arguments.get("format", shape.format),
        )

    def _detach(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        disk = self._disks.check((*path, "disk"), arguments["disk"])
        return Detach(disk=disk) if disk is not None else None

    def _guest(self, path: Path, arguments: dict[str, Any]) -> Request | None:
        verb = str(path[-1])
        disk = self._disks.find(path, arguments.get("disk"), verb)
        shape = self._disks.shapes.get(disk or "")
        if shape is None:
            if "cells" in arguments:
                self._pictures.check_cells((*path, "cells"), verb, arguments["cells"])
            return None
        return self._pictures.read(path, verb, arguments, shape, self._disks.lengths(shape.name))

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
        disks = self._listed_disks(path, arguments)
        parent = arguments.get("parent")
        if parent is not None:
            self._names.check(Thing.CHECKPOINT, (*path, "parent"), parent)
        if arguments.get("redefine", False):
            return RedefineCheckpoint(
                name=arguments["name"],
                disks=disks,
                parent=parent,
                validate=arguments.get("validate", False),
            )
        for key in ("parent", "validate"):
            if key in arguments:
                self._problems.add(
                    (*path, key),
                    f"{key} stands in a checkpoint that is not redefined",
                    expected="redefine: true beside it",
                    at_key=True,
                )
        return StartCheckpoint(name=arguments["name"], disks=disks)

    def _listed_disks(self, path: Path, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the disks that a step lists; none where it lists none: all there are then."""
        for index, disk in enumerate(arguments.get("disks", ())):
            self._disks.check((*path, "disks", index), disk)
        if arguments.get("disks") == []:
            self._problems.add((*path, "disks"), "disks is empty", expected="[DISK, ...]")
        alone = self._disks.names if self._disks.alone is not None else ()
        return tuple(dict.fromkeys(arguments.get("disks", alone)))

    def _backup(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        since, until, image, onto = map(arguments.get, ("since", "until", "image", "onto"))
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
        if until is not None and self._labels.find(until) is None:
            self._names.check(Thing.CHECKPOINT, (*path, "until"), until)
        disk = self._names.disks.get(image) if image is not None else None
        disks = self._listed_disks(path, arguments)
        pulled = arguments.get("mode") == "pull"
        self._check_scratch(path, arguments)
        return TakeBackup(
            to=arguments["to"],
            disks=(disk,) if disk is not None and "disks" not in arguments else disks,
            since=since,
            until=until,
            image=image,
            bitmaps=self._bitmaps(path, arguments["bitmaps"]) if "bitmaps" in arguments else (),
            checkpoint=arguments.get("checkpoint"),
            onto=onto,
            pulled=pulled,
            scratch=arguments.get("scratch"),
            lasting=any(key in arguments for key in ENDINGS),
        )

    def _check_scratch(self, path: Path, arguments: Mapping[str, Any]) -> None:
        """Note a scratch image that nothing needs, or that has no room."""
        scratch = arguments.get("scratch")
        if scratch is None:
            return
        if arguments.get("mode") != "pull":
            self._problems.add(
                (*path, "scratch"),
                "scratch stands in a backup that QEMU pushes",
                expected="mode: pull beside it",
                at_key=True,
            )
        if scratch < 1:
            told = f"a scratch image of {scratch} bytes has room for nothing"
            self._problems.add((*path, "scratch"), told, expected="a size such as 64 KiB")

    def _commit(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        for key in ("top", "base"):
            if key in arguments:
                self._names.check(Thing.IMAGE, (*path, key), arguments[key])
        return Commit(top=arguments["top"], base=arguments.get("base"))

    def _pull(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        for key in ("into", "base"):
            if key in arguments:
                self._names.check(Thing.IMAGE, (*path, key), arguments[key])
        return Pull(into=arguments["into"], base=arguments.get("base"))

    def _blockcopy(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        disk = self._disks.find(path, arguments.get("disk"), "blockcopy")
        if disk is None:
            return None
        return BlockCopy(
            to=arguments["to"],
            disk=disk,
            format=arguments.get("format"),
            lasting=any(key in arguments for key in ENDINGS),
        )

    def _revert(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        name = arguments["snapshot"]
        self._check_snapshot((*path, "snapshot"), name)
        return Revert(snapshot=name, image=self._names.overlays[path[:-1]])

    def _check_snapshot(self, path: Path, name: str) -> None:
        """Note a name that neither an image has nor a state kept inside one."""
        if not self._names.has(Thing.SNAPSHOT, name):
            self._names.check(Thing.IMAGE, path, name, called="snapshot")

    def _resize(self, path: Path, arguments: Mapping[str, Any]) -> Request | None:
        disk = self._disks.find(path, arguments.get("disk"), "resize")
        shape = self._disks.shapes.get(disk or "")
        told = [key for key in ("size", "clusters") if key in arguments]
        if len(told) != 1:
            self._problems.add(
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
            self._problems.add(
                (*path, told[0]),
                f"{told[0]} is {WRITTEN}",
                expected=f"1 to {CLUSTERS_MAX:,} clusters (2**34)",
            )
            return None
        self._disks.resize(shape.name, length)
        return Resize(disk=shape.name, length=length)

    def _cancel(self, path: Path, arguments: Mapping[str, Any]) -> Request:
        name = arguments["job"]
        if not self._names.has(Thing.JOB, name):
            self._names.check(Thing.BACKUP, (*path, "job"), name, called="backup or job")
        return CancelJob(job=name)

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
        things = arguments.keys() - {"children", "metadata"}
        for key in sorted(arguments.keys() - things):
            if "checkpoint" not in things:
                expected = "a checkpoint beside it"
                self._problems.add(
                    (*path, key), f"{key} stands alone", expected=expected, at_key=True
                )
        if len(things) != 1:
            self._problems.add(
                path,
                "delete has two things to delete" if things else "delete has nothing to delete",
                expected="{checkpoint: NAME}, {backup: NAME} or {snapshot: NAME}",
            )
            return None
        if "snapshot" in arguments:
            self._check_snapshot((*path, "snapshot"), arguments["snapshot"])
            return DeleteSnapshot(name=arguments["snapshot"])
        if "checkpoint" in arguments:
            name = arguments["checkpoint"]
            self._names.check(Thing.CHECKPOINT, (*path, "checkpoint"), name)
            return DeleteCheckpoint(
                name=name,
                children=arguments.get("children", False),
                metadata=arguments.get("metadata", False),
            )
        self._names.check(Thing.BACKUP, (*path, "backup"), arguments["backup"])
        return DropBackup(name=arguments["backup"])

    def _qmp(self, path: Path, commands: list[Mapping[str, Any]]) -> Qmp:
        for index, command in enumerate(commands):
            for name, _ in commands_in([command]):
                if name in COMMANDS_LATER:
                    where = (*path, index, "execute")
                    tell_later(self._problems, where, f"the command {name}", at_key=False)
        sizes = {
            image: self._disks.shapes[disk].cluster_size
            for image, disk in self._names.disks.items()
            if disk in self._disks.shapes
        }
        clusters = Clusters(sizes, CLUSTER_SIZE_DEFAULT)
        asked = read_commands(commands, clusters, lasting=self._lasting)
        for operation in asked.operations:
            if isinstance(operation, ResizeImage):
                told = self._names.disks.get(operation.node)
                for disk in self._disks.shapes if told is None else (told,):
                    if 1 <= operation.length <= CLUSTERS_MAX:
                        self._disks.resize(disk, operation.length)
        return asked

    def _expect(self, path: Path, texts: list[str]) -> Request | None:
        if len(texts) != 1:
            self._problems.add(path, "expect stands alone", expected="a figure, or a verb beside")
            return None
        return self._figures.read((*path, 0), texts[0])


def _jobs_of(request: Request) -> tuple[str, ...]:
    """Return the names of the jobs that a request starts."""
    match request:
        case TakeBackup(to=target) | BlockCopy(to=target):
            return (target,)
        case Qmp(operations=operations):
            backups = [each.target for each in operations if isinstance(each, RunBackup)]
            others = [
                each.job
                for each in operations
                if isinstance(each, CommitImages | PullImages) and each.job is not None
            ]
            return (*backups, *others)
        case _:
            return ()


def _entry(path: Path) -> int:
    """Return which entry of the timeline a path leads into."""
    assert isinstance(path[1], int), "a step stands in the timeline"
    return path[1]
