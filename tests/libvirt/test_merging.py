"""Which bitmaps go along when images go, as libvirt 9.0.0 with QEMU 7.2.22 did it.

Each case was played on it with ``verify --with libvirt``; what the guest wrote is told by who wrote
it: B to S1, C to S2, D to S3, E to S4.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

import simulator
from simulator.model.disk import Disk


class Chain(NamedTuple):
    """A chain of images, and what each holds of the bitmap ``h``.

    Attributes:
        held: A character an image, the base first: ``+`` recording, ``o`` disabled, ``t``
            recording and not persistent, ``-`` none.
        job: What is done to it.
        wanted: What each image holds afterwards: its dirty clusters, and how it is.
    """

    held: str
    job: str
    wanted: dict[str, str]


CASES = [
    # A commit of the active image: what is above the base counts.
    Chain("-+-+", "commit: {top: S4, base: S1}", {}),
    Chain("-o", "commit: {top: S2, base: S1}", {}),
    Chain("o+", "commit: {top: S2, base: S1}", {"S1": "BC o"}),
    Chain("oo", "commit: {top: S2, base: S1}", {"S1": "B o"}),
    Chain("+-+", "commit: {top: S3, base: S2}", {"S1": "B +", "S2": "D +"}),
    Chain("o-+", "commit: {top: S3, base: S2}", {"S1": "B o", "S2": "D +"}),
    Chain("o-+", "commit: {top: S3, base: S1}", {"S1": "BD o"}),
    Chain("oo+", "commit: {top: S3, base: S2}", {"S1": "B o", "S2": "CD o"}),
    Chain("-t", "commit: {top: S2, base: S1}", {}),
    # A commit in the middle: all below the top does.
    Chain("+o++", "commit: {top: S3, base: S2}", {"S1": "B +", "S2": "C o", "S4": "E +"}),
    Chain("+-++", "commit: {top: S3, base: S2}", {"S1": "B +", "S4": "E +"}),
    Chain("oo++", "commit: {top: S3, base: S2}", {"S1": "B o", "S2": "C o", "S4": "E +"}),
    Chain("o+o", "commit: {top: S2, base: S1}", {"S1": "B o", "S3": "D o"}),
    Chain("--++", "commit: {top: S3, base: S1}", {"S1": "D +", "S4": "E +"}),
    # So it does for a pull.
    Chain("-+-+", "pull: {into: S4}", {"S4": "E +"}),
    Chain("+o", "pull: {into: S2}", {"S2": "C o"}),
    Chain("o+", "pull: {into: S2}", {"S2": "C +"}),
    Chain("+-++", "pull: {into: S4, base: S2}", {"S1": "B +", "S4": "E +"}),
    Chain("o++", "pull: {into: S3, base: S1}", {"S1": "B o", "S3": "D +"}),
    Chain("-++", "pull: {into: S3, base: S1}", {"S3": "CD +"}),
    Chain("-++", "pull: {into: S3}", {"S3": "CD +"}),
]


def steps(chain: Chain) -> Iterator[str]:
    """Yield the steps that make a chain, each image with its bitmap and a write, and its job."""
    for number, kind in enumerate(chain.held, start=1):
        image, before = f"S{number}", number - 2
        yield f"{'create' if number == 1 else 'snapshot'}: {image}"
        repeated = number > 1 and chain.held[before] == "+"
        node = f"arguments: {{node: {image}, name: h"
        if repeated and kind == "-":
            yield f"qmp: {{execute: block-dirty-bitmap-remove, {node}}}}}"
        if not repeated and kind != "-":
            persistent = "false" if kind == "t" else "true"
            yield f"qmp: {{execute: block-dirty-bitmap-add, {node}, persistent: {persistent}}}}}"
        yield f"write: {'-' * number}{'ABCDE'[number]}{'-' * (7 - number)}"
        if kind == "o":
            yield f"qmp: {{execute: block-dirty-bitmap-disable, {node}}}}}"
    yield chain.job


def story(chain: Chain) -> str:
    """Return a chain and its job as a scenario."""
    done = "".join(f"      - {step}\n" for step in steps(chain))
    head = f"scenario: '{chain.held}'\nmodel: libvirt\ndisk: 8\ntimeline:\n"
    return f"{head}  - at: T1\n    do:\n{done}"


def held(disk: Disk) -> dict[str, str]:
    """Return what each image of a disk holds of the bitmap, by the letters of who wrote it."""
    return {
        b.node: "".join("ABCDEFGH"[n] for n in disk.clusters_of(b))
        + (" +" if b.recording else " o")
        for b in disk.bitmaps
    }


@pytest.mark.parametrize("chain", CASES, ids=lambda chain: f"{chain.held} {chain.job}")
def test_a_bitmap_goes_along_where_it_is_whole(chain: Chain) -> None:
    disk = simulator.loads(story(chain)).run().timeline.last.disk("vda")
    assert held(disk) == chain.wanted


def test_one_bitmap_that_cannot_be_merged_keeps_all_from_it() -> None:
    """The base's own is inconsistent: QEMU refuses the transaction, and libvirt goes on."""
    text = """\
scenario: after a crash
model: libvirt
disk: 8
timeline:
  - at: T1
    do: [{create: S1}, {checkpoint: h}, {checkpoint: g}, shutdown, start, crash, start]
  - at: T2
    do:
      - snapshot: S2
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: h, persistent: true}}
      - checkpoint: i
      - write: --C-----
      - commit: {top: S2, base: S1}
"""
    disk = simulator.loads(text).run().timeline.last.disk("vda")
    left = {bitmap.name: bitmap.inconsistent for bitmap in disk.bitmaps}
    assert left == {"h": True, "g": True, "libvirt-tmp-activewrite": False}
