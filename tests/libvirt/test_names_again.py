"""The name of an overlay that libvirt makes at a return is given to more than one image."""

import pytest

import simulator
from simulator.libvirt.actions import Adopt
from simulator.libvirt.plan import make_libvirt_plan
from simulator.qemu.actions import DeleteFile
from simulator.verify.on_libvirt import verify
from tests.hosts.real import HEAD, need_libvirt, timeline_of
from tests.waiting import PATIENCE_SECONDS

STORIES = {
    "a snapshot has the name of an overlay": """\
  - {at: T1, do: [create: S1]}
  - {at: T2, do: [snapshot: S3]}
  - {at: T3, do: [revert: {snapshot: S3, image: S5}]}
  - {at: T4, do: [commit: {top: S5, base: S1}]}
  - write: AA------
  - {at: T5, do: [snapshot: S5]}
  - write: B-BB----
  - {at: T6, do: [commit: {top: S5, base: S1}]}
""",
    "an overlay has the name of a snapshot": """\
  - {at: T1, do: [create: S1]}
  - {at: T2, do: [snapshot: S3]}
  - {at: T3, do: [snapshot: S5]}
  - {at: T4, do: [commit: {top: S5, base: S3}]}
  - {at: T5, do: [revert: {snapshot: S3, image: S5}]}
  - write: AA------
""",
}


@pytest.mark.parametrize("name", STORIES)
def test_the_earlier_file_is_deleted(name: str) -> None:
    text = (HEAD + STORIES[name]).replace("disk", "host: {qemu: 10.0, libvirt: 11.3}\ndisk", 1)
    plan = make_libvirt_plan(simulator.loads(text).run().timeline)
    actions = [action for step in plan.steps for action in step.actions]
    assert [each.image for each in actions if isinstance(each, Adopt)] == ["S5"]
    gone = [each.file for each in actions if isinstance(each, DeleteFile)]
    assert gone == [plan.names.files["S5"]]


@pytest.mark.parametrize("name", STORIES)
def test_it_goes_as_on_the_libvirt_that_is_installed(name: str) -> None:
    need_libvirt()
    timeline = timeline_of(HEAD + STORIES[name])
    if any(entry.refusal is not None for entry in timeline.entries):
        pytest.skip("libvirt returns to external snapshots since 9.9")
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
