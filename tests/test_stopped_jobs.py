"""Jobs that are stopped: what they leave in their targets and bitmaps, and how a file tells it."""

import pytest

import simulator
from simulator.diagnostics import InputError
from simulator.model.machine import Backup
from simulator.pipeline import Scenario
from simulator.qemu.plan import make_plan
from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu

HEAD = """\
scenario: stopped
model: qemu
disk: 8
timeline:
  - at: T1
    do:
      - create: S1
      - write: AAA0----
      - snapshot: S2
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: b}}
  - write: -B-BB--B
  - at: T2
    do:
      - qmp:
          execute: blockdev-backup
          arguments: {device: S2, target: k1, sync: SYNC, bitmap: b, bitmap-mode: MODE}
        fails: FAILS
  - write: ------C-
  - at: T3
    do: [STEP]
  - at: T4
"""


def scenario(sync: str, mode: str, fails: str, step: str = "") -> Scenario:
    text = HEAD.replace("SYNC", sync).replace("MODE", mode)
    return simulator.loads(text.replace("FAILS", fails).replace("STEP", step))


def left(made: Scenario) -> tuple[str, str]:
    """What the target and the bitmap hold at the end."""
    timeline = made.run().timeline
    backup: Backup = timeline.last.backups_named("k1")[0]
    bitmap = timeline.last.disks[0].bitmap("S2", "b")
    assert bitmap is not None
    held = dict(backup.content.items())
    cells = "".join("-" if n not in held else chr(held[n] or ord("0")) for n in range(8))
    return cells, "".join("X" if n in bitmap.dirty else "-" for n in range(8))


@pytest.mark.parametrize(
    ("sync", "mode", "fails", "step", "target", "bits"),
    [
        # Nothing is copied but what the guest overwrote.
        ("full", "always", "T4", "", "------0-", "XXXXXXXX"),
        ("top", "always", "T4", "", "--------", "-X-XX-XX"),
        ("bitmap", "always", "T4", "", "--------", "-X-XX-XX"),
        ("bitmap", "never", "T4", "", "--------", "-X-XX-XX"),
        ("bitmap", "on-success", "T4", "", "--------", "-X-XX-XX"),
        # So much is told to be copied.
        ("full", "always", "{at: T4, copied: XXX-----}", "", "ABA---0-", "---XXXXX"),
        ("full", "on-success", "{at: T4, copied: XXX-----}", "", "ABA---0-", "-X-XX-XX"),
        ("top", "always", "{at: T4, copied: -X------}", "", "-B------", "---XX-XX"),
        ("bitmap", "always", "{at: T4, copied: 50%}", "", "-B-B----", "----X-XX"),
        ("bitmap", "never", "{at: T4, copied: 50%}", "", "-B-B----", "-X-XX-XX"),
        # All is copied: the bitmap starts anew.
        ("bitmap", "always", "{at: T4, copied: 100%}", "", "-B-BB--B", "------X-"),
        # A job that is cancelled had copied all, or what is told.
        ("full", "always", "T4", "cancel: k1", "ABABB--B", "------X-"),
        ("bitmap", "always", "T4", "cancel: k1", "-B-BB--B", "------X-"),
        ("bitmap", "on-success", "T4", "cancel: k1", "-B-BB--B", "-X-XX-XX"),
        ("bitmap", "always", "T4", "cancel: {job: k1, copied: -X------}", "-B------", "---XX-XX"),
        ("top", "always", "T4", "cancel: {job: k1, copied: 25%}", "-B------", "---XX-XX"),
    ],
)
def test_a_job_that_is_stopped_leaves_what_it_had_copied(
    sync: str, mode: str, fails: str, step: str, target: str, bits: str
) -> None:
    made = scenario(sync, mode, fails, step)
    assert left(made) == (target, bits)
    need_qemu()
    assert verify(made.run().timeline).finding is None


def test_which_job_of_a_step_fails_and_what_becomes_of_the_others() -> None:
    text = """\
scenario: two
model: qemu
disk: 8
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: b}}]}
  - write: AAAA----
  - at: T2
    do:
      - qmp:
          execute: transaction
          arguments:
            properties: {completion-mode: COMPLETION}
            actions:
              - {type: blockdev-backup, data: {device: S1, target: k1, sync: full}}
              - {type: blockdev-backup, data: {device: S1, target: k2, sync: top}}
        fails: {at: T3, job: k2, copied: A-------}
  - {at: T3, do: []}
"""
    ends = {}
    for mode in ("individual", "grouped"):
        run = simulator.loads(text.replace("COMPLETION", mode)).run()
        ends[mode] = [(b.name, b.status.value, b.usable) for b in run.timeline.last.backups]
        need_qemu()
        assert verify(run.timeline).finding is None
    assert ends["individual"] == [("k1", "completed", True), ("k2", "failed", False)]
    assert ends["grouped"] == [("k1", "cancelled", True), ("k2", "failed", False)]


def test_a_picture_behind_what_is_not_copied_is_not_verifiable() -> None:
    need_qemu()
    finding = verify(
        scenario("full", "always", "{at: T4, copied: --X-----}").run().timeline
    ).finding
    assert finding is not None
    assert finding.code == "VF005"


@pytest.mark.parametrize(
    ("fails", "step", "message", "line", "expected"),
    [
        ("{at: T4, copied: XXX}", "", "the picture has 3 clusters, k1 has 8", 17, "8 characters"),
        ("{at: T4, copied: XXX------}", "", "the picture has 9 clusters, k1 has 8", 17, ""),
        ("{at: T4, copied: X-XX----}", "", "k1 has not to copy cell 1", 17, "|-X-XX--X|"),
        ("{at: T4, copied: 120%}", "", "copied is 120%", 17, "at most 100%"),
        ("{at: T4, copied: 'X  X----'}", "", "cells 2 to 3 of the picture are blanks", 17, ""),
        ("{at: T4, job: k2}", "", "this step starts no job k2", 17, "k1"),
        ("{job: k1}", "", "fails has no at", 17, ""),
        ("T4", "cancel: {job: k1, copied: XXXXXXXXXX}", "the picture has 10 clusters", 20, ""),
        ("T4", "cancel: {job: k3, copied: XXXXXXXX}", "unknown backup or job k3", 20, "k1"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    fails: str, step: str, message: str, line: int, expected: str
) -> None:
    with pytest.raises(InputError) as told:
        scenario("bitmap", "always", fails, step).run()
    found = [(p.message, p.span.line if p.span else 0) for p in told.value.problems]
    assert any(message in text and at == line for text, at in found), found
    texts = [p.expected + p.help for p in told.value.problems if message in p.message]
    assert any(expected in text for text in texts), texts


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("blockcopy: {to: S3, fails: {at: T3, copied: 50%}}", "S3, which is a blockcopy"),
        (
            "backup: {to: k, mode: pull, fails: {at: T3, copied: 50%}}",
            "k, which is a backup that somebody reads meanwhile",
        ),
    ],
)
def test_how_far_is_told_of_what_keeps_it_only(step: str, what: str) -> None:
    text = f"""\
scenario: others
model: qemu
disk: 8
timeline:
  - {{at: T1, do: [{{create: S1}}, {{snapshot: S2}}]}}
  - {{at: T2, do: [{{{step}}}]}}
  - {{at: T3, do: []}}
"""
    with pytest.raises(InputError) as told:
        simulator.loads(text).run()
    (problem,) = told.value.problems
    assert what in problem.message
    assert problem.span is not None
    assert problem.span.line == 6


def test_where_instants_are_times_nobody_tells_how_far_a_job_has_come() -> None:
    text = """\
scenario: timed
model: qemu
disk: 8
timeline:
  - {at: 0s, do: [{create: S1}]}
  - {at: 1s, do: [{backup: {to: a, fails: {at: +1s, copied: 50%}}}]}
"""
    with pytest.raises(InputError, match="copied is told, and here time tells"):
        simulator.loads(text)


@pytest.mark.parametrize(
    ("mode", "how", "changes"),
    [
        ("on-success", "ends", True),
        ("on-success", "fails", False),
        ("always", "fails", True),
        ("never", "ends", False),
    ],
)
def test_a_bitmap_on_a_read_only_image_may_change_if_its_successor_has_its_place(
    mode: str, how: str, changes: bool
) -> None:
    """Source: QEMU 7.2, ``bdrv_dirty_bitmap_abdicate`` and ``bdrv_reclaim_dirty_bitmap``."""
    text = HEAD.replace("SYNC", "bitmap").replace("MODE", mode).replace("FAILS", "T4")
    text = text.replace("name: b}", "name: b, persistent: true}")
    text = text.replace("        fails:", f"        {how}:").replace("STEP", "{snapshot: S3}")
    for instant, command in (("T5", "remove"), ("T6", "clear")):
        asked = f"{{execute: block-dirty-bitmap-{command}, arguments: {{node: S2, name: b}}}}"
        text += f"  - {{at: {instant}, do: [{{qmp: {asked}}}]}}\n"
    timeline = simulator.loads(text).run().timeline
    told = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    if changes:
        assert told == ["Failed to update bitmap extension: Operation not permitted"]
    else:
        assert told == ["Bitmap 'b' is readonly and cannot be modified"] * 2


@pytest.mark.parametrize(("mode", "left"), [("grouped", []), ("individual", ["k2"])])
def test_a_command_that_finalizes_one_job_of_a_group_finalizes_all(
    mode: str, left: list[str]
) -> None:
    jobs = ", ".join(
        f"{{type: blockdev-backup, data: {{device: S{n}, target: k{n}, sync: full}}}}"
        for n in (1, 2)
    )
    together = f"{{actions: [{jobs}], properties: {{completion-mode: {mode}}}}}"
    text = f"""
scenario: finalized
model: qemu
disks: {{a: 4, b: 4}}
timeline:
  - {{at: T1, do: [{{create: {{image: S1, disk: a}}}}, {{create: {{image: S2, disk: b}}}}]}}
  - {{at: T2, do: [{{qmp: {{execute: transaction, arguments: {together}}}, ends: T4}}]}}
  - {{at: T3, do: [{{qmp: {{execute: job-finalize, arguments: {{id: k1}}}}}}]}}
  - {{at: T4}}
"""
    timeline = simulator.loads(text).run().timeline
    finalized = next(entry for entry in timeline.entries if entry.instant == "T3")
    assert [job.name for job in finalized.after.jobs] == left


TIMED = """
scenario: stopped in time
model: qemu
disk: 16
resources: {net: {bandwidth: 64 KiB/s}}
timeline:
  - {at: 0s, do: [{create: {image: A, bitmap: b}}, {write: AAAABBBBCCCCDDDD}]}
  - {at: 3s, do: [{backup: {to: k, through: net, HOW: +6s}}]}
  - {at: 7s, do: [{write: CELLS}]}
  - {at: 30s, do: [shutdown]}
"""


@pytest.mark.parametrize("how", ["cancel", "fails"])
def test_a_job_that_takes_time_is_stopped_where_it_had_come_to(how: str) -> None:
    need_qemu()
    made = simulator.loads(TIMED.replace("HOW", how).replace("CELLS", "E" + "-" * 15))
    timeline = made.run().timeline
    assert dict(timeline.last.backups[0].content.items()) == dict(enumerate(b"AAAABB"))
    assert verify(timeline).finding is None
    actions = [each for step in make_plan(timeline).steps for each in step.actions]
    assert any("inject-error" in str(each) for each in actions)


def test_a_job_that_takes_time_and_had_not_copied_what_was_overwritten_is_not_verifiable() -> None:
    made = simulator.loads(TIMED.replace("HOW", "fails").replace("CELLS", "-" * 15 + "E"))
    told = [step.unsupported for step in make_plan(made.run().timeline).steps]
    assert "a job that takes time and had not copied what the guest overwrote" in told


def test_a_job_that_fails_at_once_leaves_its_target_as_it_was() -> None:
    """What the target held before is none of what the job had copied."""
    need_qemu()
    again = (
        "      - qmp: {execute: blockdev-backup, arguments: {device: S2, target: k, sync: top}}\n"
    )
    text = HEAD.partition("  - at: T2")[0] + "  - at: T2\n    do:\n" + again
    text += f"  - at: T3\n    do:\n{again}        fails: T4\n  - at: T4\n"
    assert verify(simulator.loads(text).run().timeline).finding is None


def test_a_successor_s_bitmap_can_be_removed_once_its_image_is_active_again() -> None:
    text = HEAD.replace("SYNC", "bitmap").replace("MODE", "on-success")
    text = text.replace("STEP", "snapshot: S3").replace("fails: FAILS", "ends: T4")
    text = text.replace("name: b}", "name: b, persistent: true}")
    remove = "{execute: block-dirty-bitmap-remove, arguments: {node: S2, name: b}}"
    text += "  - {at: T5, do: [{commit: {top: S3, base: S2}}]}\n"
    text += f"  - {{at: T6, do: [{{qmp: {remove}}}]}}\n"
    timeline = simulator.loads(text).run().timeline
    assert not [entry.refusal for entry in timeline.entries if entry.refusal is not None]
