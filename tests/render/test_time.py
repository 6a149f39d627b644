"""The time view: what happened when, as long as it was so."""

import simulator
from simulator.render.drawing import Box, Drawing
from tests.checkout import ROOT

JOBS = """scenario: jobs that end well, badly, and not at all
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - {at: T2, do: [{backup: {to: full.bak, ends: T3}}]}
  - write: BCDEFG--
  - {at: T3, do: [{backup: {to: bad.bak, fails: T4}}]}
  - write: --C-----
  - {at: T4, do: [{backup: {to: long.bak, ends: T6}}]}
  - {at: T5, do: [{cancel: long.bak}, {delete: {backup: full.bak}}]}
  - {at: T6}
"""
MERGE = """scenario: a merge that is aborted
model: qemu
disk: 4
timeline:
  - {at: T1, do: [{create: base}]}
  - write: AA--
  - at: T2
    do:
      - qmp: {execute: blockdev-snapshot-internal-sync, arguments: {device: base, name: inside}}
      - snapshot: top
  - write: -B--
  - at: T3
    do:
      - qmp: {execute: block-commit, arguments: {job-id: merge, device: top}}
        ends: T5
  - {at: T4, do: [{qmp: {execute: job-cancel, arguments: {id: merge}}}]}
  - {at: T5}
"""


def drawn(text: str) -> tuple[Drawing, list[str]]:
    """The drawing of a scenario, and its lines as text."""
    picture = simulator.loads(text).run().draw("time")
    return picture.drawing, picture.text().splitlines()


def row(lines: list[str], label: str) -> str:
    """The row of a text that has a label."""
    (found,) = (line for line in lines if line.lstrip().startswith(label))
    return found


def bars(drawing: Drawing, role: str) -> list[Box]:
    """The bars of a role, without the samples of the legend."""
    return [s for s in drawing.shapes if isinstance(s, Box) and s.fill == role and s.height == 13]


def test_what_the_host_did_stands_above_the_instant() -> None:
    _, lines = drawn(JOBS)
    head = "\n".join(lines[2:6])
    for word in ("backup full.bak", "completed full.bak", "failed bad.bak", "cancel long.bak"):
        assert word in head
    assert "delete full.bak" in head


def test_a_deleted_backup_ends_where_it_was_deleted() -> None:
    drawing, lines = drawn(JOBS)
    # The one that was cancelled had copied all, and is kept as well.
    kept, cancelled = bars(drawing, "zero")
    places = {text.text: text.x for text in drawing.texts if text.bold}
    assert (kept.x, kept.x + kept.width) == (places["T3"], places["T5"])
    assert cancelled.x >= places["T4"]
    assert row(lines, "full.bak").count("|") == 3


def test_failed_and_cancelled_jobs_are_told_apart() -> None:
    drawing, lines = drawn(JOBS)
    (failed,), (cancelled,) = bars(drawing, "error"), bars(drawing, "warning")
    assert failed.dashed
    assert cancelled.dashed
    assert "full, failed" in row(lines, "bad.bak")
    assert "full, cancelled" in row(lines, "long.bak")
    assert lines[-1] == "= active  % backup  - kept  / failed  ? cancelled"


def test_a_write_that_failed_and_its_finding_are_drawn() -> None:
    run = simulator.load(ROOT / "scenarios" / "flagged" / "BT210-no-room.yaml").run()
    drawing = run.draw("time").drawing
    (bar,) = bars(drawing, "error")
    assert bar.title == "the guest's write fails: write failed: No space left on device"
    places = {text.text: text.x for text in drawing.texts}
    assert places["BT210"] == places["T3"] + 7


def test_signs_of_the_legend_do_not_occur_in_what_the_guest_wrote() -> None:
    _, lines = drawn(JOBS)
    guest = row(lines, "guest")
    assert "|A " in guest
    assert "|many" in guest
    assert "|C " in guest
    assert not set(guest) & set("*%/?=#-")


def test_a_base_that_a_commit_writes_into_is_not_read_only_then() -> None:
    _, lines = drawn(MERGE)
    words = [word.strip(" .~") for word in row(lines, "base").split("|")[1:-1] if word]
    assert words == ["active", "read-only", "written by commit", "read-only"]
    assert "commit, cancelled" in row(lines, "merge")


def test_an_internal_snapshot_has_a_row_below_its_image() -> None:
    _, lines = drawn(MERGE)
    assert "internal snapshot" in row(lines, "inside")
    assert "snapshot inside" in "\n".join(lines[2:6])
    assert "@ internal snapshot" in lines[-1]


def test_an_internal_snapshot_is_told_of_in_chain_and_tree() -> None:
    run = simulator.loads(MERGE).run()
    for view in ("chain", "tree"):
        assert "read-only, keeps inside inside" in run.draw(view).text()


def test_each_disk_has_a_row_of_what_its_guest_wrote() -> None:
    _, lines = drawn(
        "scenario: two\ndisks: {vda: {clusters: 4}, vdb: {clusters: 4}}\nmodel: libvirt\n"
        "timeline:\n  - {at: T1, do: [{create: {image: S, disk: vda}},"
        " {create: {image: U, disk: vdb}}]}\n  - write: {disk: vdb, cells: B---}\n  - {at: T2}\n"
    )
    assert "B" not in row(lines, "guest vda")
    assert "|B " in row(lines, "guest vdb")


def test_an_event_without_room_keeps_its_name() -> None:
    steps = "".join(f"  - {{at: T{n}, do: [checkpoint: c{n}]}}\n" for n in range(2, 30))
    drawing, lines = drawn(
        "scenario: many\nmodel: libvirt\ndisk: 4\ntimeline:\n"
        f"  - {{at: T1, do: [create: S]}}\n{steps}"
    )
    texts = [text.text for text in drawing.texts if text.role == "faint"]
    assert "c2" in texts
    assert "checkpoint c2" not in texts
    assert not any("\u2026" in text for text in texts)
    assert not any("1 instants" in line for line in lines)


def test_of_very_many_events_the_gravest_are_told() -> None:
    made = ", ".join(f"{{checkpoint: c{n}}}" for n in range(20))
    _, lines = drawn(
        "scenario: many\nmodel: libvirt\ndisk: 4\ntimeline:\n"
        f"  - {{at: T1, do: [create: S, {made}, crash]}}\n".replace("create: S,", "{create: S},")
    )
    assert any("and 14 more" in line for line in lines)
    assert any("crash" in line for line in lines)
