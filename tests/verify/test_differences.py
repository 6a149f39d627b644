"""A simulator that is wrong is caught, and the finding shows where."""

from dataclasses import replace

import pytest

from simulator.model.clusters import ClusterMap, map_of, set_of
from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.timeline import Entry, Timeline
from simulator.verify.compare import Difference
from simulator.verify.on_qemu import verify
from simulator.verify.playing import report_differences
from tests.hosts.real import mail, need_qemu, timeline_of


def changed(timeline: Timeline, number: int, machine: Machine) -> Timeline:
    """Return a timeline in which one entry left something else behind."""
    entries = list(timeline.entries)
    entries[number] = entries[number]._replace(after=machine)
    return replace(timeline, entries=tuple(entries))


def at(timeline: Timeline, verb: str) -> Entry:
    return next(e for e in timeline.entries if e.statement and e.statement.verb == verb)


def with_content(machine: Machine, content: ClusterMap) -> Machine:
    disk = machine.disks[0]
    chain = (*disk.chain[:-1], replace(disk.active, content=content))
    return machine.with_disk(replace(disk, chain=chain))


def test_a_wrong_cell_is_shown_with_both_rows_and_a_caret() -> None:
    need_qemu()
    timeline = mail()
    entry = at(timeline, "write")
    wrong = with_content(entry.after, map_of(8, dict.fromkeys(range(3), ord("A"))))
    outcome = verify(changed(timeline, entry.number, wrong))
    finding = outcome.finding
    assert finding is not None
    assert (finding.code, finding.rule) == ("VF001", "verify-difference")
    assert finding.entry == entry.number
    assert finding.span == (entry.statement.span if entry.statement else None)
    assert outcome.version in finding.message
    assert finding.notes[:4] == (
        "S1:",
        "simulator: |AAA-----|",
        "QEMU:      |AAAA----|",
        "               ^ cluster 3: nothing and not A",
    )
    assert any("blockdev-add" in line for line in outcome.said)
    assert any(line.startswith("guest: write A") for line in outcome.said)


def test_a_wrong_bit_a_wrong_flag_and_a_missing_bitmap_are_told() -> None:
    need_qemu()
    timeline = mail()
    entry = at(timeline, "write")
    disk = entry.after.disks[0]
    (bitmap,) = disk.bitmaps
    wrong = {
        "|XX------|+": replace(bitmap, dirty=set_of(8, (0, 1))),
        "frozen, persistent": replace(bitmap, recording=False),
        "no such bitmap": None,
    }
    for shown, other in wrong.items():
        bitmaps = (other,) if other is not None else ()
        machine = entry.after.with_disk(replace(disk, bitmaps=bitmaps))
        finding = verify(changed(timeline, entry.number, machine)).finding
        assert finding is not None
        assert finding.message.startswith("S1.B1 is not as on QEMU")
        assert any(shown in note for note in finding.notes), finding.notes


@pytest.mark.parametrize("name", ["full3.bak", "B2.bak"])
def test_a_wrong_backup_is_told(name: str) -> None:
    need_qemu()
    timeline = mail()
    entry = next(e for e in timeline.entries if e.after.backups_named(name))
    *others, backup = entry.after.backups
    wrong = replace(backup, content=map_of(8, {7: ord("Q")}))
    machine = replace(entry.after, backups=(*others, wrong))
    finding = verify(changed(timeline, entry.number, machine)).finding
    assert finding is not None
    assert finding.message.startswith(f"{name} is not as on QEMU")


def test_a_wrong_restore_is_told() -> None:
    need_qemu()
    timeline = mail()
    entry = at(timeline, "restore")
    (restored,) = entry.after.restores
    machine = replace(entry.after, restores=(replace(restored, content=map_of(8)),))
    finding = verify(changed(timeline, entry.number, machine)).finding
    assert finding is not None
    assert finding.notes[0] == "simulator: |--------|"
    assert finding.notes[1] == "QEMU:      |AAABBB--|"


REFUSED = """
scenario: x
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: S1]}
  - at: T2
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}
"""


def test_a_refusal_in_other_words_is_told() -> None:
    need_qemu()
    timeline = timeline_of(REFUSED)
    last = timeline.entries[-1]
    assert last.refusal is not None
    entries = (*timeline.entries[:-1], last._replace(refusal=Refusal("no such luck")))
    outcome = verify(replace(timeline, entries=entries))
    assert outcome.finding is not None
    assert outcome.finding.code == "VF002"
    assert outcome.finding.notes == (
        "simulator: no such luck",
        "QEMU: Bitmap already exists: B1",
    )


def test_what_only_one_side_refuses_is_told() -> None:
    need_qemu()
    timeline = timeline_of(REFUSED)
    first, second = timeline.entries[-2:]
    accepted = second._replace(refusal=None, operations=first.operations, before=first.before)
    finding = verify(replace(timeline, entries=(*timeline.entries[:-1], accepted))).finding
    assert finding is not None
    assert finding.message == ("QEMU refuses block-dirty-bitmap-add, which the simulator accepts")
    refused = first._replace(refusal=Refusal("no"), after=first.before, operations=())
    finding = verify(replace(timeline, entries=(timeline.entries[0], refused))).finding
    assert finding is not None
    assert finding.message == "QEMU accepts what the simulator refuses"


def test_names_that_would_forge_a_line_are_escaped() -> None:
    entry = mail().entries[0]
    forged = Difference("b\x1b[31m\nguest sees: |ZZ|", ("simulator: |AA|", "QEMU:      |ZZ|"))
    for differing in ([forged], [forged, forged]):
        finding = report_differences(entry, differing, "QEMU 7.2")
        assert "b\\x1b[31m\\x0aguest sees: |ZZ|" in finding.message
        assert all(text.isprintable() for text in (finding.message, *finding.notes))
