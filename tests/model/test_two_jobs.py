"""Two jobs on one chain of five images: each pair as QEMU 7.2.22 takes or refuses it.

The recording has a line for each job that runs, and on it an answer for each job, the same ones in
the same order, that is asked for then: ``.`` accepted, ``3s`` node 3 is in use by a stream, ``#b``
a node without a name is in use by a backup, ``R`` the device is no root node.
"""

import re
from pathlib import Path

import pytest

from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine
from simulator.model.operations import (
    AddOverlay,
    CommitImages,
    CreateImage,
    Operation,
    PullImages,
    Refusal,
    ResizeImage,
    RunBackup,
)
from simulator.model.transitions import apply_all
from tests.checkout import ROOT

IMAGES = 5

LINES = [
    line.split(": ")
    for line in Path(ROOT, "tests/recordings/two-jobs-7.2.22.txt").read_text().splitlines()
]

WORDS = {"s": "stream", "c": "commit", "b": "backup"}


def job(words: str, name: str) -> Operation:
    """Return a job that lasts: ``stream 4 1`` stops above node 1, which ``stream-to`` names."""
    kind, first, *rest = words.split()
    low = rest[0] if rest else None
    if kind == "backup":
        return RunBackup(name, f"node{first}", kind=Kind.FULL, lasting=True)
    if kind == "commit":
        top, base = f"node{first}", f"node{low}"
        return CommitImages(f"node{IMAGES - 1}", top, base, lasting=True, job=name)
    if kind == "stream-to":
        return PullImages(f"node{first}", base=f"node{low}", lasting=True, job=name)
    bottom = f"node{int(low) + 1}" if low is not None else None
    return PullImages(f"node{first}", bottom=bottom, lasting=True, job=name)


def chain() -> Machine:
    machine = apply_all(
        Machine(disks=(Disk(name="vda", length=8),)),
        [
            CreateImage("vda", "node0"),
            *(AddOverlay(f"node{n}", f"node{n + 1}") for n in range(IMAGES - 1)),
        ],
    )
    assert isinstance(machine, Machine)
    return machine


def answer(outcome: Machine | Refusal) -> str:
    if isinstance(outcome, Machine):
        return "."
    if outcome.text == "Need a root block node":
        return "R"
    told = r"Node '(?:node(\d)|#block)' is busy: block device is in use by block job: (\w)\w+"
    found = re.fullmatch(told, outcome.text)
    assert found is not None, outcome.text
    return f"{found[1] or '#'}{found[2]}"


def lasts(words: str) -> bool:
    """Whether a job has something to do: a pull that has nothing ends at once (docs/qemu.md)."""
    kind, first, *rest = words.split()
    return not kind.startswith("stream") or rest != [str(int(first) - 1)]


FIRSTS = [line for line in LINES if lasts(line[0])]


@pytest.mark.parametrize("line", FIRSTS, ids=[first for first, _ in FIRSTS])
def test_a_second_job_is_taken_or_refused_as_by_qemu(line: list[str]) -> None:
    first, recorded = line
    running = apply_all(chain(), [job(first, "one")])
    assert isinstance(running, Machine)
    found = {second: answer(apply_all(running, [job(second, "two")])) for second, _ in LINES}
    assert found == dict(zip(found, recorded.split(), strict=True))


@pytest.mark.parametrize(
    ("jobs", "user"),
    [("pull", "pull0"), ("pull pull", "pull1"), ("push pull", "pull1"), ("pull push", None),
     ("push", None)],
)  # fmt: skip
def test_a_snapshot_meets_the_scratch_image_of_the_newest_backup_alone(
    jobs: str, user: str | None
) -> None:
    active = f"node{IMAGES - 1}"
    running = apply_all(
        chain(),
        [
            RunBackup(f"{how}{n}", active, kind=Kind.FULL, lasting=True, pulled=how == "pull")
            for n, how in enumerate(jobs.split())
        ],
    )
    assert isinstance(running, Machine)
    outcome = apply_all(running, [AddOverlay(active, "new")])
    told = f"Node '{active}' is busy: node is used as backing hd of '{user}'"
    assert (outcome.text if isinstance(outcome, Refusal) else None) == (told if user else None)


@pytest.mark.parametrize(("into", "refused"), [(IMAGES - 1, True), (IMAGES - 2, False)])
def test_a_disk_is_resized_beside_a_stream_into_an_image_below_the_active_one(
    into: int, refused: bool
) -> None:
    running = apply_all(chain(), [PullImages(f"node{into}", lasting=True, job="job")])
    assert isinstance(running, Machine)
    outcome = apply_all(running, [ResizeImage(f"node{IMAGES - 1}", 9)])
    assert isinstance(outcome, Refusal) is refused


@pytest.mark.parametrize(("again", "text"), [("new", None), ("node3", "in use by block job")])
def test_a_stream_into_a_newer_overlay_does_not_meet_the_filter_of_an_older_backup(
    again: str, text: str | None
) -> None:
    """The filter stays between the guest and what the overlay was put on."""
    active = f"node{IMAGES - 1}"
    image = active if text is None else "node2"
    running = apply_all(
        chain(),
        [
            RunBackup("k", image, kind=Kind.FULL, lasting=True),
            *([AddOverlay(active, "new")] if text is None else []),
        ],
    )
    assert isinstance(running, Machine)
    outcome = apply_all(running, [PullImages(again, lasting=True, job="job")])
    assert (outcome.text if isinstance(outcome, Refusal) else "").endswith(
        f"{text}: backup" if text is not None else ""
    )
    assert isinstance(outcome, Refusal) is (text is not None)
