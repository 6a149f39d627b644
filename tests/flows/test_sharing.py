"""Shares: held against the definition of max-min fairness, and figures worked out by hand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.flows.sharing import PARTS, Flow, parts_of, share

LAW = settings(derandomize=True, deadline=None, max_examples=200)
SCALE = 10**6
"""Parts are that small that a rounded one does not count."""

NAMES = ("net", "pool", "repo")
FLOWS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Flow,
        st.sets(st.sampled_from(NAMES)).map(lambda names: tuple(sorted(names))),
        st.none() | st.integers(1, 60).map(lambda limit: limit * SCALE),
    ),
    max_size=6,
)
RESOURCES = st.fixed_dictionaries(
    {name: st.integers(1, 90).map(lambda width: width * SCALE) for name in NAMES}
)


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
