"""A backing chain as its files tell it: each image's own allocation, and the bitmaps it stores."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from simulator.inspect.image.reading import key_of, read_image
from simulator.inspect.image.roles import find_live
from simulator.inspect.image.seen import RESTORE, SeenImage, UnusableError

IMAGES_MAX = 256
"""A longer chain is cut."""

_PROTOCOL = re.compile(r"[A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a chain ends too early.

    Attributes:
        code, rule: Of the finding.
        backing: What the lowest image names.
        message: What is wrong with it, as the end of a sentence that begins with its name.
        help: What to do.
    """

    code: str
    rule: str
    backing: str
    message: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBackup:
    """A file over the live image that is likely a backup of it.

    Attributes:
        evidence: What tells so, as the end of a sentence.
    """

    image: SeenImage
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A backing chain.

    Attributes:
        images: From the lowest that could be read to the active one; at least one.
        cut: Why there is nothing below the lowest image, although it names something.
        backups: What lies over the active image, and is likely no overlay of it.
    """

    images: tuple[SeenImage, ...]
    cut: Cut | None = None
    backups: tuple[PushBackup, ...] = ()

    @property
    def active(self) -> SeenImage:
        """The image that takes the guest's writes."""
        return self.images[-1]

    @property
    def files(self) -> tuple[SeenImage, ...]:
        """Its images, and the backups that lie over them."""
        return (*self.images, *(backup.image for backup in self.backups))


def read_backing_chain(path: str) -> Chain:
    """Return the chain below and with an image, each image read for itself.

    Raises:
        UnusableError: The image itself cannot be used. What is below it may be missing or broken.
        ToolMissingError: There is no ``qemu-img``.
    """
    images = [read_image(path, "qcow2")]
    cut: Cut | None = None
    while cut is None and images[-1].backing is not None:
        below = _read_below(images)
        if isinstance(below, Cut):
            cut = below
        else:
            images.append(below)
    named = _named(reversed(images))
    count, evidence = find_live(named)
    backups = tuple(PushBackup(image=image, evidence=evidence) for image in named[count:])
    return Chain(images=named[:count], cut=cut, backups=backups)


def join_chains(one: Chain, other: Chain) -> Chain | None:
    """Return the longer of two chains, with the backups of both; None where they fork."""
    longer, shorter = sorted((one, other), key=lambda chain: -len(chain.images))
    if any(a.key != b.key for a, b in zip(longer.images, shorter.images, strict=False)):
        return None
    known = {image.key for image in longer.files}
    more = [backup for backup in shorter.backups if backup.image.key not in known]
    joined = [*longer.backups, *more]
    names = _named([*longer.images, *(backup.image for backup in joined)])
    named = zip(joined, names[len(longer.images) :], strict=True)
    return replace(longer, backups=tuple(replace(b, image=image) for b, image in named))


def _read_below(images: list[SeenImage]) -> SeenImage | Cut:
    """Return the image below the last one, or why the chain ends here."""
    cut = _cut_below(images[-1])
    path, format = _find_file(images[-1])
    if path is None:
        help = "inspect it where it lies, or copy the image here"
        return replace(cut, message="is not a local file", help=help)
    if len(images) >= IMAGES_MAX:
        return replace(cut, message=f"comes after {IMAGES_MAX} images", help="commit some of them")
    try:
        key = key_of(os.stat(path))
        if any(key == image.key for image in images):
            return replace(
                cut,
                code="IN102",
                rule="backing-loop",
                message="is above it in the same chain, so the chain never ends",
                help=f"point {images[-1].path} to its own base again: "
                f"qemu-img rebase -u -b BASE -F FORMAT {images[-1].path}",
            )
        return read_image(path, format)
    except OSError as error:
        return replace(cut, message=f"cannot be opened: {error.strerror}")
    except ValueError:
        return replace(cut, message="has a name that no file can have")
    except UnusableError as error:
        if not os.path.isfile(path):
            return replace(cut, message=str(error))
        help = error.help or RESTORE
        return replace(cut, code="IN103", rule="damaged-image", message=str(error), help=help)


def _cut_below(image: SeenImage) -> Cut:
    """Return that there is nothing below an image; why, is left to say."""
    assert image.backing is not None, "the caller looks whether there is one"
    return Cut(
        code="IN101",
        rule="backing-missing",
        backing=image.backing,
        message="",
        help=f"put the file back, or point {image.path} to where it is now: "
        f"qemu-img rebase -u -b FILE -F FORMAT {image.path}",
    )


def _find_file(image: SeenImage) -> tuple[str | None, str | None]:
    """Return path and format of the file that an image names as its backing, if it is local."""
    name, format = image.backing or "", image.backing_format
    if name.startswith("json:"):
        return _find_in_json(name.removeprefix("json:"), format)
    name = name.removeprefix("file:")
    if _PROTOCOL.match(name):
        return None, None
    return os.path.join(os.path.dirname(image.path), name), format


def _find_in_json(text: str, format: str | None) -> tuple[str | None, str | None]:
    try:
        node: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None, None
    while isinstance(node, dict):
        driver = node.get("driver")
        name = node.get("filename", node.get("file.filename"))
        if isinstance(name, str) and (driver == "file" or node.get("file.driver") == "file"):
            return name, format
        format = driver if isinstance(driver, str) else format
        node = node.get("file")
    return None, None


def _named(images: Iterable[SeenImage]) -> tuple[SeenImage, ...]:
    """Return images, each with a name of its own."""
    named: list[SeenImage] = []
    taken: set[str] = set()
    for image in images:
        name, number = image.name, 2
        while name in taken:
            name, number = f"{image.name}-{number}", number + 1
        taken.add(name)
        named.append(replace(image, name=name))
    return tuple(named)
