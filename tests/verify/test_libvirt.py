"""Scenarios of the model ``libvirt`` on a real libvirt, and what goes wrong around it."""

from dataclasses import replace
from pathlib import Path

import pytest

import simulator
from simulator.libvirt.plan import make_libvirt_plan
from simulator.model.requests import StartCheckpoint
from simulator.verify.on_libvirt import verify
from tests.checkout import MAIL, SCENARIOS, command
from tests.hosts.real import CHAIN, HEAD, need_libvirt, timeline_of
from tests.waiting import PATIENCE_SECONDS

SHIPPED = (
    "mail/2018-libvirt",
    "valid/two-disks",
    "valid/pull-backup",
    "valid/delete-middle",
    "valid/blockcopy",
    "flagged/BT108-pull-after-resize",
    "flagged/BT108-raw-base",
    "flagged/BT203-cancelled",
    "flagged/BT104-crash-after-restart",
    "flagged/BT405-commit-where-libvirt-knows-no-link",
)
"""Those in which libvirt does most; the others only say the same again."""

STORIES = {
    "commits": CHAIN
    + """\
      - commit: {top: S2, base: S1}
      - backup: {since: B1, to: b1.bak}
      - backup: {since: B2, to: b2.bak}
      - commit: {top: S3}
      - backup: {since: B3, to: b3.bak}
""",
    "pulls": CHAIN
    + """\
      - pull: {into: S3, base: S1}
      - backup: {since: B1, to: b1.bak}
      - pull: {into: S3}
      - backup: {since: B2, to: b2.bak}
""",
    "deleted snapshots": CHAIN
    + """\
      - delete: {snapshot: S2}
      - shutdown
      - delete: {snapshot: S3}
      - start
      - backup: {since: B2, to: b2.bak}
""",
    "refusals": CHAIN
    + """\
      - {checkpoint: B1, expect: refused}
      - {checkpoint: a b, expect: refused}
      - checkpoint: -x
      - backup: {to: full.bak}
      - {backup: {to: full.bak}, expect: refused}
      - {cancel: full.bak, expect: refused}
      - {snapshot: S2, expect: refused}
      - {commit: {top: S1}, expect: refused}
      - {delete: {snapshot: S1}, expect: refused}
      - resize: {clusters: 16}
      - {backup: {to: i.bak, since: B3}}
      - {backup: {to: j.bak, since: B1}, expect: refused}
      - {start: null, expect: refused}
      - shutdown
      - {checkpoint: B4, expect: refused}
      - {backup: {to: k.bak}, expect: refused}
      - {delete: {checkpoint: B1}, expect: refused}
      - {snapshot: S4, expect: refused}
      - {commit: {top: S3}, expect: refused}
      - {shutdown: null, expect: refused}
""",
    "a commit after the disk shrank": """\
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: ---A----
  - at: T2
    do: [{snapshot: S2}, {resize: {clusters: 4}}]
  - write: B---
  - at: T3
    do:
      - commit: {top: S2}
      - backup: {to: a.bak, since: B1}
      - {snapshot: S2, expect: refused}
      - delete: {snapshot: S2, metadata: true}
      - snapshot: S2
""",
    "a commit that merges after one that could not": """\
  - at: T1
    do: [{create: S1}, {checkpoint: B2}]
  - at: T2
    do: [{snapshot: S3}, {resize: {clusters: 7}}]
  - write: A------
  - at: T3
    do: [{commit: {top: S3, base: S1}}]
  - write: -B------
  - at: T4
    do: [{snapshot: S4}, {checkpoint: B4}]
  - write: --C-----
  - at: T5
    do: [{commit: {top: S4, base: S1}}]
  - write: ---D----
  - at: T6
    do: [{checkpoint: B6}]
""",
    "a snapshot of a machine that is off, without any checkpoint": """\
  - at: T1
    do: [{create: S1}, {checkpoint: B1}, shutdown]
  - at: T2
    do: [{delete: {checkpoint: B1, metadata: true}}, {snapshot: S2}, start]
  - write: A-------
  - at: T3
    do: [{snapshot: S3}]
""",
    "a commit onto a raw copy": """\
  - at: T1
    do: [{create: S1}, {backup: {to: k2, checkpoint: B1}}]
  - at: T2
    do: [{blockcopy: {to: S2, format: raw}}]
  - write: A-------
  - at: T3
    do: [{snapshot: S3}]
  - write: -B------
  - at: T4
    do: [{commit: {top: S3, base: S2}}]
  - at: T5
    do: [{snapshot: S4}, {checkpoint: B4}]
  - write: --C-----
  - at: T6
    do: [{commit: {top: S4, base: S2}}]
  - at: T7
    do: [{snapshot: S5}, {commit: {top: S5, base: S2}}]
""",
    "bitmaps changed behind its back": CHAIN
    + """\
      - qmp: {execute: block-dirty-bitmap-disable, arguments: {node: S3, name: B1}}
      - qmp: {execute: block-dirty-bitmap-remove, arguments: {node: S2, name: B2}}
        expect: refused
      - qmp: {execute: block-dirty-bitmap-remove, arguments: {node: nope, name: B2}}
        expect: refused
      - qmp:
          - {execute: block-dirty-bitmap-add, arguments: {node: S3, name: x, disabled: true}}
          - execute: block-dirty-bitmap-merge
            arguments: {node: S3, target: x, bitmaps: [{node: S2, name: B1}, B2]}
      - {backup: {to: b1.bak, since: B1}, expect: refused}
      - commit: {top: S3, base: S1}
      - backup: {to: b2.bak, since: B2}
""",
    "under a pull": """\
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: AAAA----
  - at: T2
    do:
      - snapshot: S2
      - backup: {to: full.bak, mode: pull, since: B1, ends: T4}
  - write: B----B--
  - at: T3
    do:
      - checkpoint: B2
      - delete: {checkpoint: B1}
      - {commit: {top: S2}, expect: refused}
      - {pull: {into: S2}, expect: refused}
      - {resize: {clusters: 16}, expect: refused}
  - at: T4
    do: [crash, start]
""",
}
"""What the shipped scenarios leave out."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_agrees_with_libvirt(name: str) -> None:
    need_libvirt()
    timeline = simulator.load(SCENARIOS / f"{name}.yaml").run().timeline
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps == len(make_libvirt_plan(timeline).steps)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_agrees_with_libvirt(name: str) -> None:
    need_libvirt()
    outcome = verify(timeline_of(HEAD + STORIES[name]), timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])


def test_a_difference_is_two_figures_with_carets_and_the_commands_so_far() -> None:
    need_libvirt()
    timeline = timeline_of(HEAD + CHAIN.partition("  - at: T2")[0])
    *others, write = timeline.entries
    tampered = replace(timeline, entries=(*others, write._replace(after=write.before)))
    outcome = verify(tampered, timeout=PATIENCE_SECONDS)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF001"
    assert outcome.finding.message.startswith("S1, S1.B1, guest sees are not as on libvirt ")
    assert "simulator: |--------|" in outcome.finding.notes
    assert "QEMU:      |AAAA----|" in outcome.finding.notes
    assert any(note.strip().startswith("^^^^") for note in outcome.finding.notes)
    assert outcome.said[-1].startswith("$ virsh qemu-monitor-command machine --hmp 'qemu-io")
    assert "<name>machine</name>" in "\n".join(outcome.said)


def test_checkpoints_that_differ_are_told_with_their_parents() -> None:
    need_libvirt()
    timeline = timeline_of(
        HEAD
        + "  - at: T1\n    do: [create: S1, checkpoint: B1]\n".replace(
            "[create: S1, checkpoint: B1]", "[{create: S1}, {checkpoint: B1}]"
        )
    )
    *others, last = timeline.entries
    assert isinstance(last.statement and last.statement.request, StartCheckpoint)
    after = replace(last.after, checkpoints=())
    outcome = verify(
        replace(timeline, entries=(*others, last._replace(after=after))), timeout=PATIENCE_SECONDS
    )
    assert outcome.finding is not None
    assert outcome.finding.notes == ("simulator  none", "libvirt    B1", "           ^")


def test_it_is_told_which_verb_is_not_supported(tmp_path: Path) -> None:
    need_libvirt()
    file = tmp_path / "x.yaml"
    file.write_text(
        f"{HEAD}  - at: T1\n    do: [{{create: {{image: S1, disk: vda}}}}]\n"
        "  - at: T2\n    do:\n      - snapshot: S2\n      - detach: vda\n"
    )
    outcome = command("verify", str(file), "--with", "libvirt", "--timeout", "60")
    assert outcome.status == 1
    assert "VF005" in outcome.out
    assert "detach cannot be verified on a real libvirt" in outcome.out
    assert "virsh so far:" in outcome.out
    exported = command("export", str(file), "--to", "virsh")
    assert exported.status == 2
    assert "T2: detach: detach cannot be exported" in exported.err


def test_only_the_model_libvirt_is_held_against_libvirt() -> None:
    for words in (
        ("verify", str(MAIL), "--with", "libvirt"),
        ("export", str(MAIL), "--to", "virsh"),
    ):
        outcome = command(*words)
        assert outcome.status == 2
        assert "the model is mail-2018" in outcome.err
        assert "--model libvirt" in outcome.err
        assert outcome.out == ""


AGAIN = """\
scenario: a checkpoint of one disk is defined again for both
model: libvirt
disks: {vda: 8, vdb: 8}
timeline:
  - at: T1
    do:
      - {create: {image: S1, disk: vda}}
      - {create: {image: S2, disk: vdb}}
      - {checkpoint: {name: B1, disks: [vda]}}
  - at: T2
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: B1, persistent: true}}
      - {checkpoint: {name: B1, redefine: true}}
  - {at: T3, do: [{delete: {checkpoint: B1}}]}
"""


def test_a_checkpoint_that_is_defined_again_covers_the_disks_it_is_defined_with() -> None:
    timeline = timeline_of(AGAIN)
    assert not [bitmap for disk in timeline.last.disks for bitmap in disk.bitmaps]
    need_libvirt()
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
