"""One of the two run documents that are held against each other, and what is asked of it."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from simulator.compare.cells import Runs, as_read, runs_of
from simulator.compare.differences import refusals, told
from simulator.compare.restorable import Back, DiskRun, disk_runs, held, kept, ways_back
from simulator.values import dataclass

Place = tuple[int, int]
"""Line and column of a step."""


@dataclass(frozen=True)
class Side:
    """A run document.

    Attributes:
        name: What its rows are called.
    """

    document: Any
    name: str

    @cached_property
    def disks(self) -> Mapping[str, DiskRun]:
        """The states and backups of each disk."""
        return disk_runs(self.document)

    @cached_property
    def ways(self) -> Mapping[str, Back]:
        """Each instant that can be restored, and how."""
        return ways_back(self.document, self.disks)

    @cached_property
    def refused(self) -> Mapping[Place, tuple[str | None, str]]:
        """The host's words by the place of the step that it refused, with the instant."""
        return refusals(self.document)

    @cached_property
    def findings(self) -> Mapping[tuple[int, str], Any]:
        """The findings about what happened, by line and code."""
        return {(f["line"] or 0, f["code"]): f for f in self.document["findings"] if told(f)}

    @property
    def backups(self) -> Mapping[str, Any]:
        """The backups of the document, by row."""
        found: Mapping[str, Any] = self.document["backups"]
        return found

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The instants, in the order of time."""
        return tuple(f["at"] for f in self.document["frames"] if f["at"] is not None)

    @cached_property
    def seen(self) -> Mapping[str, Mapping[str, Runs]]:
        """What the guest sees of each disk at each instant."""
        return {
            frame["at"]: {
                disk: as_read(runs_of(state.get("guest_versions", state["guest"])))
                for disk, state in frame["disks"].items()
            }
            for frame in self.document["frames"]
            if frame["at"] is not None
        }

    @cached_property
    def names(self) -> Mapping[str, tuple[str | None, int]]:
        """Where each backup, checkpoint and image begins: its instant, and its line if known."""
        begun: dict[str, tuple[str | None, int]] = {}
        for frame in self.document["frames"]:
            for checkpoint in frame["checkpoints"]:
                begun.setdefault(checkpoint["name"], (checkpoint["at"], 0))
            for disk in frame["disks"].values():
                for image in disk["chain"]:
                    begun.setdefault(image, (frame["at"], 0))
        for row, backup in self.backups.items():
            begun[row] = begun[name_of(row, backup)] = backup["at"], backup.get("line") or 0
        return begun

    def holds(self, row: str) -> bool:
        """Whether there was such a backup, and it was complete at some time."""
        return row in self.backups and held(self.backups[row])

    def keeps(self, row: str) -> bool:
        """Whether there is such a backup at the end, and it is complete."""
        return row in self.backups and kept(self.backups[row])

    def gives(self, row: str) -> frozenset[str]:
        """Return the instants that a backup gives, on nothing or on any state that was seen."""
        return self.disks[self.backups[row]["disk"]].gives(row)

    def gives_back(self, row: str) -> frozenset[str]:
        """Return the instants that a backup gives on what can be restored at the end."""
        return self.disks[self.backups[row]["disk"]].gives_back(row)

    def leads(self, row: str, start: str | None, end: str | None) -> bool:
        """Whether a backup on top of one instant reads as another one."""
        return self.disks[self.backups[row]["disk"]].leads(row, start, end)

    def start_of(self, row: str) -> str | None:
        """Return the instant that a backup is since; None for a full one."""
        backup = self.backups[row]
        begun = self.disks[backup["disk"]].begun
        return next((begun[n] for n in (backup["since"], *backup["bitmaps"]) if n in begun), None)

    def stack(self, label: str) -> frozenset[str]:
        """Return the backups that an instant is restored from."""
        return frozenset(row for disk in self.disks.values() for row in disk.stacks.get(label, ()))

    def below(self, row: str) -> frozenset[str]:
        """Return the backups that lie below one where it gives something back."""
        stacks = self.disks[self.backups[row]["disk"]].stacks.values()
        return frozenset(e for stack in stacks if row in stack for e in stack[: stack.index(row)])


def name_of(row: str, backup: Any) -> str:
    """Return the name that a request gave a backup of one of its disks."""
    return row.removesuffix(f"/{backup['disk']}")


def content_of(backup: Any) -> Runs:
    """Return what a backup holds; of a full one, as it reads."""
    runs = runs_of(backup.get("versions", backup["cells"]))
    return as_read(runs) if backup["kind"] == "full" else runs


def mentioned(text: str, names: frozenset[str]) -> frozenset[str]:
    """Return those of some names that a text has as a word.

    >>> sorted(mentioned("there is no backup thu.bak here", frozenset(["thu.bak", "thu"])))
    ['thu.bak']
    """
    words = set(re.findall(r"[^\s'\"(),;:]+", text))
    return frozenset(name for name in names if name in words)
