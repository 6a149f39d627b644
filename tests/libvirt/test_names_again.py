"""The name of an image is given to another one: at a return, or while a snapshot needs the file."""

import pytest

import simulator
from simulator.libvirt.actions import Adopt
from simulator.libvirt.plan import make_libvirt_plan
from simulator.model.machine import Power
from simulator.notation import write_view
from simulator.pipeline import Run
from simulator.qemu.actions import DeleteFile
from simulator.verify.on_libvirt import verify
from tests.hosts.real import HEAD, need_libvirt, timeline_of
from tests.waiting import PATIENCE_SECONDS

STORIES = {
    "a snapshot has the name of an overlay": """\
  - {at: T1, do: [create: S1]}
  - {at: T2, do: [snapshot: S3]}
  - {at: T3, do: [revert: {snapshot: S3, image: S5}]}
  - {at: T4, do: [commit: {top: S5, base: S1}]}
  - write: AA------
  - {at: T5, do: [snapshot: S5]}
  - write: B-BB----
  - {at: T6, do: [commit: {top: S5, base: S1}]}
""",
    "an overlay has the name of a snapshot": """\
  - {at: T1, do: [create: S1]}
  - {at: T2, do: [snapshot: S3]}
  - {at: T3, do: [snapshot: S5]}
  - {at: T4, do: [commit: {top: S5, base: S3}]}
  - {at: T5, do: [revert: {snapshot: S3, image: S5}]}
  - write: AA------
""",
}

CHAIN = """\
  - at: T1
    do: [create: S1]
  - write: AA------
  - at: T2
    do: [snapshot: S2]
  - write: -BB-----
  - at: T3
    do: [snapshot: S3]
  - write: --CC----
"""

FREED = """\
  - at: T4
    do: [commit: {top: S2, base: S1}, delete: {snapshot: S2, metadata: true}]
  - write: ---D----
"""

ANEW = (
    CHAIN
    + FREED
    + """\
  - {at: T5, do: [snapshot: S2]}
  - write: ----E---
"""
)

TWO_DISKS = "  - at: T1\n    do: [create: {image: S1, disk: vda}, create: {image: W1, disk: vdb}]\n"

NEEDED = {
    "the current snapshot's own file": ANEW
    + """\
  - {at: T6, do: [revert: {snapshot: S3, image: S5}]}
""",
    "while it is off": ANEW
    + """\
  - {at: T6, do: [shutdown, revert: {snapshot: S3, image: S5}, start: {}]}
""",
    "the file of an older snapshot, and back to that": ANEW
    + """\
  - {at: T6, do: [snapshot: S6]}
  - {at: T7, do: [revert: {snapshot: S3, image: S5}]}
  - write: -----F--
  - {at: T8, do: [shutdown, start, revert: {snapshot: S6, image: S7}]}
""",
    "a file that a commit left": ANEW
    + """\
  - {at: T6, do: [commit: {top: S2, base: S3}, delete: {snapshot: S2, metadata: true}]}
  - {at: T7, do: [revert: {snapshot: S3, image: S5}]}
  - write: -----F--
""",
    "a longer file": CHAIN
    + FREED
    + """\
  - {at: T5, do: [resize: {clusters: 12}, snapshot: S2]}
  - write: ----EE---E--
  - {at: T6, do: [snapshot: S6]}
  - {at: T7, do: [revert: {snapshot: S3, image: S5}]}
  - write: -----F-----F
""",
    "a file with bitmaps": CHAIN
    + """\
  - {at: T4, do: [checkpoint: c1, pull: {into: S3}, delete: {snapshot: S2, metadata: true}]}
  - {at: T5, do: [snapshot: S2, checkpoint: c2]}
  - write: ----E---
  - {at: T6, do: [snapshot: S6]}
  - {at: T7, do: [revert: {snapshot: S3, image: S5}]}
  - write: -----F--
  - {at: T8, do: [checkpoint: c3, delete: {checkpoint: c2}, backup: {to: k, since: c1}]}
""",
    "a copied disk": CHAIN
    + FREED
    + """\
  - {at: T5, do: [blockcopy: S2]}
  - {at: T6, do: [revert: {snapshot: S3, image: S5}]}
  - write: -----F--
""",
    "one further down": CHAIN
    + """\
  - {at: T4, do: [snapshot: S4]}
  - {at: T5, do: [blockcopy: C1, delete: {snapshot: S2, metadata: true}]}
  - {at: T6, do: [snapshot: S2, snapshot: S6]}
  - {at: T7, do: [revert: {snapshot: S4, image: S5}]}
""",
    "a raw one further down": CHAIN
    + """\
  - {at: T4, do: [snapshot: S4]}
  - {at: T5, do: [blockcopy: C1, delete: {snapshot: S2, metadata: true}]}
  - {at: T6, do: [blockcopy: {to: S2, format: raw}, shutdown]}
  - {at: T7, do: [revert: {snapshot: S4, image: S5}]}
""",
    "an image of another disk": TWO_DISKS
    + """\
  - {at: T2, do: [snapshot: {images: {vda: S2, vdb: W2}}]}
  - write: {disk: vda, cells: -BB-----}
  - {at: T3, do: [snapshot: {images: {vda: S3, vdb: W3}}]}
  - {at: T4, do: [pull: {into: S3}, delete: {snapshot: S2, metadata: true}]}
  - {at: T5, do: [snapshot: {images: {vdb: S2}}]}
  - write: {disk: vdb, cells: DD------}
  - {at: T6, do: [snapshot: {images: {vda: S9, vdb: W9}}]}
  - {at: T7, do: [revert: {snapshot: S3, image: S5}]}
""",
    "a base, which lies on something now": TWO_DISKS
    + """\
  - {at: T2, do: [snapshot: {images: {vda: S2, vdb: W2}}, blockcopy: {disk: vdb, to: C1}]}
  - {at: T3, do: [snapshot: {images: {vda: W1, vdb: W3}}]}
  - write: {disk: vda, cells: ------F-}
  - {at: T4, do: [snapshot: {images: {vda: S5}}]}
  - {at: T5, do: [revert: {snapshot: S2, image: S6}]}
  - write: {disk: vdb, cells: E-------}
""",
    "nothing is made anew, and the noted chain is longer": CHAIN
    + """\
  - {at: T4, do: [snapshot: S4]}
  - {at: T5, do: [commit: {top: S2, base: S1}]}
  - {at: T6, do: [revert: {snapshot: S4, image: S5}]}
""",
}
"""A snapshot needs a file, and another image gets its name."""


def head_of(name: str) -> str:
    """The head of a story: some have two disks."""
    two = (STORIES | NEEDED)[name].startswith(TWO_DISKS)
    return HEAD.replace("disk: 8", "disks: {vda: 8, vdb: 8}") if two else HEAD


def played(name: str) -> Run:
    """A story on a release that returns to external snapshots."""
    head = head_of(name).replace("disk", "host: {qemu: 11.1, libvirt: 12.8}\ndisk", 1)
    return simulator.loads(head + NEEDED[name]).run()


@pytest.mark.parametrize("name", STORIES)
def test_the_earlier_file_is_deleted(name: str) -> None:
    text = (HEAD + STORIES[name]).replace("disk", "host: {qemu: 10.0, libvirt: 11.3}\ndisk", 1)
    plan = make_libvirt_plan(simulator.loads(text).run().timeline)
    actions = [action for step in plan.steps for action in step.actions]
    assert [each.image for each in actions if isinstance(each, Adopt)] == ["S5"]
    gone = [each.file for each in actions if isinstance(each, DeleteFile)]
    assert gone == [plan.names.files["S5"]]


@pytest.mark.parametrize("name", [*STORIES, *NEEDED])
def test_it_goes_as_on_the_libvirt_that_is_installed(name: str) -> None:
    need_libvirt()
    timeline = timeline_of(head_of(name) + (STORIES | NEEDED)[name])
    if not timeline.start.semantics.reverts_external:
        pytest.skip("libvirt returns to external snapshots since 9.9")
    outcome = verify(timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])


def chains_of(run: Run) -> list[list[str]]:
    """The names of the images of each disk, at the end."""
    return [[image.name for image in disk.chain] for disk in run.timeline.last.disks]


@pytest.mark.parametrize(
    ("name", "chains", "seen"),
    [
        ("the file of an older snapshot, and back to that", [["S1", "S3", "S2", "S7"]], "ABCDE---"),
        ("a file that a commit left", [["S1", "S2", "S5"]], "ABB-EF--"),
        ("a longer file", [["S1", "S2", "S5"]], "ABB-EF---E-F"),
        ("a copied disk", [["S1", "S2", "S5"]], "ABCD-F--"),
        ("one further down", [["S1", "S2", "S3", "S5"]], "AACC----"),
        ("an image of another disk", [["S1", "S2", "S5"], ["W1", "W2", "W3-revert"]], "DD------"),
        (
            "a base, which lies on something now",
            [["S1", "S6"], ["S1", "S2", "W1", "W2-revert"]],
            "--------",
        ),
        (
            "nothing is made anew, and the noted chain is longer",
            [["S1", "S2", "S3", "S5"]],
            "ABCC----",
        ),
    ],
)
def test_a_return_opens_the_files_that_have_the_noted_names_now(
    name: str, chains: list[list[str]], seen: str
) -> None:
    run = played(name)
    assert chains_of(run) == chains
    disk = run.timeline.last.disks[0]
    assert write_view(disk.guest_view, disk.length) == seen


@pytest.mark.parametrize("name", ["the current snapshot's own file", "while it is off"])
def test_a_return_deletes_the_file_that_it_lies_on(name: str) -> None:
    run = played(name)
    last = run.timeline.last
    assert last.power is Power.OFF
    assert [image.name for image in last.disks[0].chain if image.removed] == ["S2"]
    told = [entry.refusal.text for entry in run.timeline.entries if entry.refusal is not None]
    started = "Cannot access backing file 'S2' of storage file 'S5': No such file or directory"
    assert told == ([started] if name == "while it is off" else [])


@pytest.mark.parametrize("name", [name for name in NEEDED if "nothing" not in name])
def test_the_loss_is_told_where_the_file_is_written_over(name: str) -> None:
    findings = [each for each in played(name).findings if each.code == "BT407"]
    assert len(findings) == 1
    assert " is made anew, and the old one is needed by the snapshot" in findings[0].message


def test_before_one_can_return_nobody_needs_the_file() -> None:
    head = HEAD.replace("disk", "host: {libvirt: 9.0}\ndisk", 1)
    assert "BT407" not in {each.code for each in simulator.loads(head + ANEW).run().findings}


def test_an_overlay_that_a_revert_named_is_known_however_often_it_did() -> None:
    story = (
        TWO_DISKS
        + """\
  - {at: T2, do: [snapshot: {image: S2, disk: vda}]}
  - {at: T3, do: [revert: {snapshot: S2, image: S3}, revert: {snapshot: S2, image: S4}]}
  - {at: T4, do: [commit: {top: W1-revert-revert, base: W1}]}
"""
    )
    head = "scenario: back twice\nmodel: libvirt@12.8\ndisks: {vda: 8, vdb: 8}\ntimeline:\n"
    assert chains_of(simulator.loads(head + story).run()) == [["S1", "S4"], ["W1"]]
