"""Max-min fair shares: no flow can have more without another one, no faster than it, having less.

pool 100 MB/s: a and b go through it, b no faster than 20 MB/s    a has 80, b has 20
"""

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeVar

N = TypeVar("N", bound=Hashable)


class Flow(NamedTuple):
    """Something that moves bytes.

    Attributes:
        through: The resources that its bytes go through, each once.
        limit: Bytes a second that it never exceeds; None for no limit of its own.
    """

    through: tuple[str, ...]
    limit: Fraction | None = None


def share(flows: Mapping[N, Flow], resources: Mapping[str, Fraction]) -> dict[N, Fraction | None]:
    """Return the speed of each flow, in bytes a second.

    All flows are filled alike until one of them meets its limit or a resource of it is full; that
    one stays as it is, and the others go on.

    Args:
        flows: By their names.
        resources: Bytes a second that each can carry.

    Returns:
        None for a flow that nothing limits.

    >>> share({"a": Flow(("pool",)), "b": Flow(("pool",), Fraction(20))}, {"pool": Fraction(100)})
    {'b': Fraction(20, 1), 'a': Fraction(80, 1)}
    """
    speeds: dict[N, Fraction | None] = {}
    left = dict(resources)
    waiting = dict(flows)
    users: dict[str, set[N]] = {}
    for name, flow in flows.items():
        for resource in flow.through:
            users.setdefault(resource, set()).add(name)
    while waiting:
        level = min(
            (
                *(left[resource] / len(names) for resource, names in users.items() if names),
                *(flow.limit for flow in waiting.values() if flow.limit is not None),
            ),
            default=None,
        )
        if level is None:
            return speeds | dict.fromkeys(waiting)
        for name in [name for name in waiting if _meets(waiting[name], level, left, users)]:
            flow = waiting.pop(name)
            speeds[name] = level
            for resource in flow.through:
                users[resource].discard(name)
                left[resource] -= level
    return speeds


def _meets(
    flow: Flow,
    level: Fraction,
    left: Mapping[str, Fraction],
    users: Mapping[str, set[N]],
) -> bool:
    """Whether a flow can have no more than a level: by its own limit, or by a full resource."""
    if flow.limit is not None and flow.limit <= level:
        return True
    # Of the users of a full resource, those taken out before had the same level: it stays full.
    return any(
        users[resource] and left[resource] <= level * len(users[resource])
        for resource in flow.through
    )
