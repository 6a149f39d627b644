"""The run document: one run as JSON. Its names are a contract; its schema is made from here."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

from simulator.diagnostics import Finding, Span
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterMap, ClusterSet, tag_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Restored
from simulator.notation import write_backup, write_bits, write_clusters, write_view
from simulator.timeline import Frame, Timeline

FORMAT: Literal[1] = 1
CELLS_MAX = 4096
"""A disk of more clusters is told in runs instead of strings."""

Cells: TypeAlias = str | list[tuple[int, int, str]]
"""One character a cluster, or runs: first cluster, length, and what it holds."""


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
    """A disk at the end of an instant."""

    cluster_size: int
    clusters: int
    chain: list[str]
    images: dict[str, Cells]
    bitmaps: list[BitmapDocument]
    guest: Cells


class CheckpointDocument(TypedDict):
    """The host's note of a checkpoint."""

    name: str
    parent: str | None
    at: str | None


class FrameDocument(TypedDict):
    """The state at the end of an instant; ``at`` is null after the last guest step."""

    at: str | None
    tick: int
    disks: dict[str, DiskDocument]
    checkpoints: list[CheckpointDocument]


class BackupDocument(TypedDict):
    """A backup or a copy of one disk."""

    disk: str
    cells: Cells
    at: str | None
    kind: Literal["full", "incremental", "top", "bitmaps", "copy", "none"]
    mode: Literal["push", "pull"] | None
    since: str | None
    bitmaps: list[str]
    onto: str | None
    status: Literal["running", "completed", "failed", "cancelled", "deleted"]
    copied_bytes: int


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
    """A finding. Lines and columns count from 1; the end column is the first one outside."""

    code: str
    also: list[str]
    rule: str
    severity: Literal["error", "warning", "info"]
    expected: bool
    allowed: str | None
    at: str | None
    message: str
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None
    notes: list[str]
    help: str
    related: list[RelatedDocument]
    refused: str | None


class RunDocument(TypedDict):
    """What ``backup-timeline run --format json`` prints for one file."""

    format: Literal[1]
    file: str
    scenario: str
    model: str
    seed: int | None
    frames: list[FrameDocument]
    backups: dict[str, BackupDocument]
    restores: list[RestoreDocument]
    findings: list[FindingDocument]


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the run document."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(RunDocument).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "backup-timeline run document",
    }


def write_document(timeline: Timeline, findings: Sequence[Finding]) -> str:
    """Return a run as JSON text, with a final newline. Equal runs give equal bytes."""
    return json.dumps(run_document(timeline, findings), indent=1) + "\n"


def run_document(timeline: Timeline, findings: Sequence[Finding]) -> RunDocument:
    """Return a run as plain data."""
    kept = {id(backup) for backup in timeline.last.backups}
    return {
        "format": FORMAT,
        "file": timeline.script.path,
        "scenario": timeline.script.title,
        "model": timeline.model,
        "seed": timeline.script.seed,
        "frames": [_frame(frame) for frame in timeline.frames],
        "backups": {
            backup.row: _backup(timeline, backup, kept=id(backup) in kept)
            for _, backup in timeline.made_backups
        },
        "restores": [_restored(timeline, restored) for restored in timeline.last.restores],
        "findings": [_finding(finding) for finding in findings],
    }


def _frame(frame: Frame) -> FrameDocument:
    machine: Machine = frame.machine
    return {
        "at": frame.label,
        "tick": frame.tick,
        "disks": {disk.name: _disk(disk) for disk in machine.disks},
        "checkpoints": [
            {"name": each.name, "parent": each.parent, "at": each.at}
            for each in machine.checkpoints
        ],
    }


def _disk(disk: Disk) -> DiskDocument:
    return {
        "cluster_size": disk.cluster_size,
        "clusters": disk.length,
        "chain": [image.name for image in disk.chain],
        "images": {image.name: _content(image.content, image.length) for image in disk.chain},
        "bitmaps": [_bitmap(disk, bitmap) for bitmap in disk.bitmaps],
        "guest": _view(disk.guest_view, disk.length),
    }


def _bitmap(disk: Disk, bitmap: DirtyBitmap) -> BitmapDocument:
    return {
        "node": bitmap.node,
        "name": bitmap.name,
        "cells": _bits(disk.clusters_of(bitmap), disk.length_of(bitmap.node)),
        "granularity": bitmap.granularity,
        "count": bitmap.count,
        "recording": bitmap.recording,
        "persistent": bitmap.persistent,
        "busy": bitmap.busy,
        "inconsistent": bitmap.inconsistent,
    }


def _content(content: ClusterMap, length: int) -> Cells:
    if length <= CELLS_MAX:
        return write_clusters(content, length, scaled=False)
    return [(first, count, tag_of(version)) for first, count, version in content.runs()]


def _view(content: ClusterMap, length: int) -> Cells:
    if length <= CELLS_MAX:
        return write_view(content, length, scaled=False)
    return [(f, n, tag_of(version)) for f, n, version in content.runs() if version]


def _bits(bits: ClusterSet, length: int) -> Cells:
    if length <= CELLS_MAX:
        return write_bits(bits, length, scaled=False)
    return [(first, count, "X") for first, count in bits.runs()]


def _backup(timeline: Timeline, backup: Backup, *, kept: bool) -> BackupDocument:
    length = backup.length
    cells: Cells
    if length <= CELLS_MAX:
        cells = write_backup(backup, zeroes=timeline.draws_zeroes, scaled=False)
    elif backup.whole and timeline.draws_zeroes:
        cells = list(_filled(backup.content.runs(), length))
    else:
        cells = _content(backup.content, length)
    return {
        "disk": backup.disk,
        "cells": cells,
        "at": backup.at,
        "kind": backup.kind.value,
        "mode": backup.transfer.value if backup.transfer is not None else None,
        "since": backup.since,
        "bitmaps": list(backup.bitmaps),
        "onto": backup.onto,
        "status": backup.status.value if kept else "deleted",
        "copied_bytes": backup.copied_bytes,
    }


def _filled(runs: Iterable[tuple[int, int, int]], length: int) -> Iterable[tuple[int, int, str]]:
    """Yield runs with explicit zeroes between them."""
    place = 0
    for first, count, version in runs:
        if first > place:
            yield place, first - place, "0"
        yield first, count, tag_of(version)
        place = first + count
    if place < length:
        yield place, length - place, "0"


def _restored(timeline: Timeline, restored: Restored) -> RestoreDocument:
    return {
        "as": restored.row,
        "disk": restored.disk,
        "from": [source.row for source in restored.sources],
        "at": restored.at,
        "of": restored.of,
        "cells": _view(restored.content, restored.length),
        "same_as": list(timeline.instants_like(restored)),
    }


def _finding(finding: Finding) -> FindingDocument:
    return {
        "code": finding.code,
        "also": list(finding.also),
        "rule": finding.rule,
        "severity": finding.severity.value,
        "expected": finding.expected,
        "allowed": finding.allowed,
        "at": finding.at,
        "message": finding.message,
        **_place(finding.span),
        "notes": list(finding.notes),
        "help": finding.help,
        "related": [
            {**_place(each.span), "at": each.instant, "message": each.message}
            for each in finding.related
        ],
        "refused": finding.refused,
    }


def _place(span: Span | None) -> PlaceDocument:
    if span is None:
        return {"line": None, "column": None, "end_line": None, "end_column": None}
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
