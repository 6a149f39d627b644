"""Jobs that last, and chains that change, as a scenario has them."""

from typing import Any

import pytest

import simulator
from simulator.diagnostics import InputError
from simulator.model.machine import Status

HEAD = """
scenario: x
model: {model}
disk: 8
timeline:
  - {{at: T1, do: [create: {{image: S1, bitmap: B1}}]}}
  - write: AAAA----
"""


def played(text: str, model: str = "qemu") -> Any:
    return simulator.loads(HEAD.format(model=model) + text).run()


def test_a_job_is_running_until_its_instant_and_done_when_that_begins() -> None:
    run = played(
        "  - {at: T2, do: [backup: {to: full, ends: T4}]}\n"
        "  - write: B-------\n"
        "  - {at: T3}\n"
        "  - {at: T4, do: [restore: {from: [full], of: T2}]}\n"
    )
    jobs = [len(frame.machine.jobs) for frame in run.timeline.frames]
    assert jobs == [0, 1, 1, 0]
    assert run.findings == ()
    (entry, backup), *others = run.timeline.made_backups
    assert (entry.instant, backup.status, others) == ("T2", Status.COMPLETED, [])


def test_a_running_backup_is_no_row_yet_and_cannot_be_restored() -> None:
    run = played(
        "  - {at: T2, do: [backup: {to: full, ends: T4}]}\n"
        "  - {at: T3, do: [{restore: {from: [full]}, expect: refused}]}\n"
        "  - {at: T4}\n"
    )
    assert [f.expected for f in run.findings] == [True]
    assert "its job is still running" in run.findings[0].message
    assert run.document()["backups"]["full"]["status"] == "completed"


def test_the_target_of_a_running_job_is_not_copied_over_where_its_delete_was_refused() -> None:
    """Found by a random timeline: the job ended, cleared its bitmap, and had no backup."""
    run = played(
        "  - {at: T2, do: [backup: {to: full, ends: T4}]}\n"
        "  - {at: T3, do: [{delete: {backup: full}, expect: refused},"
        " {copy: {image: S1, to: full}, expect: refused}]}\n"
        "  - {at: T4}\n"
    )
    told = [finding.refused for finding in run.findings]
    assert told == ["backup full is in use: its job is still running"] * 2
    assert run.document()["backups"]["full"]["kind"] == "full"


def test_a_target_that_qemu_does_not_take_has_the_rule_of_such_names_as_its_cause() -> None:
    job = 'blockdev-backup, arguments: {device: S1, target: "1.bak", sync: full}'
    run = played(f"  - {{at: T2, do: [qmp: {{execute: {job}}}]}}\n")
    (finding,) = run.findings
    assert finding.refused == "Invalid node-name: '1.bak'"
    assert "begins with a letter" in finding.notes[0]


@pytest.mark.parametrize(("end", "status"), [("fails: T3", "failed"), ("ends: T3", "completed")])
def test_the_run_document_tells_how_a_job_ended(end: str, status: str) -> None:
    document = played(
        f"  - {{at: T2, do: [backup: {{to: full, {end}}}]}}\n  - {{at: T3}}\n"
    ).document()
    assert document["backups"]["full"]["status"] == status
    assert document["frames"][1]["disks"]["vda"]["bitmaps"][0]["busy"] is False


def test_a_cancelled_job_is_over_when_its_end_comes() -> None:
    run = played(
        "  - {at: T2, do: [backup: {to: full, ends: T4}]}\n"
        "  - {at: T3, do: [cancel: full]}\n"
        "  - {at: T4}\n"
    )
    assert run.findings == ()
    assert run.document()["backups"]["full"]["status"] == "cancelled"


def test_what_ends_a_job_ends_no_later_one_of_its_name() -> None:
    backup = "{execute: blockdev-backup, arguments: {device: S1, target: k1, sync: full}}"
    run = played(
        f"  - {{at: T2, do: [{{qmp: {backup}, fails: T4}}]}}\n"
        f"  - {{at: T3, do: [{{cancel: k1}}, {{qmp: {backup}, ends: T6}}]}}\n"
        "  - {at: T4}\n"
        "  - {at: T5}\n"
        "  - {at: T6}\n"
    )
    jobs = [len(frame.machine.jobs) for frame in run.timeline.frames]
    assert jobs == [0, 1, 1, 1, 1, 0]
    ended = [backup.status for _, backup in run.timeline.made_backups]
    assert ended == [Status.CANCELLED, Status.COMPLETED]


def test_a_pull_is_told_as_one_and_keeps_the_state_of_its_start() -> None:
    run = played(
        "  - {at: T2, do: [backup: {to: inc, mode: pull, bitmaps: [B1], ends: T3}]}\n"
        "  - write: BB------\n"
        "  - {at: T3}\n"
    )
    backup = run.document()["backups"]["inc"]
    assert (backup["mode"], backup["cells"]) == ("pull", "AAAA----")


def test_a_libvirt_user_who_cancels_nothing_is_told_so() -> None:
    run = played("  - {at: T2, do: [{backup: a}, {cancel: a}]}\n", "libvirt")
    assert "no job is active on the domain" in run.findings[0].message


def test_a_picture_is_held_against_what_the_disk_has_become() -> None:
    text = "  - {at: T2, do: [resize: 4]}\n  - write: AAAA----\n"
    with pytest.raises(InputError) as caught:
        played(text)
    (problem,) = caught.value.problems
    assert problem.message == "the picture has 8 clusters, the disk has 4 clusters here"
    assert problem.span is not None
    assert problem.span.line == 9


def test_a_resize_that_is_refused_leaves_the_pictures_as_they_were() -> None:
    run = played(
        "  - {at: T2, do: [backup: {to: full, ends: T4}]}\n"
        "  - {at: T3, do: [{resize: 4, expect: refused}]}\n"
        "  - write: ------BB\n"
        "  - {at: T4}\n"
    )
    assert [f.expected for f in run.findings] == [True]


def test_images_of_one_chain_are_told_with_their_own_lengths() -> None:
    run = played("  - {at: T2, do: [{snapshot: S2}, {resize: 10}]}\n")
    disk = run.document()["frames"][-1]["disks"]["vda"]
    assert disk["clusters"] == 10
    assert disk["images"] == {"S1": "AAAA----", "S2": "----------"}
    assert disk["bitmaps"][0]["cells"] == "XXXX----"


def test_a_disk_grows_past_the_size_that_is_drawn_cell_by_cell() -> None:
    run = played("  - {at: T2, do: [{resize: 5000}, {backup: full}]}\n")
    assert run.document()["frames"][-1]["disks"]["vda"]["guest"] == [(0, 4, "A")]
    assert run.document()["backups"]["full"]["cells"][-1] == (4, 4996, "0")
