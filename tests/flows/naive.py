"""Shares worked out for everybody: what those are held against that are worked out where needed."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from simulator.flows.sharing import Flow

N = TypeVar("N", bound=Hashable)


def share(
    flows: Mapping[N, Flow],
    resources: Mapping[str, int],
    counts: Mapping[N, int] | None = None,
) -> dict[N, int | None]:
    """Return the speed of each flow, in parts of a byte a second, rounded down.

    All flows are filled alike until one of them meets its limit or a resource of it is full; that
    one stays as it is, and the others go on.

    Args:
        flows: By their names.
        resources: Parts of a byte a second that each can carry.
        counts: How many there are of each that are alike; None for one. The speed is that of one.

    Returns:
        None for a flow that nothing limits.
    """
    speeds: dict[N, int | None] = {}
    waiting = dict(flows)
    numbers = counts if counts is not None else dict.fromkeys(flows, 1)
    users: dict[str, int] = {}
    for name, flow in flows.items():
        for resource in flow.through:
            users[resource] = users.get(resource, 0) + numbers[name]
    left = {resource: resources[resource] for resource in users}
    while waiting:
        shares = {resource: left[resource] // count for resource, count in users.items() if count}
        limits = (flow.limit for flow in waiting.values() if flow.limit is not None)
        level = min((*shares.values(), *limits), default=None)
        if level is None:
            return speeds | dict.fromkeys(waiting)
        full = {resource for resource, each in shares.items() if each <= level}
        for name, flow in [*waiting.items()]:
            if (flow.limit is None or flow.limit > level) and full.isdisjoint(flow.through):
                continue
            del waiting[name]
            speeds[name] = level
            for resource in flow.through:
                users[resource] -= numbers[name]
                left[resource] -= level * numbers[name]
    return speeds
