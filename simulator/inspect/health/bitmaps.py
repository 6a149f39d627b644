"""What is unhealthy about a real chain, by the rules that its bitmaps live under.

libvirt asks four things of a checkpoint's bitmap: the active image has it, the images that have it
follow one another without a gap, and each of them is recording and consistent. It answers every
breach with one text (`checkpoint inconsistent: missing or broken bitmap`); here each is told apart,
with its likely cause. Source: libvirt 11.3, ``qemuBlockBitmapChainIsValid``.
"""

from collections.abc import Iterator
from itertools import pairwise

from simulator.diagnostics import Finding, Severity
from simulator.inspect.disk import SeenDisk, cells_of
from simulator.inspect.health.advice import TEMPORARY, Owner, owner_of, removal
from simulator.inspect.health.codes import flag
from simulator.inspect.health.wording import clusters, listed, placeholder, verb_of
from simulator.inspect.image.qcow2 import StoredBitmap
from simulator.inspect.image.roles import may_be_backup
from simulator.inspect.image.runs import cut_out, total, write_cells
from simulator.inspect.image.seen import SeenImage, label
from simulator.notation import write_rows

_FOREIGN = "that knows nothing of bitmaps"

BITMAPS_MANY = 32
"""Recording bitmaps that a write marks before it is worth a word. Source: rule BT502."""


def find_in_bitmaps(disk: SeenDisk, cells: int) -> Iterator[Finding]:
    """Yield what is wrong with the bitmaps of a chain.

    Args:
        cells: How many a figure has at most.
    """
    yield from _broken(disk)
    if not any(image.unlisted for image in disk.chain.images):
        yield from _missing(disk)
        yield from _gaps(disk)
    yield from _frozen(disk)
    yield from _unmergeable(disk)
    yield from _stale(disk, cells)
    yield from _many(disk)


def _broken(disk: SeenDisk) -> Iterator[Finding]:
    """Yield bitmaps that were open for writing when the file was left."""
    for image in disk.chain.images:
        broken = [b.name for b in _lasting(image) if disk.inconsistent(image, b)]
        if not broken:
            continue
        if not image.trusted:
            cause = "a program that knows nothing of bitmaps has written to the image"
        elif image is disk.chain.active:
            cause = "the process that had the image open was killed, or this is a copy of an "
            cause += "image in use"
        else:
            cause = "a process died while it committed into this image, or this is a copy of an "
            cause += "image that was in use"
        yield flag(
            "BT104",
            f"{listed(broken)} on {label(image.name)} {verb_of(broken)} inconsistent",
            notes=(f"likely cause: {cause}", "their bits are lost; QEMU only lets them be removed"),
            help=f"remove {_them(broken)}: {removal(disk, image, broken)}; then take a full backup",
        )


def _lasting(image: SeenImage) -> list[StoredBitmap]:
    """Return the bitmaps of an image but for those of a job, which are told as left behind."""
    return [bitmap for bitmap in image.bitmaps if not bitmap.name.startswith(TEMPORARY)]


def _nodes(disk: SeenDisk) -> dict[str, list[int]]:
    """Return the places in the chain of the images that hold each name, base first."""
    names = sorted({bitmap.name for image in disk.chain.images for bitmap in _lasting(image)})
    return {
        name: [n for n, i in enumerate(disk.chain.images) if i.bitmap(name) is not None]
        for name in names
    }


def _missing(disk: SeenDisk) -> Iterator[Finding]:
    """Yield names that the active image lacks; while it is in use, nobody can tell from files."""
    active = disk.chain.active
    if active.in_use:
        return
    top = len(disk.chain.images) - 1
    groups: dict[tuple[int, str], list[str]] = {}
    for name, nodes in _nodes(disk).items():
        if nodes[-1] < top:
            cause = _why_missing(disk, name, disk.chain.images[nodes[-1]])
            groups.setdefault((nodes[-1], cause), []).append(name)
    for (place, cause), names in groups.items():
        yield _missing_finding(disk, place, cause, names)


def _missing_finding(disk: SeenDisk, place: int, cause: str, names: list[str]) -> Finding:
    active, holder = disk.chain.active, disk.chain.images[place]
    above = disk.chain.images[place + 1 :]
    written = sum(map(total, disk.contents[place + 1 :]))
    since = " and ".join(label(image.name) for image in above[-2:])
    lost = f"{clusters(written)} of {since} {'is' if written == 1 else 'are'} in no bitmap of that "
    notes = [f"likely cause: {cause}", *([f"{lost}name"] if written else [])]
    doubtful = may_be_backup(above, disk.chain.images[: place + 1])
    if doubtful:
        notes.append(
            f"or {label(active.name)} is a push backup over the live image: then all is well below "
            "it, and it belongs onto the backup before it (BT206)"
        )
    old = "bitmap" if owner_of(disk) is Owner.OTHER else "checkpoint"
    old += "s" if len(names) > 1 else ""
    back = ""
    # What is committed into an image marks its bitmaps; a backup must never be.
    if _FOREIGN in cause and not doubtful and place == len(disk.chain.images) - 2:
        back = f"with the machine off, and if no other image lies on {label(holder.name)}, commit "
        back += f"it back (qemu-img commit {active.path}) and run on {label(holder.name)}, whose "
        back += "bitmaps record what is committed; or "
    return flag(
        "BT101",
        f"the active image {label(active.name)} has no bitmap {listed(names, 'or')}; "
        f"{label(holder.name)} below it has",
        notes=tuple(notes),
        help=f"{back}take a full backup with a new checkpoint, and delete the old {old}: "
        f"{removal(disk, holder, names)}",
    )


def _why_missing(disk: SeenDisk, name: str, holder: SeenImage) -> str:
    bitmap = holder.bitmap(name)
    assert bitmap is not None, "the image was found by this name"
    active = disk.chain.active
    if active.format != "qcow2" or active.version == 2:
        kind = "raw" if active.format == "raw" else "qcow2 v2"
        return f"{label(active.name)} is {kind}, which cannot store bitmaps"
    if disk.inconsistent(holder, bitmap):
        return "it is inconsistent below, and a snapshot repeats only sound bitmaps"
    if not bitmap.recording:
        return "it was frozen (disabled) below; a snapshot repeats only recording bitmaps"
    if active.bitmaps:
        return "it was removed from the active image, or QEMU died before it was stored"
    return (
        f"the overlay was made by a tool {_FOREIGN} (qemu-img create, a revert), "
        "or QEMU died before it stored the bitmaps made since it started"
    )


def _gaps(disk: SeenDisk) -> Iterator[Finding]:
    """Yield names whose images do not follow one another down from the active one."""
    top = len(disk.chain.images) - 1
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, nodes in _nodes(disk).items():
        lacking = tuple(n for n in range(nodes[0], top) if n not in nodes)
        if nodes[-1] == top and lacking:
            groups.setdefault(lacking, []).append(name)
    for lacking, names in groups.items():
        images = listed([disk.chain.images[place].name for place in lacking])
        yield flag(
            "BT102",
            f"{listed(names)} {verb_of(names)} on images above and below {images}, "
            "which lack" + ("s" if len(lacking) == 1 else "") + " it",
            notes=(
                f"likely cause: {images} was made outside, and a new bitmap took an old name later",
                f"what was written to {images} is in no bitmap of that name",
            ),
            help="take a full backup with a new checkpoint of another name, and delete the old one"
            f"{'s' if len(names) > 1 else ''}: {removal(disk, disk.chain.active, names)}",
        )


def _frozen(disk: SeenDisk) -> Iterator[Finding]:
    """Yield bitmaps of the active image, or on the way down from it, that do not record."""
    top = len(disk.chain.images) - 1
    for image in disk.chain.images:
        frozen = [
            name
            for name, nodes in _nodes(disk).items()
            if nodes[-1] == top
            and (bitmap := image.bitmap(name)) is not None
            and not bitmap.recording
            and not bitmap.in_use
        ]
        if not frozen:
            continue
        cause = "it was disabled (block-dirty-bitmap-disable, qemu-img bitmap --disable), as at the"
        cause += " end of an interval of its own"
        yield flag(
            "BT103",
            f"{listed(frozen)} on {label(image.name)} {verb_of(frozen)} not recording",
            notes=(
                f"likely cause: {cause}",
                "what the guest wrote since then is not in it, so it does not reach now",
            ),
            help="merge it with the bitmaps that were made after it, or start from one that "
            "records; libvirt refuses it (missing or broken bitmap)",
        )


def _unmergeable(disk: SeenDisk) -> Iterator[Finding]:
    """Yield names whose bitmaps are of different sizes, since a resize came between."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, nodes in _nodes(disk).items():
        if len({disk.chain.images[place].size for place in nodes}) > 1:
            groups.setdefault(tuple(nodes), []).append(name)
    top, below = disk.chain.images[-1], disk.chain.images[-2:][0]
    back = "commit the overlay back"
    if top.size != below.size:
        back += f" with the machine off (qemu-img commit {top.path})"
    for places, names in groups.items():
        rows = [
            (label(disk.chain.images[place].name), f"{disk.chain.images[place].size:,} bytes")
            for place in places
        ]
        yield flag(
            "BT106",
            f"{listed(names)} on {listed([what for what, _ in rows])} "
            f"{verb_of(names)} of different sizes, and cannot be merged",
            notes=(
                "likely cause: the disk was resized after the snapshot; bitmaps below keep the "
                "old size",
                *write_rows(rows),
            ),
            help=f"take a full backup with a new checkpoint, or {back}",
        )


def _stale(disk: SeenDisk, cells: int) -> Iterator[Finding]:
    """Yield bitmaps that are younger than their overlay, although one of their name is below.

    A bitmap that a snapshot repeats is as old as its overlay, so all that the overlay holds is
    dirty in it. Where it is not, it was made later, and its namesake below is another bitmap.
    """
    for name, nodes in _nodes(disk).items():
        for below, place in pairwise(nodes):
            image, lower = disk.chain.images[place], disk.chain.images[below]
            upper, old = image.bitmap(name), lower.bitmap(name)
            assert upper is not None and old is not None, "the places were found by this name"
            if image.encrypted or image.damage or not disk.legible(image, upper) or image.in_use:
                continue
            unmarked = cut_out(disk.contents[place], disk.bits(upper))
            unlike = upper.granularity != old.granularity
            if not unmarked and not unlike:
                continue
            yield _stale_finding(disk, cells, place, below, name, bool(unmarked))


def _stale_finding(
    disk: SeenDisk, cells: int, place: int, below: int, name: str, unmarked: bool
) -> Finding:
    image, lower = disk.chain.images[place], disk.chain.images[below]
    upper = image.bitmap(name)
    assert upper is not None, "the caller found it"
    scale = cells_of(disk.length, cells)
    rows = [
        (f"{label(image.name)} holds", disk.contents[place]),
        (f"{label(name)} on it", disk.bits(upper)),
    ]
    drawn = write_rows((what, f"|{write_cells(r, disk.length, scale)}|") for what, r in rows)
    why = (
        f"{label(image.name)} holds clusters that its {label(name)} does not mark"
        if unmarked
        else "their granularities differ, which a snapshot keeps"
    )
    return flag(
        "BT109",
        f"{label(name)} on {label(image.name)} is younger than its image, so "
        f"{label(name)} on {label(lower.name)} is an older bitmap of the same name",
        severity=Severity.WARNING,
        notes=(
            f"{why}, so no snapshot made it",
            *(drawn if unmarked else ()),
            "an incremental merges both and copies too much; if the older one was meant to be its "
            "start, what lies between is missing",
        ),
        help=f"remove the older one: qemu-img bitmap --remove {lower.path} {placeholder([name])}",
    )


def _many(disk: SeenDisk) -> Iterator[Finding]:
    recording = sum(bitmap.recording for bitmap in disk.chain.active.bitmaps)
    if recording > BITMAPS_MANY:
        yield flag(
            "BT502",
            f"every write marks {recording:,} bitmaps of {label(disk.chain.active.name)}",
            severity=Severity.INFO,
            help="delete checkpoints that no backup starts from any more",
        )


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
