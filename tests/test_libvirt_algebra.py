"""Libvirt's algebra of bitmaps, held against sets of clusters that are too simple to be wrong.

The chain and the cases are those of libvirt's own tests (tests/qemublocktest.c): five images, V5
the base and V1 the active one, on which a checkpoint's bitmap is from its start on.
"""

from itertools import combinations

import pytest

import simulator
from simulator.pipeline import Run
from tests.checkout import ROOT

HELD = {
    "V5": {"a": {0, 1}},
    "V4": {"a": {1}},
    "V3": {"a": {2, 3, 4}, "b": {3, 4}, "c": {4}},
    "V2": {"a": {5, 6}, "b": {5, 6}, "c": {5, 6}, "d": {6}},
    "V1": {"a": {7, 0}, "b": {7, 0}, "c": {7, 0}, "d": {7, 0}, "current": {0}},
}
"""The dirty clusters of each bitmap of each image, the base first."""

IMAGES = list(HELD)
PAIRS = [*combinations(IMAGES, 2)]
STORY = (ROOT / "scenarios" / "models" / "libvirt-five-images.yaml").read_text()


def played(step: str = "") -> Run:
    """The chain, and one step on it."""
    head = STORY.partition("  - at: T10\n")[0]
    return simulator.loads(f"{head}  - at: T10\n    do: [{step}]\n").run()


def held(run: Run) -> dict[str, dict[str, set[int]]]:
    """What each bitmap of each image of a run holds at the end."""
    disk = run.timeline.last.disk("vda")
    found: dict[str, dict[str, set[int]]] = {image.name: {} for image in disk.chain}
    for bitmap in disk.bitmaps:
        assert bitmap.recording, bitmap
        assert bitmap.persistent, bitmap
        found[bitmap.node][bitmap.name] = {*disk.clusters_of(bitmap)}
    return found


def test_the_chain_is_the_one_of_libvirt_s_tests() -> None:
    assert held(played()) == HELD


@pytest.mark.parametrize("checkpoint", ["a", "b", "c", "d", "current"])
def test_an_incremental_reads_a_checkpoint_s_bitmap_on_every_image(checkpoint: str) -> None:
    run = played(f"backup: {{since: {checkpoint}, to: it.bak}}")
    (backup,) = run.timeline.last.backups_named("it.bak")
    assert backup.read is not None
    assert {*backup.read} == set().union(*(bits.get(checkpoint, set()) for bits in HELD.values()))


@pytest.mark.parametrize("checkpoint", ["a", "b", "c", "d", "current"])
def test_a_deletion_takes_the_bitmap_off_every_image_and_merges_nothing(checkpoint: str) -> None:
    left = {
        image: {name: bits for name, bits in bitmaps.items() if name != checkpoint}
        for image, bitmaps in HELD.items()
    }
    assert held(played(f"delete: {{checkpoint: {checkpoint}}}")) == left


@pytest.mark.parametrize(("base", "top"), PAIRS, ids="-".join)
def test_a_commit_merges_namesakes_down_and_makes_those_that_are_missing(
    base: str, top: str
) -> None:
    low, high = IMAGES.index(base), IMAGES.index(top)
    merged = IMAGES[low + 1 : high + 1]
    taken = dict(HELD[base])
    for image in merged:
        for name, bits in HELD[image].items():
            # Only what the newest image holds is carried; here that is all of it.
            assert name in HELD[top]
            taken[name] = taken.get(name, set()) | bits
    wanted = {image: HELD[image] for image in IMAGES if image not in merged} | {base: taken}
    run = played(f"commit: {{top: {top}, base: {base}}}")
    assert held(run) == wanted


@pytest.mark.parametrize(("base", "into"), PAIRS, ids="-".join)
def test_a_pull_merges_what_it_drops_up(base: str, into: str) -> None:
    low, high = IMAGES.index(base), IMAGES.index(into)
    dropped = IMAGES[low + 1 : high]
    taken = {name: set(bits) for name, bits in HELD[into].items()}
    for image in dropped:
        for name, bits in HELD[image].items():
            taken[name] = taken.get(name, set()) | bits
    wanted = {image: HELD[image] for image in IMAGES if image not in dropped} | {into: taken}
    run = played(f"pull: {{into: {into}, base: {base}}}")
    assert held(run) == wanted
