"""Flows through a resource, stacked: each job as high as it is fast, on those started before it."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from simulator.measures.resources import Stretch, Use, find_uses
from simulator.moves import Move
from simulator.render.amounts import write_amount, write_rate
from simulator.render.drawing import Area, Shape, Text, fit, width_of
from simulator.render.views.load.panel import HEIGHT, Panel, limit_line, scale_for
from simulator.render.views.time.axis import Axis
from simulator.timeline import Timeline

KINDS = {
    "full": ("v4", "#"),
    "incremental": ("v1", "+"),
    "bitmap": ("v0", "="),
    "top": ("v5", "%"),
    "copy": ("v3", "o"),
    "commit": ("busy", "~"),
    "pull": ("v6", "*"),
    "blockcopy": ("v2", "@"),
    "restore": ("v7", "^"),
}
"""The kinds of jobs: the role of each one's colour, and its sign as text."""

OTHER = ("mixed", "@")

SEEN = 1.0
"""A flow is drawn no narrower than that."""

EDGED = 6.0
"""A flow that is wider than that has an edge."""

NAME = 8.0


def draw_flows(timeline: Timeline, axis: Axis) -> Iterator[Panel]:
    """Yield a panel for each resource that has a bandwidth, or that something flowed through."""
    moves = {move.number: move for move in timeline.moves}
    uses = find_uses(timeline)
    for resource in timeline.script.resources:
        use = uses[resource.name]
        if resource.bandwidth is None and not use.stretches:
            continue
        limit = float(resource.bandwidth) if resource.bandwidth is not None else None
        highest, drawn = scale_for(float(use.peak), limit)
        shapes: list[Shape] = list(_stack(use, moves, axis, highest))
        if drawn and limit is not None:
            shapes.append(limit_line(limit, highest, axis.end))
        told = [f"at most {write_rate(use.peak)}", f"{write_amount(use.size)} in all"]
        if resource.bandwidth is not None:
            told[0] += f" of {write_rate(resource.bandwidth)}"
        yield Panel((resource.name, *told), tuple(shapes), axis.end)


def _stack(use: Use, moves: dict[int, Move], axis: Axis, highest: float) -> Iterator[Shape]:
    """Yield the flows: the highest first, since each covers what it does not stand on."""
    names: list[Text] = []
    for stretch, tops in reversed(_tops(use.stretches)):
        move = moves[stretch.move]
        role, sign = KINDS.get(move.kind, OTHER)
        points = list(_points(tops, stretch.end, axis, highest))
        wide = points[-1][0] - points[0][0] > EDGED
        title = f"{move.name}: {move.kind} of {move.disk}, {write_rate(stretch.speed)}"
        yield Area(tuple(points), HEIGHT, role, "ink" if wide else None, title, sign)
        below = float(tops[0][1] - stretch.speed)
        names += _name(move.name, role, points, HEIGHT * (1 - below / highest))
    yield from names


def _tops(stretches: Sequence[Stretch]) -> list[tuple[Stretch, list[tuple[int, Fraction]]]]:
    """Return each stretch with what it reaches, from which tick on: what it stands on, and it."""
    ordered = sorted(stretches, key=lambda each: (each.start, each.move))
    found: list[tuple[Stretch, list[tuple[int, Fraction]]]] = []
    under: list[Stretch] = []
    for number, each in enumerate(ordered):
        under = [other for other in under if other.end > each.start]
        later = []
        for other in ordered[number + 1 :]:
            if other.start >= each.end:
                break
            later.append(other)
        beside = [o for o in (*under, *later) if o.move < each.move]
        under.append(each)
        ticks = {each.start, *(o.start for o in beside), *(o.end for o in beside)}
        tops = [
            (tick, each.speed + sum(o.speed for o in beside if o.start <= tick < o.end))
            for tick in sorted(ticks)
            if each.start <= tick < each.end
        ]
        found.append((each, tops))
    return sorted(found, key=lambda pair: pair[0].move)


def _points(
    tops: Sequence[tuple[int, Fraction]], end: int, axis: Axis, highest: float
) -> Iterator[tuple[float, float]]:
    """Yield the line on top of a flow."""
    starts = [axis.at(tick) for tick, _ in tops]
    last = max(axis.at(end), starts[0] + min(SEEN, axis.least))
    for (_, top), start, until in zip(tops, starts, [*starts[1:], last], strict=True):
        y = HEIGHT * (1 - float(top) / highest)
        yield start, y
        yield until, y


def _name(
    name: str, role: str, points: Sequence[tuple[float, float]], below: float
) -> Iterator[Text]:
    """Yield a name on a flow, where there is room at its beginning."""
    (start, top), (end, _) = points[:2]
    told = fit(name, max(end - start - 6, 0), NAME)
    if below - top >= NAME + 3 and width_of(name, NAME) <= end - start - 6:
        yield Text(start + 4, (top + below) / 2 + 0.35 * NAME, told, NAME, on=role)
