"""Every refusal says which step led to it, in every model."""

import pytest

import simulator
from simulator.diagnostics import Finding


def refusals(text: str, model: str = "libvirt") -> list[Finding]:
    """Return the refusals of a scenario whose steps are written as its instants."""
    lines = [line.strip() for line in text.strip().splitlines()]
    steps = [f"- {line}" if line.startswith("write") else f"- {{{line}}}" for line in lines]
    head = ["scenario: x", f"model: {model}", "disk: 8", "timeline:"]
    run = simulator.loads("\n".join([*head, *steps])).run()
    return [found for found in run.findings if found.refused is not None]


def causes(text: str, model: str = "libvirt") -> list[str]:
    """Return the further places of the last refusal of a scenario, as ``at T2: message``."""
    return [f"{each.at}: {each.message}" for each in refusals(text, model)[-1].related]


ADD = "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: b, persistent: %s}}"
READ = (
    "qmp: {execute: blockdev-backup, arguments: {device: S1, target: x, sync: incremental, "
    "bitmap: b}}"
)
KEEP = "qmp: {execute: blockdev-snapshot-internal-sync, arguments: {device: S2, name: k}}"

OF_QMP = {
    "transient, shutdown": (
        "false",
        "shutdown, start",
        "at T2: bitmap b of S1 is not persistent, and is lost when its image is closed here",
    ),
    "transient, crash": (
        "false",
        "crash, start",
        "at T2: bitmap b of S1 was in memory alone, and is lost with the process here",
    ),
    "persistent, crash": (
        "true",
        "crash, start",
        "at T2: bitmap b of S1 was in memory alone, and is lost with the process here",
    ),
    "removed": (
        "true",
        "qmp: {execute: block-dirty-bitmap-remove, arguments: {node: S1, name: b}}",
        "at T2: bitmap b of S1 is removed here",
    ),
    "crash in a later session": (
        "true",
        "shutdown, start, crash, start",
        "at T2: bitmap b of S1 was open for writing when the process died here, and is "
        "inconsistent since",
    ),
}


@pytest.mark.parametrize("case", OF_QMP)
def test_a_bitmap_of_qmp_says_which_step_took_it(case: str) -> None:
    persistent, steps, words = OF_QMP[case]
    text = f"""
    at: T1, do: [{{create: S1}}, {{{ADD % persistent}}}]
    write: A-------
    at: T2, do: [{steps}]
    at: T3, do: [{READ}]
    """
    assert causes(text, "qemu") == [words]


def test_an_overlay_without_the_bitmap_of_qmp_says_so() -> None:
    assert causes(
        f"""
        at: T1, do: [{{create: S1}}, {{{ADD % "true"}}}]
        at: T2, do: [snapshot: S2]
        at: T3, do: [{READ.replace("device: S1", "device: S2")}]
        """,
        "qemu",
    ) == ["at T2: overlay S2 is made without bitmap b here"]


SINCE = """
at: T1, do: [{create: S1}, {backup: {to: full, checkpoint: c0}}]
write: AAAA----
at: T2, do: [%s]
at: T3, do: [backup: {since: c0, to: inc}]
"""


@pytest.mark.parametrize("model", ["qemu-single", "mail-2018", "libvirt-6.0", "libvirt"])
def test_a_crash_that_took_a_bitmap_is_told_in_every_model(model: str) -> None:
    assert causes(SINCE % "crash, start", model) == [
        "at T2: bitmap c0 of S1 was in memory alone, and is lost with the process here"
    ]


@pytest.mark.parametrize("model", ["qemu-single", "libvirt"])
def test_an_overlay_from_outside_is_told(model: str) -> None:
    assert causes(SINCE % "snapshot: {image: S2, outside: true}", model) == [
        "at T2: overlay S2 is made without bitmap c0 here"
    ]


@pytest.mark.parametrize("model", ["mail-2018", "libvirt-6.0", "libvirt"])
def test_a_deleted_checkpoint_is_told_in_every_model(model: str) -> None:
    (told,) = causes(SINCE % "delete: {checkpoint: c0}", model)
    assert told == "at T2: checkpoint c0 is deleted here"


GONE = {
    "a deleted backup is restored": (
        """
        at: T1, do: [{create: S1}, {backup: {to: full}}]
        at: T2, do: [{delete: {backup: full}}, {restore: {from: [full]}}]
        """,
        "at T2: backup full is deleted here",
    ),
    "a committed snapshot is deleted": (
        """
        at: T1, do: [{create: S1}, {snapshot: S2}, {snapshot: S3}]
        at: T2, do: [{commit: {top: S3, base: S1}}, {delete: {snapshot: S2}}]
        """,
        "at T2: image S2 is committed here, down into S1",
    ),
    "a committed image is copied": (
        """
        at: T1, do: [{create: S1}, {snapshot: S2}]
        at: T2, do: [{commit: {top: S2, base: S1}}, {copy: {image: S2, to: x}}]
        """,
        "at T2: image S2 is committed here, down into S1",
    ),
    "a committed image is backed up": (
        """
        at: T1, do: [{create: S1}, {snapshot: S2}]
        at: T2, do: [{commit: {top: S2, base: S1}}, {backup: {image: S2, to: x}}]
        """,
        "at T2: image S2 is committed here, down into S1",
    ),
    "a checkpoint whose step was refused": (
        """
        at: T1, do: [{create: S1}, shutdown, {backup: {to: full, checkpoint: c1}}, start]
        at: T2, do: [backup: {since: c1, to: inc}]
        """,
        "at T1: checkpoint c1 never began: this step is refused",
    ),
}


@pytest.mark.parametrize("case", GONE)
def test_a_name_that_was_here_and_went_says_where_it_went(case: str) -> None:
    text, words = GONE[case]
    assert causes(text) == [words]


def test_an_image_that_was_committed_is_told_to_who_goes_back_to_it() -> None:
    # libvirt goes by its note of the snapshot, which stays, and takes what lies below it now.
    text = """
        at: T1, do: [{create: S1}, {snapshot: S2}, {snapshot: S3}]
        at: T2, do: [{commit: {top: S3, base: S1}}, {revert: {snapshot: S2, image: S9}}]
        """
    assert causes(text, "qemu") == ["at T2: image S2 is committed here, down into S1"]
    assert refusals(text) == []


def test_an_internal_snapshot_that_left_with_its_overlay_says_so() -> None:
    assert causes(
        """
        at: T1, do: [{create: S1}, {snapshot: S2}]
        at: T2, do: [{KEEP}]
        at: T3, do: [{commit: {top: S2, base: S1}}, {revert: {snapshot: k, image: S9}}]
        """.replace("KEEP", KEEP)
    ) == ["at T3: image S2 is committed here, down into S1, and snapshot k of S2 with it"]


def test_a_checkpoint_that_is_there_already_says_where_it_began_and_how_it_is() -> None:
    (found,) = refusals(
        """
        at: T1, do: [create: S1]
        write: AAAA----
        at: T2, do: [backup: {to: full, checkpoint: one-0, mode: pull, ends: T9}]
        at: T3, do: [cancel: full]
        at: T4, do: [{backup: {to: again, checkpoint: one-0}, expect: refused}]
        at: T9
        """
    )
    assert [(each.at, each.message) for each in found.related] == [
        ("at T2", "checkpoint one-0 begins here, with backup full"),
        ("at T3", "backup full is cancelled here"),
    ]
    assert found.notes == ("S1.one-0 records",)


def test_a_bitmap_that_is_there_already_says_where_it_began_and_how_it_is() -> None:
    (found,) = refusals(
        f"""
        at: T1, do: [{{create: S1}}, {{{ADD % "true"}}}]
        at: T2, do: [qmp: {{execute: block-dirty-bitmap-disable, arguments: {{node: S1, name: b}}}}]
        at: T3, do: [{ADD % "true"}]
        """,
        "qemu",
    )
    assert [(each.at, each.message) for each in found.related] == [
        ("at T1", "bitmap b of S1 begins here"),
        ("at T2", "bitmap b of S1 stops recording here"),
    ]
    assert found.notes == ("S1.b is frozen",)


FORGOTTEN = {
    "{delete: {checkpoint: c0, metadata: true}}": (
        "the host's note of checkpoint c0 is deleted here; its bitmaps stay"
    ),
    "shutdown, {undefine: {metadata: true}}, start": (
        "the machine is undefined here, and the host's note of checkpoint c0 goes with it"
    ),
    "undefine, shutdown, start": (
        "the transient machine is shut down here, and the host forgets checkpoint c0"
    ),
}


@pytest.mark.parametrize("steps", FORGOTTEN)
def test_metadata_that_is_out_of_step_says_which_step_dropped_it(steps: str) -> None:
    (found,) = refusals(SINCE % steps)
    assert found.code == "BT403"
    assert [each.message for each in found.related] == [FORGOTTEN[steps]]


def test_a_bitmap_that_a_job_uses_says_which_step_began_it() -> None:
    (found,) = refusals(
        f"""
        at: T1, do: [{{create: S1}}, {{{ADD % "true"}}}]
        at: T2, do: [{{{READ}, ends: T4}}]
        at: T3, do: [qmp: {{execute: block-dirty-bitmap-clear, arguments: {{node: S1, name: b}}}}]
        at: T4
        """,
        "qemu",
    )
    assert [(each.at, each.message) for each in found.related] == [
        ("at T2", "bitmap b of S1 is in use from here on")
    ]


def test_what_a_machine_that_is_off_refuses_says_where_it_stopped() -> None:
    assert causes(SINCE % "shutdown") == ["at T2: the machine is shut down here"]
    assert causes(SINCE % "crash", "qemu-single") == ["at T2: the process dies here"]


def test_a_raw_disk_says_where_it_began() -> None:
    assert causes(
        """
        at: T1, do: [create: {image: S1, format: raw}]
        at: T2, do: [backup: {to: full, checkpoint: c0}]
        """
    ) == ["at T1: image S1 of disk vda is raw"]


def test_a_name_that_no_step_begins_is_told_as_such() -> None:
    (found,) = refusals(f"at: T1, do: [{{create: S1}}, {{{READ}}}]", "qemu")
    assert found.related == ()
    assert found.notes == ("no step begins bitmap b of S1",)
