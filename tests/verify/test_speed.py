"""How long jobs take, and whom they hold up: against a real QEMU with ``speed``, or a slow target.

A real job is played at the pace of the scenario, while a guest writes; QEMU's own events say when
it began and had copied all. Each case has a QEMU to itself: where another job begins or ends beside
it, a copy or a commit is woken from the sleep that its ``speed`` asked for.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from simulator.flows.resources import Moving
from simulator.hosts.session import Session, open_session
from simulator.model.operations import GuestWrite
from simulator.moves import Move
from simulator.qemu.actions import Action, AwaitJobs, Command, GuestStep, JobEnd
from simulator.qemu.plan import make_plan
from simulator.schedule.durations import SECOND
from simulator.timeline import Entry, Timeline
from tests.hosts.real import need_qemu, timeline_of
from tests.waiting import PATIENCE_SECONDS

MIB = 1024 * 1024

SPEED = 20 * MIB

TOLERANCE = 0.1

SLICE_SECONDS = 0.1
"""What QEMU lets pass at once. Source: ``facts/QEMU.md``, section 6.6."""

TRIES = 3
"""A machine that is busy makes a job slower, never faster."""

THROTTLE = {"qom-type": "throttle-group", "id": "net", "limits": {"bps-write": SPEED}}
"""A slow target: the resource of the scenarios."""

JOBS = ("blockdev-backup", "block-commit", "block-stream", "blockdev-mirror")


class Case(NamedTuple):
    """A job, and what there is to copy.

    Attributes:
        before: What the guest wrote, and when images were made.
        job: The step.
        meanwhile: When the guest writes, and what: the job begins at 1s.
        file: What the job writes to.
        there: Bytes that the file holds before.
        apart: Whether the file tells data from zeroes as they were moved.
    """

    before: str
    job: str
    meanwhile: tuple[str, str] | None = None
    file: str = "t"
    there: int = 0
    apart: bool = True


class Measured(NamedTuple):
    """What became of a job.

    Attributes:
        seconds: From its start until all was copied.
        moved: Bytes.
        data: Those of them that hold data.
        written: Seconds after the start at which the write was done that a backup copies before.
    """

    seconds: float
    moved: int
    data: int
    written: float | None


def write(offset: int, length: int, verb: str = "write") -> str:
    """Return a step of the guest; lengths are in MiB."""
    data = ", data: A" if verb == "write" else ""
    return f"{{{verb}: {{offset: {offset} MiB, length: {length} MiB{data}}}}}"


def zero(offset: int, length: int) -> str:
    """Return a step that zeroes a stretch."""
    return write(offset, length, "zero")


def job(name: str, **arguments: str) -> str:
    """Return a step with a job of QEMU's own."""
    arguments = {"speed": str(SPEED)} | arguments
    told = ", ".join(f"{key.replace('_', '-')}: {value}" for key, value in arguments.items())
    return f"{{qmp: {{execute: {name}, arguments: {{{told}}}}}}}"


BITMAP = "{qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: b}}}"
SNAPSHOT = "{snapshot: S2}"
MIXED = f"{write(8, 32)}, {zero(40, 16)}"

CASES = {
    "a full backup copies the whole disk": Case(
        f"{write(0, 16)}, {zero(16, 16)}",
        job("blockdev-backup", device="S1", target="t", sync="full"),
    ),
    "what a full backup copies before the guest's writes counts, and holds nobody up": Case(
        f"{write(0, 8)}, {write(40, 10)}",
        job("blockdev-backup", device="S1", target="t", sync="full"),
        ("2s", write(40, 10)),
    ),
    "an incremental copies what is dirty, zeroes too": Case(
        f"{write(0, 8)}, {BITMAP}, {MIXED}",
        job("blockdev-backup", device="S1", target="t", sync="incremental", bitmap="b"),
    ),
    "sync top copies what is allocated": Case(
        f"{write(0, 8)}, {SNAPSHOT}, {MIXED}",
        job("blockdev-backup", device="S2", target="t", sync="top"),
    ),
    "a commit of the active image copies once more what is written behind it": Case(
        f"{SNAPSHOT}, {MIXED}",
        job("block-commit", device="S2"),
        ("2.5s", write(8, 12)),
        file="S1.qcow2",
        apart=False,
    ),
    "a commit in the middle copies what is allocated": Case(
        f"{SNAPSHOT}, {MIXED}, {{snapshot: S3}}",
        job("block-commit", device="S3", top_node="S2", base_node="S1"),
        file="S1.qcow2",
        apart=False,
    ),
    "a stream copies what is not there": Case(
        f"{MIXED}, {SNAPSHOT}, {write(0, 16)}",
        job("block-stream", device="S2"),
        file="S2.qcow2",
        there=16 * MIB,
    ),
    "a copy of the disk copies once more what is written behind it": Case(
        f"{write(0, 8)}, {zero(16, 8)}",
        f"{{blockcopy: {{to: C1, rate: {SPEED // MIB} MiB/s}}}}",
        ("2.5s", f"{write(0, 12)}, {write(48, 12)}"),
        file="C1.qcow2",
        apart=False,
    ),
    # Requests under way may pass each other, so the guest writes to all of them: the last counts.
    "a slow target takes data only, and a write waits for what is on its way there": Case(
        f"{write(0, 16)}, {zero(16, 16)}, {write(32, 32)}",
        "{backup: {to: t, through: [net]}}",
        ("2s", write(32, 32)),
    ),
}


def test_jobs_take_as_long_as_on_a_real_qemu() -> None:
    need_qemu()
    runs = {name: timeline_of(scenario_of(case)) for name, case in CASES.items()}
    ours = {name: simulated(run) for name, run in runs.items()}
    left, told = dict(CASES), list[str]()
    for _ in range(TRIES):
        real = asyncio.run(play_all(runs, left))
        found = {name: differences(case, ours[name], real[name]) for name, case in left.items()}
        told = [f"{name}: {each}" for name, (off, _) in found.items() for each in off]
        left = {name: case for name, case in left.items() if found[name][0]}
        if not all(found[name][1] for name in left) or not left:
            break
    assert told == []


def scenario_of(case: Case) -> str:
    """Return a scenario with the job of a case."""
    later = "  - at: {}\n    do: [{}]\n".format(*case.meanwhile) if case.meanwhile else ""
    return (
        f"scenario: speed\nmodel: qemu\ndisk: {{size: 64 MiB}}\n"
        f"resources: {{net: {SPEED // MIB} MiB/s}}\ntimeline:\n"
        f"  - at: 0s\n    do: [{{create: S1}}, {case.before}]\n"
        f"  - at: 1s\n    do: [{case.job}]\n{later}"
    )


def simulated(run: Timeline) -> Measured:
    """Return what the simulator says of a job."""
    (move,) = run.moves
    assert move.end is not None
    assert move.done is not None
    last = max(each.tick for each in run.entries if isinstance(each.request, GuestWrite))
    written = None
    if is_backup(run) and last > move.start:
        # What the guest writes reaches to the end of the disk, which is copied last.
        written = ((move.done if move.waited_writes else last) - move.start) / SECOND
    size = move.data_bytes + move.zero_bytes
    return Measured((move.end - move.start) / SECOND, size, move.data_bytes, written)


def is_backup(run: Timeline) -> bool:
    """Whether what the guest writes may have to be copied before."""
    return run.moves[0].kind not in ("commit", "pull", "blockcopy")


async def play_all(runs: Mapping[str, Timeline], cases: Mapping[str, Case]) -> dict[str, Measured]:
    """Play cases on a real QEMU each, all at a time, once all of them are prepared."""
    prepared = asyncio.Barrier(len(cases))
    found = await asyncio.gather(*(_play(runs[name], cases[name], prepared) for name in cases))
    return dict(zip(cases, found, strict=True))


async def _play(run: Timeline, case: Case, prepared: asyncio.Barrier) -> Measured:
    """Play a timeline as it goes: its job at its speed, its writes at their times."""
    (move,) = run.moves
    async with open_session(timeout=PATIENCE_SECONDS) as session:
        told = session.running.listen("JOB_STATUS_CHANGE")
        await session.running.execute(Command("object-add", THROTTLE))
        playing = _Playing(session, move, prepared)
        for step in make_plan(run).steps:
            for action in step.actions:
                await playing.perform(action, step.entry)
        assert playing.awaited is not None
        seconds = _seconds_between(told.clear(), "running", playing.awaited.end)
        assert session.daemon is not None
        await session.daemon.quit()
        session.daemon = None
        data, zeroes = _held(session, case.file)
    # A stream, or a commit in the middle, counts all of the disk, whatever of it is copied.
    counts = is_backup(run) or playing.awaited.end is JobEnd.READY
    moved = playing.passed if counts else data + zeroes - case.there
    written = playing.written if is_backup(run) else None
    return Measured(seconds, moved, data - case.there, written)


class _Playing:
    """A plan that is played as time goes.

    Attributes:
        awaited: What the job comes to by itself.
        passed: Bytes that it counts.
        written: Seconds after its start at which the guest's last write was done.
    """

    def __init__(self, session: Session, move: Move, prepared: asyncio.Barrier) -> None:
        self.awaited: AwaitJobs | None = None
        self.passed = 0
        self.written: float | None = None
        self._session, self._move, self._prepared = session, move, prepared
        self._clock = asyncio.get_running_loop().time
        self._start = 0.0

    async def perform(self, action: Action, entry: Entry) -> None:
        """Do one thing when it is due."""
        started = entry.number == self._move.entry
        moving = entry.statement.moving if entry.statement is not None else None
        match action:
            case AwaitJobs() if started:
                self.awaited = action
                return
            case AwaitJobs(end=JobEnd.SYNCED):
                return  # It takes its time here, and the guest writes on meanwhile.
            case Command() if started and action.execute in JOBS:
                await self._prepared.wait()
                action = _at_speed(action, moving)
                self._start = self._clock()
            case Command(execute="blockdev-add"):
                action = _opened(action, moving)
            case Command(execute="job-finalize" | "job-complete"):
                assert self.awaited is not None
                await self._session.perform(self.awaited)
                (job,) = await self._session.running.execute(Command("query-block-jobs"))
                self.passed = job["offset"]
        if isinstance(action, GuestStep) and self.awaited is not None:
            due = (entry.tick - self._move.start) / SECOND
            await asyncio.sleep(self._start + due - self._clock())
            await self._session.perform(action)
            self.written = self._clock() - self._start
        else:
            await self._session.perform(action)


def _at_speed(command: Command, moving: Moving | None) -> Command:
    """Return the command of a job with its ``speed``."""
    if moving is None or moving.rate is None:
        return command
    return command._replace(arguments={**command.arguments, "speed": int(moving.rate)})


def _opened(command: Command, moving: Moving | None) -> Command:
    """Return the command that opens an image, without ``discard``, as libvirt does.

    Flushes are left out, which would measure the disk of this machine. The target of a job that
    goes through a resource is a slow one.
    """
    options = {**command.arguments, "discard": "ignore", "cache": {"no-flush": True}}
    if moving is not None and moving.through:
        below = {"driver": "throttle", "throttle-group": "net", "file": options["file"]}
        options["file"] = below
    return command._replace(arguments=options)


def _seconds_between(events: Iterable[Mapping[str, Any]], first: str, last: str) -> float:
    """Return the time between two states of a job, by QEMU's clock."""
    at: dict[str, float] = {}
    for event in events:
        stamp = event["timestamp"]
        at[event["data"]["status"]] = stamp["seconds"] + stamp["microseconds"] / 1e6
    return at[last] - at[first]


def _held(session: Session, file: str) -> tuple[int, int]:
    """Return the bytes of data and of zeroes that a file itself holds."""
    command = ["qemu-img", "map", "--output=json", str(session.folder / file)]
    out = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    own = [each for each in json.loads(out.stdout) if each["present"] and not each["depth"]]
    data = sum(each["length"] for each in own if each["data"])
    return data, sum(each["length"] for each in own) - data


def differences(case: Case, ours: Measured, real: Measured) -> tuple[list[str], bool]:
    """Return what is not the same, and whether the machine may have been too busy for it."""
    times = [("took", ours.seconds, real.seconds)]
    if ours.written is not None and real.written is not None:
        times.append(("wrote by", ours.written, real.written))
    sizes = [("moved", ours.moved, real.moved)]
    if case.apart:
        sizes.append(("data", ours.data, real.data))
    margins = [TOLERANCE * mine + SLICE_SECONDS for _, mine, _ in times]
    off = [
        f"{what} {its:.2f} s, ours {mine:.2f} s"
        for (what, mine, its), margin in zip(times, margins, strict=True)
        if abs(its - mine) > margin
    ]
    faster = any(its < mine - margin for (_, mine, its), margin in zip(times, margins, strict=True))
    wrong = [
        f"{what} {its / MIB:.2f} MiB, ours {mine / MIB:.2f} MiB"
        for what, mine, its in sizes
        if abs(its - mine) > TOLERANCE * mine
    ]
    return off + wrong, bool(off) and not faster
