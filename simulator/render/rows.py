"""The rows of a timeline's disks as characters, each drawn anew only where it may have changed.

A thousand checkpoints are a thousand bitmaps at each of a thousand instants, and a guest step
changes few of them. So what an instant costs is what happened in it.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import takewhile
from operator import attrgetter, ne
from typing import TypeAlias

from simulator.diagnostics import shown
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.disk import KEY_OF, Disk
from simulator.model.machine import Machine
from simulator.model.series import (
    Series,
    added,
    changed_places,
    known_of,
    parts_of,
    picked,
    put_at,
    series,
)
from simulator.notation import BROKEN, GUEST, Strip, write_bits, write_clusters
from simulator.values import NamedTuple

ROWS_MAX = 24
"""A disk of more rows, images and bitmaps, is folded: those that are as before are left out."""

NODE_OF = attrgetter("node")

DISKS_MAX = 12
"""Of more disks those are left out that are as before."""


class DiskRows(NamedTuple):
    """The rows of one disk at one instant.

    Attributes:
        images: Of the chain, the base first.
        bitmaps: In the order of the disk's own.
        guest: What the guest sees; None where the disk has no image.
        fresh_images, fresh_bitmaps: Places of those that are not as at the instant before.
        same: Whether the whole disk is as it was.
    """

    disk: Disk
    images: tuple[Strip, ...]
    bitmaps: Series[Strip]
    guest: Strip | None
    fresh_images: frozenset[int]
    fresh_bitmaps: frozenset[int]
    same: bool

    @property
    def height(self) -> int:
        """How many rows its chain has."""
        return len(self.images) + len(self.bitmaps)


class Shown(NamedTuple):
    """The places of the rows of a disk that are not left out."""

    images: frozenset[int]
    bitmaps: frozenset[int]


def shared_images(one: Disk, other: Disk) -> int:
    """Return how many images two chains have in common, from the base up."""
    pairs = zip(one.chain, other.chain, strict=False)
    return len([*takewhile(lambda pair: pair[0].name == pair[1].name, pairs)])


def by_base(disks: Sequence[Disk], folded: Container[str]) -> list[list[Disk]]:
    """Return disks, with each of them those that lie on an image of it.

    Args:
        folded: Names of those of which rows are left out: each stands by itself.
    """
    groups: list[list[Disk]] = []
    for disk in disks:
        fitting = (
            group
            for group in groups
            if disk.name not in folded and group[0].name not in folded
            if shared_images(group[0], disk)
        )
        group = next(fitting, None)
        if group is None:
            groups.append([disk])
        else:
            _insert(group, disk)
    return groups


def _insert(group: list[Disk], disk: Disk) -> None:
    """Put a disk below the one with which it has most in common, before others that have less."""
    common = [shared_images(other, disk) for other in group]
    place = common.index(max(common)) + 1
    while place < len(group) and common[place] == max(common):
        place += 1
    group.insert(place, disk)


def shown_of(rows: DiskRows, *, whole: bool) -> Shown:
    """Return which rows of a disk are drawn.

    Where there are many: those that are not as before, the active image, and the images of
    bitmaps that are drawn. A single row is not left out, for a note would take its place.

    Args:
        whole: Whether all are, however many there are.
    """
    disk = rows.disk
    if whole or rows.height <= ROWS_MAX:
        return Shown(frozenset(range(len(rows.images))), frozenset(range(len(rows.bitmaps))))
    total = count_by_node(disk)
    fresh = Counter(disk.bitmaps[place].node for place in rows.fresh_bitmaps)
    lone = {node for node, count in total.items() if count == fresh[node] + 1}
    alone = [n for n, b in enumerate(disk.bitmaps) if b.node in lone] if lone else []
    last = len(disk.chain) - 1
    images = {n for n, image in enumerate(disk.chain) if fresh[image.name] or n == last}
    images |= rows.fresh_images
    images |= {
        n for n in range(last) if n - 1 in images | {-1} and n + 1 in images and n not in images
    }
    there = {disk.chain[n].name for n in images}
    kept = {place for place in alone if disk.bitmaps[place].node in there}
    return Shown(frozenset(images), rows.fresh_bitmaps | kept)


def count_by_node(disk: Disk) -> Counter[str]:
    """Return how many bitmaps each image has."""
    if len(disk.chain) == 1:
        return Counter({disk.active.name: len(disk.bitmaps)})
    total = Counter[str]()
    for part in parts_of(disk.bitmaps):
        total.update(known_of(part, _count_nodes))
    return total


def _count_nodes(bitmaps: tuple[DirtyBitmap, ...]) -> Counter[str]:
    return Counter(map(NODE_OF, bitmaps))


def tell_bitmaps(count: int) -> str:
    """Return what stands in place of bitmaps that are left out."""
    return f"({count:,} bitmaps as before)"


def tell_images(names: Sequence[str]) -> str:
    """Return what stands in place of images that are left out, and of their bitmaps."""
    return f"({shown(names[0])} to {shown(names[-1])} as before)"


def tell_disks(count: int) -> str:
    """Return what stands in place of disks that are left out."""
    return f"({count:,} disk{'s' if count > 1 else ''} as before)"


class _Content(NamedTuple):
    """What a row of clusters was drawn from."""

    content: ClusterMap
    length: int
    strip: Strip


Touched: TypeAlias = dict[tuple[int, int, int, str], tuple[ClusterSet, str]]
"""The rows that an addition made, by its identity, granularity, length and the row before.

The addition is kept with it, so that no other one gets its identity.
"""


class _Drawn:
    """A disk as it was drawn last."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.images: dict[str, _Content] = {}
        self.guest: _Content | None = None
        self.bitmaps: Series[Strip] = ()
        self.names: Counter[str] = Counter()


class Rows:
    """Draws the rows of one state after another."""

    def __init__(self, scales: Mapping[str, int]) -> None:
        self._scales = scales
        self._drawn: dict[str, _Drawn] = {}

    def of(self, machine: Machine) -> list[DiskRows]:
        """Return the rows of each disk of a state, the next one in time."""
        alone = len(machine.disks) == 1
        return [self._disk(disk, alone=alone) for disk in machine.disks]

    def shown(self, machine: Machine, *, whole: bool = False) -> dict[str, Shown]:
        """Return which rows of each disk of the next state are drawn.

        Args:
            whole: Whether all are, however many there are.
        """
        return {rows.disk.name: shown_of(rows, whole=whole) for rows in self.of(machine)}

    def _disk(self, disk: Disk, *, alone: bool) -> DiskRows:
        before = self._drawn.get(disk.name)
        drawn = before or _Drawn(Disk(name=disk.name, length=disk.length))
        scale = self._scales[disk.name]
        fresh_bitmaps = _draw_bitmaps(drawn, disk, scale)
        fresh_images = _draw_images(drawn, disk, scale)
        seen = drawn.guest
        label = GUEST if alone else f"{GUEST} {disk.name}"
        drawn.guest = (
            _draw_content(seen, disk.guest_view, disk.length, label, scale, zero="-")
            if disk.chain
            else None
        )
        guest = drawn.guest.strip if drawn.guest is not None else None
        same = before is not None and not (fresh_images or fresh_bitmaps)
        same = same and guest is (seen.strip if seen else None) and _is_alike(disk, drawn.disk)
        drawn.disk = disk
        self._drawn[disk.name] = drawn
        return DiskRows(
            disk=disk,
            images=tuple(drawn.images[image.name].strip for image in disk.chain),
            bitmaps=drawn.bitmaps,
            guest=guest,
            fresh_images=fresh_images,
            fresh_bitmaps=fresh_bitmaps,
            same=same,
        )


def _is_alike(one: Disk, other: Disk) -> bool:
    """Whether two states of a disk have the same images and as many bitmaps."""
    names, others = ([image.name for image in disk.chain] for disk in (one, other))
    return names == others and len(one.bitmaps) == len(other.bitmaps)


def _draw_images(drawn: _Drawn, disk: Disk, scale: int) -> frozenset[int]:
    """Draw the images of a disk; return the places of those that changed."""
    images: dict[str, _Content] = {}
    fresh = []
    for place, image in enumerate(disk.chain):
        known = drawn.images.get(image.name)
        row = _draw_content(known, image.content, image.length, shown(image.name), scale)
        images[image.name] = row
        if known is None or row.strip is not known.strip:
            fresh.append(place)
    drawn.images = images
    return frozenset(fresh)


def _draw_content(
    known: _Content | None,
    content: ClusterMap,
    length: int,
    label: str,
    scale: int,
    *,
    zero: str = "0",
) -> _Content:
    """Return a row of clusters; as it was before where nothing happened to it.

    Args:
        zero: What explicit zeroes are drawn as.
    """
    alike = known is not None and known.length == length and known.strip.label == label
    if alike and known is not None and known.content is content:
        return known
    cells = write_clusters(content, length, scale=scale).replace("0", zero)
    strip = Strip(label=label, cells=cells)
    if known is not None and strip == known.strip:
        strip = known.strip
    return _Content(content, length, strip)


def _draw_bitmaps(drawn: _Drawn, disk: Disk, scale: int) -> frozenset[int]:
    """Draw the bitmaps of a disk; return the places of those that changed."""
    now = disk.bitmaps
    if drawn.disk.bitmaps is now:
        return frozenset()
    lengths = {image.name: image.length for image in disk.chain}
    were = {image.name: image.length for image in drawn.disk.chain}
    before = _let_go(drawn, now)
    changed = changed_places(before, now)
    old, marked = picked(before, changed), picked(now, changed)
    new = now[len(before) :]
    if (
        len(now) < len(before)
        or any(map(ne, map(KEY_OF, old), map(KEY_OF, marked)))
        or any(lengths[node] != length for node, length in were.items() if node in lengths)
        or any(bitmap.name in drawn.names for bitmap in new)
        or len({bitmap.name for bitmap in new}) < len(new)
    ):
        return _draw_all(drawn, disk, before, lengths, scale)
    drawn.names.update(bitmap.name for bitmap in new)
    fresh = range(len(before), len(now))
    strips: dict[int, Strip] = {}
    rows = picked(drawn.bitmaps, changed)
    touched: Touched = {}
    for n, was, bitmap, known in zip(changed, old, marked, rows, strict=True):
        strip = _draw_bitmap(disk, bitmap, lengths, scale, known, was, touched)
        if strip is not known:
            strips[n] = strip
    blanks = (Strip(label=_label(bitmap, drawn.names), cells="") for bitmap in new)
    below = [
        _draw_bitmap(disk, bitmap, lengths, scale, blank, None, touched)
        for bitmap, blank in zip(new, blanks, strict=True)
    ]
    drawn.bitmaps = added(put_at(drawn.bitmaps, strips), *below)
    return frozenset([*fresh, *strips])


def _let_go(drawn: _Drawn, now: Series[DirtyBitmap]) -> Series[DirtyBitmap]:
    """Let go of the rows of bitmaps that are gone; return the others as they were.

    All stay where some have namesakes: the label of one may change when another is gone.
    """
    before = drawn.disk.bitmaps
    last = len(before) - 1
    if not before or (last < len(now) and KEY_OF(now[last]) == KEY_OF(before[last])):
        return before
    if len(drawn.names) < len(before):
        return before
    there = frozenset(map(KEY_OF, now))
    left = [place for place, key in enumerate(map(KEY_OF, before)) if key in there]
    drawn.bitmaps = series(picked(drawn.bitmaps, left))
    still = series(picked(before, left))
    drawn.names = Counter(bitmap.name for bitmap in still)
    return still


def _draw_all(
    drawn: _Drawn,
    disk: Disk,
    before: Series[DirtyBitmap],
    lengths: Mapping[str, int],
    scale: int,
) -> frozenset[int]:
    """Draw every bitmap, as where one has got a namesake or a disk another size.

    Args:
        before: The bitmaps of the rows.
    """
    rows = zip(before, drawn.bitmaps, strict=True)
    known = {KEY_OF(bitmap): (bitmap, row) for bitmap, row in rows}
    drawn.names = Counter(bitmap.name for bitmap in disk.bitmaps)
    strips, fresh = [], []
    widths = {node: -(-length // scale) for node, length in lengths.items()}
    touched: Touched = {}
    for place, bitmap in enumerate(disk.bitmaps):
        blank = Strip(label=_label(bitmap, drawn.names), cells="")
        was, row = known.get(KEY_OF(bitmap), (None, blank))
        strip = row if row.label == blank.label else row._replace(label=blank.label)
        if len(row.cells) != widths[bitmap.node]:
            strip = _draw_bitmap(disk, bitmap, lengths, scale, blank, None, touched)
        elif was is not bitmap:
            strip = _draw_bitmap(disk, bitmap, lengths, scale, strip, was, touched)
        if strip is not row:
            if strip == row:
                strip = row
            else:
                fresh.append(place)
        strips.append(strip)
    drawn.bitmaps = series(strips)
    return frozenset(fresh)


def _draw_bitmap(
    disk: Disk,
    bitmap: DirtyBitmap,
    lengths: Mapping[str, int],
    scale: int,
    known: Strip,
    before: DirtyBitmap | None,
    touched: Touched,
) -> Strip:
    """Return the row of a bitmap.

    Args:
        touched: What the same addition made of the same row; a thousand bitmaps have few of them.
        known: Its row at the instant before, which is returned if nothing changed; of a new one,
            one that has its label.
        before: The bitmap at the instant before; None for a new one.
    """
    length, broken = lengths[bitmap.node], bitmap.inconsistent
    added = None
    if before is not None and before.length == bitmap.length and before.inconsistent is broken:
        added = bitmap.dirty.since(before.dirty)
    if broken:
        cells = BROKEN * -(-length // scale)
    elif added is not None:
        alike = id(added), bitmap.granularity, length, known.cells
        found = touched.get(alike)
        if found is None:
            clusters = bitmap.clusters_among(added, disk.cluster_size, length)
            found = touched[alike] = added, _mark(known.cells, clusters.cells(scale))
        cells = found[1]
    else:
        cells = write_bits(bitmap.clusters(disk.cluster_size, length), length, scale=scale)
    if cells == known.cells and bitmap.recording == known.recording:
        return known
    return Strip(label=known.label, cells=cells, recording=bitmap.recording)


def _mark(cells: str, touched: Iterable[int]) -> str:
    """Return the cells of a bitmap of which some more are touched."""
    fresh = [cell for cell in touched if cells[cell] != "X"]
    if not fresh:
        return cells
    marked = [*cells]
    for cell in fresh:
        marked[cell] = "X"
    return "".join(marked)


def _label(bitmap: DirtyBitmap, names: Counter[str]) -> str:
    """Return a bitmap's label; its node is told where another image has a namesake."""
    return shown(f"{bitmap.node}.{bitmap.name}" if names[bitmap.name] > 1 else bitmap.name)
