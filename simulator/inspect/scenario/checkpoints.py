"""Bitmaps as libvirt leaves them, made by checkpoints."""

import re
from collections.abc import Sequence

from simulator.inspect.image.runs import Run, cut_out, keep_in, total
from simulator.inspect.scenario.plan import Mark, Plan
from simulator.inspect.scenario.script import Script, keep_states, make_image, quoted, writes

_CHECKPOINT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""A name that libvirt takes for a checkpoint. Source: ``facts/LIBVIRT.md``, case 10."""


def is_libvirts(plans: Sequence[Plan]) -> bool:
    """Whether checkpoints alone can make these bitmaps."""
    return sum(any(layer.marks for layer in plan.layers) for plan in plans) <= 1 and all(
        _orders(plan) is not None for plan in plans
    )


def _orders(plan: Plan) -> list[list[Mark]] | None:
    """Return the new bitmaps of each image, oldest first; None where libvirt would not make them.

    Those that a snapshot repeated mark all that their overlay holds. A newer one marks a part of
    what an older one marks.
    """
    known: set[str] = set()
    orders: list[list[Mark]] = []
    for layer in plan.layers:
        names = {mark.name for mark in layer.marks}
        if not known <= names or not all(
            mark.recording
            and not mark.broken
            and mark.granularity == plan.granularity
            and _CHECKPOINT.fullmatch(mark.name)
            for mark in layer.marks
        ):
            return None
        repeated = [mark for mark in layer.marks if mark.name in known]
        if any(not alike(mark.clusters, layer.content) for mark in repeated):
            return None
        new = [mark for mark in layer.marks if mark.name not in known]
        new.sort(key=lambda mark: (-total(mark.clusters), mark.name))
        for older, newer in zip([layer.content, *(m.clusters for m in new)], new, strict=False):
            if cut_out(newer.clusters, older):
                return None
        known |= names
        orders.append(new)
    return orders


def alike(one: Sequence[Run], other: Sequence[Run]) -> bool:
    """Whether two ascending runs cover the same, whatever they hold."""
    return not cut_out(one, other) and not cut_out(other, one)


def make_checkpoints(script: Script, plan: Plan) -> None:
    """Write each image between two snapshots, with its checkpoints in their order."""
    orders = _orders(plan)
    assert orders is not None, "the caller looked"
    for number, (layer, new) in enumerate(zip(plan.layers, orders, strict=True)):
        steps = keep_states(script, plan, layer, [make_image(script, plan, number)])
        rest = layer.content
        for mark in new:
            before = cut_out(rest, mark.clusters)
            if before:
                script.instant(steps)
                script.guest(list(writes(script, plan, before)))
                steps = []
            name = quoted(mark.name)
            many = f"{{name: {name}, disks: [{plan.name}]}}"
            steps.append(f"checkpoint: {name if script.alone else many}")
            rest = keep_in(rest, mark.clusters)
        script.instant(steps)
        script.guest(list(writes(script, plan, rest)))
