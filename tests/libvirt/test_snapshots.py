"""Notes that libvirt has of snapshots: what a job by hand leaves of them, in its 9.0.0 words."""

import json

import pytest

import simulator
from simulator.pipeline import Run

MOVED = "operation failed: snapshot VM disk source and parent disk source are not the same"
GONE = "invalid argument: could not find base disk source in disk source chain"
LOWEST = "operation failed: failed to find parent disk source in backing chain"
UNKNOWN = "Domain snapshot not found: no domain snapshot with matching name '{}'"

CHAIN = """\
scenario: a chain
model: MODEL
disks: {vda: 4, vdb: 4}
timeline:
  - at: T1
    do: [{create: {image: S1, disk: vda}}, {create: {image: W1, disk: vdb}}]
  - at: T2
    do: [{snapshot: {images: {vda: S2, vdb: W2}}}]
  - at: T3
    do: [{snapshot: {image: S3, disk: vda}}]
  - at: T4
    do:
"""


def played(*steps: str, model: str = "libvirt@9.0") -> Run:
    """Two snapshots, the first of both disks, and some steps."""
    done = "".join(f"      - {step}\n" for step in steps)
    return simulator.loads(CHAIN.replace("MODEL", model) + done).run()


def said(run: Run) -> list[str]:
    """The words of what was turned down."""
    return [entry.refusal.text for entry in run.timeline.entries if entry.refusal is not None]


@pytest.mark.parametrize(
    ("job", "name", "words"),
    [
        ("commit: {top: S2, base: S1}", "S3", MOVED),
        ("commit: {top: S2, base: S1}", "S2", GONE),
        ("commit: {top: S3, base: S2}", "S3", GONE),
        ("pull: {into: S3}", "S3", LOWEST),
        ("pull: {into: S3}", "S2", GONE),
        ("blockcopy: {to: C1, disk: vda}", "S3", GONE),
        ("delete: {snapshot: S2, metadata: true}", "S2", UNKNOWN.format("S2")),
        ("delete: {snapshot: S2, metadata: true}", "S3", MOVED),
        ("commit: {top: W2, base: W1}", "S2", GONE),
    ],
)
def test_a_snapshot_is_not_deleted_where_its_images_are_not_as_noted(
    job: str, name: str, words: str
) -> None:
    assert said(played(job, f"delete: {{snapshot: {name}}}")) == [words]


@pytest.mark.parametrize("switched", [[], ["shutdown"]])
def test_one_after_the_other_they_are_deleted_on_all_disks(switched: list[str]) -> None:
    run = played(*switched, "delete: {snapshot: S2}", "delete: {snapshot: S3}")
    assert said(run) == []
    chains = [[image.name for image in disk.chain] for disk in run.timeline.last.disks]
    assert chains == [["S1"], ["W1"]]
    assert run.timeline.last.snapshots == ()


def test_a_snapshot_goes_by_any_image_that_it_made() -> None:
    run = played("delete: {snapshot: W2}")
    assert said(run) == []
    assert [[i.name for i in d.chain] for d in run.timeline.last.disks] == [["S1", "S3"], ["W1"]]


def test_without_the_note_of_what_was_merged_the_next_one_can_be_deleted() -> None:
    merged, note = "commit: {top: S2, base: S1}", "delete: {snapshot: S2, metadata: true}"
    assert said(played(merged, note, "delete: {snapshot: S3}")) == []


def test_a_machine_that_is_off_is_not_undefined_with_snapshots() -> None:
    told = "Requested operation is not valid: cannot delete inactive domain with 2 snapshots"
    assert said(played("checkpoint: c1", "shutdown", "undefine")) == [told]
    run = played("shutdown", "undefine: {metadata: true}")
    assert said(run) == []
    assert run.timeline.last.snapshots == ()
    assert played("undefine", "shutdown").timeline.last.snapshots == ()


def test_an_overlay_of_a_tool_outside_is_no_snapshot() -> None:
    made = "snapshot: {image: S4, disk: vda, outside: true}"
    assert said(played(made, "delete: {snapshot: S4}")) == [UNKNOWN.format("S4")]


def test_the_older_libvirt_deletes_the_note_only() -> None:
    told = "unsupported configuration: deletion of 1 external disk snapshots not supported yet"
    run = played("delete: {snapshot: S3}", model="libvirt-6.0")
    assert said(run) == [told]
    assert said(played("delete: {snapshot: S3, metadata: true}", model="libvirt-6.0")) == []


def test_other_models_have_no_notes() -> None:
    (told,) = said(played("delete: {snapshot: S3, metadata: true}", model="mail-2018"))
    assert told == "mail-2018 keeps no note of a snapshot apart from its image"
    assert said(played("delete: {snapshot: S3}", model="mail-2018")) == []


def test_the_run_document_tells_the_notes_while_there_are_any() -> None:
    run = played("commit: {top: S2, base: S1}", "delete: {snapshot: S3, metadata: true}")
    frames = json.loads(run.json())["frames"]
    assert "snapshots" not in frames[0]
    first = {"name": "S2", "at": "T2", "images": {"vda": "S2", "vdb": "W2"}}
    first["over"] = {"vda": "S1", "vdb": "W1"}
    second = {"name": "S3", "at": "T3", "images": {"vda": "S3"}, "over": {"vda": "S2"}}
    assert [frame.get("snapshots") for frame in frames[1:]] == [[first], [first, second], [first]]


NO_DELETION = "unsupported configuration: deletion of "
NO_LEAF = "active external snapshot that is not a leaf snapshot is not supported"
OFF_THE_WAY = "non-leaf external snapshot that is not in active chain is not supported"
SEVERAL = "external disk snapshot with multiple children snapshots not supported"


def chains_of(run: Run) -> list[list[str]]:
    """The names of the images of each disk, at the end."""
    return [[image.name for image in disk.chain] for disk in run.timeline.last.disks]


def test_a_revert_takes_back_the_disks_that_the_snapshot_left_alone() -> None:
    back = "revert: {snapshot: S3, image: S4}"
    run = played("snapshot: {image: W3, disk: vdb}", back, model="libvirt@11.3")
    assert said(run) == []
    assert chains_of(run) == [["S1", "S2", "S4"], ["W1", "W2", "W2-revert"]]
    again = played(back, "revert: {snapshot: S3, image: S5}", model="libvirt@11.3")
    assert chains_of(again)[0] == ["S1", "S2", "S5"]
    gone = played(back, "delete: {snapshot: S3}", model="libvirt@11.3")
    assert (said(gone), chains_of(gone)) == ([], [["S1", "S2"], ["W1", "W2"]])


def test_what_another_snapshot_left_alone_keeps_its_file() -> None:
    steps = ("snapshot: {image: W3, disk: vdb}", "revert: {snapshot: S2, image: S4}")
    run = played(*steps, "revert: {snapshot: W3, image: W4}", model="libvirt@11.3")
    assert said(run) == []
    assert chains_of(run) == [["S1", "S2", "S3", "S3-revert"], ["W1", "W2", "W4"]]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (["revert: {snapshot: S2, image: S4}", "delete: {snapshot: S2}"], NO_LEAF),
        (
            [
                "snapshot: {image: S4, disk: vda}",
                "revert: {snapshot: S2, image: S5}",
                "delete: {snapshot: S3}",
            ],
            OFF_THE_WAY,
        ),
        (
            [
                "revert: {snapshot: S2, image: S4}",
                "snapshot: {image: S5, disk: vda}",
                "delete: {snapshot: S2}",
            ],
            SEVERAL,
        ),
    ],
)
def test_a_snapshot_that_others_were_put_under_stays(steps: list[str], words: str) -> None:
    run = played(*steps, model="libvirt@11.3")
    assert said(run) == [NO_DELETION + words]
    (finding,) = (each for each in run.findings if each.code == "BT901")
    assert finding.help.startswith("delete what was put under it first: ")


def test_a_snapshot_beyond_a_revert_is_deleted_with_its_files_alone() -> None:
    back = "revert: {snapshot: S2, image: S4}"
    run = played(back, "delete: {snapshot: S3}", "delete: {snapshot: S2}", model="libvirt@11.3")
    assert said(run) == []
    assert chains_of(run) == [["S1"], ["W1"]]


def test_newer_ones_delete_what_the_next_snapshot_was_put_onto() -> None:
    above = "snapshot: {image: S4, disk: vda}"
    steps = ("commit: {top: S3, base: S1}", above, "delete: {snapshot: S3}")
    older, newer = (said(played(*steps, model=f"libvirt@{each}")) for each in ("9.0", "11.3"))
    assert (older, newer) == ([GONE], [LOWEST])


@pytest.mark.parametrize(
    ("job", "snapshot", "chain", "seen"),
    [
        ("pull: {into: S2}", "S2", ["S1", "S4"], "Z---"),
        ("commit: {top: S2, base: S1}", "S3", ["S1", "S2", "S4"], "ZA--"),
        ("commit: {top: S3, base: S2}", "S2", ["S1", "S4"], "Z---"),
        ("blockcopy: C1", "S3", ["S1", "S2", "S4"], "ZA--"),
    ],
)
def test_a_revert_returns_to_files_that_a_job_took_out_of_the_chain(
    job: str, snapshot: str, chain: list[str], seen: str
) -> None:
    """As libvirt 11.3.0 does: a commit, a pull and a copy leave the files of images."""
    run = simulator.loads(
        "scenario: back\nmodel: libvirt@11.3\ndisk: 4\ntimeline:\n  - at: T1\n    do:\n"
        "      - create: S1\n      - write: Z---\n      - snapshot: S2\n      - write: -A--\n"
        f"      - snapshot: S3\n      - write: --B-\n      - {job}\n"
        f"      - revert: {{snapshot: {snapshot}, image: S4}}\n"
        f"      - expect: |\n          guest sees: |{seen}|\n"
    ).run()
    assert said(run) == []
    assert chains_of(run) == [chain]
    assert not [each for each in run.findings if each.code == "BT501"]


def test_a_revert_returns_to_what_lies_on_a_pulled_image() -> None:
    """As libvirt 11.3.0 does: a pull leaves the files that images beside the chain lie on."""
    run = simulator.loads(
        "scenario: back and forth\nmodel: libvirt@11.3\ndisk: 4\ntimeline:\n  - at: T1\n    do:\n"
        "      - create: S1\n      - write: Z---\n      - snapshot: S2\n      - write: -A--\n"
        "      - snapshot: S3\n      - write: --B-\n      - revert: {snapshot: S2, image: S4}\n"
        "      - pull: {into: S4}\n      - revert: {snapshot: S3, image: S5}\n"
    ).run()
    assert said(run) == []
    assert chains_of(run) == [["S1", "S2", "S5"]]


def test_without_a_note_newer_ones_take_nothing_for_put_onto_what_lay_below() -> None:
    note = "delete: {snapshot: S2, metadata: true}"
    steps = ("commit: {top: S2, base: S1}", note, "delete: {snapshot: S3}")
    older, newer = (said(played(*steps, model=f"libvirt@{each}")) for each in ("9.0", "11.3"))
    assert (older, newer) == ([], [MOVED])
