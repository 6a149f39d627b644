"""Images that several chains have in common: what is written to one is seen by all."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from simulator.diagnostics import Finding, Severity
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.codes import flag
from simulator.inspect.health.wording import listed, verb_of
from simulator.inspect.image.seen import SeenImage, label


def find_shared(disks: Sequence[SeenDisk]) -> Iterator[tuple[str, Finding]]:
    """Yield each image that several disks have overlays of, with its path."""
    shared: dict[tuple[int, int], tuple[SeenImage, dict[tuple[int, int], SeenImage]]] = {}
    for one, other in combinations(disks, 2):
        pairs = list(zip(one.chain.images, other.chain.images, strict=False))
        common = sum(a.key == b.key for a, b in pairs)
        if common:
            base = one.chain.images[common - 1]
            _, overlays = shared.setdefault(base.key, (base, {}))
            for disk in (one, other):
                overlay = disk.chain.images[common]
                overlays.setdefault(overlay.key, overlay)
    for base, overlays in shared.values():
        yield base.path, _shared(base, list(overlays.values()))


def _shared(base: SeenImage, overlays: Sequence[SeenImage]) -> Finding:
    name = label(base.name)
    names = [overlay.name for overlay in overlays]
    older = [overlay.name for overlay in overlays if overlay.written < base.written]
    notes = [f"each of them shows what {name} holds wherever it holds nothing itself"]
    if older:
        notes.append(
            f"{name} was written to after {listed(older)} {verb_of(older, past=True)}, as a commit "
            "would: then the others show what they never held"
        )
    return flag(
        "IN110",
        f"{name} is the base of {listed(names)}; whatever is committed into it changes all of them",
        severity=Severity.WARNING,
        notes=tuple(notes),
        help=f"commit none of them into {name}, and let no machine run on it; to give one its own "
        f"copy of what it shows, with its machine off: qemu-img rebase -b '' {overlays[0].path}",
    )
