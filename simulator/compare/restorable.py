"""Which instants can be restored from the backups of a run, and from which of them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from simulator.compare.cells import Runs, as_read, overlay, runs_of

ONTO = " <- "
"""Stands between two backups of a stack, the older one first."""

CANDIDATES_MAX = 32
"""So many stacks are tried below a backup of which nobody knows where it starts."""


class Stack(NamedTuple):
    """Backups on top of one another.

    Attributes:
        names: Oldest first.
        runs: What a reader of the newest sees.
    """

    names: tuple[str, ...]
    runs: Runs


def restorable(document: Any) -> dict[str, str]:
    """Return each instant that can be restored, with the backups that give it, oldest first.

    An instant can be restored if, for each of its disks, some stack of the backups that are there
    at the end reads like what the guest saw then. How a backup is to be stacked is told by where it
    starts; what a stack holds is judged by its content.

    Args:
        document: A run document.
    """
    ways: dict[str, str] = {}
    found = {disk: _by_instant(document, disk) for disk in _disks(document)}
    for frame in document["frames"]:
        label = frame["at"]
        disks = [disk for disk, state in frame["disks"].items() if state["chain"]]
        if label is None or not disks:
            continue
        chains = [found[disk].get(label) for disk in disks]
        if all(chains):
            ways[label] = ", ".join(ONTO.join(chain.names) for chain in chains if chain)
    for restored in document["restores"]:
        for label in restored["same_as"]:
            if len(_disks(document)) == 1:
                ways.setdefault(label, ONTO.join(restored["from"]))
    order = [frame["at"] for frame in document["frames"]]
    return {label: ways[label] for label in order if label in ways}


def _disks(document: Any) -> list[str]:
    return list(document["frames"][-1]["disks"]) if document["frames"] else []


def _by_instant(document: Any, disk: str) -> dict[str, Stack]:
    """Return the shortest stack for each instant of one disk."""
    stacks = sorted(_stacks(document, disk), key=lambda stack: len(stack.names))
    by_view: dict[Runs, Stack] = {}
    for stack in stacks:
        by_view.setdefault(as_read(stack.runs), stack)
    views = _views(document, disk)
    return {label: by_view[view] for label, view in views.items() if view in by_view}


def _views(document: Any, disk: str) -> dict[str, Runs]:
    """Return what the guest saw at each instant."""
    return {
        frame["at"]: as_read(runs_of(frame["disks"][disk]["guest"]))
        for frame in document["frames"]
        if frame["at"] is not None and frame["disks"][disk]["chain"]
    }


def _stacks(document: Any, disk: str) -> list[Stack]:
    """Return every stack of backups that makes sense, in the order in which they were taken."""
    begun = {
        each["name"]: each["at"] for frame in document["frames"] for each in frame["checkpoints"]
    }
    views = _views(document, disk)
    order = {frame["at"]: number for number, frame in enumerate(document["frames"])}
    left = [
        (name, backup)
        for name, backup in document["backups"].items()
        if backup["disk"] == disk and backup["status"] == "completed" and backup["kind"] != "none"
    ]
    left.sort(key=lambda each: order.get(each[1]["at"], len(order)))
    stacks: list[Stack] = []
    while left:
        # Those of one instant are in no order, so one that finds nothing below it comes again.
        waiting = []
        for name, backup in left:
            made = list(_on_top(stacks, name, backup, begun, views))
            stacks += made
            if not made:
                waiting.append((name, backup))
        if len(waiting) == len(left):
            break
        left = waiting
    return stacks


def _on_top(
    stacks: list[Stack],
    name: str,
    backup: Any,
    begun: dict[str, str],
    views: dict[str, Runs],
) -> Iterator[Stack]:
    """Yield the stacks with one backup on top.

    Args:
        begun: The instant of each checkpoint.
        views: What the guest saw at each instant.
    """
    runs = runs_of(backup["cells"])
    if backup["kind"] in ("full", "copy"):
        yield Stack((name,), runs)
        return
    starts = [backup["since"], *backup["bitmaps"]]
    start = next((begun[each] for each in starts if each in begun), None)
    view = views.get(start) if start is not None else None
    for below in _below(stacks, backup, view):
        yield Stack((*below.names, name), overlay(below.runs, runs))


def _below(stacks: list[Stack], backup: Any, view: Runs | None) -> Iterator[Stack]:
    """Yield the stacks that a backup can lie on.

    Args:
        view: What the guest saw at its start; None where that is not known.
    """
    onto = backup["onto"]
    if onto is not None:
        yield from (stack for stack in stacks if stack.names[-1] == onto)
    elif view is not None:
        same = [stack for stack in stacks if as_read(stack.runs) == view]
        yield from same[:1]
    else:
        yield from stacks[-CANDIDATES_MAX:]
