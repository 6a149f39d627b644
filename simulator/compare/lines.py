"""Reads a run that was written as lines, each with what changed, back into a run document."""

import json
from collections.abc import Iterable
from typing import Any

from simulator.compare.cells import overlay, runs_of

FORMAT = 1
"""The format of the run documents that this program reads."""


def read_lines(lines: Iterable[str]) -> Any:
    """Return the run document; parts that did not change are the same value again.

    Returns:
        Just the head where it tells another format.

    Raises:
        ValueError: They are no lines of a run.
    """
    head, *read = [json.loads(line) for line in lines if line.strip()] or [None]
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        return head
    if not read or "backups" not in read[-1]:
        raise ValueError("the last line, with the backups, is missing")
    frames: list[Any] = []
    try:
        for line in read[:-1]:
            frames.append(_frame(line, frames[-1] if frames else {"disks": {}, "checkpoints": []}))
    except (LookupError, TypeError, AttributeError):
        raise ValueError(f"line {len(frames) + 2} is no instant") from None
    return {**head, "frames": frames, **read[-1]}


def _frame(line: Any, before: Any) -> Any:
    disks = dict(before["disks"])
    for name, change in line.get("disks", {}).items():
        if change is None:
            del disks[name]
        else:
            disks[name] = _disk(change, disks.get(name, {"images": {}, "bitmaps": []}))
    checkpoints = before["checkpoints"]
    if "checkpoints" in line:
        checkpoints = _listed(line["checkpoints"], checkpoints)
    frame = {"at": line["at"], "tick": line["tick"], "disks": disks, "checkpoints": checkpoints}
    if noted := line.get("snapshots", before.get("snapshots")):
        frame["snapshots"] = noted
    return {**frame, "jobs": line["jobs"]} if "jobs" in line else frame


def _disk(change: Any, before: Any) -> Any:
    now = {**before, **change}
    rows = before["images"] | {
        name: _row(row, before["images"].get(name))
        for name, row in change.get("images", {}).items()
    }
    now["images"] = {name: rows[name] for name in now["chain"]}
    now["bitmaps"] = (
        _listed(change["bitmaps"], before["bitmaps"])
        if "bitmaps" in change
        else (before["bitmaps"])
    )
    now["guest"] = (
        _row(change["guest"], before.get("guest")) if "guest" in change else (before["guest"])
    )
    if "*" not in now["guest"]:
        now.pop("guest_versions", None)
    return now


def _listed(entries: Any, before: Any) -> list[Any]:
    """Return a list: entries that were kept, changed alike, or are new."""
    now: list[Any] = []
    for entry in entries:
        if isinstance(entry, list):
            first, count = entry
            now += before[first : first + count]
        elif "of" in entry:
            first, count = entry["of"]
            now += [_bitmap(entry, each) for each in before[first : first + count]]
        else:
            now.append(entry)
    return now


def _bitmap(change: Any, before: Any) -> Any:
    now = {**before, **{key: change[key] for key in change if key in before}}
    now["count"] += change.get("more", 0)
    if "changed" in change:
        now["cells"] = _row(change, before["cells"])
    return now


def _row(row: Any, before: Any) -> Any:
    """Return the cells of a row, told whole or as what changed."""
    if not isinstance(row, dict):
        return row
    if isinstance(before, str):
        cells = list(before)
        for first, length, what in row["changed"]:
            cells[first : first + length] = what * length
        return "".join(cells)
    pieces = tuple((first, length, what) for first, length, what in row["changed"])
    laid = overlay(runs_of(before), pieces)
    return [list(run) for run in laid if run[2] != "-"]
