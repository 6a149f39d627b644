"""Biographies: when and by which step a thing began, changed and went, in every model."""

import pytest

import simulator
from simulator.checks.biographies import (
    Kind,
    Thing,
    What,
    beginning_of,
    ending_of,
    events_of,
    history_of_bitmap,
    tell,
    told,
)
from simulator.timeline import Timeline


def run(model: str, *steps: str) -> Timeline:
    """Return a run of a disk with an image S1, to which an instant each happens."""
    lines = ["scenario: x", f"model: {model}", "disk: 8", "timeline:"]
    lines += ["- {at: T0, do: [{create: S1}]}"]
    for number, step in enumerate(steps, 1):
        guest = step.startswith("write")
        lines.append(f"- {step}" if guest else f"- {{at: T{number}, do: [{step}]}}")
    return simulator.loads("\n".join(lines)).run().timeline


def add(name: str, node: str = "S1", *, persistent: bool = True) -> str:
    """Return a step that adds a bitmap."""
    kept = ", persistent: true" if persistent else ""
    told = f"node: {node}, name: {name}{kept}"
    return f"{{qmp: {{execute: block-dirty-bitmap-add, arguments: {{{told}}}}}}}"


ENDINGS = [
    (
        False,
        "shutdown",
        "bitmap b of S1 is not persistent, and is lost when its image is closed here",
    ),
    (False, "crash", "bitmap b of S1 was in memory alone, and is lost with the process here"),
    (True, "crash", "bitmap b of S1 was in memory alone, and is lost with the process here"),
    (
        True,
        "{qmp: {execute: block-dirty-bitmap-remove, arguments: {node: S1, name: b}}}",
        "bitmap b of S1 is removed here",
    ),
    (True, "{detach: vda}", "disk vda is detached here, and bitmap b of S1 with it"),
    (
        True,
        "{blockcopy: {to: S9, disk: vda}}",
        "disk vda is copied to S9 here, and image S1 left behind, and bitmap b of S1 with it",
    ),
]


@pytest.mark.parametrize(("persistent", "step", "words"), ENDINGS)
def test_a_bitmap_goes_by_a_step_that_says_why(persistent: bool, step: str, words: str) -> None:
    timeline = run("qemu", add("b", persistent=persistent), "write: AAAA----", step)
    began, gone = history_of_bitmap(timeline, "vda", "b")
    assert (began.what, gone.what) == (What.BEGAN, What.GONE)
    assert tell(gone) == words
    assert (told(timeline, gone).at, told(timeline, gone).instant) == ("at T3", "T3")


def test_an_overlay_from_outside_leaves_a_bitmap_below_and_a_commit_brings_no_new_one() -> None:
    timeline = run("libvirt", "{checkpoint: c0}", "{snapshot: {image: S2, outside: true}}")
    began, left = history_of_bitmap(timeline, "vda", "c0")
    assert (began.what, left.what) == (What.BEGAN, What.LEFT)
    assert tell(left) == "overlay S2 is made without bitmap c0 here"


def test_a_bitmap_that_libvirt_repeats_begins_on_each_overlay_and_is_never_left() -> None:
    timeline = run("libvirt", "{checkpoint: c0}", "{snapshot: S2}")
    events = history_of_bitmap(timeline, "vda", "c0")
    assert [(event.what, event.thing.node) for event in events] == [
        (What.BEGAN, "S1"),
        (What.BEGAN, "S2"),
    ]


def test_states_of_a_bitmap_are_told_in_the_order_of_time() -> None:
    def qmp(command: str) -> str:
        return (
            f"{{qmp: {{execute: block-dirty-bitmap-{command}, arguments: {{node: S1, name: b}}}}}}"
        )

    timeline = run(
        "qemu",
        add("b"),
        "write: AAAA----",
        qmp("disable"),
        qmp("enable"),
        "write: -B------",
        qmp("clear"),
        "shutdown, start, crash",
    )
    assert [event.what for event in history_of_bitmap(timeline, "vda", "b")] == [
        What.BEGAN,
        What.DISABLED,
        What.ENABLED,
        What.CLEARED,
        What.SPOILED,
    ]


def test_an_incremental_that_clears_its_bitmap_is_told() -> None:
    timeline = run(
        "qemu-single",
        "{checkpoint: a}",
        "write: AAAA----",
        "{backup: {since: a, to: x}}",
    )
    assert [event.what for event in history_of_bitmap(timeline, "vda", "a")][-1] is What.CLEARED


def test_a_checkpoint_of_a_transient_machine_is_forgotten_when_it_stops() -> None:
    timeline = run("libvirt", "undefine", "{backup: {to: full, checkpoint: c0}}", "shutdown")
    thing = Thing(Kind.CHECKPOINT, "c0")
    began, gone = beginning_of(timeline, thing), ending_of(timeline, thing)
    assert began is not None
    assert gone is not None
    assert tell(began) == "checkpoint c0 begins here, with backup full"
    assert (
        tell(gone) == "the transient machine is shut down here, and the host forgets checkpoint c0"
    )


def test_a_checkpoint_whose_step_was_refused_never_began() -> None:
    timeline = run("libvirt", "shutdown", "{backup: {to: full, checkpoint: c0}}")
    (refused,) = events_of(timeline, Thing(Kind.CHECKPOINT, "c0"))
    assert tell(refused) == "checkpoint c0 never began: this step is refused"


def test_an_image_that_was_committed_says_into_which() -> None:
    timeline = run("libvirt", "{snapshot: S2}", "{snapshot: S3}", "{commit: {top: S3, base: S1}}")
    gone = ending_of(timeline, Thing(Kind.SNAPSHOT, "S2"))
    assert gone is not None
    assert tell(gone) == "image S2 is committed here, down into S1"


def test_an_internal_snapshot_goes_with_its_overlay() -> None:
    timeline = run(
        "qemu",
        "{snapshot: S2}",
        "{qmp: {execute: blockdev-snapshot-internal-sync, arguments: {device: S2, name: k}}}",
        "{commit: {top: S2, base: S1}}",
    )
    gone = ending_of(timeline, Thing(Kind.SNAPSHOT, "k"))
    assert gone is not None
    assert tell(gone) == "image S2 is committed here, down into S1, and snapshot k of S2 with it"


def test_a_backup_is_told_from_its_start_to_its_deletion() -> None:
    timeline = run(
        "libvirt", "{backup: {to: full, ends: T3}}", "{cancel: full}", "{delete: {backup: full}}"
    )
    events = events_of(timeline, Thing(Kind.BACKUP, "full"))
    assert [event.what for event in events] == [What.BEGAN, What.CANCELLED, What.GONE]
    assert tell(events[-1]) == "backup full is deleted here"


def test_only_what_happened_before_an_entry_is_told() -> None:
    timeline = run("libvirt", "{checkpoint: c0}", "{delete: {checkpoint: c0}}")
    thing = Thing(Kind.CHECKPOINT, "c0")
    assert ending_of(timeline, thing, timeline.entries[-1]) is None
    assert ending_of(timeline, thing) is not None
