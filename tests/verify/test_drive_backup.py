"""QEMU's older backup command, which names its target by a file, on a real QEMU."""

import pytest

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


@pytest.mark.parametrize(
    ("device", "job", "depth"),
    [
        ("S3", "block-stream, arguments: {job-id: j, device: S2}", 1),
        ("S4", "block-stream, arguments: {job-id: j, device: S2}", 2),
        ("S4", "block-commit, arguments: {job-id: j, device: S4, base-node: S3}", 1),
        ("S4", "block-commit, arguments: {job-id: j, device: S4, base-node: S1}", 3),
    ],
)
def test_no_target_lies_on_an_image_that_is_open_for_writing(
    device: str, job: str, depth: int
) -> None:
    """A job writes into it, or a commit that was cancelled has left it open."""
    need_qemu()
    chain = "".join(f"      - snapshot: S{n}\n      - write: {n * 'A':-<4}\n" for n in (2, 3, 4))
    timeline = timeline_of(
        HEAD
        + chain
        + f"      - {{qmp: {{execute: {job}}}, ends: t4}}\n"
        + ("      - cancel: j\n" if "commit" in job else "")
        + STEP.format("drive-backup", device, "target: k1, sync: top")
        + STEP.format("drive-backup", device, "target: k2, sync: none")
        + "  - at: t4\n"
    )
    refused = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    opened = "Could not open backing file: " * depth
    assert refused == [f'{opened}Failed to get shared "write" lock']
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


def test_one_of_the_top_of_a_base_image_is_stopped_as_a_full_one() -> None:
    """It is stopped through a node whose writes fail, to which QEMU copies just what it is told."""
    need_qemu()
    timeline = timeline_of(
        HEAD
        + STEP.format("drive-backup", "S1", "target: k1, sync: top").rstrip("\n")
        + "\n        fails: {at: t9, copied: 50%}\n  - at: t9\n"
    )
    outcome = verify(timeline)
    assert (outcome.finding, outcome.unplayed) == (None, ())
