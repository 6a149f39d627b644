"""The run document: one run as JSON, whole or as a stream of text."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from simulator.diagnostics import Finding, Span
from simulator.model.clusters import tag_of
from simulator.model.machine import Backup, Restored, Status
from simulator.notation import write_backup
from simulator.render.shapes import (
    CELLS_MAX,
    FORMAT,
    BackupDocument,
    Cells,
    FindingDocument,
    HeadLine,
    LastLine,
    PlaceDocument,
    RestoreDocument,
    RunDocument,
)
from simulator.render.states import (
    DiskState,
    State,
    content_cells,
    next_state,
    versions_of,
    view_cells,
)
from simulator.render.told import when_of
from simulator.restorable.history import is_torn
from simulator.timeline import Entry, Timeline


def run_schema() -> dict[str, Any]:
    """Return the JSON Schema of the run document."""
    return schema_of(RunDocument, "backup-timeline run document")


def schema_of(shape: Any, title: str) -> dict[str, Any]:
    """Return the JSON Schema of a shape."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(shape).json_schema(),
        "title": title,
    }


def run_document(timeline: Timeline, findings: Sequence[Finding]) -> RunDocument:
    """Return a run as plain data; parts that did not change are the same value again."""
    return {
        **head_of(timeline),
        "frames": [state.document for state in states_of(timeline)],
        **end_of(timeline, findings),
    }


def states_of(timeline: Timeline) -> Iterator[State]:
    """Yield the states of a run."""
    state = None
    for frame in timeline.frames:
        state = next_state(frame, state)
        yield state


def head_of(timeline: Timeline) -> HeadLine:
    """Return what stands before the frames."""
    return {
        "format": FORMAT,
        "file": timeline.script.path,
        "scenario": timeline.script.title,
        "model": timeline.model,
        "host": timeline.host._asdict(),
        "seed": timeline.script.seed,
    }


def end_of(timeline: Timeline, findings: Sequence[Finding]) -> LastLine:
    """Return what stands behind the frames."""
    kept = {id(backup) for backup in timeline.last.backups}
    return {
        "backups": {
            backup.row: _backup(timeline, entry, backup, kept=id(backup) in kept)
            for entry, backup in timeline.made_backups
        },
        "restores": [_restored(timeline, restored) for restored in timeline.last.restores],
        "findings": [finding_document(finding, when_of(timeline, finding)) for finding in findings],
    }


def tell_document(timeline: Timeline, judge: Callable[[], Sequence[Finding]]) -> Iterator[str]:
    """Yield a run as JSON text, frame by frame, with a final newline. Equal runs give equal bytes.

    Args:
        judge: Gives the findings; it is asked when all frames have been told.
    """
    opening = _text(head_of(timeline), 0)
    yield f'{opening[:-2]},\n "frames": ['
    comma = ""
    for state in states_of(timeline):
        yield f"{comma}\n  {_frame(state)}"
        comma = ","
    yield "\n ],\n" if comma else "],\n"
    yield f"{_text(end_of(timeline, judge()), 0)[2:]}\n"


def _text(value: Any, level: int) -> str:
    """Return a value as JSON that stands so many levels deep."""
    text = json.dumps(value, indent=1)
    return text.replace("\n", "\n" + " " * level) if level else text


def _object(members: dict[str, str], level: int) -> str:
    """Return an object whose members are text already."""
    inner = [f"{' ' * (level + 1)}{json.dumps(key)}: {text}" for key, text in members.items()]
    return "\n".join(["{", ",\n".join(inner), f"{' ' * level}}}"]) if inner else "{}"


def _frame(state: State) -> str:
    members = {
        "at": _text(state.frame.label, 3),
        "tick": _text(state.frame.tick, 3),
        "disks": _object({name: _disk(disk) for name, disk in state.disks.items()}, 3),
        "checkpoints": _text(state.checkpoints, 3),
    }
    if state.frame.machine.snapshots:
        members["snapshots"] = _text(state.snapshots, 3)
    if state.frame.progress:
        members["jobs"] = _text(state.jobs, 3)
    return _object(members, 2)


def _disk(state: DiskState) -> str:
    """Return a disk as text; that of a bitmap which did not change is there already."""
    for each in state.bitmaps:
        each.text = each.text or _text(each.document, 6)
    listed = ",\n      ".join(each.text for each in state.bitmaps)
    members = {key: _text(value, 5) for key, value in state.document.items() if key != "bitmaps"}
    members["bitmaps"] = f"[\n      {listed}\n     ]" if listed else "[]"
    return _object({key: members[key] for key in state.document}, 4)


def _backup(timeline: Timeline, entry: Entry, backup: Backup, *, kept: bool) -> BackupDocument:
    length = backup.length
    cells: Cells
    if length <= CELLS_MAX:
        cells = write_backup(backup, zeroes=timeline.draws_zeroes, scaled=False)
    elif backup.complete and timeline.draws_zeroes:
        cells = list(_filled(backup.content.runs(), length))
    else:
        cells = content_cells(backup.content, length)
    document: BackupDocument = {
        "disk": backup.disk,
        "cells": cells,
        "at": backup.at,
        "line": entry.statement.span.line if entry.statement and entry.statement.span else None,
        "kind": backup.kind.value,
        "mode": backup.transfer.value if backup.transfer is not None else None,
        "since": backup.since,
        "bitmaps": list(backup.bitmaps),
        "onto": backup.onto,
        "status": backup.status.value if kept else "deleted",
        "copied_bytes": backup.copied_bytes,
        "data_bytes": backup.data_bytes,
        "zero_bytes": backup.zero_bytes,
        "torn": is_torn(entry, backup),
    }
    if backup.status in (Status.FAILED, Status.CANCELLED):
        document["usable"] = backup.usable
        if backup.partly:
            document["partly"] = True
    if (versions := versions_of(backup.content, cells)) is not None:
        document["versions"] = versions
    return document


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
        "cells": view_cells(restored.content, restored.length),
        "same_as": list(timeline.instants_like(restored)),
    }


def finding_document(finding: Finding, when: str) -> FindingDocument:
    """Return a finding as plain data.

    Args:
        when: ``at T2``; empty where it is about no instant.
    """
    return {
        "code": finding.code,
        "also": list(finding.also),
        "rule": finding.rule,
        "severity": finding.severity.value,
        "expected": finding.expected,
        "allowed": finding.allowed,
        "at": finding.at,
        "when": when,
        "message": finding.message,
        **place_document(finding.span),
        "notes": list(finding.notes),
        "help": finding.help,
        "related": [
            {**place_document(each.span), "at": each.instant, "message": each.message}
            for each in finding.related
        ],
        "refused": finding.refused,
        "host": dict(finding.host) or None,
        "changes": list(finding.changes),
    }


def place_document(span: Span | None) -> PlaceDocument:
    """Return a place as plain data; nothing but None where there is none."""
    if span is None:
        return {"line": None, "column": None, "end_line": None, "end_column": None}
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
