"""What is unhealthy about a real chain, by the rules that its bitmaps live under.

libvirt asks four things of a checkpoint's bitmap: the active image has it, the images that have it
follow one another without a gap, and each of them is recording and consistent. It answers every
breach with one text (`checkpoint inconsistent: missing or broken bitmap`); here each is told apart,
with its likely cause. Source: libvirt 11.3, ``qemuBlockBitmapChainIsValid``.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from simulator.diagnostics import Finding, Severity
from simulator.inspect.disk import SeenDisk, cells_of
from simulator.inspect.image.chain import SeenImage, label
from simulator.inspect.image.runs import cut_out, total, write_cells
from simulator.notation import write_rows

BITMAPS_MANY = 32
"""Recording bitmaps that a write marks before it is worth a word. Source: rule BT502."""

NAMES_TOLD = 6

IN_REAL_CHAINS: Mapping[str, tuple[str, str]] = {
    "BT101": ("bitmap-missing", "the active image lacks a bitmap that an image below it has"),
    "BT102": ("bitmap-gap", "the images that hold a bitmap do not follow one another"),
    "BT103": ("bitmap-not-recording", "a bitmap is disabled, and does not reach now"),
    "BT104": ("inconsistent-bitmap", "a bitmap was open for writing when the file was left"),
    "BT106": ("unmergeable-bitmaps", "the bitmaps of one name differ in size"),
    "BT109": ("stale-namesake", "an older bitmap of the same name is further down"),
}
"""The rules that real chains are held against: code to name, and what is found there."""


def find_faults(disk: SeenDisk, cells: int) -> tuple[Finding, ...]:
    """Return what is wrong with a disk's files and bitmaps, sorted by code.

    Args:
        cells: How many a figure has at most.
    """
    found = [*_files(disk), *_broken(disk), *_missing(disk), *_gaps(disk), *_frozen(disk)]
    found += [*_unmergeable(disk), *_stale(disk, cells), *_many(disk)]
    return tuple(sorted(found, key=lambda finding: finding.code))


def _flag(
    code: str,
    message: str,
    *,
    severity: Severity = Severity.ERROR,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    """Return a finding by one of the rules that real chains are held against."""
    rule, _ = IN_REAL_CHAINS[code]
    return _finding(code, rule, message, severity=severity, notes=notes, help=help)


def _finding(
    code: str,
    rule: str,
    message: str,
    *,
    severity: Severity = Severity.ERROR,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    return Finding(code=code, rule=rule, severity=severity, message=message, notes=notes, help=help)


def _files(disk: SeenDisk) -> Iterator[Finding]:
    """Yield what is wrong with the files themselves."""
    cut = disk.chain.cut
    if cut is not None:
        lowest = disk.chain.images[0]
        yield _finding(
            cut.code,
            cut.rule,
            f"{label(cut.backing)}, which {label(lowest.name)} is backed by, {cut.message}",
            notes=("cells that fall through to it are drawn as ?",),
            help=cut.help,
        )
    tracked = False
    for image in reversed(disk.chain.images):
        yield from _file(image)
        tracked = tracked or bool(image.bitmaps)
        if image.version != 3 and (tracked or image is disk.chain.active):
            yield _holds_no_bitmaps(disk, image)


def _holds_no_bitmaps(disk: SeenDisk, image: SeenImage) -> Finding:
    """Return that an image's format has no room for bitmaps, and what follows from it."""
    kind = "qcow2 v2" if image.version == 2 else image.format
    what = "incremental backups need them"
    if image is not disk.chain.active:
        what = "a commit into it loses those above"
    upgrade = f"with the machine off: qemu-img amend -o compat=1.1 {image.path}"
    return _finding(
        "IN107",
        "bitmaps-impossible",
        f"{label(image.name)} is {kind}, which cannot store bitmaps; {what}",
        severity=Severity.INFO,
        help=upgrade if image.version == 2 else "",
    )


def _file(image: SeenImage) -> Iterator[Finding]:
    name = label(image.name)
    for damage in (*image.damage, *(f"{b.name}: {b.damage}" for b in image.bitmaps if b.damage)):
        yield _finding(
            "IN103",
            "damaged-image",
            f"{name} is damaged: {label(damage)}",
            help=f"work on a copy; qemu-img check {image.path} tells more",
        )
    if image.in_use:
        yield _finding(
            "IN104",
            "image-in-use",
            f"{name} is being written to by another process, so this may be a torn read",
            severity=Severity.WARNING,
            notes=(
                "what its process holds in memory is not in the file: newly written clusters, "
                "the bits of its bitmaps, and bitmaps made since it was opened",
            ),
            help="ask the process (query-named-block-nodes), or inspect when it has ended",
        )
    if image.encrypted:
        yield _finding(
            "IN105",
            "encrypted-image",
            f"{name} is encrypted: what it holds cannot be told without its key",
            severity=Severity.WARNING,
            notes=("bitmaps are not encrypted, and are drawn as they are",),
        )
    if any(bitmap.rounded for bitmap in image.bitmaps):
        rounded = _listed([bitmap.name for bitmap in image.bitmaps if bitmap.rounded])
        yield _finding(
            "IN106",
            "rounded-bitmap",
            f"{rounded} on {name} has too many runs to draw, and is drawn rounded up",
            severity=Severity.INFO,
        )


def _broken(disk: SeenDisk) -> Iterator[Finding]:
    """Yield bitmaps that were open for writing when the file was left."""
    for image in disk.chain.images:
        broken = [b.name for b in image.bitmaps if disk.inconsistent(image, b)]
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
        yield _flag(
            "BT104",
            f"{_listed(broken)} on {label(image.name)} {_is(broken)} inconsistent",
            notes=(f"likely cause: {cause}", "their bits are lost; QEMU only lets them be removed"),
            help=f"remove with qemu-img bitmap --remove {image.path} {_placeholder(broken)}, "
            "and let the next backup be a full one",
        )


def _nodes(disk: SeenDisk) -> dict[str, list[int]]:
    """Return the places in the chain of the images that hold each name, base first."""
    names = sorted({bitmap.name for image in disk.chain.images for bitmap in image.bitmaps})
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
        above = disk.chain.images[place + 1 :]
        written = sum(map(total, disk.contents[place + 1 :]))
        since = " and ".join(label(image.name) for image in above[-2:])
        note = f"{_clusters(written)} of {since} {_are(written)} in no bitmap of that name"
        yield _flag(
            "BT101",
            f"the active image {label(active.name)} has no bitmap {_listed(names)}; "
            f"{label(disk.chain.images[place].name)} below it has",
            notes=(f"likely cause: {cause}", *((note,) if written else ())),
            help="take a full backup with a new checkpoint, and delete the old checkpoint"
            f"{'s' if len(names) > 1 else ''} (virsh checkpoint-delete)",
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
        "the overlay was made by a tool that knows nothing of bitmaps (qemu-img create, a revert), "
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
        images = _listed([disk.chain.images[place].name for place in lacking])
        yield _flag(
            "BT102",
            f"{_listed(names)} {_is(names)} on images above and below {images}, "
            "which lack" + ("s" if len(lacking) == 1 else "") + " it",
            notes=(
                f"likely cause: {images} was made outside, and a new bitmap took an old name later",
                f"what was written to {images} is in no bitmap of that name",
            ),
            help="take a full backup with a new checkpoint of another name",
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
        yield _flag(
            "BT103",
            f"{_listed(frozen)} on {label(image.name)} {_is(frozen)} not recording",
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
    for places, names in groups.items():
        rows = [
            (label(disk.chain.images[place].name), f"{disk.chain.images[place].size:,} bytes")
            for place in places
        ]
        yield _flag(
            "BT106",
            f"{_listed(names)} on {_listed([what for what, _ in rows])} "
            f"{_is(names)} of different sizes, and cannot be merged",
            notes=(
                "likely cause: the disk was resized after the snapshot; bitmaps below keep the "
                "old size",
                *write_rows(rows),
            ),
            help="take a full backup with a new checkpoint, or commit the overlay back",
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
    return _flag(
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
        help=f"remove the older one: qemu-img bitmap --remove {lower.path} {_placeholder([name])}",
    )


def _many(disk: SeenDisk) -> Iterator[Finding]:
    recording = sum(bitmap.recording for bitmap in disk.chain.active.bitmaps)
    if recording > BITMAPS_MANY:
        yield _finding(
            "BT502",
            "many-bitmaps",
            f"every write marks {recording:,} bitmaps of {label(disk.chain.active.name)}",
            severity=Severity.INFO,
            help="delete checkpoints that no backup starts from any more",
        )


def _listed(names: list[str]) -> str:
    """Return names in a sentence; of many, the first ones and their number."""
    shown = [label(name) for name in names]
    if len(shown) > NAMES_TOLD:
        return f"{', '.join(shown[:NAMES_TOLD])} and {len(shown) - NAMES_TOLD:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _is(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _placeholder(names: list[str]) -> str:
    return label(names[0]) if len(names) == 1 else "NAME"


def _clusters(number: int) -> str:
    return f"{number:,} cluster" if number == 1 else f"{number:,} clusters"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
