"""What a timeline comes to on a real QEMU: pure, no QEMU needed."""

from typing import Any

import pytest

from simulator.model.machine import Backup
from simulator.qemu.actions import (
    Action,
    AwaitJobs,
    Change,
    Command,
    CopyFile,
    GuestKind,
    GuestStep,
    JobEnd,
    KillQemu,
    MakeImage,
    QuitQemu,
    Stack,
    StartQemu,
)
from simulator.qemu.plan import QemuStep, make_plan
from simulator.verify.sight import sight_of
from tests.hosts.real import mail, timeline_of

K = 1024

START = """
scenario: x
model: {model}
disk: 8
timeline:
  - {{at: T1, do: [create: {{image: S1, bitmap: B1}}]}}
  - write: AAAA----
"""


def steps(text: str, model: str = "mail-2018") -> tuple[QemuStep, ...]:
    return make_plan(timeline_of(START.format(model=model) + text)).steps


def last(text: str, model: str = "mail-2018") -> tuple[Action, ...]:
    return steps(text, model)[-1].actions


def types(action: Action) -> list[Any]:
    """The actions of a transaction, by their types."""
    assert isinstance(action, Command)
    return [each["type"] for each in action.arguments["actions"]]


def test_the_base_image_is_made_opened_and_given_to_the_guest() -> None:
    made, opened, exported, added = steps("")[0].actions
    assert made == MakeImage("S1.qcow2", "qcow2", 512 * K, 64 * K)
    assert isinstance(opened, Command)
    assert opened.arguments["node-name"] == "S1"
    assert opened.arguments["discard"] == "unmap"
    assert opened.arguments["backing"] is None
    assert isinstance(exported, Command)
    assert exported.arguments["writable"] is True
    assert added == Command(
        "block-dirty-bitmap-add", {"node": "S1", "name": "B1", "persistent": True}
    )


def test_a_write_is_bytes_of_its_letter() -> None:
    changes = (Change(GuestKind.WRITE, 0, 256 * K, ord("A")),)
    assert steps("")[1].actions == (GuestStep("guest", changes),)


def test_zeroes_and_discards_are_what_they_are_called() -> None:
    zeroed, discarded = steps("  - zero: X-------\n  - discard: -X------\n")[-2:]
    assert zeroed.actions == (GuestStep("guest", (Change(GuestKind.ZERO, 0, 64 * K),)),)
    assert discarded.actions == (GuestStep("guest", (Change(GuestKind.DISCARD, 64 * K, 64 * K),)),)


def test_a_part_of_a_cluster_is_written_as_that_part() -> None:
    plan = make_plan(
        timeline_of(START.format(model="qemu") + "  - write: {offset: 1000, length: 24, data: B}\n")
    )
    changes = (Change(GuestKind.WRITE, 1000, 24, ord("B")),)
    assert plan.steps[-1].actions == (GuestStep("guest", changes),)
    assert plan.mixed


@pytest.mark.parametrize(("size", "mixed"), [("100 KiB", True), ("128 KiB", False)])
def test_a_cluster_that_a_disk_ends_within_is_mixed_once_the_disk_grows(
    size: str, mixed: bool
) -> None:
    head = f"scenario: t\nmodel: qemu\ndisk: {{size: {size}}}\n"
    text = f"{head}timeline:\n  - {{at: T1, do: [create: S1]}}\n  - write: AB\n"
    grown = "  - {at: T2, do: [resize: {clusters: 4}]}\n"
    assert not make_plan(timeline_of(text)).mixed
    assert make_plan(timeline_of(text + grown)).mixed is mixed


def test_a_snapshot_is_one_transaction_with_its_bitmaps() -> None:
    made, opened, together = last("  - {at: T2, do: [snapshot: {image: S2, bitmap: B2}]}\n")
    assert made == MakeImage("S2.qcow2", "qcow2", 512 * K, 64 * K, backing="S1.qcow2")
    assert isinstance(opened, Command)
    assert types(together) == [
        "block-dirty-bitmap-disable",
        "blockdev-snapshot",
        "block-dirty-bitmap-add",
    ]


def test_a_backup_and_its_checkpoint_are_one_transaction_around_a_temporary_bitmap() -> None:
    text = "  - {at: T2, do: [backup: {since: B1, to: B1.bak, checkpoint: B2}]}\n"
    _, _, together, awaited, closed, removed = last(text)
    assert types(together) == [
        "block-dirty-bitmap-add",
        "block-dirty-bitmap-merge",
        "blockdev-backup",
        "block-dirty-bitmap-disable",
        "block-dirty-bitmap-add",
    ]
    assert awaited == AwaitJobs(("B1.bak",), JobEnd.COMPLETED)
    assert closed == Command("blockdev-del", {"node-name": "B1.bak"})
    assert removed == Command("block-dirty-bitmap-remove", {"node": "S1", "name": "backup-B1.bak"})


def test_an_image_below_the_active_one_is_copied_as_a_file() -> None:
    text = "  - {at: T2, do: [{snapshot: S2}, {copy: {image: S1, to: S1.bak}}]}\n"
    assert last(text) == (CopyFile("S1.qcow2", "S1.bak"),)


def test_the_active_image_is_copied_when_its_guest_has_flushed() -> None:
    actions = last("  - {at: T2, do: [copy: {image: S1, to: S1.bak}]}\n")
    assert actions == (GuestStep("guest"), CopyFile("S1.qcow2", "S1.bak"))


def test_a_clean_end_and_a_crash_are_told_apart_and_a_crash_follows_a_flush() -> None:
    assert last("  - {at: T2, do: [shutdown]}\n") == (QuitQemu(),)
    assert last("  - {at: T2, do: [crash]}\n") == (GuestStep("guest"), KillQemu())


def test_a_start_opens_the_lower_images_read_only() -> None:
    text = "  - {at: T2, do: [snapshot: S2]}\n  - {at: T3, do: [shutdown, start]}\n"
    started, lower, active, exported = last(text)
    assert started == StartQemu()
    assert isinstance(lower, Command)
    assert lower.arguments["read-only"] is True
    assert isinstance(active, Command)
    assert "read-only" not in active.arguments
    assert active.arguments["backing"] == "S1"
    assert isinstance(exported, Command)
    assert exported.arguments["node-name"] == "S2"


def test_libvirt_removes_a_bitmap_of_a_lower_image_by_reopening_it() -> None:
    text = (
        "  - {at: T2, do: [snapshot: {image: S2, bitmap: B2}]}\n"
        "  - {at: T3, do: [delete: {checkpoint: B1}]}\n"
    )
    done = [a.execute for a in last(text, "libvirt") if isinstance(a, Command)]
    assert done == [
        "blockdev-reopen",
        "block-dirty-bitmap-remove",
        "blockdev-reopen",
        "block-dirty-bitmap-remove",
    ]


def test_what_qemu_refuses_is_sent_and_its_words_are_expected() -> None:
    clear = "{execute: block-dirty-bitmap-clear, arguments: {node: S1, name: no}}"
    text = f"  - {{at: T2, do: [qmp: {clear}]}}\n"
    (step,) = steps(text, "qemu")[-1:]
    assert step.refusal == "Dirty bitmap 'no' not found"
    assert step.actions == (Command("block-dirty-bitmap-clear", {"node": "S1", "name": "no"}),)


def test_what_an_api_refuses_is_not_sent() -> None:
    text = (
        "  - {at: T2, do: [delete: {checkpoint: B1}]}\n"
        "  - {at: T3, do: [{backup: {since: B1, to: x.bak}, expect: refused}]}\n"
    )
    assert steps(text, "libvirt")[-1].entry.instant == "T2"


def test_what_kills_qemu_is_sent_alone_or_not_at_all() -> None:
    enable = "{execute: block-dirty-bitmap-enable, arguments: {node: S1, name: no}}"
    disable = "{execute: block-dirty-bitmap-disable, arguments: {node: S1, name: B1}}"
    text = f"  - {{at: T2, do: [qmp: [{disable}, {enable}]]}}\n"
    assert last(text, "qemu") == (
        Command("block-dirty-bitmap-enable", {"node": "S1", "name": "no"}),
    )


def test_restores_are_read_through_where_they_lie() -> None:
    stacks = [a for step in make_plan(mail()).steps for a in step.actions if isinstance(a, Stack)]
    assert stacks[0].files == (("S1.bak", "qcow2"), ("B2.bak", "qcow2"))


def test_a_full_backup_must_hold_explicit_zeroes_whatever_the_model_draws() -> None:
    full: list[Backup] = []
    for step in make_plan(mail()).steps:
        for copy in sight_of(step.machine, step.backups, step.restores).copies:
            if copy.row == "full3.bak":
                assert [(run.first, run.length, run.held) for run in copy.cells] == [
                    (0, 3, ord("A")),
                    (3, 3, ord("B")),
                    (6, 2, 0),
                ]
                full += step.backups
    assert full


def test_names_that_qemu_does_not_take_are_replaced() -> None:
    text = """
scenario: x
model: qemu
disk: 2
timeline:
  - {at: T1, do: [{create: 1 disk}, {backup: {to: -b}}]}
"""
    names = make_plan(timeline_of(text)).names
    assert names.nodes == {"1 disk": "image-1"}
    assert names.files == {"1 disk": "image-1"}
    assert names.copies == {("-b", "vda"): "backup-1"}
