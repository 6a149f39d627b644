"""The bytes of backups, held against real ones: their files, their jobs, what a client sees."""

import asyncio
import json
import subprocess
from typing import Any, NamedTuple

import pytest

from simulator.hosts.nbd import ALLOCATION, DIRTY_BITMAP, ZERO_FLAG, NbdClient
from simulator.hosts.session import Session, open_session
from simulator.model.machine import Backup, Status, Transfer
from simulator.qemu.actions import Action, AwaitJobs, Command, JobEnd, PullData
from simulator.qemu.plan import make_plan
from simulator.timeline import Timeline
from tests.hosts.real import need_qemu, timeline_of
from tests.waiting import PATIENCE_SECONDS

BACKUPS = """
  - {at: T2, do: [{backup: {to: full, checkpoint: c0, ends: T3}}]}
  - {at: T3, do: [{backup: {to: pulled, mode: pull}}]}
  - write: {offset: 128 KiB, length: 512, data: B}
  - write: {offset: 3 MiB, length: 100 KiB, data: C}
END  - zero: {offset: 4 MiB, length: 2 MiB}
  - {at: T4, do: [{backup: {to: inc, since: c0, ends: T5}}]}
  - {at: T5, do: [{backup: {to: pulled-inc, since: c0, mode: pull}}]}
"""

DISKS = {
    "64-KiB": "{size: 8 MiB}",
    "4-KiB": "{size: 8 MiB, cluster_size: 4 KiB}",
    "2-MiB": "{size: 8 MiB, cluster_size: 2 MiB}",
    "odd": "{size: 8389632}",
    "odd-2-MiB": "{size: 8389632, cluster_size: 2 MiB}",
    "odd-4-KiB": "{size: 8389632, cluster_size: 4 KiB}",
    "odd-and-zero": "{size: 8389632}",
    "odd-in-one-look": "{size: 8455168}",
}


class Real(NamedTuple):
    """What the real thing tells of one backup, in bytes."""

    data: int
    zero: int
    copied: int


END = "  - write: {offset: 8389120, length: 512, data: D}\n"
"""The last sector of 8 MiB and 1,024 bytes."""

ODD_END = {
    "odd": END,
    "odd-2-MiB": END,
    "odd-4-KiB": END,
    "odd-and-zero": END.replace("write", "zero").replace(", data: D", ""),
    "odd-in-one-look": "  - zero: {offset: 8 MiB, length: 66560}\n",
}


def timeline(disk: str, end: str) -> Timeline:
    """Return full and increment of a disk with data, zeroes and parts of clusters, both ways."""
    return timeline_of(
        f"scenario: sizes\nmodel: libvirt\ndisks: {{vda: {disk}}}\ntimeline:\n"
        "  - {at: T1, do: [{create: S}]}\n"
        "  - write: {offset: 0, length: 300 KiB, data: A}\n"
        "  - write: {offset: 4 MiB, length: 2 MiB, data: A}\n" + BACKUPS.replace("END", end)
    )


@pytest.mark.parametrize("disk", DISKS)
def test_bytes_are_those_of_real_backups(disk: str) -> None:
    need_qemu()
    run = timeline(DISKS[disk], ODD_END.get(disk, ""))
    real = asyncio.run(_play(run))
    made = {backup.row: backup for _, backup in run.made_backups if _completed(backup)}
    assert list(real) == ["full", "pulled", "inc", "pulled-inc"] == list(made)
    for name, backup in made.items():
        told = (backup.data_bytes, backup.zero_bytes, backup.copied_bytes)
        assert told == real[name], name


def _completed(backup: Backup) -> bool:
    return backup.status is Status.COMPLETED


async def _play(run: Timeline) -> dict[str, Real]:
    """Return what the files, jobs and exports of a timeline tell, by backup."""
    plan = make_plan(run)
    copied: dict[str, int] = {}
    pulled: dict[str, Real] = {}
    async with open_session(timeout=PATIENCE_SECONDS) as session:
        for step in plan.steps:
            for action in step.actions:
                if isinstance(action, PullData):
                    pulled[action.file] = await _read(session, action)
                await session.perform(action)
                await _count(session, action, copied)
        assert session.daemon is not None
        await session.daemon.quit()
        session.daemon = None
        found = {}
        for _, backup in run.made_backups:
            if not _completed(backup):
                continue
            key = (backup.name, backup.disk)
            file = plan.names.copies[key]
            if backup.transfer is Transfer.PULL:
                found[backup.row] = pulled[file]
            else:
                data, zero = _map(session, file)
                zero = zero if backup.complete else _present(session, file)
                found[backup.row] = Real(data, zero, copied[plan.names.targets[key]])
    return found


async def _count(session: Session, action: Action, copied: dict[str, int]) -> None:
    """Note how far the jobs have come that wait for their end, by their own count."""
    if not isinstance(action, AwaitJobs) or action.end is not JobEnd.PENDING:
        return
    for job in await session.running.execute(Command("query-block-jobs")):
        assert job["offset"] == job["len"]
        copied[job["device"]] = job["offset"]


async def _read(session: Session, pull: PullData) -> Real:
    """Return what a client is told: data and zeroes, of all or of what a bitmap names."""
    told = [ALLOCATION] if pull.bitmap is None else [ALLOCATION, DIRTY_BITMAP + pull.bitmap]
    client = await NbdClient.connect(session.running.nbd, pull.export, told)
    status = await client.status()
    await client.close()
    data = [(e.offset, e.offset + e.length) for e in status[ALLOCATION] if not e.status & ZERO_FLAG]
    held = sum(end - start for start, end in data)
    if pull.bitmap is None:
        return Real(held, client.size - held, held)
    dirty = [(e.offset, e.offset + e.length) for e in status[told[1]] if e.status]
    read = sum(end - start for start, end in dirty)
    both = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in data for b in dirty)
    return Real(both, read - both, read)


def _extents(session: Session, file: str) -> list[dict[str, Any]]:
    command = ["qemu-img", "map", "--output=json", str(session.folder / file)]
    out = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    extents: list[dict[str, Any]] = json.loads(out.stdout)
    return extents


def _map(session: Session, file: str) -> tuple[int, int]:
    """Return the bytes of a file that hold data, and all that read as zeroes."""
    extents = _extents(session, file)
    data = sum(e["length"] for e in extents if e["data"])
    return data, sum(e["length"] for e in extents if not e["data"])


def _present(session: Session, file: str) -> int:
    """Return the bytes that the file itself says are zeroes."""
    return sum(e["length"] for e in _extents(session, file) if e["present"] and not e["data"])
