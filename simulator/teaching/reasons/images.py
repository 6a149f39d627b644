"""Why a cell of an image, or of what is seen through a chain of images, is as it is."""

from collections.abc import Sequence

from simulator.model.clusters import ZERO, Version
from simulator.model.disk import Image
from simulator.model.operations import (
    CommitImages,
    EndJob,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    MirrorDisk,
    PullImages,
    ResizeImage,
)
from simulator.teaching.reasons.history import (
    NEVER,
    NOT_YET,
    History,
    Step,
    disk_at,
    name_version,
    touches,
    written_images,
)
from simulator.teaching.reasons.words import join_deeds, neither

WRITES_TOLD = 3
"""So many of the guest's writes to a cluster are told, the last ones."""


def tell_image(
    history: History, disk: str, image: Image, cluster: int, *, past: bool = False
) -> list[str]:
    """Return why an image holds what it does in a cluster, as parts of sentences.

    Args:
        past: Whether it is told of a state that is gone by.
    """
    holds = "held" if past else "holds"
    version = image.content.get(cluster)
    if version is None:
        missed = _tell_missed(history, disk, image.name, cluster, past=past)
        return [f"{image.name} {holds} nothing there: {missed}"]
    told = f"{image.name} {holds} {_held(version)} there, {origin(history, disk, image, cluster)}"
    later = _gone_elsewhere(history, disk, image.name, cluster)
    return [told, later] if later else [told]


def tell_view(
    history: History, disk: str, chain: Sequence[Image], cluster: int, *, past: bool = False
) -> list[str]:
    """Return why a cluster reads as it does through a chain of images, base first.

    S1: |AAAA----| <- S2: |D-------|    cluster 0 reads D: S2 holds it, and hides the A of S1.

    Args:
        past: Whether it is told of a state that is gone by.
    """
    holds, so_read = ("held", "was") if past else ("holds", "is")
    seen, short = look_through(chain, cluster)
    held = [image for image in seen if image.content.get(cluster) is not None]
    if not held:
        if len(seen) == 1 and short is None:
            return tell_image(history, disk, seen[0], cluster, past=past)
        return _tell_empty(seen, short, holds)
    image = held[0]
    version = image.content.get(cluster)
    assert version is not None, "it holds the cluster"
    source = origin(history, disk, image, cluster)
    told = f"{image.name} {holds} {_held(version)} there, {source}"
    if image is not chain[-1]:
        above = [each.name for each in reversed(seen[: seen.index(image)])]
        nothing = neither(above, holds, "images")
        told = f"{nothing} there, so {image.name} {so_read} read: {_held(version)}, {source}"
    return [told, _tell_hidden(version, held[1:], cluster, past=past)]


def _tell_empty(seen: Sequence[Image], short: Image | None, holds: str) -> list[str]:
    """Return why a cluster that none of some images holds reads as zeroes."""
    nothing = neither([image.name for image in reversed(seen)], holds, "images") if seen else ""
    if short is None:
        return [f"{nothing} there, so it reads as zeroes"]
    ends = f"{short.name} ends before it, and what lies below a shorter image is not seen"
    return [f"{nothing} there" if nothing else "", ends]


def origin(history: History, disk: str, image: Image, cluster: int) -> str:
    """Return where what an image holds in a cluster comes from: ``written between T1 and T2``."""
    for step in reversed(history.steps):
        before = _image_before(step, disk, image.name)
        after = disk_at(step.after, disk).image(image.name)
        if after is None:
            continue
        if _wrote(step, disk, image.name, cluster):
            short = history.tell_short(step)
            followed = image.name != written_images(step, disk)[0]
            return f"{short} and copied along by the commit that ran" if followed else short
        held = before.content.get(cluster) if before is not None else None
        if after.content.get(cluster) != held:
            return _tell_moved(history, step, disk, image.name, cluster)
    return "there from the start"


def _held(version: Version) -> str:
    return "explicit zeroes" if version == ZERO else name_version(version)


def look_through(chain: Sequence[Image], cluster: int) -> tuple[list[Image], Image | None]:
    """Return the images that are looked into, newest first, and one that ends before the cluster.

    What lies below an image that is too short is not seen.
    """
    seen: list[Image] = []
    for image in reversed(chain):
        if cluster >= image.length:
            return seen, image
        seen.append(image)
    return seen, None


def _tell_hidden(version: Version, below: Sequence[Image], cluster: int, *, past: bool) -> str:
    """Return what a version hides; empty where nothing lies below it."""
    if not below:
        return ""
    hidden = below[0].content.get(cluster)
    assert hidden is not None, "it holds the cluster"
    they = version == ZERO
    hides = "hid" if past else "hide" if they else "hides"
    return f"{'they' if they else 'it'} {hides} the {_held(hidden)} of {below[0].name}"


def _image_before(step: Step, disk: str, name: str) -> Image | None:
    return disk_at(step.before, disk).image(name)


def _wrote(step: Step, disk: str, image: str, cluster: int) -> bool:
    """Whether the guest put into an image what it holds in a cluster after a step."""
    if not touches(step, disk, cluster) or image not in written_images(step, disk):
        return False
    after = disk_at(step.after, disk).image(image)
    held = after.content.get(cluster) if after is not None else None
    if isinstance(step.operation, GuestWrite):
        return held == step.operation.data.get(cluster)
    before = _image_before(step, disk, image)
    was = before.content.get(cluster) if before is not None else None
    return isinstance(step.operation, GuestDiscard) and held == ZERO != was


def _tell_moved(history: History, step: Step, disk: str, image: str, cluster: int) -> str:
    """Return how a cluster came into an image other than by the guest."""
    when = history.when(step)
    match step.operation:
        case CommitImages():
            return f"brought down{_from_where(step, disk, image, cluster)} by the commit {when}"
        case PullImages():
            return f"brought up{_from_where(step, disk, image, cluster)} by the pull {when}"
        case MirrorDisk() | EndJob():
            return f"copied{_from_where(step, disk, image, cluster)} by the blockcopy {when}"
        case ResizeImage():
            return f"written by the resize {when}, so that no old data comes to light"
        case LoadSnapshot(name=name):
            return f"brought back by the revert to {name} {when}"
        case _:
            return f"there since a step {when}"


def _from_where(step: Step, disk: str, image: str, cluster: int) -> str:
    """Return which other image held what a commit or a pull moved; empty where none did."""
    now = disk_at(step.after, disk).image(image)
    for other in reversed(step.before.disk(disk).chain):
        if other.name != image and now is not None:
            held = other.content.get(cluster)
            if held is not None and held == now.content.get(cluster):
                return f" from {other.name}"
    return ""


def _tell_missed(history: History, disk: str, image: str, cluster: int, *, past: bool) -> str:
    """Return why the guest's writes to a cluster left nothing in an image."""
    writes = list(history.guest_steps(disk, cluster))
    if not writes:
        return NOT_YET if past else NEVER
    made = _made(history, disk, image)
    deeds: list[tuple[str, str]] = []
    for step in writes[-WRITES_TOLD:]:
        deed = history.tell(step, cluster)
        active = written_images(step, disk)[0]
        if made is not None and step.number < made.number:
            deeds.append((deed, f"came before {image} was made {history.when(made)}"))
        elif active != image:
            deeds.append((deed, f"went to {active}, the active image by then"))
        elif isinstance(step.operation, GuestDiscard):
            deeds.append((deed, "found nothing to give back"))
        else:
            deeds.append((deed, _tell_loss(history, disk, image, step, cluster)))
    return join_deeds(deeds)


def _tell_loss(history: History, disk: str, image: str, write: Step, cluster: int) -> str:
    """Return what took away again what the guest wrote, as what follows it in a sentence."""
    for step in history.steps[write.number + 1 :]:
        before, after = _image_before(step, disk, image), disk_at(step.after, disk).image(image)
        lost = after is None or after.content.get(cluster) is None
        if before is not None and before.content.get(cluster) is not None and lost:
            match step.operation:
                case ResizeImage():
                    return f"fell to the resize {history.when(step)}"
                case LoadSnapshot(name=name):
                    return f"fell to the revert to {name} {history.when(step)}"
    return "did not last"


def _made(history: History, disk: str, image: str) -> Step | None:
    """Return the step that made an image; None where it was there from the start."""
    for step in reversed(history.steps):
        if disk_at(step.after, disk).image(image) is not None and (
            _image_before(step, disk, image) is None
        ):
            return step
    return None


def _gone_elsewhere(history: History, disk: str, image: str, cluster: int) -> str:
    """Return where the guest's last write to a cluster went, if it is not in this image."""
    writes = list(history.guest_steps(disk, cluster))
    if not writes or image in written_images(writes[-1], disk):
        return ""
    made = _made(history, disk, image)
    if made is not None and writes[-1].number < made.number:
        return ""
    active = written_images(writes[-1], disk)[0]
    return f"{history.tell(writes[-1], cluster)} went to {active}, the active image by then"
