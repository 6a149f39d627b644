"""Backups whose jobs or files others meet, as small stories on a real QEMU."""

import pytest

from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu, timeline_of
from tests.waiting import PATIENCE_SECONDS

STORIES = {
    "a backup that fails is told to go": """\
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - write: AB------
  - {at: T2, do: [backup: {to: k1, since: B1, checkpoint: B2, fails: T4}]}
  - {at: T3, do: [qmp: {execute: job-dismiss, arguments: {id: k1}}]}
  - {at: T4}
""",
    "a client writes what changed over a shorter backup": """\
  - {at: T1, do: [{create: {image: S1, bitmap: B1}}, {backup: {to: k1}}]}
  - write: AB------
  - {at: T2, do: [resize: 12]}
  - {at: T3, do: [shutdown, {backup: {to: k1, mode: pull, outside: true, bitmaps: [B1]}}]}
""",
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_agrees_with_qemu(name: str) -> None:
    need_qemu()
    text = f"scenario: {name}\nmodel: mail-2018\ndisk: 8\ntimeline:\n{STORIES[name]}"
    text = text.replace("mail-2018", "libvirt") if "client" in name else text
    outcome = verify(timeline_of(text), timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps >= 3
