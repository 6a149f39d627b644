"""A folder of virtnbdbackup: its files, its list of checkpoints, and the documents beside them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from simulator.diagnostics import Problem
from simulator.doctor.reading.held import BackupFile, CheckpointDocument, Folder, Machine
from simulator.doctor.reading.libvirt_xml import DocumentError, documents_in, read_document
from simulator.doctor.reading.streams import StreamError, is_stream, read_stream

CHECKPOINTS = "checkpoints"
"""The folder within it that has the documents of checkpoints."""

PARTIAL, LIST = ".partial", ".cpt"

Problems = list[tuple[str, Problem]]
"""What cannot be used, each with its path."""


def is_folder_of_backups(path: str) -> bool:
    """Whether a folder is one that virtnbdbackup writes to.

    Raises:
        OSError: It cannot be read.
    """
    names = os.listdir(path)
    return any(is_stream(name.removesuffix(PARTIAL)) or name.endswith(LIST) for name in names)


def read_folder(path: str, problems: Problems) -> Folder:
    """Return what a folder holds.

    Args:
        problems: Takes what cannot be read.

    Raises:
        OSError: The folder cannot be read.
    """
    names = sorted(os.listdir(path))
    lists = [name for name in names if name.endswith(LIST)]
    inner = os.path.join(path, CHECKPOINTS)
    return Folder(
        path=path,
        files=tuple(
            sorted(
                _files(path, filter(is_stream, names), problems),
                key=lambda file: (file.taken, file.name),
            )
        ),
        partial=tuple(name for name in names if name.endswith(PARTIAL)),
        listed=_listed(os.path.join(path, lists[0]), problems) if lists else None,
        documents=read_documents(inner, problems)[0] if os.path.isdir(inner) else (),
        machines=read_documents(path, problems)[1],
    )


def _files(path: str, names: Iterator[str], problems: Problems) -> Iterator[BackupFile]:
    for name in names:
        file = os.path.join(path, name)
        try:
            yield read_stream(file)
        except StreamError as error:
            help = "set it aside: nothing of it can be restored by itself"
            problems.append((file, Problem(message=f"{name}: {error}", help=help)))
        except OSError as error:
            problems.append((file, Problem(message=f"{name} cannot be read: {error.strerror}")))


def _listed(path: str, problems: Problems) -> tuple[str, ...] | None:
    """Return the checkpoints that the tool keeps a list of."""
    try:
        known = json.loads(Path(path).read_bytes())
        if isinstance(known, list) and all(isinstance(each, str) for each in known):
            return tuple(known)
        told = "it is no list of names"
    except OSError as error:
        told = f"it cannot be read: {error.strerror}"
    except ValueError:
        told = "it is no JSON"
    name = os.path.basename(path)
    problems.append((path, Problem(message=f"{name}: {told}, so it is not looked at")))
    return None


def read_documents(
    path: str, problems: Problems
) -> tuple[tuple[CheckpointDocument, ...], tuple[Machine, ...]]:
    """Return the checkpoints and the machines that the documents of a folder are about.

    Raises:
        OSError: The folder cannot be read.
    """
    checkpoints: list[CheckpointDocument] = []
    machines: list[Machine] = []
    for file, text in documents_in(path):
        try:
            read = read_document(file, text)
        except DocumentError as error:
            problems.append((file, Problem(message=f"{os.path.basename(file)}: {error}")))
            continue
        if isinstance(read, Machine):
            machines.append(read)
        else:
            checkpoints.append(read)
    return tuple(checkpoints), tuple(machines)
