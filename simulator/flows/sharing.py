"""Max-min fair shares: no flow can have more without another one, no faster than it, having less.

pool 100 MB/s: a and b go through it, b no faster than 20 MB/s    a has 80, b has 20
"""

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeVar

N = TypeVar("N", bound=Hashable)

PARTS = 1 << 64
"""A speed is a number of such parts of a byte a second: thirds of thirds have no end otherwise."""


def parts_of(number: Fraction | int) -> int:
    """Return bytes as parts of a byte."""
    return number.numerator * PARTS // number.denominator


class Flow(NamedTuple):
    """Something that moves bytes.

    Attributes:
        through: The resources that its bytes go through, each once.
        limit: Parts of a byte a second that it never exceeds; None for no limit of its own.
    """

    through: tuple[str, ...]
    limit: int | None = None


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

    >>> share({"a": Flow(("pool",)), "b": Flow(("pool",), 20)}, {"pool": 100})
    {'b': 20, 'a': 80}
    """
    if len(flows) == 1:
        ((name, flow),) = flows.items()
        number = counts[name] if counts is not None else 1
        bounds = [resources[resource] // number for resource in flow.through]
        if flow.limit is not None:
            bounds.append(flow.limit)
        return {name: min(bounds, default=None)}
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
