"""How many bytes of a backup are data, and how many it only tells to be zeroes."""

import pytest

import simulator
from simulator.model.clusters import set_of
from simulator.model.sizes import bytes_of

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

LARGE = """
scenario: little on a large disk
model: libvirt
disks: {vda: {size: 1 GiB}}
timeline:
  - {at: T1, do: [{create: S}]}
  - write: {offset: 0, length: 10 MiB, data: A}
  - at: T2
    do:
      - backup: {to: full, checkpoint: c0}
      - backup: {to: pulled, mode: pull}
      - copy: {image: S, to: copied}
  - zero: {offset: 0, length: 128 KiB}
  - write: {offset: 1 MiB, length: 128 KiB, data: B}
  - at: T3
    do:
      - backup: {to: inc, since: c0}
      - backup: {to: pulled-inc, since: c0, mode: pull}
      - backup: {to: failed, fails: T4}
  - at: T4
"""

GRANULES = """
scenario: little of large clusters
model: libvirt
disks: {vda: {size: 8 MiB, cluster_size: 2 MiB}}
timeline:
  - {at: T1, do: [{create: S}, {backup: {to: full, checkpoint: c0}}]}
  - write: {offset: 0, length: 4 KiB, data: A}
  - write: {offset: 100 KiB, length: 4 KiB, data: A}
  - write: {offset: 4 MiB, length: 512, data: A}
  - at: T2
    do: [{backup: {to: inc, since: c0}}, {backup: {to: pulled, since: c0, mode: pull}}]
"""

UNITS = """
scenario: little of small clusters
model: libvirt
disks: {vda: {size: 132 KiB, cluster_size: 4 KiB}}
timeline:
  - {at: T1, do: [{create: S}]}
  - write: {offset: 0, length: 4 KiB, data: A}
  - write: {offset: 128 KiB, length: 4 KiB, data: A}
  - at: T2
    do: [{backup: full}, {backup: {to: pulled, mode: pull}}]
"""


ODD = """
scenario: an odd end
model: libvirt
disks: {vda: {size: 4195328}}
timeline:
  - {at: T1, do: [{create: S}, {backup: {to: empty, mode: pull, checkpoint: c0}}]}
  - write: {offset: 0, length: 512, data: A}
  - write: {offset: 4194304, length: 1024, data: A}
  - at: T2
    do:
      - backup: {to: pulled, since: c0, mode: pull}
      - backup: {to: inc, since: c0}
      - backup: full
"""

GROWN = """
scenario: an odd end that moves
model: libvirt
disks: {vda: {size: 4195328}}
timeline:
  - {at: T1, do: [{create: S}, {snapshot: S2}, {backup: {to: above, mode: pull}}]}
  - {at: T2, do: [{commit: {top: S2}}, {backup: {to: below, mode: pull}}]}
  - {at: T3, do: [{resize: {size: 4196352}}]}
  - write: {offset: 4194304, length: 512, data: A}
  - {at: T4, do: [{backup: {to: grown, mode: pull}}, {snapshot: S3}, {commit: {top: S3}}]}
  - {at: T5, do: [{resize: {size: 4195328}}, {backup: {to: back, mode: pull}}]}
"""


def sizes(text: str) -> dict[str, tuple[int, int, int]]:
    """Return what the backups of a scenario hold: data, zeroes, and what their jobs count."""
    return {
        name: (backup["data_bytes"], backup["zero_bytes"], backup["copied_bytes"])
        for name, backup in simulator.loads(text).run().document()["backups"].items()
    }


def test_data_and_zeroes_are_told_apart() -> None:
    assert sizes(LARGE) == {
        "full": (10 * MIB, GIB - 10 * MIB, GIB),
        "pulled": (10 * MIB, GIB - 10 * MIB, 10 * MIB),
        "copied": (10 * MIB, 0, 10 * MIB),
        "inc": (128 * KIB, 128 * KIB, 256 * KIB),
        "pulled-inc": (128 * KIB, 128 * KIB, 256 * KIB),
        "failed": (0, 0, 0),
    }


def test_the_text_tells_data_first_and_what_is_covered_where_that_is_more() -> None:
    told = simulator.loads(LARGE).run().text(whole=True)
    assert "full, 10 MiB of 1 GiB" in told
    assert "full, pulled, 10 MiB of 1 GiB" in told
    assert "copy of S, 10 MiB\n" in told
    assert "since c0, 128 KiB of 256\n" in told
    empty = simulator.loads(
        "scenario: empty\ndisk: 16\ntimeline:\n  - {at: T1, do: [{create: S}, {backup: full}]}"
    )
    assert "full, 0 B of 1 MiB" in empty.run().text()


def test_a_client_reads_dirty_granules_where_a_job_copies_clusters() -> None:
    assert sizes(GRANULES) == {
        "full": (0, 8 * MIB, 8 * MIB),
        "inc": (4 * MIB, 0, 4 * MIB),
        "pulled": (3 * 64 * KIB, 0, 196_608),
    }


def test_a_job_copies_whole_units_where_a_client_reads_clusters() -> None:
    found = sizes(UNITS)
    assert found["full"][:2] == (68 * KIB, 64 * KIB)
    assert found["pulled"] == (8 * KIB, 124 * KIB, 8 * KIB)


def test_a_disk_of_an_odd_size_is_never_more_than_it_is() -> None:
    found = sizes(ODD)
    assert found["empty"] == (0, 4_195_328, 0)
    assert found["pulled"] == (66_560, 0, 66_560)
    assert found["inc"] == (66_560, 0, 131_072)
    assert found["full"] == (66_560, 4_195_328 - 66_560, 65 * 65_536)


def test_an_odd_size_outlives_snapshot_commit_and_resize() -> None:
    found = sizes(GROWN)
    assert {data + zero for data, zero, _ in found.values()} == {4_195_328, 4_196_352}
    assert found["grown"][:2] == (2048, 4_194_304)
    assert found["back"][0] + found["back"][1] == 4_195_328


@pytest.mark.parametrize(
    ("units", "size", "expected"),
    [((), 4_195_328, 0), ((0,), 4_195_328, 65_536), ((0, 64), 4_195_328, 66_560)],
)
def test_the_odd_end_of_a_disk_counts_as_it_is(
    units: tuple[int, ...], size: int, expected: int
) -> None:
    assert bytes_of(set_of(65, units), 65_536, size) == expected
