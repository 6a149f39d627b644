"""Sets and maps of a disk that was small and has grown: small and large ones meet."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator
from simulator.model.clusters import SMALL_MAX, map_of, set_of

LARGE = SMALL_MAX + 1
LAW = settings(derandomize=True, deadline=None, max_examples=100)
CLUSTERS = st.sets(st.integers(0, 40))
VERSIONS = st.dictionaries(st.integers(0, 40), st.integers(0, 90))


@LAW
@given(CLUSTERS, CLUSTERS, st.integers(0, 41))
def test_sets_of_both_kinds_meet(some: set[int], others: set[int], end: int) -> None:
    for one, other in ((8, LARGE), (LARGE, 8)):
        a, b = set_of(one, some), set_of(other, others)
        assert set(a | b) == some | others
        assert set(a & b) == some & others
        assert set(a - b) == some - others
        assert (a == b) == (some == others)
        assert set(a.below(end)) == {cluster for cluster in some if cluster < end}
        assert a.last == max(some, default=-1)


@LAW
@given(VERSIONS, VERSIONS, st.integers(0, 41))
def test_maps_of_both_kinds_meet(some: dict[int, int], others: dict[int, int], end: int) -> None:
    unlike = {c for c in some | others if some.get(c, 0) != others.get(c, 0)}
    for one, other in ((8, LARGE), (LARGE, 8)):
        a, b = map_of(one, some), map_of(other, others)
        assert dict(a.overlay(b).items()) == some | others
        assert set(a.differing(b)) == unlike
        assert a.reads_like(b) == (not unlike)
        assert dict(a.below(end).items()) == {c: v for c, v in some.items() if c < end}
        kept: Any = dict(a.restrict(set_of(other, others)).items())
        assert kept == {c: v for c, v in some.items() if c in others}


@pytest.mark.parametrize(
    ("size", "clusters", "zeroes"), [(512, 3, {0, 1, 2}), (512, 1, {0}), (65536, 3, {1, 2})]
)
def test_an_overlay_grows_with_zeroes_from_the_cluster_on_in_which_it_ended(
    size: int, clusters: int, zeroes: set[int]
) -> None:
    """Source: QEMU 7.2, ``qcow2_co_truncate`` where the backing image is longer."""
    grown = simulator.loads(
        f"""
scenario: grown
model: qemu
disk: 8
timeline:
  - {{at: T1, do: [create: S1, write: ABC-----, snapshot: S2]}}
  - {{at: T2, do: [qmp: {{execute: block_resize, arguments: {{node-name: S2, size: {size}}}}}]}}
  - {{at: T3, do: [resize: {{clusters: {clusters}}}]}}
"""
    )
    image = grown.run().timeline.last.disks[0].image("S2")
    assert image is not None
    assert dict(image.content.items()) == dict.fromkeys(zeroes, 0)
