"""The names that the steps of a file introduce, and what a step may refer to."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from simulator.model.bitmap import NAME_BYTES_MAX
from simulator.scenario.disks import Disks
from simulator.scenario.problems import FIRST, Problems
from simulator.scenario.words import NAME_EXPECTED, alternatives, name_fault, nearest, shorten
from simulator.scenario.yaml12 import Path
from simulator.timeline import Repeat
from simulator.values import NamedTuple

EVENTS_MAX = 10_000
"""With more names than these, a message lists all of them, whether they are there or not."""

REVERTED = re.compile("(-revert)+$")
"""What follows the name of an image in that of an overlay which a revert put onto it."""

GUEST_SEES = "guest sees"
"""The row of what the guest sees; with several disks a disk's name follows."""


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
        like: Another image of the same disk, where that is told instead.
        shared: Whether it may be there already.
    """

    thing: Thing
    name: str
    path: Path
    disk: str | None = None
    like: str | None = None
    shared: bool = False


class Names:
    """All names of a file, whichever step introduces them.

    A name that no step introduces is a mistake in the file. One that exists, but not there and
    then, is the host's to refuse.

    Attributes:
        known: The names of each kind, with the place of the first.
        disks: The disk of each image, where that is known.
        repeats: Names that steps introduce and others before them, by the number of the step.
        step: The number of the step that is looked at; a path may be that of many.
        unsure: Whether steps are missing, so that a name that is not known may be one of theirs.
    """

    def __init__(
        self,
        disks: Disks,
        problems: Problems,
        *,
        refusals: frozenset[str] = frozenset(),
    ) -> None:
        """Start with no names.

        Args:
            disks: The disks of the file.
            problems: Where what is wrong is noted.
            refusals: What a step expects, or allows, that the host will turn down.
        """
        self.known: dict[Thing, dict[str, Path]] = {thing: {} for thing in Thing}
        self.disks: dict[str, str] = {}
        self._given: dict[tuple[int, Path], str] = {}
        self._next: dict[str, int] = {}
        self.step = 0
        self.unsure = False
        self._perhaps: set[str] = set()
        self._excused: set[Path] = set()
        self.repeats: dict[int, tuple[Repeat, ...]] = {}
        self._events: dict[Thing, list[tuple[Path, str, bool]]] = {thing: [] for thing in Thing}
        self._live: dict[tuple[Thing, str], list[New]] = {}
        self._refusals = refusals
        self._disks = disks
        self._problems = problems

    def take_broken(self, value: object) -> None:
        """Take in what stands where a step belongs and cannot be read: its words may be names."""
        self._perhaps.update(_words(value))

    def free(self, thing: Thing, name: str, at: Path) -> None:
        """Take in that a step, which stands there, gives up a name for another step to take."""
        self._live.pop((thing, name), None)
        self._events[thing].append((at, name, False))

    def take(self, new: New, at: Path, step: Mapping[str, Any]) -> None:
        """Take in a name; whether one that is introduced twice is a mistake, only a run can tell.

        Args:
            new: The name.
            at: Where the step stands that introduces it.
            step: The step, with what stands beside its verb.
        """
        self._events[new.thing].append((at, new.name, True))
        self._note_disk(new)
        if new.shared:
            self.known[new.thing].setdefault(new.name, ())
            return
        self._check_name(new)
        self.known[new.thing].setdefault(new.name, new.path)
        if "allow" in step or "expect" in step:
            self._excused.add(new.path)
        live = self._live.setdefault((new.thing, new.name), [])
        first = next((other for other in live if _clash(new, other)), None)
        if first is None:
            if not _turned_down(step, self._refusals):
                live.append(new)
        elif new.path not in self._excused:
            repeat = Repeat(new.thing, new.name, new.disk, new.path, first.path)
            self.repeats[self.step] = (*self.repeats.get(self.step, ()), repeat)

    def make_up(self, path: Path, thing: Thing, wanted: str, *, again: bool) -> None:
        """Make up the name of a thing that a step does not name.

        Args:
            path: Where the arguments of the step stand.
            thing: What it is.
            wanted: The name; a number follows it where it is taken.
            again: Whether it may be the name of another such thing.
        """
        if again and wanted in self.known[thing]:
            self._given[self.step, path] = wanted
            return
        name = wanted
        while any(name in known for known in self.known.values()):
            number = self._next[wanted] = self._next.get(wanted, 1) + 1
            name = f"{wanted}-{number}"
        self.known[thing][name] = ()
        self._given[self.step, path] = name

    def given(self, path: Path) -> str:
        """Return the name that the step makes up whose arguments stand there."""
        return self._given[self.step, path]

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
        if part or self.has(thing, name):
            return True
        there = self._there(thing, path)
        self._problems.add(
            path,
            f"unknown {called or thing} {shorten(name)}",
            expected=alternatives(there) or f"a {called or thing} that a step makes",
            help=nearest(name, there) or nearest(name, known),
        )
        return False

    def _there(self, thing: Thing, path: Path) -> dict[str, None]:
        """Return the names that steps before a place make and do not give up again."""
        events = self._events[thing]
        if len(events) > EVENTS_MAX:
            return dict.fromkeys(self.known[thing])
        there: dict[str, None] = {}
        for at, name, made in events:
            if _order(at) >= _order(path)[: len(_order(at))]:
                break
            if made:
                there[name] = None
            else:
                there.pop(name, None)
        return there

    def check_snapshot(self, path: Path, name: str) -> None:
        """Note a name that neither an image has nor a state kept inside one."""
        if not self.has(Thing.SNAPSHOT, name):
            self.check(Thing.IMAGE, path, name, called="snapshot")

    def has(self, thing: Thing, name: str) -> bool:
        """Whether some step introduces a name."""
        known = self.known[thing]
        # A revert makes an image for each disk, and tells the name of the first.
        reverted = thing is Thing.IMAGE and REVERTED.sub("", name) in known
        return name in known or reverted or name in self._perhaps or self.unsure

    def split(self, label: str) -> tuple[str, str] | None:
        """Return the image and the bitmap that ``NODE.NAME`` tells, or None where it is none."""
        images, bitmaps = self.known[Thing.IMAGE], self.known[Thing.CHECKPOINT]
        dots = (index for index, character in enumerate(label) if character == ".")
        pairs = ((label[:dot], label[dot + 1 :]) for dot in dots)
        return next((pair for pair in pairs if pair[0] in images and pair[1] in bitmaps), None)

    def check_clashes(self) -> None:
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

    def lies_above(self, image: str, other: str) -> bool:
        """Whether an image was put onto its disk's chain when another one was there already."""
        known = self.known[Thing.IMAGE]
        same = self.disks.get(image) is not None and self.disks.get(image) == self.disks.get(other)
        if not same or not known.get(image) or not known.get(other):
            return False
        return "snapshot" in known[image] and _order(known[image]) > _order(known[other])

    def note_disk(self, image: str, like: str) -> None:
        """Take in that an image is of the same disk as another one, where that is known."""
        if like in self.disks:
            self.disks.setdefault(image, self.disks[like])

    def _note_disk(self, new: New) -> None:
        if new.thing is not Thing.IMAGE:
            return
        disk = new.disk or self._disks.only
        if new.like is not None:
            self.note_disk(new.name, new.like)
        elif disk is not None:
            self.disks.setdefault(new.name, disk)

    def _check_name(self, new: New) -> None:
        """Note what the shape of a name cannot say: which are taken, and how many bytes it has."""
        fault = ""
        if new.name.startswith(GUEST_SEES):
            fault = "is the row of what the guest sees"
        elif len(new.name) > NAME_BYTES_MAX // 4 or "/" in new.name:
            fault = name_fault(new.name)
        if fault:
            told = f"the name {shorten(new.name)} {fault}"
            self._problems.add(new.path, told, expected=NAME_EXPECTED)


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
