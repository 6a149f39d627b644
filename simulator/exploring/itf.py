"""A timeline as a trace in the Informal Trace Format, which Apalache, Quint and their viewers read.

Source: Apalache's ADR-015: a trace is a list of states, each a value for every variable; sets are
``{"#set": [...]}`` and maps ``{"#map": [[key, value], ...]}``.
"""

import json
from typing import Any

from simulator.exploring.outcome import Found
from simulator.pipeline import loads

SUFFIX = ".itf.json"

VARIABLES = ("step", "chain", "images", "bitmaps", "guest", "checkpoints", "backups")


def write_trace(found: Found) -> str:
    """Return the timeline of what was found as a trace; its last state is the one that is wrong."""
    run = loads(found.scenario, "witness.yaml").run()
    document: Any = run.document()
    states = []
    for number, frame in enumerate(document["frames"]):
        disks = frame["disks"].items()
        states.append({
            "#meta": {"index": number},
            "step": frame["at"] or "",
            "chain": _map({name: disk["chain"] for name, disk in disks}),
            "images": _map({name: _map(disk["images"]) for name, disk in disks}),
            "bitmaps": _map({
                name: {"#set": [
                    {"node": b["node"], "name": b["name"], "cells": b["cells"],
                     "recording": b["recording"]}
                    for b in disk["bitmaps"]
                ]}
                for name, disk in disks
            }),
            "guest": _map({name: disk["guest"] for name, disk in disks}),
            "checkpoints": [point["name"] for point in frame["checkpoints"]],
            "backups": _map({
                name: backup["cells"]
                for name, backup in document["backups"].items()
                if _place(document, backup["at"]) <= number
            }),
        })  # fmt: skip
    meta = {
        "format": "ITF",
        "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
        "description": found.title,
        "source": "backup-timeline explore",
        "status": "violation",
    }
    trace = {"#meta": meta, "vars": [*VARIABLES], "states": states}
    return json.dumps(trace, indent=2, ensure_ascii=False) + "\n"


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"#map": [[key, value] for key, value in values.items()]}


def _place(document: Any, label: str) -> int:
    """Return the place of the state that an instant leads to."""
    return next(n for n, frame in enumerate(document["frames"]) if frame["at"] == label)
