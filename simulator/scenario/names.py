"""The names that the steps of a file introduce, and what a step may refer to."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple

from simulator.model.bitmap import NAME_BYTES_MAX
from simulator.scenario.disks import CheckedStep, Disks
from simulator.scenario.problems import FIRST, Problems
from simulator.scenario.qmp import commands_in
from simulator.scenario.words import NAME_EXPECTED, alternatives, name_fault, nearest, shorten
from simulator.scenario.yaml12 import Path

GUEST_SEES = "guest sees"
"""The row of what the guest sees; with several disks a disk's name follows."""

RESTORED_DEFAULT = "restored"


class Thing(StrEnum):
    """What a name can be the name of."""

    IMAGE = "image"
    CHECKPOINT = "checkpoint"
    """Or a bitmap: a step that makes a bitmap starts a checkpoint of its name."""

    BACKUP = "backup"
    RESTORE = "restored disk"
    SNAPSHOT = "snapshot"
    """A state that is kept inside an image."""

    JOB = "job"
    """A job that is no backup's, by its id."""


ROWS = (Thing.IMAGE, Thing.CHECKPOINT, Thing.BACKUP, Thing.RESTORE)
"""What has a row of its own in a figure."""


class New(NamedTuple):
    """A name that a step introduces.

    Attributes:
        path: Where it stands.
        disk: The disk of an image, where that is told.
    """

    thing: Thing
    name: str
    path: Path
    disk: str | None = None


class Names:
    """All names of a file, whichever step introduces them.

    A name that no step introduces is a mistake in the file. One that exists, but not there and
    then, is the host's to refuse.

    Attributes:
        known: The names of each kind, with the place of the first.
        disks: The disk of each image, where that is known.
        restored: The name of each restored disk, by the path of its step.
        overlays: The name of the overlay that each revert makes, by the path of its step.
    """

    def __init__(
        self,
        disks: Disks,
        problems: Problems,
        *,
        restarts: bool = False,
        refusals: frozenset[str] = frozenset(),
    ) -> None:
        """Start with no names.

        Args:
            disks: The disks of the file.
            problems: Where what is wrong is noted.
            restarts: Whether a checkpoint of a name that is there starts it anew.
            refusals: What a step expects, or allows, that the host will turn down.
        """
        self.known: dict[Thing, dict[str, Path]] = {thing: {} for thing in Thing}
        self.disks: dict[str, str] = {}
        self.restored: dict[Path, str] = {}
        self.overlays: dict[Path, str] = {}
        self._perhaps: set[str] = set()
        self._excused: set[Path] = set()
        self._live: dict[tuple[Thing, str], list[New]] = {}
        self._restarts = restarts
        self._refusals = refusals
        self._disks = disks
        self._problems = problems

    def survey(self, steps: Iterable[CheckedStep], broken: Iterable[object]) -> None:
        """Take in every name; one that is introduced twice is noted.

        Args:
            steps: In the order of the file.
            broken: What stands where a step belongs and cannot be read. Its words may be names.
        """
        for each in broken:
            self._perhaps.update(_words(each))
        unnamed = []
        for path, step in steps:
            for freed in _freed(step):
                self._live.pop(freed, None)
            for new in _introduced(path, step):
                self._take(new, step)
            for thing, name, node in _introduced_by_qmp(step):
                self.known[thing].setdefault(name, ())
                if thing is Thing.IMAGE and node in self.disks:
                    self.disks.setdefault(name, self.disks[node])
            if "blockcopy" in step:
                # The job goes by the name of the image that it makes.
                self.known[Thing.JOB].setdefault(step["blockcopy"]["to"], ())
            if "restore" in step and "as" not in step["restore"]:
                unnamed.append(path)
            if "revert" in step:
                self._name_overlay(path, step["revert"])
        for path in unnamed:
            self.restored[path] = self._unused(Thing.RESTORE, RESTORED_DEFAULT)
        for path, wanted in self.overlays.items():
            if wanted not in self.known[Thing.IMAGE]:
                self.overlays[path] = self._unused(Thing.IMAGE, wanted)
        self._check_clashes()

    def _name_overlay(self, path: Path, revert: Mapping[str, Any]) -> None:
        """Note what the overlay of a revert is to be called; it may have to be another name."""
        name = self.overlays[path] = revert.get("image", f"{revert['snapshot']}-revert")
        if revert["snapshot"] in self.disks:
            self.disks.setdefault(name, self.disks[revert["snapshot"]])

    def check(self, thing: Thing, path: Path, name: str, *, called: str = "") -> bool:
        """Whether some step introduces a name; one that none does is noted.

        Args:
            thing: What it should be the name of. One disk's part of a backup is a backup.
            path: Where it stands.
            name: As it stands there.
            called: What to call it, if not that.
        """
        known = self.known[thing]
        whole, _, disk = name.rpartition("/")
        part = thing is Thing.BACKUP and whole in known and disk in self._disks.names
        if name in known or part or name in self._perhaps:
            return True
        self._problems.add(
            path,
            f"unknown {called or thing} {shorten(name)}",
            expected=alternatives(known) or f"a {called or thing} that a step makes",
            help=nearest(name, known),
        )
        return False

    def has(self, thing: Thing, name: str) -> bool:
        """Whether some step introduces a name."""
        return name in self.known[thing] or name in self._perhaps

    def split(self, label: str) -> tuple[str, str] | None:
        """Return the image and the bitmap that ``NODE.NAME`` tells, or None where it is none."""
        images, bitmaps = self.known[Thing.IMAGE], self.known[Thing.CHECKPOINT]
        dots = (index for index, character in enumerate(label) if character == ".")
        pairs = ((label[:dot], label[dot + 1 :]) for dot in dots)
        return next((pair for pair in pairs if pair[0] in images and pair[1] in bitmaps), None)

    def _take(self, new: New, step: Mapping[str, Any]) -> None:
        self._check_name(new)
        self.known[new.thing].setdefault(new.name, new.path)
        disk = new.disk or self._disks.only
        if new.thing is Thing.IMAGE and disk is not None:
            self.disks.setdefault(new.name, disk)
        if "allow" in step or "expect" in step:
            self._excused.add(new.path)
        live = self._live.setdefault((new.thing, new.name), [])
        first = next((other for other in live if _clash(new, other)), None)
        if first is None or (self._restarts and new.thing is Thing.CHECKPOINT):
            if not _turned_down(step, self._refusals):
                live.append(new)
        elif new.path not in self._excused:
            self._tell_clash(new, first.path)

    def _check_name(self, new: New) -> None:
        """Note what the shape of a name cannot say: which are taken, and how many bytes it has."""
        fault = ""
        if new.name.startswith(GUEST_SEES):
            fault = "is the row of what the guest sees"
        elif len(new.name) > NAME_BYTES_MAX // 4:
            fault = name_fault(new.name)
        if fault:
            told = f"the name {shorten(new.name)} {fault}"
            self._problems.add(new.path, told, expected=NAME_EXPECTED)

    def _tell_clash(self, new: New, first: Path) -> None:
        self._problems.add(
            new.path,
            f"the {new.thing} {new.name} is introduced twice, first on {FIRST}",
            expected="a new name",
            help="if that is meant, say so beside the verb: expect: refused",
            first=first,
        )

    def _check_clashes(self) -> None:
        """Note what would be a row of the same name as an image."""
        images = self.known[Thing.IMAGE]
        for thing in (Thing.CHECKPOINT, Thing.BACKUP, Thing.RESTORE):
            others = self.known[thing]
            for name in images:
                if name not in others or not others[name]:
                    continue
                first, second = sorted((images[name], others[name]), key=_order)
                if second not in self._excused:
                    self._problems.add(
                        second,
                        f"{name} is the name of an image and of a {thing}, first on {FIRST}",
                        expected="names that rows of a figure can be told apart by",
                        first=first,
                    )

    def _unused(self, thing: Thing, wanted: str) -> str:
        """Return the next name for what nobody named."""
        taken = {name for known in self.known.values() for name in known}
        numbered = (f"{wanted}-{number}" for number in count(2))
        name = wanted
        while name in taken:
            name = next(numbered)
        self.known[thing][name] = ()
        return name


def _clash(new: New, other: New) -> bool:
    """Whether two of a name cannot both be: bitmaps of two disks that are told can."""
    if new.thing is not Thing.CHECKPOINT or new.disk is None or other.disk is None:
        return True
    return new.disk == other.disk


def _turned_down(step: Mapping[str, Any], refusals: frozenset[str]) -> bool:
    """Whether a step says that the host will turn it down, so that it takes no name."""
    allows = (each.get("rule") for each in step.get("allow", ()))
    return any(word in refusals for word in (*step.get("expect", ()), *allows))


def _words(value: object) -> Iterator[str]:
    """Yield every text below a value of a file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)


def _order(path: Path) -> tuple[int, ...]:
    """Return what sorts paths into the order of their steps."""
    return tuple(part for part in path if isinstance(part, int))


def _freed(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
    """Yield the names that a step gives up, for another step to take."""
    if "delete" in step:
        if "checkpoint" in step["delete"]:
            yield Thing.CHECKPOINT, step["delete"]["checkpoint"]
        if "backup" in step["delete"]:
            yield Thing.BACKUP, step["delete"]["backup"]
        if "snapshot" in step["delete"]:
            yield Thing.IMAGE, step["delete"]["snapshot"]
    if "commit" in step:
        yield Thing.IMAGE, step["commit"]["top"]
    if "revert" in step:
        yield Thing.IMAGE, step["revert"]["snapshot"]
    for execute, arguments in commands_in(step.get("qmp", ())):
        if execute == "block-dirty-bitmap-remove" and isinstance(arguments.get("name"), str):
            yield Thing.CHECKPOINT, arguments["name"]


_NEW: Mapping[str, tuple[tuple[str, Thing], ...]] = {
    "create": (("image", Thing.IMAGE), ("bitmap", Thing.CHECKPOINT)),
    "attach": (("image", Thing.IMAGE), ("bitmap", Thing.CHECKPOINT)),
    "snapshot": (("image", Thing.IMAGE), ("bitmap", Thing.CHECKPOINT)),
    "checkpoint": (("name", Thing.CHECKPOINT),),
    "backup": (("to", Thing.BACKUP), ("checkpoint", Thing.CHECKPOINT)),
    "copy": (("to", Thing.BACKUP),),
    "restore": (("as", Thing.RESTORE),),
    "revert": (("image", Thing.IMAGE),),
    "blockcopy": (("to", Thing.IMAGE),),
}
"""The arguments of each verb that introduce a name."""


def _introduced(path: Path, step: Mapping[str, Any]) -> Iterator[New]:
    """Yield the names that a step introduces, but for those of QEMU's own primitives."""
    for verb, arguments in step.items():
        if verb == "checkpoint" and arguments.get("redefine"):
            continue  # Its bitmaps are there already, and so is its name.
        for key, thing in _NEW.get(verb, ()):
            if key in arguments:
                yield New(thing, arguments[key], (*path, verb, key), arguments.get("disk"))
        if verb == "snapshot":
            for disk, image in arguments.get("images", {}).items():
                yield New(Thing.IMAGE, image, (*path, verb, "images", disk), disk)


_NEW_BY_QMP: Mapping[str, tuple[tuple[str, Thing], ...]] = {
    "block-dirty-bitmap-add": (("name", Thing.CHECKPOINT),),
    "blockdev-backup": (("target", Thing.BACKUP), ("job-id", Thing.JOB)),
    "blockdev-snapshot": (("overlay", Thing.IMAGE),),
    "blockdev-snapshot-sync": (("snapshot-node-name", Thing.IMAGE),),
    "blockdev-snapshot-internal-sync": (("name", Thing.SNAPSHOT),),
    "block-commit": (("job-id", Thing.JOB),),
    "block-stream": (("job-id", Thing.JOB),),
}
"""The arguments of QEMU's own primitives that introduce a name."""


def _introduced_by_qmp(step: Mapping[str, Any]) -> Iterator[tuple[Thing, str, str]]:
    """Yield the names that QEMU's own primitives introduce, and the node that each is put on.

    They may be there already.
    """
    for execute, arguments in commands_in(step.get("qmp", ())):
        node = arguments.get("node", arguments.get("node-name", arguments.get("device")))
        for key, thing in _NEW_BY_QMP.get(execute, ()):
            if isinstance(arguments.get(key), str):
                yield thing, arguments[key], str(node)
