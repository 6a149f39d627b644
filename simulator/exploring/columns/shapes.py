"""Parts a machine into what is the same for all clusters and the cells of one, and back.

Two machines of one shape differ in nothing but names, letters and how much time has passed. What
a user calls things, and labels of instants, are no part of it.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

from simulator.exploring.acts import OURS
from simulator.exploring.columns.formulas import (
    DISK,
    Answers,
    Coupled,
    FormulaMap,
    FormulaSet,
    Node,
)
from simulator.exploring.noted import Noted
from simulator.model.bitmap import DirtyBitmap, Window
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.disk import Aside, Disk, Image, InternalSnapshot
from simulator.model.machine import Backup, Machine
from simulator.model.notes import Checkpoint, Layer, SnapshotNote
from simulator.model.values import replace
from simulator.values import NamedTuple

Cells: TypeAlias = ClusterMap | ClusterSet


class Kept(NamedTuple):
    """What is kept of a state, for somebody may ask for it.

    Where no windows are kept, nobody can ask which of two moments came first, or whether they are
    one: each thing that refers to one has a view of its own.

    Attributes:
        windows: The stretches of history that bitmaps stand for, and when images froze.
        snapshots: When overlays were made.
        backups: What backups hold.
        notes: What the host noted of snapshots.
    """

    windows: bool = True
    snapshots: bool = True
    backups: bool = True
    notes: bool = True


class Part(NamedTuple):
    """A machine, and what is known beside it."""

    machine: Machine
    noted: Noted


class Shape(NamedTuple):
    """A machine in two parts, or several that the same was asked of.

    Attributes:
        key: Equal for machines that differ in names, letters and contents only.
        cells: The sets and maps of each disk, in an order that the key fixes: those of the first
            machine, then those of the next.
        kinds: Of each disk, ``m`` for a map and ``b`` for a set, in the order of a column.
        places: Where each cell of each disk stands in a column: two may be one.
        moments: Those that something refers to, for each machine by disk, ascending; the last is
            now.
    """

    key: Hashable
    cells: tuple[tuple[Cells, ...], ...]
    kinds: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    moments: tuple[dict[str, tuple[int, ...]], ...]


class _Reading:
    """One machine on its way to a shape."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.names: dict[str, int] = {}
        self.told: dict[str, Hashable] = {}
        self.moments: list[tuple[str, int]] = []
        self.cells: list[Cells] = []
        self.kinds: list[str] = []

    def name(self, word: str | None) -> Hashable:
        """Return a name as its number; words that are the model's own stay as they are."""
        if word is None:
            return None
        known = self.told.get(word)
        if known is None:
            known = self.told[word] = OURS.sub(self._numbered, word)
        return known

    def _numbered(self, match: re.Match[str]) -> str:
        return f"%{self.names.setdefault(match[0], len(self.names))}"

    def moment(self, disk: str, moment: int | None) -> int:
        """Note a moment, and return its place among those noted; -1 for none."""
        if moment is None:
            return -1
        self.moments.append((disk, moment))
        return len(self.moments) - 1

    def cell(self, cells: Cells | None) -> bool:
        """Note a map or a set, and return whether there is one."""
        if cells is None:
            return False
        self.cells.append(cells)
        self.kinds.append("m" if isinstance(cells, ClusterMap) else "b")
        return True

    def disk(self, disk: Disk, aside: Sequence[Aside]) -> Hashable:
        """Return what is the same for all clusters of a disk.

        Args:
            aside: The images beside its chain that a revert can return to.
        """
        if disk.detached is not None:
            raise Coupled("a disk is detached")
        return (
            disk.length,
            tuple([self.image(disk.name, n, image) for n, image in enumerate(disk.chain)]),
            tuple([self.bitmap(disk, bitmap, disk.bitmaps) for bitmap in disk.bitmaps]),
            tuple([self.aside(disk, each) for each in aside]),
        )

    def aside(self, disk: Disk, aside: Aside) -> Hashable:
        """Return what is the same for all clusters of an image beside the chain."""
        return (
            self.image(disk.name, 1, aside.image), self.name(aside.below),
            tuple([self.bitmap(disk, bitmap, aside.bitmaps) for bitmap in aside.bitmaps]),
            self.moment(disk.name, aside.froze if self.kept.windows else None),
        )  # fmt: skip

    def image(self, disk: str, place: int, image: Image) -> Hashable:
        """Return what is the same for all clusters of an image."""
        self.cell(image.content)
        frozen = place and self.kept.windows
        return (
            self.name(image.name), image.length, image.format, image.lacks, image.removed,
            image.left_open, self.moment(disk, image.since) if frozen else -1,
            tuple([self.inside(disk, each) for each in image.snapshots]),
        )  # fmt: skip

    def inside(self, disk: str, kept: InternalSnapshot) -> Hashable:
        """Return what is the same for all clusters of a state inside an image."""
        self.cell(kept.content)
        return self.name(kept.name), kept.length, kept.lacks, self.moment(disk, kept.moment)

    def bitmap(self, disk: Disk, bitmap: DirtyBitmap, beside: Iterable[DirtyBitmap]) -> Hashable:
        """Return what is the same for all bits of a bitmap.

        Args:
            beside: All that lie where it lies.
        """
        if bitmap.granularity != disk.cluster_size:
            raise Coupled(f"a bit of {bitmap.name} does not stand for one cluster")
        self.cell(bitmap.dirty)
        batches = sorted({each.batch for each in beside if each.node == bitmap.node} | {0})
        windows: tuple[Window, ...] = bitmap.windows if self.kept.windows else ()
        return (
            self.name(bitmap.node), self.name(bitmap.name), bitmap.length, bitmap.recording,
            bitmap.persistent, self.cell(bitmap.successor), bitmap.inconsistent, bitmap.kept.value,
            bitmap.auto, bitmap.exported, self.cell(bitmap.filed), bitmap.unlocked,
            batches.index(bitmap.batch),
            tuple([(self.moment(disk.name, each.start), self.moment(disk.name, each.end))
                   for each in windows]),
        )  # fmt: skip

    def checkpoint(self, point: Checkpoint) -> Hashable:
        """Return a checkpoint."""
        moments = tuple([(disk, self.moment(disk, at)) for disk, at in point.moments])
        return self.name(point.name), self.name(point.parent), moments

    def note(self, note: SnapshotNote) -> Hashable:
        """Return what the host noted of a snapshot."""
        return (
            self.name(note.name), self.layers(note.layers), self.layers(note.reverted),
            tuple([(disk, tuple(map(self.name, images))) for disk, images in note.chains]),
            self.name(note.parent), note.current,
        )  # fmt: skip

    def layers(self, layers: Sequence[Layer]) -> Hashable:
        """Return what was put onto what."""
        return tuple([(disk, self.name(image), self.name(over)) for disk, image, over in layers])

    def noted(self, noted: Noted) -> tuple[Hashable, Hashable]:
        """Return what is known beside a machine, but for the views."""
        consumers = [
            (d, self.name(n), self.moment(d, at)) for (d, n), at in noted.consumers.items()
        ]
        if not self.kept.snapshots:
            return tuple(consumers), ()
        made = [(d, self.name(n), self.moment(d, at)) for (d, n), at in noted.snapshots.items()]
        return tuple(consumers), tuple(made)

    def backup(self, backup: Backup) -> Hashable:
        """Return what is the same for all clusters of a backup."""
        self.cell(backup.content)
        moment = self.moment(backup.disk, backup.moment)
        return self.name(backup.name), backup.length, backup.complete, moment


def aside_of(machine: Machine, disk: Disk, kept: Kept) -> tuple[Aside, ...]:
    """Return the images beside a chain that somebody can return to: those that a note needs."""
    notes = machine.snapshots if kept.notes else ()
    wanted = {image for note in notes for image in note.needs}
    return tuple([each for each in disk.aside if each.image.name in wanted])


def read_shape(parts: Sequence[Part], kept: Kept) -> Shape:
    """Return machines that the same was asked of in two parts.

    Raises:
        Coupled: There is something about one that is not the same for all clusters.
    """
    reading = _Reading(kept)
    keys, moments = [], []
    cells: list[tuple[Cells, ...]] = [()] * len(parts[0].machine.disks)
    kinds = [""] * len(cells)
    for machine, noted in parts:
        key, live = _read(reading, machine, noted, cells, kinds)
        keys.append(key)
        moments.append(live)
    places = tuple(tuple(range(len(each))) for each in kinds)
    return Shape(tuple(keys), tuple(cells), tuple(kinds), places, tuple(moments))


def together(
    shape: Shape, formulas: Sequence[Sequence[Node]]
) -> tuple[Shape, tuple[tuple[Node, ...], ...]]:
    """Return a shape whose cells that are made by one formula are one, and each formula once.

    Machines that the same was asked of have most cells in common.
    """
    kinds, places, made = [], [], []
    for each, nodes in zip(shape.kinds, formulas, strict=True):
        known: dict[tuple[str, Node], int] = {}
        for kind, node in zip(each, nodes, strict=True):
            known.setdefault((kind, node), len(known))
        kinds.append("".join(kind for kind, _ in known))
        places.append(tuple(known[pair] for pair in zip(each, nodes, strict=True)))
        made.append(tuple(node for _, node in known))
    key = (shape.key, tuple(places))
    return shape._replace(key=key, kinds=tuple(kinds), places=tuple(places)), tuple(made)


def _read(
    reading: _Reading,
    machine: Machine,
    noted: Noted,
    cells: list[tuple[Cells, ...]],
    kinds: list[str],
) -> tuple[Hashable, dict[str, tuple[int, ...]]]:
    """Return what is the same for all clusters of a machine, and the moments that it refers to.

    Args:
        cells, kinds: What has been read of each disk; its cells are added.
    """
    if machine.jobs or machine.exports:
        raise Coupled("a job or an export lasts")
    reading.moments = []
    disks, held = [], []
    for number, disk in enumerate(machine.disks):
        reading.cells, reading.kinds = [], []
        disks.append(reading.disk(disk, aside_of(machine, disk, reading.kept)))
        if reading.kept.backups:
            held += [reading.backup(each) for each in machine.backups if each.disk == disk.name]
        cells[number] += tuple(reading.cells)
        kinds[number] += "".join(reading.kinds)
    points = tuple([reading.checkpoint(each) for each in machine.checkpoints])
    notes = tuple([reading.note(each) for each in machine.snapshots if reading.kept.notes])
    known = reading.noted(noted)
    shared: Hashable = (
        machine.power.value, machine.transient, machine.frozen, machine.ending, machine.forked,
        tuple(disks), tuple(held), points, reading.name(machine.tip), notes, *known,
    )  # fmt: skip
    if not reading.kept.windows:
        return shared, _each_its_own(machine, noted, reading.moments, cells, kinds)
    live = _live(machine, reading.moments)
    places = {disk: {at: n for n, at in enumerate(there)} for disk, there in live.items()}
    ranks = tuple([places[disk][at] for disk, at in reading.moments])
    for number, disk in enumerate(machine.disks):
        views = noted.views[disk.name]
        cells[number] += tuple([views[at] for at in live[disk.name]])
        kinds[number] += "m" * len(live[disk.name])
    return (shared, ranks, tuple(map(len, live.values()))), live


def _each_its_own(
    machine: Machine,
    noted: Noted,
    moments: list[tuple[str, int]],
    cells: list[tuple[Cells, ...]],
    kinds: list[str],
) -> dict[str, tuple[int, ...]]:
    """Add a view for each thing that refers to a moment, and one of now, and return the moments."""
    referred: dict[str, tuple[int, ...]] = {}
    for number, disk in enumerate(machine.disks):
        there = (*[at for name, at in moments if name == disk.name], disk.moment)
        referred[disk.name] = there
        cells[number] += tuple([noted.views[disk.name][at] for at in there])
        kinds[number] += "m" * len(there)
    return referred


def renumbered(part: Part, kept: Kept) -> Part:
    """Return a machine whose moments are counted anew, as many as there are things that refer to
    one; in the order in which a shape is read."""
    if kept.windows:
        return part
    machine, noted = part
    counts = dict.fromkeys((disk.name for disk in machine.disks), 0)

    def following(disk: str) -> int:
        counts[disk] += 1
        return counts[disk] - 1

    disks = [_renumbered_disk(disk, following) for disk in machine.disks]
    backups = {
        id(b): replace(b, moment=following(b.disk))
        for disk in machine.disks
        for b in machine.backups
        if b.disk == disk.name
    }
    points = tuple([
        replace(point, moments=tuple([(disk, following(disk)) for disk, _ in point.moments]))
        for point in machine.checkpoints
    ])  # fmt: skip
    consumers = {key: following(key[0]) for key in noted.consumers}
    snapshots = {key: following(key[0]) for key in noted.snapshots} if kept.snapshots else {}
    disks = [replace(disk, moment=counts[disk.name]) for disk in disks]
    held = tuple([backups[id(b)] for b in machine.backups])
    anew = replace(machine, disks=tuple(disks), checkpoints=points, backups=held)
    return Part(anew, Noted(noted.views, consumers, snapshots))


def _renumbered_disk(disk: Disk, following: Callable[[str], int]) -> Disk:
    def image(one: Image) -> Image:
        inside = tuple([replace(each, moment=following(disk.name)) for each in one.snapshots])
        return replace(one, since=0, snapshots=inside)

    chain = tuple([image(each) for each in disk.chain])
    aside = tuple([replace(each, image=image(each.image), froze=0) for each in disk.aside])
    return replace(disk, chain=chain, aside=aside)


def _live(machine: Machine, noted: list[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return the moments that something refers to, and now, by disk."""
    live: dict[str, set[int]] = {disk.name: {disk.moment} for disk in machine.disks}
    for disk, moment in noted:
        live[disk].add(moment)
    return {disk: tuple(sorted(moments)) for disk, moments in live.items()}


Given: TypeAlias = Iterator[Cells]


def put_back(machine: Machine, kept: Kept, cells: list[Given]) -> Machine:
    """Return a machine of the same shape with other cells, the views of the guest left over.

    What a state is not known by is taken off it.

    Args:
        cells: For each disk, its maps and sets in the order of the shape.
    """
    disks, backups = [], []
    for disk, given in zip(machine.disks, cells, strict=True):
        disks.append(_disk(disk, aside_of(machine, disk, kept), kept, given))
        if kept.backups:
            backups += [
                replace(b, content=next_map(given)) for b in machine.backups if b.disk == disk.name
            ]
    notes = machine.snapshots if kept.notes else ()
    return replace(
        machine, disks=tuple(disks), backups=tuple(backups), snapshots=notes, restores=(), at=None
    )


def next_map(given: Given) -> ClusterMap:
    """Return the next of some cells, which is a map."""
    cells = next(given)
    assert isinstance(cells, ClusterMap), "the order of cells is that of the shape"
    return cells


def next_set(given: Given) -> ClusterSet:
    """Return the next of some cells, which is a set."""
    cells = next(given)
    assert isinstance(cells, ClusterSet), "the order of cells is that of the shape"
    return cells


def _disk(disk: Disk, aside: Sequence[Aside], kept: Kept, given: Given) -> Disk:
    chain = tuple([_image(image, kept, given) for image in disk.chain])
    bitmaps = tuple([_bitmap(bitmap, kept, given) for bitmap in disk.bitmaps])
    beside = tuple([_aside(each, kept, given) for each in aside])
    return replace(disk, chain=chain, bitmaps=bitmaps, aside=beside)


def _aside(aside: Aside, kept: Kept, given: Given) -> Aside:
    image = _image(aside.image, kept, given)
    bitmaps = tuple([_bitmap(bitmap, kept, given) for bitmap in aside.bitmaps])
    return replace(aside, image=image, bitmaps=bitmaps, froze=aside.froze if kept.windows else 0)


def _image(image: Image, kept: Kept, given: Given) -> Image:
    content = next_map(given)
    inside = tuple([replace(each, content=next_map(given)) for each in image.snapshots])
    since = image.since if kept.windows else 0
    return replace(image, content=content, since=since, snapshots=inside)


def _bitmap(bitmap: DirtyBitmap, kept: Kept, given: Given) -> DirtyBitmap:
    dirty = next_set(given)
    successor = next_set(given) if bitmap.successor is not None else None
    filed = next_set(given) if bitmap.filed is not None else None
    windows = bitmap.windows if kept.windows else ()
    return replace(bitmap, dirty=dirty, successor=successor, filed=filed, windows=windows)


def blank_cells(shape: Shape, answers: Answers) -> list[list[Cells]]:
    """Return cells that are read from a column, place by place, for each disk."""
    return [
        [
            FormulaMap(Node("cell", (), number * DISK + place), answers)
            if kinds[place] == "m"
            else FormulaSet(Node("bit", (), number * DISK + place), answers)
            for place in places
        ]
        for number, (kinds, places) in enumerate(zip(shape.kinds, shape.places, strict=True))
    ]
