"""QEMU's older backup command, which names its target by a file, on a real QEMU."""

from simulator.model.machine import Kind
from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu, timeline_of

HEAD = """scenario: by a file
model: qemu
disk: 4
timeline:
  - {at: t1, do: [{create: {image: S1, bitmap: b}}]}
  - write: AA--
  - at: t2
    do:
"""
STEP = "      - qmp: {{execute: {}, arguments: {{device: {}, {}}}}}\n"


def test_the_top_of_a_chain_of_one_image_is_all_of_it() -> None:
    need_qemu()
    timeline = timeline_of(
        HEAD
        + STEP.format("drive-backup", "S1", "target: k1, sync: top")
        + STEP.format("blockdev-backup", "S1", "target: k2, sync: top")
        + STEP.format("drive-backup", "S1", "target: k, sync: top, bitmap: b, bitmap-mode: never")
        + "      - snapshot: S2\n"
        + STEP.format("drive-backup", "S2", "target: k3, sync: top")
    )
    kinds = {backup.name: backup.kind for backup in timeline.last.backups}
    assert kinds == {"k1": Kind.FULL, "k2": Kind.TOP, "k3": Kind.TOP}
    (refused,) = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    assert refused.endswith("when combined with sync mode 'full'")
    assert verify(timeline).finding is None


def test_a_refused_one_that_would_empty_its_target_is_not_played() -> None:
    need_qemu()
    timeline = timeline_of(
        HEAD
        + STEP.format("blockdev-backup", "S1", "target: k1, sync: full")
        + STEP.format("drive-backup", "S1", "target: k1, sync: incremental, bitmap: none")
        + STEP.format("drive-backup", "S1", "target: k2, sync: incremental, bitmap: none")
    )
    outcome = verify(timeline)
    assert outcome.finding is None
    assert [why for _, why in outcome.unplayed] == [
        "QEMU makes the target anew, and refuses the command only then"
    ]
