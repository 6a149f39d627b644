"""A run as lines of JSON: a head, what changed at each instant, and what stands at the end.

Its length follows what happened, not how much there is at each instant.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from simulator.diagnostics import Finding
from simulator.model.clusters import ClusterMap
from simulator.model.notes import Checkpoint
from simulator.model.series import Series, changed_places
from simulator.render.document import end_of, head_of, states_of
from simulator.render.shapes import (
    BitmapChange,
    BitmapDocument,
    Cells,
    Changed,
    CheckpointDocument,
    DiskChange,
    FrameLine,
    HeadLine,
    Kept,
    LastLine,
    Runs,
    tag_runs,
)
from simulator.render.states import BitmapState, DiskState, RowState, State, marked_runs
from simulator.timeline import Timeline

FLAGS = "recording", "persistent", "busy", "inconsistent"


def lines_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(HeadLine | FrameLine | LastLine).json_schema(),
        "title": "a line of a backup-timeline run",
    }


def tell_lines(timeline: Timeline, judge: Callable[[], Sequence[Finding]]) -> Iterator[str]:
    """Yield the lines of a run, each with its newline. Equal runs give equal bytes.

    Args:
        judge: Gives the findings; it is asked when all instants have been told.
    """
    yield _line(head_of(timeline))
    before = None
    for state in states_of(timeline):
        yield _line(_frame(state, before))
        before = state
    yield _line(end_of(timeline, judge()))


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _frame(state: State, before: State | None) -> FrameLine:
    line: FrameLine = {"at": state.frame.label, "tick": state.frame.tick}
    were = before.disks if before is not None else {}
    disks: dict[str, DiskChange | None] = {name: None for name in were if name not in state.disks}
    for name, disk in state.disks.items():
        change = _disk(disk, were.get(name))
        if change or name not in were:
            disks[name] = change
    if disks:
        line["disks"] = disks
    known: Series[Checkpoint] = before.frame.machine.checkpoints if before is not None else ()
    now = state.frame.machine.checkpoints
    if now is not known and (now or known):
        line["checkpoints"] = list(_checkpoints(now, known))
    noted = before.frame.machine.snapshots if before is not None else ()
    if state.frame.machine.snapshots != noted:
        line["snapshots"] = state.snapshots
    if state.frame.progress:
        line["jobs"] = state.jobs
    return line


def _checkpoints(
    now: Series[Checkpoint], known: Series[Checkpoint]
) -> Iterator[Kept | CheckpointDocument]:
    """Yield the checkpoints: those that are as they were, mostly the first ones, and new ones."""
    kept = len(known) if len(now) >= len(known) and not changed_places(known, now) else 0
    if kept:
        yield 0, kept
    place = {} if kept else {id(each): number for number, each in enumerate(known)}
    entries: list[int | CheckpointDocument] = [
        place.get(id(each), {"name": each.name, "parent": each.parent, "at": each.at})
        for each in now[kept:]
    ]
    yield from _join(entries)


def _join(entries: Sequence[int | Any]) -> Iterator[Any]:
    """Yield entries, places that follow one another as the first of them and how many."""
    counted = enumerate(entries)
    for key, group in groupby(
        counted, lambda each: each[1] - each[0] if isinstance(each[1], int) else None
    ):
        found = [entry for _, entry in group]
        if key is None:
            yield from found
        else:
            yield found[0], len(found)


def _disk(state: DiskState, before: DiskState | None) -> DiskChange:
    change: DiskChange = {}
    if state is before:
        return change
    disk, was = state.disk, before.disk if before is not None else None
    if was is None or disk.cluster_size != was.cluster_size:
        change["cluster_size"] = disk.cluster_size
    if was is None or disk.length != was.length:
        change["clusters"] = disk.length
    chain = [image.name for image in disk.chain]
    if was is None or chain != [image.name for image in was.chain]:
        change["chain"] = chain
    images: dict[str, Cells | Changed] = {}
    for name, row in state.images.items():
        told = _row(row, before.images.get(name) if before is not None else None, zeroes=True)
        if told is not None:
            images[name] = told
    if images:
        change["images"] = images
    bitmaps = list(_bitmaps(state, before))
    count = len(before.bitmaps) if before is not None else 0
    if bitmaps != ([(0, count)] if count else []):
        change["bitmaps"] = bitmaps
    guest = _row(state.guest, before.guest if before is not None else None, zeroes=False)
    if guest is not None:
        change["guest"] = guest
    versions = state.guest.versions
    if versions is not None and (before is None or versions != before.guest.versions):
        change["guest_versions"] = versions
    return change


def _row(row: RowState, before: RowState | None, *, zeroes: bool) -> Cells | Changed | None:
    """Return what changed in a row; None where nothing did.

    Args:
        zeroes: Whether explicit zeroes are told apart from nothing.
    """
    if before is None or before.length != row.length:
        return row.cells
    if row is before or row.cells == before.cells:
        return None
    if isinstance(row.cells, str) and isinstance(before.cells, str):
        return {"changed": list(_letters(before.cells, row.cells))}
    runs = _written(row.content, before.content, zeroes=zeroes)
    return row.cells if runs is None else {"changed": runs}


def _letters(before: str, now: str) -> Iterator[tuple[int, int, str]]:
    """Yield the runs in which a row of characters is another one."""
    pairs = enumerate(zip(before, now, strict=True))
    for new, group in groupby(pairs, lambda each: each[1][1] if each[1][0] != each[1][1] else ""):
        places = [place for place, _ in group]
        if new:
            yield places[0], len(places), new


def _written(now: ClusterMap, before: ClusterMap, *, zeroes: bool) -> Runs | None:
    """Return what was laid over a content since; None where that is not known."""
    added = now.since(before)
    if added is None:
        return None
    runs = tag_runs(added.runs())
    return runs if zeroes else [(f, n, "-" if what == "0" else what) for f, n, what in runs]


def _bitmaps(
    state: DiskState, before: DiskState | None
) -> Iterator[Kept | BitmapChange | BitmapDocument]:
    """Yield the bitmaps: those that are as they were, changed alike, or told anew."""
    were: Series[BitmapState] = before.bitmaps if before is not None else ()
    now, start = state.bitmaps, 0
    fresh = changed_places(were, now)
    moved = any(now[place].before is not were[place] for place in fresh)
    places = {id(each): place for place, each in enumerate(were)} if moved else {}
    entries: list[tuple[int, int, Any]] = []
    for place in (*fresh, *range(min(len(now), len(were)), len(now))):
        if place > start:
            entries.append((start, place - start, {}))
        entries.append(_entry(now[place], place, were, places))
        start = place + 1
    if len(now) > start:
        entries.append((start, len(now) - start, {}))
    return _joined(entries)


def _entry(
    state: BitmapState, place: int, were: Series[BitmapState], places: Mapping[int, int]
) -> tuple[int, int, Any]:
    """Return where a bitmap stood, one of them, and what changed; or -1, and all of it.

    Args:
        place: Where it stands now.
        places: Where each one stood, if some do not stand there any more.
    """
    stood = places.get(id(state), places.get(id(state.before), -1))
    if stood < 0 and place < len(were) and state.before is were[place]:
        stood = place
    change = _bitmap(state, were[stood]) if stood >= 0 else None
    return (-1, 1, state.document) if change is None else (stood, 1, change)


def _joined(
    entries: Sequence[tuple[int, int, Any]],
) -> Iterator[Kept | BitmapChange | BitmapDocument]:
    """Yield entries; those that stood side by side and changed alike as one."""
    number = 0
    while number < len(entries):
        place, count, change = entries[number]
        number += 1
        if place < 0:
            yield change
            continue
        while number < len(entries) and entries[number][::2] == (place + count, change):
            count += entries[number][1]
            number += 1
        told: BitmapChange = {"of": (place, count)}
        told.update(change)
        yield told if change else (place, count)


def _bitmap(state: BitmapState, before: BitmapState) -> dict[str, Any] | None:
    """Return what changed in a bitmap; None where it is told anew."""
    if state is before:
        return {}
    if state.before is not before or state.added is None:
        return {} if state.document == before.document else None
    change: dict[str, Any] = {}
    if state.added:
        change["changed"] = marked_runs(state.added)
    if state.granules > before.granules:
        change["more"] = (state.granules - before.granules) * state.value.granularity
    for flag in FLAGS:
        is_now: bool = getattr(state.value, flag)
        if is_now != getattr(before.value, flag):
            change[flag] = is_now
    return change
