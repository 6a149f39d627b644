"""What is sent to a real QEMU is what the file says; what is not sent is told and counted."""

from collections.abc import Mapping
from typing import Any

import pytest

from simulator.qemu.actions import MakeImage
from simulator.qemu.plan import make_plan
from simulator.scenario.qmp import ignored
from simulator.verify.on_qemu import verify
from simulator.verify.playing import summarise
from tests.hosts.real import need_qemu, timeline_of
from tests.waiting import PATIENCE_SECONDS

HEAD = """scenario: as it stands
model: qemu@7.2
disk: 4
timeline:
  - at: t1
    do: [{create: S1}, {write: AA--}, {snapshot: S2}, {write: -B--}]
  - at: t2
    do:
"""

TURNED_DOWN = (
    ("blockdev-backup", "device: S2, target: k, sync: full, discard-source: true"),
    ("blockdev-backup", "device: S2, target: k, sync: full, on-cbw-error: break-snapshot"),
    ("blockdev-backup", "device: S2, target: k, sync: full, x-perf: {min-cluster-size: 65536}"),
    ("blockdev-backup", "device: S2, target: k, sync: full, x-perf: {max-workers: many}"),
    ("blockdev-backup", "device: S2, target: k, sync: full, x-perf: 3"),
    ("blockdev-backup", "device: S2, target: k, sync: full, speed: fast"),
    ("blockdev-backup", "device: S2, target: k, sync: full, speed: -1"),
    ("blockdev-backup", "device: S2, target: k, sync: full, compress: 1"),
    ("blockdev-backup", "device: S2, target: k, sync: full, on-source-error: maybe"),
    ("blockdev-backup", "device: S2, target: k, sync: all"),
    ("block-stream", "device: S2, backing-mask-protocol: true"),
    ("block-stream", "device: S2, on-source-error: ignore"),
    ("block-commit", "device: S2, on-error: 3"),
    ("block-export-add", "type: nbd, id: x, node-name: S2, iothread: true"),
    ("block-export-add", "type: nbd, id: x, node-name: S2, nonsense: true"),
    ("block-dirty-bitmap-add", "node: S2, name: b, granularity: 1.5"),
    ("block-dirty-bitmap-add", "node: S2, name: b, granularity: 64K"),
    ("block-dirty-bitmap-add", "node: S2, name: b, granularity: 100000000000000000000000"),
    ("block-dirty-bitmap-add", "node: S2, name: b, squash: true"),
    ("blockdev-set-active", "node-name: S2, active: false"),
    ("block-job-change", "id: j, type: mirror"),
    (
        "transaction",
        "actions: [{type: block-dirty-bitmap-add, data: {node: S2, name: b}}, "
        "{type: block-commit, data: {device: S2}}]",
    ),
)
"""What QEMU 7.2 turns down as it reads it: some of it newer versions have."""


def step(execute: str, arguments: str) -> str:
    """Return a ``qmp`` step as a line of a file."""
    return f"      - qmp: {{execute: {execute}, arguments: {{{arguments}}}}}\n"


def test_what_qemu_cannot_read_is_sent_as_it_stands() -> None:
    need_qemu()
    timeline = timeline_of(HEAD + "".join(step(*each) for each in TURNED_DOWN))
    refused = [entry for entry in timeline.entries if entry.refusal is not None]
    assert len(refused) == len(TURNED_DOWN)
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said[-2:]])
    assert outcome.steps == len(timeline.entries)
    assert outcome.unplayed == ()


@pytest.mark.parametrize(
    ("table", "argument", "command"),
    [
        (
            "BACKUP",
            "discard-source",
            ("blockdev-backup", "device: S2, target: k, sync: full, discard-source: true"),
        ),
        (
            "MERGE",
            "backing-mask-protocol",
            ("block-stream", "device: S2, backing-mask-protocol: true"),
        ),
    ],
)
def test_an_argument_that_means_nothing_here_is_sent_all_the_same(
    monkeypatch: pytest.MonkeyPatch, table: str, argument: str, command: tuple[str, str]
) -> None:
    """A simulator that takes what QEMU turns down is found out."""
    need_qemu()
    known: Mapping[str, Any] = {**getattr(ignored, table), argument: "boolean"}
    monkeypatch.setattr(f"simulator.scenario.qmp.commands.{table}", known)
    timeline = timeline_of(HEAD + step(*command))
    assert all(entry.refusal is None for entry in timeline.entries)
    finding = verify(timeline, timeout=PATIENCE_SECONDS).finding
    assert finding is not None
    assert finding.code == "VF002"
    assert finding.notes[-1] == f"QEMU: Parameter '{argument}' is unexpected"


def test_a_job_with_nothing_to_do_is_played() -> None:
    need_qemu()
    timeline = timeline_of(HEAD + step("block-stream", "device: S2, bottom: S2"))
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None
    assert outcome.steps == len(timeline.entries)


def test_what_is_not_played_is_told_with_its_lines() -> None:
    need_qemu()
    text = HEAD + (
        "      - freeze\n"
        "      - thaw\n"
        + step("block-dirty-bitmap-merge", "node: S2, target: q, bitmaps: []")
        + step("blockdev-snapshot-sync", "device: S2, snapshot-file: /tmp/x, format: vmdk")
        + "      - expect: 'guest sees: |AB--|'\n"
        + step("query-block-jobs", "")
    )
    outcome = verify(timeline_of(text), timeout=PATIENCE_SECONDS)
    assert summarise(outcome, "QEMU") == (
        f"5 steps agree with QEMU {outcome.version}, 4 not played "
        "(lines 9, 10: QEMU has no part in it; line 11: QEMU 7.2 dies of it; "
        "line 12: it names a file outside of the folder that it is played in)"
    )


def test_a_command_that_is_not_known_is_asked_for_and_never_sent() -> None:
    timeline = timeline_of(HEAD + step("migrate2", "uri: 'exec:touch here'"))
    sent = make_plan(timeline).steps[-1].actions
    assert [type(action).__name__ for action in sent] == ["HasCommand"]


def test_what_would_kill_qemu_behind_a_snapshot_is_not_sent() -> None:
    actions = [
        "{execute: blockdev-snapshot, arguments: {node: S2, overlay: S3}}",
        "{execute: block-dirty-bitmap-clear, arguments: {node: S2, name: q}}",
        "{execute: block-dirty-bitmap-enable, arguments: {node: S3, name: q}}",
    ]
    begun = HEAD + step("block-dirty-bitmap-add", "node: S2, name: q, persistent: true")
    plan = make_plan(timeline_of(begun + f"      - qmp: [{', '.join(actions)}]\n"))
    assert [why for _, why in plan.unplayed] == ["QEMU 7.2 dies of it"]


def test_the_target_of_a_refused_backup_is_of_the_size_of_the_image_that_its_step_makes() -> None:
    begun = "[{create: {image: S2, disk: b}}]"
    text = HEAD.replace("disk: 4", "disks: {a: 4, b: 9}")
    text = text.replace("[{create: S1}, {write: AA--}, {snapshot: S2}, {write: -B--}]", begun)
    actions = [
        "{execute: blockdev-snapshot, arguments: {node: S2, overlay: S3}}",
        "{execute: blockdev-backup, arguments: {device: S3, target: k, sync: full}}",
        "{execute: block-dirty-bitmap-clear, arguments: {node: S3, name: q}}",
    ]
    plan = make_plan(timeline_of(text + f"      - qmp: [{', '.join(actions)}]\n"))
    made = [each for each in plan.steps[-1].actions if isinstance(each, MakeImage)]
    assert [image.size for image in made] == [9 * 65536] * 2


def test_an_image_that_a_commit_merges_is_left_alone_though_it_is_open_for_writing() -> None:
    """QEMU lets nobody read it; an earlier commit of the active image left it open."""
    need_qemu()
    text = HEAD + "      - snapshot: S3\n"
    for base, top, at in (("S2", "S3", 3), ("S1", "S2", 4)):
        command = step("block-commit", f"device: S3, base-node: {base}, top-node: {top}")
        text += f"  - at: t{at}\n    do:\n{command}        fails: t{at + 1}\n"
    text += "  - at: t5\n"
    assert verify(timeline_of(text), timeout=PATIENCE_SECONDS).finding is None


def test_a_refused_mirror_into_the_node_that_it_names_makes_none() -> None:
    told = "device: S9, target: S9, sync: full, granularity: 1000, job-id: j"
    *_, last = make_plan(timeline_of(HEAD + step("blockdev-mirror", told))).steps
    assert [type(action).__name__ for action in last.actions] == ["Command"]


@pytest.mark.parametrize(("before", "told"), [("k", True), ("other", False)])
def test_a_compressed_backup_over_data_is_told_to_fail_on_qemu(before: str, told: bool) -> None:
    need_qemu()
    timeline = timeline_of(
        HEAD
        + step("blockdev-backup", f"device: S2, target: {before}, sync: full")
        + step("blockdev-backup", "device: S2, target: k, sync: full, compress: true")
    )
    finding = verify(timeline, timeout=PATIENCE_SECONDS).finding
    assert (finding is not None and finding.code == "VF005") is told
    assert told is (finding is not None and "QEMU's job fails there" in finding.message)
