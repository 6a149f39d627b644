"""What a copy on QEMU 11.1 takes for data though it is none: granules that do not lie alike.

Each figure was seen on QEMU 11.1.3.
"""

import pytest

import simulator
from simulator.model.clusters import ZERO
from simulator.model.machine import Machine

HEAD = """\
scenario: granules
model: qemu@{release}
disk: {{clusters: {clusters}, cluster_size: {size}}}
timeline:
  - at: T1
    do: [create: S1]
"""

MIRROR = """\
  - at: T3
    do:
      - qmp:
          execute: blockdev-mirror
          arguments: {{job-id: j1, device: {node}, target: C1, sync: full, granularity: {granule}}}
        ends: T4
"""

SHORT = (
    "  - at: T2\n    do: [qmp: {execute: block_resize, arguments: {node-name: S1, size: 300032}}]\n"
)


def last(text: str) -> Machine:
    """The machine at the end of a scenario that nothing in it turns down."""
    timeline = simulator.loads(text).run().timeline
    assert [each.refusal for each in timeline.entries if each.refusal] == []
    return timeline.last


def zero(first: int, count: int) -> str:
    """A zero of the guest's, over clusters of 4 KiB."""
    return f"  - zero: {{offset: {first * 4096}, length: {count * 4096}}}\n"


def data(first: int, count: int) -> str:
    """A write of the guest's, over clusters of 4 KiB."""
    return f"  - write: {{offset: {first * 4096}, length: {count * 4096}, data: B}}\n"


def copied(before: str, meanwhile: str = "", *, node: str = "S1", granule: int = 32768) -> str:
    """The copy of a disk of 40 clusters of 4 KiB, in granules of eight."""
    mirror = MIRROR.format(node=node, granule=granule)
    head = HEAD.format(release="11.1", clusters=40, size=4096)
    machine = last(head + before + mirror + meanwhile + "  - {at: T4}\n")
    (image,) = machine.disks[0].chain
    held = dict(image.content.items())
    return "".join("-" if n not in held else "0" if held[n] == ZERO else "B" for n in range(40))


@pytest.mark.parametrize(
    ("before", "meanwhile", "wanted"),
    [
        (zero(1, 2), "", "00000000" + "-" * 32),
        (zero(8, 8), "", "-" * 40),
        (data(0, 4) + zero(0, 8), "", "-" * 40),
        (zero(1, 2) + data(33, 1), "", "00000000" + "-" * 24 + "0B000000"),
        ("", zero(9, 1), "-" * 8 + "00000000" + "-" * 24),
        ("", zero(8, 8), "-" * 40),
    ],
)
def test_zeroes_beside_holes_are_copied_with_their_granule(
    before: str, meanwhile: str, wanted: str
) -> None:
    assert copied(before, meanwhile) == wanted


def test_so_are_zeroes_of_two_images_and_those_at_the_end_of_the_disk() -> None:
    snapshot = "  - at: T2\n    do: [snapshot: S2]\n"
    two = zero(16, 4) + snapshot + zero(20, 4)
    assert copied(two, node="S2") == "-" * 16 + "00000000" + "-" * 16
    assert copied(zero(32, 8), granule=65536) == "-" * 32 + "00000000"
    assert copied("", granule=65536) == "-" * 40


def test_the_last_cluster_of_a_disk_that_ends_within_it() -> None:
    head = HEAD.format(release="11.1", clusters=8, size=65536)
    mirror = MIRROR.format(node="S1", granule=65536)
    begun = "  - write: AAAAAAAA\n" + SHORT
    figures = []
    for middle in ("  - zero: -0000\n" + mirror, mirror + "  - zero: -0000\n"):
        machine = last(head + begun + middle + "  - {at: T4}\n")
        figures.append(sorted(machine.disks[0].chain[0].content.clusters()))
    assert figures[0] == [0, 4]
    assert figures[1] == [0, 1, 2, 3, 4]


def test_a_commit_of_the_active_image_marks_it_in_the_base() -> None:
    head = HEAD.format(release="11.1", clusters=8, size=65536).replace(
        "[create: S1]", "[create: {image: S1, bitmap: B1}]"
    )
    rest = "  - at: T3\n    do: [snapshot: S2]\n  - write: A----\n  - zero: ---00\n"
    commit = "  - at: T4\n    do: [qmp: {execute: block-commit, arguments: {device: S2}}]\n"
    disk = last(head + SHORT + rest + commit).disks[0]
    assert sorted(disk.chain[0].content.clusters()) == [0, 4]
    assert sorted(disk.bitmaps[0].dirty) == [0, 4]
