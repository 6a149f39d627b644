"""What is wrong with the files of a chain."""

from collections.abc import Collection, Iterator, Sequence
from shlex import quote

from simulator.diagnostics import Finding, Severity
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.advice import TEMPORARY
from simulator.inspect.health.codes import flag
from simulator.inspect.health.wording import listed, placeholder, verb_of
from simulator.inspect.image.qcow2 import AUTOCLEAR_LAST
from simulator.inspect.image.seen import SeenImage, label


def find_in_files(disk: SeenDisk, known: Collection[tuple[int, int]]) -> Iterator[Finding]:
    """Yield what is wrong with the files themselves.

    Args:
        known: Images of which all was told with another disk.
    """
    cut = disk.chain.cut
    if cut is not None:
        lowest = disk.chain.images[0]
        yield flag(
            cut.code,
            f"{label(cut.backing)}, which {label(lowest.name)} is backed by, {cut.message}",
            notes=("cells that fall through to it are drawn as ?",),
            help=cut.help,
        )
    tracked = False
    for image in reversed(disk.chain.images):
        if image.key not in known:
            yield from _file(image)
        tracked = tracked or bool(image.bitmaps)
        if image.version != 3 and (tracked or image is disk.chain.active):
            yield _holds_no_bitmaps(disk, image)
    for backup in disk.chain.backups:
        yield from _file(backup.image)


def _holds_no_bitmaps(disk: SeenDisk, image: SeenImage) -> Finding:
    """Return that an image's format has no room for bitmaps, and what follows from it."""
    kind = "qcow2 v2" if image.version == 2 else image.format
    what = "incremental backups need them"
    if image is not disk.chain.active:
        what = "a commit into it loses those above"
    upgrade = f"with the machine off: qemu-img amend -o compat=1.1 {image.path}"
    return flag(
        "IN107",
        f"{label(image.name)} is {kind}, which cannot store bitmaps; {what}",
        severity=Severity.INFO,
        help=upgrade if image.version == 2 else "",
    )


def _turned_down(image: SeenImage, damages: Sequence[str]) -> Finding:
    """Return that QEMU does not open an image for its bitmaps, and the way to its data."""
    path, copy = quote(image.path), quote(f"{image.path}.copy")
    # Only the lowest bit goes: the others of this byte are features of the data.
    byte = f"printf '\\{image.autoclear & 0xFE:03o}'"
    return flag(
        "IN103",
        f"{label(image.name)} cannot be opened by QEMU, since its bitmaps are damaged",
        notes=(
            f"QEMU says: {label(image.refusal)}",
            *(f"seen here: {label(damage)}" for damage in damages),
            "what it holds is drawn by its own tables; its bitmaps are lost",
            *(["NEW will not have its internal snapshots"] if image.snapshots else []),
        ),
        help="on a copy unset the bit that calls the bitmaps good, and convert that: "
        f"cp {path} {copy}; {byte} | dd of={copy} bs=1 seek={AUTOCLEAR_LAST} conv=notrunc; "
        f"qemu-img convert -O qcow2 {copy} NEW; put NEW, which has no backing image, in its place, "
        "and take a full backup with a new checkpoint",
    )


def _inside(image: SeenImage) -> Iterator[Finding]:
    """Yield what somebody kept inside an image, or left there."""
    name = label(image.name)
    left = [each.name for each in image.bitmaps if each.name.startswith(TEMPORARY)]
    if left and not image.in_use:
        yield flag(
            "IN108",
            f"{listed(left)} on {name} {verb_of(left)} left by a job of libvirt that did not end",
            severity=Severity.WARNING,
            notes=("no checkpoint has it, so libvirt does not remove it either",),
            help="look that no job runs (virsh domjobinfo, virsh blockjob), then with the machine "
            f"off: qemu-img bitmap --remove {image.path} {placeholder(left)}",
        )
    if image.snapshots:
        kept = [each.name for each in image.snapshots]
        yield flag(
            "IN109",
            f"{name} keeps {_count(kept)} inside: {listed(kept)}",
            severity=Severity.INFO,
            notes=(
                "bitmaps and backups know nothing of them, and a copy of the disk leaves them out",
                "QEMU reverts to none while the image has a bitmap (Device has active dirty "
                "bitmaps)",
            ),
            help=f"to see one: qemu-img convert -l snapshot.name={placeholder(kept)} -O qcow2 "
            f"{image.path} NEW; leave qemu-img check -r alone, which drops them (QEMU 7.2)",
        )


def _count(names: Sequence[str]) -> str:
    return f"{len(names):,} internal snapshot{'s' if len(names) > 1 else ''}"


def _file(image: SeenImage) -> Iterator[Finding]:
    name = label(image.name)
    damages = [*image.damage, *(f"{b.name}: {b.damage}" for b in image.bitmaps if b.damage)]
    if image.refusal:
        yield _turned_down(image, damages)
        damages = []
    for damage in damages:
        yield flag(
            "IN103",
            f"{name} is damaged: {label(damage)}",
            help=f"work on a copy; qemu-img check {image.path} tells more",
        )
    if image.in_use:
        yield flag(
            "IN104",
            f"{name} is being written to by another process, so this may be a torn read",
            severity=Severity.WARNING,
            notes=(
                "what its process holds in memory is not in the file: newly written clusters, "
                "the bits of its bitmaps, and bitmaps made since it was opened",
            ),
            help="ask the process (query-named-block-nodes), or inspect when it has ended",
        )
    if image.encrypted:
        yield flag(
            "IN105",
            f"{name} is encrypted: what it holds cannot be told without its key",
            severity=Severity.WARNING,
            notes=("bitmaps are not encrypted, and are drawn as they are",),
        )
    yield from _inside(image)
    if any(bitmap.rounded for bitmap in image.bitmaps):
        rounded = listed([bitmap.name for bitmap in image.bitmaps if bitmap.rounded])
        yield flag(
            "IN106",
            f"{rounded} on {name} has too many runs to draw, and is drawn rounded up",
            severity=Severity.INFO,
        )
