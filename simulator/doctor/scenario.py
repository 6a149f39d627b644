"""A scenario of a folder of backups: what was written before each, what was lost, what is left.

It is played under ``libvirt``, through which the tool works. What was written before a backup is
what its file holds; of one whose file is gone nobody knows: one cluster is written in its place.
"""

import json
from collections.abc import Iterator, Sequence

from simulator.doctor.diagnosis import Diagnosis, Kept
from simulator.doctor.health.stacks import State
from simulator.doctor.reading.held import BackupFile
from simulator.doctor.text import letters_of
from simulator.inspect.disk import cells_of
from simulator.inspect.image.runs import Run, to_units, write_cells
from simulator.inspect.scenario.script import PICTURE_MAX, quoted

CLUSTER = 64 * 1024

CLUSTERS_MAX = 4096
"""A larger disk is told in clusters that each stand for many of it."""

BROKEN = ("DR108", "DR109")
"""Findings of checkpoints that a kill has broken."""


class NoFolderError(Exception):
    """There is not just one folder of backups that a scenario could go on from."""


def write_scenario(diagnosis: Diagnosis, *, cells: int) -> str:
    """Return a scenario of the one folder that was read, as YAML with a final newline.

    Raises:
        NoFolderError: There is none, or there are several.
    """
    if len(diagnosis.folders) != 1:
        raise NoFolderError("a scenario goes on from one folder of backups")
    kept = diagnosis.folders[0]
    killed = any(finding.code in BROKEN for _, finding in diagnosis.findings)
    return _Writer(kept, cells, killed=killed).text()


class _Writer:
    def __init__(self, kept: Kept, cells: int, *, killed: bool) -> None:
        self.folder, self.states, self.killed = kept.folder, kept.states, killed
        self.cells = cells
        self.scale = {disk: self._scale(disk) for disk in self.folder.disks}
        self.remarks: list[str] = []

    def _bytes(self, disk: str) -> int:
        return max(file.size for file in self.folder.files if file.disk == disk)

    def _scale(self, disk: str) -> int:
        """Return how many clusters of 64 KiB one of the scenario stands for."""
        clusters = max(1, -(-self._bytes(disk) // CLUSTER))
        return 1 if clusters <= CLUSTERS_MAX else cells_of(clusters, self.cells)

    def _length(self, disk: str) -> int:
        return max(1, -(-self._bytes(disk) // (CLUSTER * self.scale[disk])))

    def text(self) -> str:
        """Return the scenario."""
        steps = list(self._steps())
        for disk, scale in self.scale.items():
            if scale > 1:
                self.remarks.append(f"one cluster of {disk} here is {scale:,} of 64 KiB")
        told = json.dumps(f"Continued from {self.folder.path}", ensure_ascii=False)
        sizes = ", ".join(f"{d}: {{clusters: {self._length(d)}}}" for d in self.folder.disks)
        head = [
            *(f"# {remark}." for remark in self.remarks),
            f"scenario: {told}",
            "model: libvirt",
            f"disks: {{{sizes}}}",
            "timeline:",
        ]
        return "\n".join([*head, *steps]) + "\n"

    def _steps(self) -> Iterator[str]:
        made = ", ".join(f"{{create: {{image: {d}.0, disk: {d}}}}}" for d in self.folder.disks)
        yield f"  - {{at: T0, do: [{made}]}}"
        for number, state in enumerate(self.states, 1):
            files = {f.disk: f for f in self.folder.files if f.ends == state.name}
            yield from self._written(state, files)
            yield f"  - {{at: T{number}, do: [{{backup: {self._backup(state, files)}}}]}}"
        last = len(self.states) + 1
        lost = (state.name for state in self.states if self._is_lost(state.name))
        steps = [f"{{delete: {{backup: {quoted(name)}}}}}" for name in lost]
        steps += ["crash", "start"] if self.killed else []
        if steps:
            yield f"  - {{at: T{last}, do: [{', '.join(steps)}]}}"
            last += 1
        restores = [
            f"{{restore: {{from: [{self._stack(state)}], as: {quoted(f'at T{number}')}, "
            f"of: T{number}}}}}"
            for number, state in enumerate(self.states, 1)
            if state.restorable
        ]
        if restores:
            yield f"  - at: T{last}"
            yield "    do:"
            yield from (f"      - {each}" for each in restores)

    def _is_lost(self, name: str) -> bool:
        """Whether no file that can be relied on leads to a state."""
        return not any(f.ends == name and not f.damage for f in self.folder.files)

    def _stack(self, state: State) -> str:
        names = [file.ends for stack in state.stacks.values() for file in stack]
        return ", ".join(quoted(name) for name in dict.fromkeys(names))

    def _backup(self, state: State, files: dict[str, BackupFile]) -> str:
        """Return the arguments of the backup that leads to a state."""
        parts = [f"to: {quoted(state.name)}"]
        starts = next((f.starts for f in files.values() if f.starts is not None), None)
        if not files and state.name in (self.folder.listed or ()):
            place = (self.folder.listed or ()).index(state.name)
            starts = (self.folder.listed or ())[place - 1] if place else None
        known = [each.name for each in self.states]
        if starts is not None and starts in known[: known.index(state.name)]:
            parts.append(f"since: {quoted(starts)}")
        if not files or any(file.checkpoint == file.ends for file in files.values()):
            parts.append(f"checkpoint: {quoted(state.name)}")
        return f"{{{', '.join(parts)}}}"

    def _written(self, state: State, files: dict[str, BackupFile]) -> Iterator[str]:
        """Yield what the guest wrote before a state, as far as anybody knows."""
        for disk in self.folder.disks:
            file = files.get(disk)
            if file is None or file.damage:
                self.remarks.append(
                    f"what was written to {disk} before {state.name} is in no file that can be "
                    "relied on; its last cluster stands for it"
                )
                last = self._length(disk) - 1
                yield from self._write(disk, ((last, 1, "?"),), "Z")
            if file is not None:
                length = self._length(disk)
                runs = to_units((r for r in file.runs if r[2] == "A"), self._size(disk), length)
                yield from self._write(disk, runs, letters_of(self.folder, disk)[file.name])

    def _size(self, disk: str) -> int:
        return CLUSTER * self.scale[disk]

    def _write(self, disk: str, runs: Sequence[Run], letter: str) -> Iterator[str]:
        if not runs:
            return
        length = self._length(disk)
        if length <= PICTURE_MAX:
            cells = write_cells([(first, n, letter) for first, n, _ in runs], length)
            yield f'  - write: {{disk: {disk}, cells: "{cells}"}}'
            return
        for first, count, _ in runs:
            yield (
                f"  - write: {{disk: {disk}, offset: {first * CLUSTER}, "
                f"length: {count * CLUSTER}, data: {letter}}}"
            )
