"""Shares: held against the definition of max-min fairness, and figures worked out by hand."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.flows.sharing import PARTS, Flow, Pipe, Shares, Stream, parts_of
from tests.flows import naive

LAW = settings(derandomize=True, deadline=None, max_examples=200)
SCALE = 10**6
"""Parts are that small that a rounded one does not count."""

NAMES = ("net", "pool", "repo")
FLOW = st.builds(
    Flow,
    st.sets(st.sampled_from(NAMES)).map(lambda names: tuple(sorted(names))),
    st.none() | st.integers(1, 60).map(lambda limit: limit * SCALE),
)
FLOWS = st.dictionaries(st.sampled_from("abcdef"), FLOW, max_size=6)
RESOURCES = st.fixed_dictionaries(
    {name: st.integers(1, 90).map(lambda width: width * SCALE) for name in NAMES}
)


def share(
    flows: Mapping[str, Flow], resources: Mapping[str, int], counts: Mapping[str, int] | None = None
) -> dict[str, int | None]:
    """Return the speed of each flow, where all of them begin at once."""
    shares = Shares[Stream]()
    pipes = {name: Pipe[Stream](width) for name, width in resources.items()}
    streams = {n: Stream(f, tuple(pipes[r] for r in f.through)) for n, f in flows.items()}
    for name, stream in streams.items():
        for _ in range(counts[name] if counts is not None else 1):
            shares.begin(stream)
    shares.settle()
    return {name: stream.speed for name, stream in streams.items()}


@given(FLOWS, RESOURCES)
@LAW
def test_every_flow_is_held_by_its_limit_or_by_a_full_resource_in_which_none_is_faster(
    flows: dict[str, Flow], resources: dict[str, int]
) -> None:
    speeds = share(flows, resources)
    assert set(speeds) == set(flows)
    used = {name: sum(speeds[f] or 0 for f in flows if name in flows[f].through) for name in NAMES}
    assert all(used[name] <= resources[name] for name in NAMES)
    for name, flow in flows.items():
        speed = speeds[name]
        if speed is None:
            assert flow == Flow((), None)
            continue
        assert flow.limit is None or speed <= flow.limit
        held = [
            resource
            for resource in flow.through
            if resources[resource] - used[resource] <= len(flows)
            and all(
                (speeds[f] or 0) <= speed + len(flows)
                for f in flows
                if resource in flows[f].through
            )
        ]
        assert speed == flow.limit or held


@given(
    st.lists(FLOW, min_size=1, max_size=12),
    RESOURCES,
    st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=3), max_size=20),
)
@LAW
def test_where_flows_begin_and_end_all_are_as_fast_as_if_they_had_begun_at_once(
    flows: list[Flow], resources: dict[str, int], turns: list[list[int]]
) -> None:
    shares = Shares[Stream]()
    pipes = {name: Pipe[Stream](width) for name, width in resources.items()}
    streams = [Stream(flow, tuple(pipes[name] for name in flow.through)) for flow in flows]
    before: list[int | None] = [None for _ in streams]
    for turn in turns:
        changed = {number % len(flows) for number in turn}
        for number in changed:
            stream = streams[number]
            if stream.count and turn[0] % 2:
                shares.end(stream)
            else:
                shares.begin(stream)
        told = {streams.index(stream) for stream in shares.settle()}
        counts = {number: stream.count for number, stream in enumerate(streams) if stream.count}
        expected = naive.share({n: flows[n] for n in counts}, resources, counts)
        assert {number: streams[number].speed for number in counts} == expected
        assert told == {n for n in counts if n in changed or streams[n].speed != before[n]}
        before = [stream.speed for stream in streams]


def test_three_jobs_through_a_net_and_two_stores() -> None:
    # a and b share the store of 60; what a leaves of the net of 100 goes to c.
    flows = {"a": Flow(("net", "store")), "b": Flow(("store",)), "c": Flow(("net",))}
    resources = {"net": 100, "store": 60}
    assert share(flows, resources) == {"a": 30, "b": 30, "c": 70}


def test_thirds_are_rounded_down_to_a_part() -> None:
    speeds = share(dict.fromkeys("abc", Flow(("net",))), {"net": parts_of(100)})
    assert set(speeds.values()) == {100 * PARTS // 3}


def test_many_that_are_alike_are_as_fast_as_each_of_them() -> None:
    resources = {"net": 100, "store": 60}
    one_by_one = {f"a{n}": Flow(("net",)) for n in range(3)} | {"b": Flow(("net", "store"))}
    together = {"a": Flow(("net",)), "b": Flow(("net", "store"))}
    found = share(together, resources, {"a": 3, "b": 1})
    assert found == {"a": 25, "b": 25}
    assert share(one_by_one, resources) == {"a0": 25, "a1": 25, "a2": 25, "b": 25}
