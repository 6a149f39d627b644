"""Backups of changes are held against what the guest changed, when they are made."""

import pytest

import simulator
from simulator.diagnostics import Finding


def found(text: str) -> list[Finding]:
    return list(simulator.loads(f"scenario: s\ndisk: 8\n{text}").run().findings)


def codes(text: str) -> list[str]:
    return [finding.code for finding in found(text)]


FULL = "  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}\n"


def steps(*lines: str) -> str:
    return "".join(f"  - {line}\n" for line in lines)


def clear(verb: str) -> str:
    return f"{{qmp: {{execute: block-dirty-bitmap-{verb}, arguments: {{node: S1, name: c0}}}}}}"


OVERLAY_THEN_CHECKPOINT = steps(
    "write: A-------",
    "{at: T2, do: [{snapshot: {image: S2, outside: true}}]}",
    "write: -B------",
    "{at: T3, do: [{backup: {to: other.bak, checkpoint: c1}}]}",
    "write: --C-----",
    "{at: T4, do: [{backup: {to: inc.bak, since: c0}}]}",
)


@pytest.mark.parametrize("model", ["mail-2018", "libvirt-6.0"])
def test_a_since_across_an_overlay_without_a_bitmap_lacks_what_it_took(model: str) -> None:
    *_, last = found(f"model: {model}\ntimeline:\n{FULL}{OVERLAY_THEN_CHECKPOINT}")
    assert (last.code, last.at) == ("BT214", "T4")
    assert [(each.instant, each.message) for each in last.related] == [
        ("T2", "overlay S2 is made without bitmap c0 here")
    ]
    assert "guest saw at T3: |AB------|" in last.notes
    assert last.help == "take a full backup that starts a new checkpoint"


@pytest.mark.parametrize(
    ("model", "done", "told"),
    [
        ("libvirt", [f"{{at: T2, do: [{clear('clear')}]}}", "write: -B------"], "is cleared"),
        (
            "libvirt",
            [
                f"{{at: T2, do: [{clear('disable')}]}}",
                "write: -B------",
                f"{{at: T3, do: [{{backup: {{to: f2.bak, checkpoint: c1}}}}, {clear('enable')}]}}",
                "write: --C-----",
            ],
            "stops recording",
        ),
        (
            "libvirt-6.0",
            [
                f"{{at: T2, do: [{clear('disable')}]}}",
                "write: -B------",
                "{at: T3, do: [{backup: {to: f2.bak, checkpoint: c1}}]}",
                "write: --C-----",
            ],
            "stops recording",
        ),
    ],
)
def test_a_hole_at_the_start_or_in_the_middle_is_told_at_the_backup(
    model: str, done: list[str], told: str
) -> None:
    lines = steps("write: A-------", *done, "{at: T4, do: [{backup: {to: inc.bak, since: c0}}]}")
    findings = found(f"model: {model}\ntimeline:\n{FULL}{lines}")
    (hole,) = [finding for finding in findings if finding.code == "BT214"]
    assert hole.at == "T4"
    assert [each.message for each in hole.related] == [f"bitmap c0 of S1 {told} here"]


def test_a_since_that_reads_all_the_guest_changed_is_luck() -> None:
    lines = steps(
        "{at: T1, do: [{create: {image: S1, bitmap: B1}}, {backup: {to: full.bak}}]}",
        "write: AAAA----",
        "{at: T2, do: [snapshot: S2]}",
        "write: BB------",
        "{at: T3, do: [{backup: {since: B1, to: inc.bak}}]}",
    )
    (lucky,) = found(f"model: mail-2018\ntimeline:\n{lines}")
    assert (lucky.code, lucky.severity) == ("BT202", "warning")
    assert [each.message for each in lucky.related] == ["overlay S2 is made without bitmap B1 here"]


def test_a_checkpoint_of_an_overlay_records_on_in_the_base_into_which_it_is_committed() -> None:
    lines = steps(
        "{at: T1, do: [create: S1]}",
        "write: AAAA----",
        "{at: T2, do: [{snapshot: S2}, {backup: {to: full.bak, checkpoint: c1}}, {snapshot: S3},"
        " {commit: {top: S3, base: S1}}]}",
        'write: "-----BB-"',
        "{at: T3, do: [{backup: {since: c1, to: inc.bak}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{lines}") == []


def between(third: str) -> str:
    return steps(
        "{at: T1, do: [{create: {image: S1, bitmap: B1}}, {backup: {to: full.bak}}]}",
        "write: A-------",
        "{at: T2, do: [{backup: {since: B1, to: i1.bak, checkpoint: B2}}]}",
        f"write: {third}",
        "{at: T3, do: [{backup: {since: B2, to: i2.bak, checkpoint: B3}}]}",
        "write: ----C---",
        "{at: T4, do: [{backup: {bitmaps: [B1, B3], to: hole.bak}}]}",
    )


def test_bitmaps_with_one_left_out_between_them_lack_what_it_names() -> None:
    (hole,) = found(f"model: mail-2018\ntimeline:\n{between('-BBB----')}")
    assert (hole.code, hole.at) == ("BT214", "T4")
    assert hole.help == "copy the merge of B1, B2, B3 and call it T4"


def test_bitmaps_with_a_gap_in_which_nothing_else_changed_are_luck() -> None:
    assert codes(f"model: mail-2018\ntimeline:\n{between('B-------')}") == ["BT202"]


def test_a_help_names_no_merge_that_lacks_clusters_too() -> None:
    lines = steps(
        "{at: T1, do: [{create: {image: S1, bitmap: B1}}, {backup: {to: full.bak}}]}",
        "write: A-------",
        "{at: T2, do: [{snapshot: S2}]}",
        "write: -BB-----",
        "{at: T3, do: [{backup: {to: f2.bak, checkpoint: B3}}]}",
        "write: D---C---",
        "{at: T4, do: [{backup: {bitmaps: [B1], to: late.bak}}]}",
    )
    late = found(f"model: mail-2018\ntimeline:\n{lines}")[-1]
    assert late.code == "BT201"
    assert late.help == "copy B1 in the step that creates B3, or take a full backup"


def test_a_job_that_clears_the_bitmap_of_another_consumer_is_named() -> None:
    job = (
        "{qmp: {execute: blockdev-backup, arguments:"
        " {device: S1, target: other.bak, sync: incremental, bitmap: c0}}}"
    )
    lines = steps(
        "write: A-------",
        f"{{at: T2, do: [{job}]}}",
        "write: -B------",
        "{at: T3, do: [{backup: {since: c0, to: inc.bak}}]}",
    )
    for model in ("libvirt", "qemu-single"):
        (shared,) = found(f"model: {model}\ntimeline:\n{FULL}{lines}")
        assert (shared.code, shared.at) == ("BT204", "T3")
        assert shared.help == "stack inc.bak on other.bak; give each consumer a bitmap of its own"


def test_a_consumer_goes_on_where_its_last_backup_left_the_bitmap() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{backup: {since: c0, to: i1.bak}}]}",
        "write: -B------",
        "{at: T3, do: [{backup: {since: c0, to: i2.bak, fails: T4}}]}",
        "write: --C-----",
        "{at: T4, do: [{backup: {since: c0, to: i3.bak}}]}",
    )
    assert codes(f"model: qemu-single\ntimeline:\n{FULL}{lines}") == []


def test_a_disk_that_was_cut_off_and_grew_is_not_in_an_increment() -> None:
    lines = steps("{at: T2, do: [{resize: 4}, {resize: 8}, {backup: {since: c0, to: inc.bak}}]}")
    full = steps(
        "{at: T0, do: [create: S1]}",
        "write: AAAAAAAA",
        "{at: T1, do: [{backup: {to: full.bak, checkpoint: c0}}]}",
    )
    (resized,) = found(f"model: libvirt\ntimeline:\n{full}{lines}")
    assert resized.code == "BT209"
    assert [each.message for each in resized.related] == ["the disk changes its size here"]


def test_a_disk_that_grew_is_in_an_increment() -> None:
    lines = steps(
        "{at: T2, do: [{resize: 16}]}",
        "write: ------------BB--",
        "{at: T3, do: [{backup: {since: c0, to: inc.bak}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == []


ADD = "{execute: block-dirty-bitmap-add, arguments: {node: %s, name: t}}"
COPY = "{execute: blockdev-backup, arguments: {device: %s, target: %s, %s}}"
COPY_FULL = COPY % ("S1", "full", "sync: full")
THROUGH = "sync: incremental, bitmap: t"


def test_a_tracker_begun_anew_on_an_overlay_leaves_out_what_only_the_old_one_names() -> None:
    lines = steps(
        f"{{at: T1, do: [{{create: S1}}, {{qmp: {ADD % 'S1'}}}, {{qmp: {COPY_FULL}}}]}}",
        "write: -BBBB---",
        "{at: T2, do: [{snapshot: {image: S2, outside: true}}, {qmp: %s}]}" % (ADD % "S2"),
        "write: ------C-",
        "{at: T3, do: [{qmp: %s}]}" % (COPY % ("S2", "delta", THROUGH)),
    )
    (untracked,) = found(f"model: qemu\ntimeline:\n{lines}")
    assert (untracked.code, untracked.at) == ("BT107", "T2")
    assert untracked.message == "overlay S2 is made without t: clusters 1-4 are lost to it"


def test_an_overlay_without_bitmaps_that_is_committed_again_loses_nothing() -> None:
    lines = steps(
        "{at: T2, do: [{snapshot: {image: S2, outside: true}}]}",
        "write: -B------",
        "{at: T3, do: [{commit: {top: S2, base: S1}}, {backup: {since: c0, to: inc.bak}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == []


def test_a_snapshot_of_the_model_that_begins_the_next_bitmap_is_no_untracked_overlay() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}",
        "write: -B------",
        "{at: T3, do: [{backup: {since: c0, to: inc.bak}}]}",
    )
    assert codes(f"model: mail-2018\ntimeline:\n{FULL}{lines}") == []


def cleared(*after: str) -> str:
    return steps(
        "{at: T1, do: [{create: S1}, {qmp: %s}]}" % (ADD % "S1"),
        "write: AAAAAA--",
        "{at: T2, do: [{qmp: %s, ends: T3}]}" % (COPY % ("S1", "full", "sync: full")),
        "write: -B------",
        "{at: T3}",
        "write: ---C----",
        *after,
    )


CLEAR = "{execute: block-dirty-bitmap-clear, arguments: {node: S1, name: t}}"


def test_bits_that_nobody_has_copied_are_told_at_the_clear() -> None:
    lines = cleared(
        f"{{at: T4, do: [{{qmp: {CLEAR}}}]}}",
        "write: -----D--",
        "{at: T5, do: [{qmp: %s}]}" % (COPY % ("S1", "inc", THROUGH)),
    )
    (gone,) = found(f"model: qemu\ntimeline:\n{lines}")
    assert (gone.code, gone.at, gone.severity) == ("BT215", "T4", "warning")
    assert gone.message == "t is cleared, and nobody has copied clusters 1 and 3"


@pytest.mark.parametrize(
    "after",
    [
        [f"{{at: T4, do: [{{qmp: [{CLEAR}, {COPY % ('S1', 'again', 'sync: full')}]}}]}}"],
        [
            f"{{at: T4, do: [{{qmp: {CLEAR}}}]}}",
            "write: -----D--",
            f"{{at: T5, do: [{{qmp: {COPY % ('S1', 'again', 'sync: full')}}}]}}",
        ],
        [f"{{at: T4, do: [{{qmp: {COPY % ('S1', 'inc', THROUGH)}}}, {{qmp: {CLEAR}}}]}}"],
    ],
)
def test_bits_that_a_backup_gets_may_go(after: list[str]) -> None:
    assert codes(f"model: qemu\ntimeline:\n{cleared(*after)}") == []


def test_a_hole_is_none_where_the_guest_zeroed_what_lies_in_it() -> None:
    """Written between the bitmaps, and zeroes by now: on its base the backup is what is seen."""
    text = """model: nir-2018
timeline:
  - {at: T1, do: [{create: {image: S1, disk: vda, bitmap: c0}}]}
  - {at: T2, do: [{write: "--CCC---"}]}
  - {at: T4, do: [{backup: {to: k1, image: S1, checkpoint: c1}}]}
  - {at: T5, do: [{write: AAA-----}]}
  - {at: T8, do: [{backup: {to: k2, since: c1, checkpoint: c2, onto: k1}}]}
  - {at: T9, do: [{snapshot: S2}]}
  - {at: T11, do: [{zero: "ZEROED"}]}
  - {at: T12, do: [{backup: {to: k3, bitmaps: [c0, c2], onto: k1}}]}
"""
    assert "BT214" not in codes(text.replace("ZEROED", "00------"))
    assert "BT214" in codes(text.replace("ZEROED", "0-------"))


def test_a_restore_through_named_bitmaps_may_be_what_was_seen_when_they_were_copied() -> None:
    """The bitmap stopped with its image, and its clusters have been zeroed by the guest since."""
    text = """model: nir-2018
timeline:
  - {at: T1, do: [{create: S1}]}
  - {at: T4, do: [{write: "---AA---"}]}
  - {at: T5, do: [{checkpoint: c0}]}
  - {at: T6, do: [{snapshot: {image: S2, bitmap: c1}}]}
  - {at: T7, do: [{zero: "ZEROED"}]}
  - {at: T10, do: [{backup: {to: k1, bitmaps: [c0], checkpoint: c2, mode: pull}}]}
  - {at: T12, do: [{backup: {to: k2, bitmaps: [c0], checkpoint: c3, mode: pull}}]}
  - {at: T14, do: [{restore: {from: [k1, k2]}}]}
"""
    assert "BT302" not in codes(text.replace("ZEROED", "---000--"))
    assert "BT302" in codes(text.replace("ZEROED", "---0----"))
