"""Commits and pulls that are stopped half-way, held against a QEMU that is slowed down.

QEMU copies a piece, up to 512 KiB, and then looks at its speed. With one of a byte a second, and
clusters that lie apart, that is one cluster.
"""

import asyncio

import pytest

import simulator
from simulator.hosts.session import Session, open_session
from simulator.qemu.actions import AwaitJobs, Command, GuestStep, JobEnd
from simulator.qemu.plan import make_plan
from simulator.timeline import Timeline
from simulator.verify.compare import Difference, compare
from simulator.verify.observe import Observer
from simulator.verify.sight import sight_of
from tests.hosts.real import need_qemu

HEAD = """\
scenario: half-way
model: qemu
disk: 8
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: b1}}, {write: AAAA----}, {snapshot: S2}]}
  - {at: T2, do: [{write: -B-B-B--}, {snapshot: {image: S3, bitmap: b3}}]}
  - {at: T3, do: [STEP]}
  - write: --E-----
  - at: T4
"""

COMMIT = {"device": "S3", "top-node": "S2", "base-node": "S1"}


def run(step: str) -> Timeline:
    return simulator.loads(HEAD.replace("[STEP]", f"[{step}]" if step else "[]")).run().timeline


async def differing(timeline: Timeline, command: Command, cancel: Command) -> list[Difference]:
    """Let a real QEMU copy one piece and then stop; return what is not as simulated."""
    plan = make_plan(run(""))
    async with open_session(10) as session:
        *before, guest = [action for step in plan.steps for action in step.actions]
        assert isinstance(guest, GuestStep), "the guest comes last"
        for action in (*before, command):
            await session.perform(action)
        await _first_piece(session)
        for action in (guest, cancel, AwaitJobs(("j",), JobEnd.CANCELLED)):
            await session.perform(action)
        machine = timeline.last
        real = await Observer(session, plan.names).observe(sight_of(machine, (), ()))
        return list(compare(sight_of(machine, (), ()), real, mixed=False))


async def _first_piece(session: Session) -> None:
    """Wait until a job has copied something."""
    for _ in range(500):
        (job,) = await session.running.execute(Command("query-jobs"))
        if job["current-progress"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing is copied")


@pytest.mark.parametrize(
    ("step", "execute", "arguments"),
    [
        ("commit: {top: S2, base: S1, cancel: {at: T4, copied: -X------}}", "block-commit", COMMIT),
        ("commit: {top: S2, base: S1, fails: {at: T4, copied: 34%}}", "block-commit", COMMIT),
        ("commit: {top: S3, cancel: {at: T4, copied: -X------}}", "block-commit", {"device": "S3"}),
        ("pull: {into: S2, cancel: {at: T4, copied: X-------}}", "block-stream", {"device": "S2"}),
    ],
)
def test_what_a_job_had_copied_is_in_the_image_that_takes_it(
    step: str, execute: str, arguments: dict[str, str]
) -> None:
    need_qemu()
    started = Command(execute, {"job-id": "j", "speed": 1, "auto-finalize": False, **arguments})
    cancel = Command("job-cancel", {"id": "j"})
    assert asyncio.run(differing(run(f"{{{step}}}"), started, cancel)) == []


@pytest.mark.parametrize("share", ["0%", "25%", "50%", "75%", "100%"])
@pytest.mark.parametrize(
    "job", ["commit: {top: S3", "commit: {top: S2", "pull: {into: S3", "pull: {into: S2"]
)
@pytest.mark.parametrize("how", ["fails", "cancel"])
def test_the_guest_sees_the_same_whatever_was_copied(job: str, share: str, how: str) -> None:
    stopped = run(f"{{{job}, {how}: {{at: T4, copied: {share}}}}}}}").last
    assert stopped.jobs == ()
    assert stopped.disks[0].guest_view.reads_like(run("").last.disks[0].guest_view)


def test_a_picture_of_what_was_copied_is_of_the_image_that_takes_it() -> None:
    with pytest.raises(simulator.InputError) as raised:
        run("{commit: {top: S2, base: S1, fails: {at: T4, copied: XXX-----}}}")
    told = [problem.message for problem in raised.value.problems]
    assert told == ["commit-S2 has not to copy cell 1", "commit-S2 has not to copy cell 3"]
