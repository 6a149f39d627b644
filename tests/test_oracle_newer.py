"""What newer releases of QEMU add, against their recordings: what each step beside a job says, too.

A command is read as the scenario's ``qmp`` verb reads it, so that an older release says what it
does not have.
"""

from pathlib import Path
from typing import Any

import pytest

from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine, Status
from simulator.model.operations import EndJob, MirrorDisk, Operation, Refusal, RunBackup, Sync
from simulator.model.transitions import apply
from simulator.notation import write_backup, write_view
from simulator.releases.changes import semantics_of
from simulator.releases.hosts import host_with
from simulator.scenario.qmp.arguments import Arguments, RefusedError
from simulator.scenario.qmp.commands import COMMANDS
from tests.recordings.files import Step, read_recording, recordings
from tests.recordings.seeing import CELL
from tests.test_oracle_qemu import DISK, Op, Replay, recorded, recorded_timelines

KIND = "newer"
STEPS = 13
"""How many steps there are: all of them are played on every release."""

FULL = "writing to file failed"
"""What the guest is told whose write found no room in the scratch; here it is told why."""


class Beside(Replay):
    """A timeline with what happens beside its jobs."""

    def play(self, step: Step) -> dict[str, Any]:
        """Do a step; return the state, and all that is told of it, in the recording's terms."""
        op = step["op"]
        told: dict[str, Any] = {}
        try:
            begun, end = self._job(op)
        except RefusedError as error:
            return self.drawn(str(error))
        for each in begun:
            assert self.apply(each) is None, each
        if "during" in op:
            told["during"] = [self._beside(each) for each in op["during"]]
        if end is not None:
            assert self.apply(end) is None, end
        if op["op"] == "pull":
            (made,) = self.machine.backups_named(op["name"])
            told["read"] = write_view(made.content, made.length)
        elif op["op"] == "backup":
            (made,) = self.machine.backups_named(op["name"])
            told["backup"] = write_backup(made, zeroes=True)
        return self.drawn(None) | told

    def apply(self, operation: Operation) -> str | None:
        """Apply a primitive; return its refusal."""
        outcome = apply(self.machine, operation)
        if isinstance(outcome, Refusal):
            return outcome.text
        self.machine = outcome
        return None

    def _job(self, op: Op) -> tuple[list[Operation], Operation | None]:
        """Return what begins a step, and how its job ends, if it has one.

        Raises:
            RefusedError: The release does not read it.
        """
        kind, name = op["op"], op.get("name", "")
        if kind == "mirror":
            return [MirrorDisk(node=self.disk.active.name, into=name, lasting=True)], EndJob(
                job=name, status=Status.COMPLETED
            )
        if kind not in ("backup", "pull"):
            operations = self.operations(op)
            assert operations is not None, op
            return operations, None
        told = {"device": self.disk.active.name, "target": name}
        told |= {"sync": op["sync"] if kind == "backup" else "none"}
        told |= {"on-cbw-error": op["breaks"]} if "breaks" in op else {}
        run = self._read("blockdev-backup", told, "actions[0].data." if kind == "backup" else "")
        assert isinstance(run, RunBackup)
        run = run._replace(lasting=True)
        if kind == "pull":
            assert run.sync is Sync.NONE
            run = run._replace(kind=Kind.FULL, pulled=True, scratch=op["room"] * CELL)
        return [run], EndJob(job=name, status=Status.COMPLETED)

    def _beside(self, op: Op) -> str | None:
        """Do what happens beside a job; return what is said of it, and by whom."""
        if op["op"] != "change":
            (operation,) = self._guest(op)
            return f"NBD: {FULL}" if self.apply(operation) is not None else None
        told = {key: value for key, value in op.items() if key != "op"}
        try:
            said = self.apply(self._read("block-job-change", told))
        except RefusedError as error:
            said = str(error)
        return None if said is None else f"QMP: {said}"

    def _read(self, command: str, told: dict[str, Any], within: str = "") -> Operation:
        release = self.machine.semantics.qemu
        return COMMANDS[command].read(Arguments(told, release, within), lambda *_: (0, 0))


@pytest.mark.parametrize("path", recordings("qemu"), ids=lambda path: path.stem)
def test_what_newer_releases_add_goes_as_on_real_qemu(path: Path) -> None:
    semantics = semantics_of(host_with(read_recording(path).head["version"]))
    steps = 0
    for case in recorded_timelines(path, KIND):
        disk = Disk(name=DISK, length=case.cells)
        replay = Beside(case.name, Machine(disks=(disk,), semantics=semantics))
        for step in case.steps:
            steps += 1
            real = recorded(step) | {k: step[k] for k in ("during", "read") if k in step}
            assert replay.play(step) == real, step["op"]
    assert steps == STEPS
