"""A scenario that goes on from real images: it re-creates what they hold, step by step.

Where the bitmaps are as libvirt leaves them, the scenario has checkpoints and runs under the model
``libvirt``. Any other state is made with QEMU's own primitives, under the model ``qemu``: a bit is
set by writing again what is there, and a cluster that holds nothing is touched by a discard of a
part of it, which changes nothing but the bit. Source: ``facts/QEMU.md``, section 5.
"""

import itertools
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.verify.inspect_chain import ZERO
from simulator.verify.inspect_disk import SeenDisk, cells_of
from simulator.verify.inspect_runs import (
    UNKNOWN,
    Run,
    cut_out,
    keep_in,
    lay_over,
    to_units,
    total,
    write_cells,
)

PICTURE_MAX = 64
"""A disk of more clusters is written in ranges instead of pictures."""

STEPS_MAX = 2000
"""A disk of more runs is told in cells of many clusters."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_CHECKPOINT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""A name that libvirt takes for a checkpoint. Source: ``facts/LIBVIRT.md``, case 10."""

_CONSTANTS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bitmap to be made.

    Attributes:
        granularity: Bytes for one bit.
        bits: In granules.
        clusters: In clusters.
        broken: Whether it is inconsistent.
    """

    name: str
    granularity: int
    bits: tuple[Run, ...]
    clusters: tuple[Run, ...]
    recording: bool
    broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An image to be made: its content in clusters, and its bitmaps."""

    name: str
    format: str
    letter: str
    content: tuple[Run, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A disk to be made.

    Attributes:
        remarks: In what it differs from the disk that was read.
    """

    name: str
    length: int
    cluster_size: int
    layers: tuple[Layer, ...]
    remarks: tuple[str, ...]

    @property
    def granularity(self) -> int:
        """Bytes for one bit of a bitmap of which nobody says more."""
        return min(max(self.cluster_size, 4096), 65536)


@dataclass(slots=True)
class Script:
    """The timeline of a scenario, as lines.

    Attributes:
        alone: Whether there is one disk, so that no step need name it.
    """

    alone: bool
    lines: list[str] = field(default_factory=list)
    instants: int = 0

    def instant(self, steps: Sequence[str]) -> None:
        """Add an instant with steps."""
        self.instants += 1
        self.lines += [f"  - at: T{self.instants}", "    do:", *(f"      - {s}" for s in steps)]

    def guest(self, steps: Sequence[str]) -> None:
        """Add guest steps between two instants."""
        self.lines += [f"  - {step}" for step in steps]


def write_scenario(disks: Sequence[SeenDisk], *, cells: int) -> str:
    """Return a scenario of some disks as YAML text, with a final newline.

    Args:
        cells: How many cells a disk of too many runs is told in.
    """
    plans = _with_names([_plan(disk, cells) for disk in disks])
    libvirt = _is_libvirts(plans)
    script = Script(alone=len(plans) == 1)
    for plan in plans:
        if libvirt:
            _make_checkpoints(script, plan)
        else:
            _make_bitmaps(script, plan)
    script.lines += _expectation(script, plans)
    active = ", ".join(disk.chain.active.name for disk in disks)
    head = [
        *(f"# {plan.name}: {remark}." for plan in plans for remark in plan.remarks),
        f"scenario: {json.dumps(f'Continued from {active}', ensure_ascii=False)}",
        f"model: {'libvirt' if libvirt else 'qemu'}",
        *_disks(plans),
    ]
    if libvirt and any(layer.marks for plan in plans for layer in plan.layers):
        because = "backups that were taken before are not told here"
        head.append(f"allow: {{rule: BT401, because: {because}}}")
    return "\n".join([*head, "timeline:", *script.lines]) + "\n"


def _disks(plans: Sequence[Plan]) -> list[str]:
    if len(plans) == 1 and plans[0].cluster_size == CLUSTER_SIZE_DEFAULT:
        return [f"disk: {plans[0].length}"]
    return [
        "disks:",
        *(
            f"  {plan.name}: {{clusters: {plan.length}, cluster_size: {_size(plan.cluster_size)}}}"
            for plan in plans
        ),
    ]


def _plan(disk: SeenDisk, cells: int) -> Plan:
    """Return what is to be made of a disk, in fewer cells where it has too many runs."""
    remarks = list(_remarks(disk))
    runs = sum(map(len, disk.contents))
    runs += sum(len(b.runs) for image in disk.chain.images for b in image.bitmaps)
    scale = cells_of(disk.length, cells) if runs > STEPS_MAX else 1
    size = disk.cluster_size if scale == 1 else CLUSTER_SIZE_DEFAULT
    length = max(1, -(-disk.length // scale))
    if scale > 1:
        remarks.append(f"one cluster here is {scale:,} clusters of the disk, if any of them is so")
    layers = tuple(
        Layer(
            name=image.name,
            format=image.format if image.format == "raw" else "qcow2",
            letter=disk.letter(image),
            content=to_units((r for r in content if r[2] != UNKNOWN), scale, length),
            marks=tuple(
                Mark(
                    name=bitmap.name,
                    granularity=bitmap.granularity if scale == 1 else size,
                    bits=bitmap.runs if scale == 1 else to_units(disk.bits(bitmap), scale, length),
                    clusters=to_units(disk.bits(bitmap), scale, length),
                    recording=bitmap.recording,
                    broken=disk.inconsistent(image, bitmap),
                )
                for bitmap in image.bitmaps
                if disk.legible(image, bitmap) or disk.inconsistent(image, bitmap)
            ),
        )
        for image, content in zip(disk.chain.images, disk.contents, strict=True)
    )
    return Plan(
        name=disk.name, length=length, cluster_size=size, layers=layers, remarks=tuple(remarks)
    )


def _remarks(disk: SeenDisk) -> Iterator[str]:
    images = disk.chain.images
    if disk.chain.cut is not None:
        yield f"what {images[0].name} is backed by could not be read, and is left out"
    for image in images:
        if any(run[2] == UNKNOWN for run in image.runs):
            yield f"what {image.name} holds could not be read, and is left out"
        if any(
            not disk.legible(image, b) and not disk.inconsistent(image, b) for b in image.bitmaps
        ):
            yield f"bitmaps of {image.name} could not be read, and are left out"
    if len({image.size for image in images}) > 1:
        yield "the images differ in size; here all have the active one's"


def _with_names(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Return plans in which images and bitmaps have names that a step can use."""
    bitmaps: dict[str, str] = {}
    for name in sorted({m.name for plan in plans for layer in plan.layers for m in layer.marks}):
        shown = "".join(c if c.isprintable() and c not in "|/" else "_" for c in name)
        bitmaps[name] = _unused(shown.strip()[:200] or "bitmap", bitmaps.values())
    taken = list(bitmaps.values())
    renamed = []
    for plan in plans:
        layers = []
        for layer in plan.layers:
            stem = re.sub(r"[^A-Za-z0-9._-]+", "_", layer.name)[:200] or "image"
            taken.append(_unused(stem, taken))
            marks = tuple(replace(mark, name=bitmaps[mark.name]) for mark in layer.marks)
            layers.append(replace(layer, name=taken[-1], marks=marks))
        renamed.append(replace(plan, layers=tuple(layers)))
    return tuple(renamed)


def _unused(stem: str, taken: Collection[str]) -> str:
    """Return a name, with a number where it is taken."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


# As libvirt leaves bitmaps.


def _is_libvirts(plans: Sequence[Plan]) -> bool:
    """Whether checkpoints alone can make these bitmaps."""
    return sum(any(layer.marks for layer in plan.layers) for plan in plans) <= 1 and all(
        _orders(plan) is not None for plan in plans
    )


def _orders(plan: Plan) -> list[list[Mark]] | None:
    """Return the new bitmaps of each image, oldest first; None where libvirt would not make them.

    Those that a snapshot repeated mark all that their overlay holds. A newer one marks a part of
    what an older one marks.
    """
    known: set[str] = set()
    orders: list[list[Mark]] = []
    for layer in plan.layers:
        names = {mark.name for mark in layer.marks}
        if not known <= names or not all(
            mark.recording
            and not mark.broken
            and mark.granularity == plan.granularity
            and _CHECKPOINT.fullmatch(mark.name)
            for mark in layer.marks
        ):
            return None
        repeated = [mark for mark in layer.marks if mark.name in known]
        if any(not _alike(mark.clusters, layer.content) for mark in repeated):
            return None
        new = [mark for mark in layer.marks if mark.name not in known]
        new.sort(key=lambda mark: (-total(mark.clusters), mark.name))
        for older, newer in zip([layer.content, *(m.clusters for m in new)], new, strict=False):
            if cut_out(newer.clusters, older):
                return None
        known |= names
        orders.append(new)
    return orders


def _alike(one: Sequence[Run], other: Sequence[Run]) -> bool:
    return not cut_out(one, other) and not cut_out(other, one)


def _make_checkpoints(script: Script, plan: Plan) -> None:
    """Write each image between two snapshots, with its checkpoints in their order."""
    orders = _orders(plan)
    assert orders is not None, "the caller looked"
    for number, (layer, new) in enumerate(zip(plan.layers, orders, strict=True)):
        steps = [_make_image(script, plan, number)]
        rest = layer.content
        for mark in new:
            before = cut_out(rest, mark.clusters)
            if before:
                script.instant(steps)
                script.guest(list(_writes(script, plan, before)))
                steps = []
            name = _quoted(mark.name)
            many = f"{{name: {name}, disks: [{plan.name}]}}"
            steps.append(f"checkpoint: {name if script.alone else many}")
            rest = keep_in(rest, mark.clusters)
        script.instant(steps)
        script.guest(list(_writes(script, plan, rest)))


# As QEMU can make them.


def _make_bitmaps(script: Script, plan: Plan) -> None:
    """Write each image with the bitmaps that its writes mark; then set the bits of the others."""
    for number, layer in enumerate(plan.layers):
        steps = [_make_image(script, plan, number)]
        if script.alone:
            steps += _break([mark for mark in layer.marks if mark.broken], layer)
        sound = [mark for mark in layer.marks if not mark.broken]
        along = [mark for mark in sound if mark.bits and _comes_along(plan, layer, mark)]
        others = [mark for mark in sound if mark not in along]
        others.sort(key=lambda mark: mark.recording)
        steps += [_add(layer, mark, plan) for mark in along]
        script.instant(steps)
        script.guest(list(_writes(script, plan, layer.content)))
        steps = [_switch(layer, m, "disable") for m in along if others or not m.recording]
        for mark in others:
            steps.append(_add(layer, mark, plan))
            steps += _touches(script, plan, number, mark)
            if mark is not others[-1] or not mark.recording:
                steps.append(_switch(layer, mark, "disable"))
        if others:
            on = [mark for mark in sound if mark.recording and mark is not others[-1]]
            steps += [_switch(layer, mark, "enable") for mark in on]
        if steps:
            script.instant(steps)


def _comes_along(plan: Plan, layer: Layer, mark: Mark) -> bool:
    """Whether writing an image's content marks just the bits of a bitmap."""
    size = plan.cluster_size
    if mark.granularity >= size:
        ratio = mark.granularity // size
        return _alike(to_units(layer.content, ratio, -(-plan.length // ratio)), mark.bits)
    ratio = size // mark.granularity
    return _alike([(f * ratio, n * ratio, held) for f, n, held in layer.content], mark.bits)


def _break(marks: Sequence[Mark], layer: Layer) -> list[str]:
    """Return steps that leave bitmaps inconsistent: they are in the file when the process dies."""
    if not marks:
        return []
    added = [_qmp("add", layer, mark, ", persistent: true") for mark in marks]
    return [*added, "shutdown", "start", "crash", "start"]


def _add(layer: Layer, mark: Mark, plan: Plan) -> str:
    more = ", persistent: true"
    if mark.granularity != plan.granularity:
        more += f", granularity: {mark.granularity}"
    return _qmp("add", layer, mark, more)


def _switch(layer: Layer, mark: Mark, how: str) -> str:
    return _qmp(how, layer, mark)


def _qmp(what: str, layer: Layer, mark: Mark, more: str = "") -> str:
    arguments = f"{{node: {_quoted(layer.name)}, name: {_quoted(mark.name)}{more}}}"
    return f"qmp: {{execute: block-dirty-bitmap-{what}, arguments: {arguments}}}"


def _touches(script: Script, plan: Plan, number: int, mark: Mark) -> Iterator[str]:
    """Yield guest steps that set a bitmap's bits and leave the content as it is."""
    layer, size = plan.layers[number], plan.cluster_size
    if mark.granularity >= size:
        yield from _writes(script, plan, keep_in(layer.content, mark.clusters))
        bare = cut_out(mark.clusters, layer.content)
        if number == 0:
            yield from _discards(script, plan, bare)
        else:
            for first, count, _ in bare:
                for cluster in range(first, first + count):
                    yield _range(script, plan, "discard", cluster * size, size // 2)
        return
    grain = mark.granularity
    bits = tuple((first * grain, count * grain, held) for first, count, held in mark.bits)
    content = [(first * size, count * size, held) for first, count, held in layer.content]
    for first, count, held in keep_in(content, bits):
        yield _range(script, plan, "write", first, count, held)
    for first, count, _ in cut_out(bits, content):
        if number == 0:
            yield _range(script, plan, "discard", first, count)
            continue
        for place, length in _pieces(first, count, size // 2):
            yield _range(script, plan, "discard", place, length)


def _pieces(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a stretch that lie within units of a size."""
    end = first + count
    while first < end:
        stop = min(end, (first // size + 1) * size)
        yield first, stop - first
        first = stop


# Steps.


def _make_image(script: Script, plan: Plan, number: int) -> str:
    layer = plan.layers[number]
    verb, name = ("snapshot" if number else "create"), _quoted(layer.name)
    more = "" if script.alone else f", disk: {plan.name}"
    more += ", format: raw" if layer.format == "raw" and not number else ""
    return f"{verb}: {{image: {name}{more}}}" if more else f"{verb}: {name}"


def _writes(script: Script, plan: Plan, runs: Sequence[Run]) -> Iterator[str]:
    """Yield guest steps that write clusters: one picture, or a range for each run."""
    if not runs:
        return
    if plan.length <= PICTURE_MAX:
        yield _picture(script, plan, "write", runs)
        return
    size = plan.cluster_size
    for first, count, held in runs:
        yield _range(script, plan, "write", first * size, count * size, held)


def _discards(script: Script, plan: Plan, runs: Sequence[Run]) -> Iterator[str]:
    if not runs:
        return
    if plan.length <= PICTURE_MAX:
        yield _picture(script, plan, "discard", runs)
        return
    size = plan.cluster_size
    for first, count, _ in runs:
        yield _range(script, plan, "discard", first * size, count * size)


def _picture(script: Script, plan: Plan, verb: str, runs: Sequence[Run]) -> str:
    cells = write_cells(runs, plan.length)
    if not cells.strip("0"):
        cells = f'"{cells}"'
    return f"{verb}: {cells}" if script.alone else f"{verb}: {{disk: {plan.name}, cells: {cells}}}"


def _range(
    script: Script, plan: Plan, verb: str, offset: int, length: int, held: str | None = None
) -> str:
    length = min(length, plan.length * plan.cluster_size - offset)
    disk = "" if script.alone else f"disk: {plan.name}, "
    verb = "zero" if held == ZERO else verb
    data = f", data: {held}" if verb == "write" else ""
    return f"{verb}: {{{disk}offset: {_size(offset)}, length: {_size(length)}{data}}}"


def _size(number: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number and number % unit == 0:
            return f"{number // unit} {name}"
    return str(number)


def _quoted(text: str) -> str:
    """Return a name as YAML takes it for a text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _expectation(script: Script, plans: Sequence[Plan]) -> Iterator[str]:
    """Yield a last instant that checks what was made, where that can be drawn."""
    rows: list[tuple[str, str]] = []
    for plan in plans:
        if plan.length > PICTURE_MAX:
            continue
        view: tuple[Run, ...] = ()
        for layer in plan.layers:
            view = lay_over(view, layer.content)
            rows.append((layer.name, write_cells(layer.content, plan.length)))
            rows += [
                (f"{layer.name}.{mark.name}", write_cells(mark.clusters, plan.length))
                for mark in layer.marks
                if not mark.broken and _PLAIN.fullmatch(mark.name)
            ]
        guest = "guest sees" if script.alone else f"guest sees {plan.name}"
        rows.append((guest, write_cells(view, plan.length).replace("0", "-")))
    if rows:
        script.instants += 1
        yield from (f"  - at: T{script.instants}", "    do:", "      - expect: |")
        yield from (f"          {name}: |{cells}|" for name, cells in rows)
