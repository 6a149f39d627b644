"""What a backup claims is one thing: `restores` and the rules agree about it."""

import pytest

import simulator
from simulator.pipeline import Run
from simulator.restorable.history import history_of

SIZES = {"small": "{clusters: 16}", "large": "{size: 1 TiB}"}


def run(model: str, size: str, steps: str) -> Run:
    return simulator.loads(
        f"scenario: s\nmodel: {model}\ndisks: {{vda: {size}}}\ntimeline:\n{steps}"
    ).run()


def told(played: Run, label: str) -> str | None:
    return history_of(played.timeline).at_end().told(label)


ANOTHER_JOB = """
  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: daily}}]}
  - write: {offset: 512 KiB, length: 64 KiB, data: C}
  - {at: T2}
  - zero: {offset: 512 KiB, length: 64 KiB}
  - write: {offset: 0, length: 64 KiB, data: A}
  - at: T3
    do:
      - qmp:
          execute: blockdev-backup
          arguments: {device: S1, target: other.bak, sync: incremental, bitmap: daily}
  - zero: {offset: 0, length: 64 KiB}
  - write: {offset: 128 KiB, length: 64 KiB, data: B}
  - {at: T4, do: [{backup: {since: daily, to: inc.bak}}]}
  - {at: T5, do: [{delete: {backup: other.bak}}]}
"""
"""Another consumer's job clears the bitmap, and what it copied is overwritten: inc.bak is what
has changed since the full backup, by luck."""


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_consumers_increment_starts_where_its_last_backup_ended(size: str) -> None:
    played = run("qemu-single", size, ANOTHER_JOB)
    assert [(finding.code, finding.at) for finding in played.findings] == [("BT202", "T4")]
    assert told(played, "T4") == "full.bak <- inc.bak"


BELOW = """
  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
  - write: {offset: 0, length: 256 KiB, data: A}
  - {at: T2, do: [{snapshot: S2}]}
  - write: {offset: 256 KiB, length: 128 KiB, data: B}
  - at: T3
    do:
      - backup: {since: c0, to: inc.bak}
      - backup: {since: c0, to: below.bak, image: S1}
  - {at: T4, do: [{restore: [full.bak, inc.bak]}]}
"""
"""Both backups read the lower image; only one was asked to."""


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_backup_claims_now_although_it_read_a_lower_image(size: str) -> None:
    played = run("nir-2018", size, BELOW)
    found = [(finding.code, finding.message) for finding in played.findings]
    assert found[1:] == [
        ("BT201", "backup inc.bak lacks what the guest wrote after T2"),
        ("BT306", "restored is not T3"),
    ]
    assert any(note.startswith("guest sees at T3:") for note in played.findings[1].notes)
    assert told(played, "T3") is None
    assert told(played, "T2") == "full.bak <- below.bak"
    left = history_of(played.timeline).at_end().without({"below.bak"})
    assert left.told("T2") == "full.bak <- inc.bak"


def test_a_disk_that_shrank_is_another_state_and_its_backup_gives_that() -> None:
    run = simulator.loads(
        "scenario: s\nmodel: qemu\ndisk: 4\ntimeline:\n"
        "  - {at: T1, do: [create: S1]}\n  - write: --AA\n"
        "  - {at: T2, do: [resize: 3]}\n"
        "  - {at: T3, do: [backup: {to: k}]}\n"
    ).run()
    assert run.restores().restorable == ("T1", "T2", "T3")
