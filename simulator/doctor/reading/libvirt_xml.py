"""Documents of libvirt: checkpoints, and machines."""

import os
from collections.abc import Iterator
from xml.etree import ElementTree

from simulator.doctor.reading.held import CheckpointDocument, Layers, Machine

KINDS = ("domaincheckpoint", "domain")
"""Root elements that are read."""


class DocumentError(Exception):
    """A document that is none of libvirt's, or not one of those that are read."""


def read_document(path: str, text: bytes) -> CheckpointDocument | Machine:
    """Return what a document says.

    Raises:
        DocumentError: It is no XML, or another document.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DocumentError(f"it is no XML: {error}") from None
    if root.tag == "domain":
        return _machine(path, root)
    if root.tag != "domaincheckpoint":
        raise DocumentError(f"it is a <{root.tag}>; expected <{'> or <'.join(KINDS)}>")
    name = (root.findtext("name") or "").strip()
    if not name:
        raise DocumentError("it is a checkpoint without a name")
    machine = root.find("domain")
    known = _machine(path, machine) if machine is not None else Machine(path, "", "", ())
    disks = root.findall("disks/disk")
    return CheckpointDocument(
        path=path,
        name=name,
        parent=(root.findtext("parent/name") or "").strip() or None,
        machine=known.name,
        uuid=known.uuid,
        bitmaps={
            disk.get("name", ""): disk.get("bitmap", name)
            for disk in disks
            if disk.get("checkpoint", "bitmap") == "bitmap"
        },
        sources={each.disk: each.paths[0] for each in known.disks if each.paths},
    )


def _machine(path: str, root: ElementTree.Element) -> Machine:
    return Machine(
        path=path,
        name=(root.findtext("name") or "").strip(),
        uuid=(root.findtext("uuid") or "").strip(),
        disks=tuple(_disks(root)),
    )


def _disks(root: ElementTree.Element) -> Iterator[Layers]:
    for disk in root.findall("devices/disk"):
        target = disk.find("target")
        if target is None or disk.get("device", "disk") != "disk":
            continue
        paths: list[str] = []
        layer: ElementTree.Element | None = disk
        while layer is not None:
            source = layer.find("source")
            found = None if source is None else source.get("file") or source.get("dev")
            if found:
                paths.append(found)
            layer = layer.find("backingStore")
        yield Layers(target.get("dev", ""), tuple(paths))


def documents_in(path: str) -> Iterator[tuple[str, bytes]]:
    """Yield the XML files of a folder with their texts, by name.

    Raises:
        OSError: The folder, or one of them, cannot be read.
    """
    for name in sorted(os.listdir(path)):
        if name.endswith(".xml"):
            file = os.path.join(path, name)
            with open(file, "rb") as opened:
                yield file, opened.read()
