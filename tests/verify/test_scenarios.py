"""Every scenario that is shipped, and every recorded timeline, on a real QEMU, cell by cell."""

from pathlib import Path

import pytest

import simulator
from simulator.hosts.installed import installed_host
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import Operation, Refusal
from simulator.model.requests import Qmp
from simulator.model.transitions import apply_all
from simulator.qemu.plan import make_plan
from simulator.releases.changes import semantics_of
from simulator.releases.hosts import HOST_DEFAULT
from simulator.timeline import DiskShape, Entry, Script, Statement, Timeline
from simulator.verify.on_qemu import verify
from tests.checkout import command, name_of, scenario_files
from tests.hosts.real import need_qemu
from tests.recordings import files as recordings
from tests.recordings.files import read_timelines
from tests.test_oracle_qemu import DISK, Replay
from tests.waiting import PATIENCE_SECONDS

GROUPS = 8
"""The recorded timelines are played in so many tests, for several workers to share."""


NOT_DONE = {
    "merges-stopped-half-way": "QEMU copies in pieces as large as it likes; see test_halfway.py",
    "reverts": "what libvirt alone turns down is nothing that QEMU could be asked",
    "BT901-snapshot-with-others-under-it": "the same, on a host that reverts nothing",
    "BT306-committed-snapshot": "the same",
    "BT306-another-image-of-that-name": "the same",
    "BT407-name-that-a-snapshot-needs": "the same",
    "BT901-node-let-go": "QEMU harms bitmaps where it refuses; see test_let_go.py",
    "libvirt-late-read": "the same",
    "guest-off-under-a-backup": "no guest runs that could power off",
    "BT405-guest-off-under-a-backup": "the same",
}
"""Shipped scenarios with a step that is not played on the real thing so far, and why."""


@pytest.mark.parametrize(
    "path", [path for path in scenario_files() if path.stem not in NOT_DONE], ids=name_of
)
def test_a_shipped_scenario_agrees_with_qemu(path: Path) -> None:
    need_qemu()
    timeline = simulator.load(path).run().timeline
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps == len(make_plan(timeline).steps)


def test_the_mail_agrees_under_every_model() -> None:
    need_qemu()
    for model in ("mail-2018", "libvirt", "qemu"):
        outcome = command("verify", "scenarios/mail/2018.yaml", "--with", "qemu", "-m", model)
        assert outcome.status == 0, outcome.out
        assert "steps agree with QEMU" in outcome.out


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("kind", ["random", "refusals"])
def test_recorded_operations_agree_with_the_qemu_that_is_installed(kind: str, group: int) -> None:
    """Commits, pulls, jobs under a writing guest, crashes and refusals come this way."""
    need_qemu()
    cases = [case for case in read_timelines("qemu") if case.name.startswith(f"{kind}-")]
    assert len(cases) >= GROUPS
    for case in cases[group::GROUPS]:
        outcome = verify(timeline_to_play(case), timeout=PATIENCE_SECONDS)
        finding = outcome.finding
        assert finding is None, f"{case.name}, step {finding.entry}: {finding}"


def timeline_to_play(case: recordings.Timeline) -> Timeline:
    """Return recorded operations as a timeline, up to one that this version does not have."""
    shape = DiskShape(DISK, case.cells)
    host = installed_host() or HOST_DEFAULT
    disk = Disk(name=DISK, length=shape.length)
    start = Machine(disks=(disk,), semantics=semantics_of(host))
    replay = Replay(name=case.name, machine=start)
    entries: list[Entry] = []
    for op in case.ops:
        operations = replay.operations(op)
        if operations is None:
            break
        entries.append(entry(len(entries), replay.machine, operations))
        replay.machine = entries[-1].after
    script = Script("", "qemu", (shape,), ())
    return Timeline(
        script=script,
        model="qemu",
        draws_zeroes=True,
        start=start,
        entries=tuple(entries),
        frames=(),
        host=host,
    )


def entry(number: int, before: Machine, operations: list[Operation]) -> Entry:
    """Return what comes of operations; commands on bitmaps are those of a ``qmp`` step."""
    outcome = apply_all(before, operations)
    refusal = outcome if isinstance(outcome, Refusal) else None
    on_bitmaps = [each for each in operations if "Bitmap" in type(each).__name__]
    statement = None
    if on_bitmaps and len(on_bitmaps) == len(operations):
        names = tuple(type(each).__name__ for each in operations)
        statement = Statement("qmp", Qmp(names, tuple(on_bitmaps)))
    return Entry(
        number=number,
        instant=None,
        statement=statement,
        before=before,
        after=before if isinstance(outcome, Refusal) else outcome,
        operations=() if refusal else tuple(operations),
        refusal=refusal,
    )
