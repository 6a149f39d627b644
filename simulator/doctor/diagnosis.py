"""What people hold, read and judged: folders, documents, images and pasted texts together."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.diagnostics import Finding, Problem, Severity, printable
from simulator.doctor.health.checkpoints import find_in_chains, find_in_documents, match_disks
from simulator.doctor.health.codes import flag
from simulator.doctor.health.faults import find_in_folder
from simulator.doctor.health.stacks import State, states_of
from simulator.doctor.reading.folder import (
    Problems,
    is_folder_of_backups,
    read_documents,
    read_folder,
)
from simulator.doctor.reading.held import CheckpointDocument, Folder, Machine
from simulator.doctor.reading.libvirt_xml import DocumentError, documents_in, read_document
from simulator.doctor.reading.pasted import PastedError, read_pasted
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.faults import find_faults
from simulator.inspect.health.wording import listed
from simulator.inspect.image.seen import label
from simulator.inspect.inspection import inspect_images

PASTED_MAX = 64 << 20
"""Bytes of a document; a larger file is none."""

OF_BITMAPS = ("BT101", "BT103", "BT104")
"""What is told of bitmaps that nobody knows the checkpoints of."""

Found = tuple[str, Finding]
"""A finding with the file or folder that it is about."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A folder of backups and the states that it is about, oldest first."""

    folder: Folder
    states: tuple[State, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was read.

    Attributes:
        folders: Folders of a tool's backups.
        disks: The chains of real images.
        pasted: The disks of pasted texts, each with where its text is from.
        machines: The machines of documents.
        documents: The checkpoints of documents that lie in no such folder.
        problems: What cannot be used, each with its path.
        findings: What is wrong.
    """

    folders: tuple[Kept, ...]
    disks: tuple[SeenDisk, ...]
    pasted: tuple[tuple[str, SeenDisk], ...]
    machines: tuple[Machine, ...]
    documents: tuple[CheckpointDocument, ...]
    problems: tuple[tuple[str, Problem], ...]
    findings: tuple[Found, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing was found that could be told of."""
        return not (self.folders or self.disks or self.pasted or self.machines or self.documents)

    @property
    def failing(self) -> bool:
        """Whether something is wrong."""
        return any(finding.failing for _, finding in self.findings)


class _Reader:
    """Reads what is named, each thing by what it is."""

    def __init__(self) -> None:
        self.folders: list[Folder] = []
        self.images: list[str] = []
        self.pasted: list[tuple[str, SeenDisk]] = []
        self.machines: list[Machine] = []
        self.documents: list[CheckpointDocument] = []
        self.problems: Problems = []

    def read(self, path: str, stdin: Callable[[], str]) -> None:
        """Read a folder, an image, a document or a pasted text; ``-`` is stdin."""
        try:
            if path == "-":
                self._text("stdin", stdin())
            elif os.path.isdir(path):
                self._folder(path)
            else:
                self._file(path)
        except OSError as error:
            told = f"{label(path)} cannot be read: {error.strerror}"
            self.problems.append((path, Problem(message=told)))
        except (PastedError, DocumentError) as error:
            self.problems.append((path, Problem(message=f"{label(path)}: {printable(str(error))}")))

    def checkpoints(self, path: str) -> None:
        """Read a folder of checkpoints' documents."""
        try:
            found, _ = read_documents(path, self.problems)
        except OSError as error:
            told = f"{label(path)} cannot be read: {error.strerror}"
            self.problems.append((path, Problem(message=told)))
            return
        if not found:
            told = f"{label(path)} has no document of a checkpoint"
            help = "virsh checkpoint-dumpxml DOMAIN CHECKPOINT writes one"
            self.problems.append((path, Problem(message=told, help=help)))
        self.documents += found

    def _folder(self, path: str) -> None:
        if is_folder_of_backups(path):
            self.folders.append(read_folder(path, self.problems))
            return
        names = sorted(os.listdir(path))
        images = [os.path.join(path, name) for name in names]
        images = [file for file in images if os.path.isfile(file) and _is_image(file)]
        images.sort(key=lambda file: (os.stat(file).st_mtime_ns, file))
        documents = [*documents_in(path)]
        for file, text in documents:
            self._document(file, text)
        self.images += images
        if not images and not documents:
            told = f"{label(path)} has no backup, no image and no document that is known"
            help = "a folder of virtnbdbackup, of qcow2 images, or of libvirt's documents"
            self.problems.append((path, Problem(message=told, help=help)))

    def _file(self, path: str) -> None:
        known = os.stat(path)
        readable = stat.S_ISREG(known.st_mode) and known.st_size <= PASTED_MAX
        if readable and not _is_image(path):
            with open(path, "rb") as file:
                content = file.read()
            start = content.lstrip()[:1]
            if start in (b"<", b"[", b"{"):
                self._text(path, content.decode(errors="replace"))
                return
        self.images.append(path)

    def _text(self, path: str, text: str) -> None:
        if text.lstrip()[:1] == "<":
            self._document(path, text.encode())
            return
        self.pasted += [(path, disk) for disk in read_pasted(text)]

    def _document(self, path: str, text: bytes) -> None:
        read = read_document(path, text)
        if isinstance(read, Machine):
            self.machines.append(read)
        else:
            self.documents.append(read)


def _is_image(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"QFI\xfb"


def diagnose(
    paths: Sequence[str], *, checkpoints: str | None, cells: int, stdin: Callable[[], str]
) -> Diagnosis:
    """Return what is held, and what is wrong with it. Everything is only read.

    Args:
        paths: Folders, images, documents and pasted texts.
        checkpoints: A folder with documents of checkpoints.
        cells: How many a figure has at most.
        stdin: Returns the text of stdin.
    """
    reader = _Reader()
    for path in paths:
        reader.read(path, stdin)
    if checkpoints is not None:
        reader.checkpoints(checkpoints)
    here = [p for m in reader.machines for layers in m.disks for p in layers.paths[:1]]
    images = [*reader.images, *(path for path in here if os.path.exists(path))]
    disks: tuple[SeenDisk, ...] = ()
    found: list[Found] = []
    if images:
        seen = inspect_images(list(dict.fromkeys(images)), cells=cells)
        disks, found = seen.disks, [*seen.findings]
        reader.problems += seen.problems
    kept = tuple(Kept(folder=each, states=states_of(each)) for each in reader.folders)
    found += _find_in_pasted(reader.pasted, cells)
    told = [*_find(kept, disks, reader)]
    by_checkpoint = {path for path, finding in told if finding.code in ("DR108", "DR109")}
    found = [f for f in found if f[0] not in by_checkpoint or f[1].code not in OF_BITMAPS] + told
    if not kept and not reader.documents:
        found += _find_alone(disks)
    return Diagnosis(
        folders=kept,
        disks=disks,
        pasted=tuple(reader.pasted),
        machines=tuple(reader.machines),
        documents=tuple(reader.documents),
        problems=tuple(reader.problems),
        findings=tuple(found),
    )


def _find_in_pasted(pasted: Sequence[tuple[str, SeenDisk]], cells: int) -> Iterator[Found]:
    for path, disk in pasted:
        for finding in find_faults(disk, cells):
            yield path, finding


def _find(kept: Sequence[Kept], disks: Sequence[SeenDisk], reader: _Reader) -> Iterator[Found]:
    all_disks = [*disks, *(disk for _, disk in reader.pasted)]
    for each in kept:
        yield from find_in_folder(each.folder, each.states)
        yield from find_in_documents(each.folder.documents, each.folder)
        matched = match_disks(each.folder.documents, all_disks)
        yield from find_in_chains(each.folder.documents, matched)
    if reader.documents:
        yield from find_in_documents(reader.documents, None)
        matched = match_disks(reader.documents, all_disks)
        yield from find_in_chains(reader.documents, matched)
    for machine in reader.machines:
        yield from _differing(machine, disks)


def _differing(machine: Machine, disks: Sequence[SeenDisk]) -> Iterator[Found]:
    """Yield disks whose chain the files tell otherwise than the machine's document."""
    for layers in machine.disks:
        if not layers.paths:
            continue
        known = [d for d in disks if _same(d.chain.active.path, layers.paths[0])]
        if not known:
            if not os.path.exists(layers.paths[0]):
                yield (
                    machine.path,
                    flag(
                        "DR114",
                        f"{layers.disk}: {label(layers.paths[0])} is not here",
                        severity=Severity.INFO,
                        help="look at it where it lies: backup-timeline inspect IMAGE",
                    ),
                )
            continue
        below = [image.path for image in reversed(known[0].chain.images)]
        same = [_same(a, b) for a, b in zip(below, layers.paths, strict=False)]
        # A document without backing images says nothing of them.
        if not all(same) or (1 < len(layers.paths) != len(below)):
            yield (
                machine.path,
                flag(
                    "DR114",
                    f"{layers.disk}: the document has {listed(list(layers.paths))}, the files are "
                    f"{listed(below)}",
                    severity=Severity.WARNING,
                    notes=("from the active image down",),
                    help="virsh dumpxml again; with the machine off libvirt asks the files",
                ),
            )


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.normpath(one) == os.path.normpath(other)


def _find_alone(disks: Sequence[SeenDisk]) -> Iterator[Found]:
    """Yield images that hold a part of a disk and lie on nothing, beside another one of its size.

    A push increment of libvirt is such a file: it has no backing image of its own.
    """
    for number, disk in enumerate(disks):
        active = disk.chain.active
        alone = len(disk.chain.images) == 1 and active.backing is None and not active.bitmaps
        older = [
            each.chain.active
            for each in disks[:number]
            if each.chain.active.size == active.size and each.chain.active.key != active.key
        ]
        if not alone or not older or Path(active.path).suffix == ".raw":
            continue
        held = sum(count for _, count, _ in disk.contents[-1])
        if held < disk.length:
            below = older[-1]
            yield (
                active.path,
                flag(
                    "DR115",
                    f"{label(active.name)} holds {held:,} of {disk.length:,} clusters and has no "
                    "backing image: alone, all others read as zeroes",
                    severity=Severity.WARNING,
                    notes=(f"{label(below.name)} is of the same size, and older",),
                    help="if it is an increment, put a copy of it onto the backup that it was "
                    f"taken after: qemu-img rebase -u -b {below.path} -F {below.format} "
                    f"{active.path}",
                ),
            )
