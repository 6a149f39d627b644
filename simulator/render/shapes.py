"""What the run document is made of. Its names are a contract; its schemas are made from here."""

from collections.abc import Iterable
from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from simulator.model.clusters import tag_of

FORMAT: Literal[1] = 1
CELLS_MAX = 4096
"""A disk of more clusters is told in runs instead of strings."""

Runs: TypeAlias = list[tuple[int, int, str]]
"""First cluster, length, and what it holds; ascending."""

Cells: TypeAlias = str | Runs
"""One character a cluster, or runs where there are many."""


class BitmapDocument(TypedDict):
    """A dirty bitmap, known by its node and name."""

    node: str
    name: str
    cells: Cells
    granularity: int
    count: int
    recording: bool
    persistent: bool
    busy: bool
    inconsistent: bool


class DiskDocument(TypedDict):
    """A disk at the end of an instant.

    Where *guest* is drawn with ``*``, *guest_versions* tells the writes of a workload apart.
    """

    cluster_size: int
    clusters: int
    chain: list[str]
    images: dict[str, Cells]
    bitmaps: list[BitmapDocument]
    guest: Cells
    guest_versions: NotRequired[Runs]


class CheckpointDocument(TypedDict):
    """The host's note of a checkpoint."""

    name: str
    parent: str | None
    at: str | None


class SnapshotDocument(TypedDict):
    """A snapshot that the host notes: by disk, the image that it made and what that was put onto.

    It is there until the host deletes it, whatever became of the images.
    """

    name: str
    at: str | None
    images: dict[str, str]
    over: dict[str, str]


class JobDocument(TypedDict):
    """How far a job has come whose bytes take time; speeds are of its data, in bytes a second.

    *until* is the second at which it will have moved all, if nothing changes.
    """

    name: str
    disk: str
    moved_bytes: int
    of_bytes: int
    speed: float | None
    until: float | None


class FrameDocument(TypedDict):
    """The state at the end of an instant; ``at`` is null after the last guest step."""

    at: str | None
    tick: int
    disks: dict[str, DiskDocument]
    checkpoints: list[CheckpointDocument]
    snapshots: NotRequired[list[SnapshotDocument]]
    jobs: NotRequired[list[JobDocument]]


class BackupDocument(TypedDict):
    """A backup or a copy of one disk; *torn* where somebody may have written what was copied.

    One whose job was stopped tells whether it is *usable*: it holds all that there was to copy;
    or that it is *partly* there, where a part of that is known.
    Where *cells* are drawn with ``*``, *versions* tells the writes of a workload apart.
    """

    disk: str
    cells: Cells
    versions: NotRequired[Runs]
    at: str | None
    line: int | None
    kind: Literal["full", "incremental", "top", "bitmaps", "copy", "none"]
    mode: Literal["push", "pull"] | None
    since: str | None
    bitmaps: list[str]
    onto: str | None
    status: Literal["running", "completed", "failed", "cancelled", "deleted"]
    copied_bytes: int
    data_bytes: int
    zero_bytes: int
    torn: bool
    usable: NotRequired[bool]
    partly: NotRequired[bool]


RestoreDocument = TypedDict(
    "RestoreDocument",
    {
        "as": str,
        "disk": str,
        "from": list[str],
        "at": str | None,
        "of": str | None,
        "cells": Cells,
        "same_as": list[str],
    },
)


class PlaceDocument(TypedDict):
    """A place in the file. Counts from 1; the end column is the first one outside."""

    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None


class RelatedDocument(PlaceDocument):
    """Another place of a finding, such as the step that lost what is missing."""

    at: str | None
    message: str


class FindingDocument(TypedDict):
    """A finding. Lines and columns count from 1; the end column is the first one outside.

    It has no instant where it is about a guest step between two; *when* says it in words. *host*
    has the releases on which it is so where others do otherwise, and *changes* what makes it so.
    """

    code: str
    also: list[str]
    rule: str
    severity: Literal["error", "warning", "info"]
    expected: bool
    allowed: str | None
    at: str | None
    when: str
    message: str
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None
    notes: list[str]
    help: str
    related: list[RelatedDocument]
    refused: str | None
    host: dict[str, str] | None
    changes: list[str]


class RecordedDocument(TypedDict):
    """What a record was made of: digests of the scenario, the model and the program."""

    scenario: str
    model: str
    program: str
    version: str


class RunDocument(TypedDict):
    """What ``backup-timeline run --format json`` prints for one file; *recorded* in a baseline."""

    format: Literal[1]
    file: str
    scenario: str
    model: str
    host: dict[str, str]
    seed: int | None
    recorded: NotRequired[RecordedDocument]
    frames: list[FrameDocument]
    backups: dict[str, BackupDocument]
    restores: list[RestoreDocument]
    findings: list[FindingDocument]


class HeadLine(TypedDict):
    """The first line: the run document without what follows; *recorded* in a baseline."""

    format: Literal[1]
    file: str
    scenario: str
    model: str
    host: dict[str, str]
    seed: int | None
    recorded: NotRequired[RecordedDocument]


class Changed(TypedDict):
    """The cells of a row that are not as they were; ``-`` is nothing."""

    changed: Runs


class BitmapChange(TypedDict):
    """What changed alike in bitmaps that stood side by side.

    ``of`` tells the first of them, counted from 0 at the instant before, and how many. ``changed``
    are the cells that are marked now, and ``more`` by how many bytes ``count`` grew.
    """

    of: tuple[int, int]
    changed: NotRequired[Runs]
    more: NotRequired[int]
    recording: NotRequired[bool]
    persistent: NotRequired[bool]
    busy: NotRequired[bool]
    inconsistent: NotRequired[bool]


Kept: TypeAlias = tuple[int, int]
"""Entries of a list that are as they were: the first, counted from 0 in the list at the instant
before, and how many."""


class DiskChange(TypedDict):
    """What changed of a disk; a key that is not there is as it was."""

    cluster_size: NotRequired[int]
    clusters: NotRequired[int]
    chain: NotRequired[list[str]]
    images: NotRequired[dict[str, Cells | Changed]]
    bitmaps: NotRequired[list[Kept | BitmapChange | BitmapDocument]]
    guest: NotRequired[Cells | Changed]
    guest_versions: NotRequired[Runs]


class FrameLine(TypedDict):
    """The line of an instant: what changed since the line before; the first tells all.

    A disk that is null is gone; an image is gone that is not in the chain any more.
    """

    at: str | None
    tick: int
    disks: NotRequired[dict[str, DiskChange | None]]
    checkpoints: NotRequired[list[Kept | CheckpointDocument]]
    snapshots: NotRequired[list[SnapshotDocument]]
    jobs: NotRequired[list[JobDocument]]


class LastLine(TypedDict):
    """The last line."""

    backups: dict[str, BackupDocument]
    restores: list[RestoreDocument]
    findings: list[FindingDocument]


def tag_runs(runs: Iterable[tuple[int, int, int]]) -> Runs:
    """Return runs of versions as the document has them."""
    return [(first, count, tag_of(version)) for first, count, version in runs]
