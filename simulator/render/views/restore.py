"""The restore view: which instants the backups give back.

States of a disk from top to bottom, each with the cheapest way to it, and below it the backups that
give it. An increment has an arrow from the state that it is laid over, in a lane of its own; a full
backup begins at a dot. A label has a line for itself, so that nothing runs through it.
"""

from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding
from simulator.render.amounts import write_held, write_size
from simulator.render.drawing import (
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    stack,
    title_lines,
    width_of,
)
from simulator.render.restores import MIXED, TORN, Chain, DiskRestores, Edge, State, find_restores
from simulator.render.views.strips import SMALL
from simulator.render.views.told import Sample, draw_findings, draw_legend, line_sample
from simulator.restorable.graph import NOTHING
from simulator.timeline import Timeline
from simulator.values import NamedTuple

NODE_HEIGHT, BACKUP_HEIGHT, GAP = 22.0, 18.0, 12.0
LANE = 16.0
INDENT = 34.0
DOT = 6.0
NAME_MAX, BACKUP_MAX, TOLD_MAX = 220.0, 220.0, 460.0
WIDTH = 640.0
TITLE_MAX = 1000
"""A chain of so many characters is told in the table of `restores` only."""


def lay_out_restores(timeline: Timeline, findings: Sequence[Finding] = ()) -> Drawing:
    """Return the picture of what can be restored, one disk below another."""
    restores = find_restores(timeline)
    parts = [_title(timeline.script.title)]
    for disk in restores.disks:
        if len(restores.disks) > 1:
            text = Text(0, 14, fit(disk.disk, 300, 13), 13, bold=True)
            parts.append(Drawing(300, 16, (text,)))
        parts.append(_disk(disk))
    parts.append(draw_legend(list(_samples(restores.disks)), WIDTH))
    if findings:
        parts.append(draw_findings(timeline, findings, WIDTH))
    return stack(parts, title=f"{timeline.script.title}: what can be restored")


def _title(title: str) -> Drawing:
    shapes = title_lines(title, WIDTH)
    told = Text(
        0, 14 + 18 * len(shapes), "what the backups that are left give back", SMALL, "faint"
    )
    right = max(text.extent[2] for text in (*shapes, told))
    return Drawing(right, 18 * len(shapes) + 18, (*shapes, told))


class _Placed(NamedTuple):
    """A backup and the middle of its line.

    Attributes:
        lane: The number of the lane in which its arrow runs; None where it has none.
    """

    edge: Edge
    y: float
    lane: int | None = None


def _disk(disk: DiskRestores) -> Drawing:
    """Return one disk: its states, and below each the backups that end there."""
    tops: dict[int, float] = {}
    lines: list[_Placed] = []
    y = 0.0
    for state in disk.states:
        tops[state.number] = y
        y += NODE_HEIGHT
        for edge in (edge for edge in disk.edges if _stands_at(edge, disk) == state.number):
            lines.append(_Placed(edge, y + BACKUP_HEIGHT / 2 + 2))
            y += BACKUP_HEIGHT
        y += GAP
    placed = _in_lanes(lines, tops)
    left = 10 + LANE * (1 + max((each.lane for each in placed if each.lane is not None), default=0))
    shapes: list[Shape] = []
    # The thick ones lie above the others.
    for each in sorted(placed, key=lambda each: each.edge.cheapest):
        shapes += _arrow(each, tops, left)
    names = min(NAME_MAX, max((width_of(s.name, 12) for s in disk.states), default=0)) + 16
    chains = {chain.at: chain for chain in disk.chains}
    for state in disk.states:
        chain = chains.get(state.labels[0]) if state.labels else None
        shapes += _node(state, chain, left, tops[state.number], names)
    backups = min(BACKUP_MAX, max((width_of(e.backup, SMALL) for e in disk.edges), default=0)) + 12
    for each in placed:
        shapes += _label(each, left + INDENT, backups)
    right = max((s.extent[2] for s in shapes if isinstance(s, Text)), default=left)
    return Drawing(max(right, left + names), max(y - GAP, 0.0) + 2, tuple(shapes))


def _stands_at(edge: Edge, disk: DiskRestores) -> int:
    """Return the state below which a backup is told: what it gives, or else what it starts at."""
    if edge.end is not None:
        return edge.end
    return edge.start if edge.start != NOTHING else disk.states[0].number


def _has_arrow(edge: Edge) -> bool:
    """Whether a backup is laid over a state; what changes nothing gives the same one again."""
    return edge.start not in (NOTHING, edge.end)


def _in_lanes(lines: Sequence[_Placed], tops: dict[int, float]) -> list[_Placed]:
    """Return backups with their lanes: short arrows near to the states, and no two in one place."""
    spans = {
        n: tuple(sorted((_start(tops, each.edge), each.y)))
        for n, each in enumerate(lines)
        if _has_arrow(each.edge)
    }
    taken: list[list[tuple[float, float]]] = []
    lanes: dict[int, int] = {}
    for n, (top, bottom) in sorted(spans.items(), key=lambda item: item[1][1] - item[1][0]):
        lane = 0
        while lane < len(taken) and any(a <= bottom and top <= b for a, b in taken[lane]):
            lane += 1
        if lane == len(taken):
            taken.append([])
        taken[lane].append((top, bottom))
        lanes[n] = lane
    return [each._replace(lane=lanes.get(n)) for n, each in enumerate(lines)]


def _start(tops: dict[int, float], edge: Edge) -> float:
    """Return the height at which a backup's arrow leaves the state that it is laid over."""
    return tops[edge.start] + NODE_HEIGHT / 2


def _arrow(placed: _Placed, tops: dict[int, float], left: float) -> Iterator[Shape]:
    """Yield a backup's way: out of a state, along its lane, to its line; or a dot."""
    edge, y = placed.edge, placed.y
    role = "error" if edge.end is None else "ink" if edge.cheapest else "rule"
    thick = 2.0 if edge.cheapest else 1.25
    end = left + INDENT - 6
    if placed.lane is None:
        fill = None if edge.start != NOTHING else role
        yield Box(end - 20, y - DOT / 2, DOT, DOT, fill=fill, edge=role, plain="o")
        yield Line(
            ((end - 20 + DOT, y), (end, y)), role, thick, dashed=edge.end is None, arrow=True
        )
        return
    x, top = left - 10 - LANE * placed.lane, _start(tops, edge)
    points = ((left, top), (x, top), (x, y), (end, y))
    yield Line(points, role, thick, dashed=edge.end is None, arrow=edge.end is not None)
    if edge.end is None:
        for sign in (-1, 1):
            corners = ((end - 8, y - 4 * sign), (end, y + 4 * sign))
            yield Line(corners, role, 2)


def _node(state: State, chain: Chain | None, x: float, y: float, width: float) -> Iterator[Shape]:
    """Yield a state, and behind it the cheapest way to it."""
    lost = not state.reached
    role, edge = ("error", "error") if lost else ("ink", "ink")
    yield Box(
        x, y, width, NODE_HEIGHT, fill="band", edge=edge, thick=1.25, dashed=lost, title=state.name
    )
    name = fit(state.name, NAME_MAX, 12)
    yield Text(x + width / 2, y + 15.5, name, 12, role, "middle", bold=not lost, title=state.name)
    told = "no way back" if lost else "an empty disk"
    if chain is not None and chain.backups:
        told = f"{write_size(chain.size)}: {' <- '.join(chain.backups)}"
    elif chain is None and not lost:
        return
    text = fit(told, TOLD_MAX, SMALL)
    title = told if len(told) < TITLE_MAX else ""
    yield Text(x + width + 10, y + 15, text, SMALL, "error" if lost else "faint", title=title)


def _label(placed: _Placed, x: float, width: float) -> Iterator[Shape]:
    """Yield a backup's name, and what is to be said of it."""
    edge, base = placed.edge, placed.y + 3.5
    role = "error" if edge.end is None else "warning" if edge.loses else "ink"
    name = fit(edge.backup, BACKUP_MAX, SMALL)
    yield Text(x, base, name, SMALL, role, bold=bool(edge.loses), title=edge.backup)
    told = write_held(edge.size, edge.zeroes)
    if edge.end is None:
        told += {TORN: ", may be torn", MIXED: ", is torn"}.get(edge.fault, ", gives no state")
    elif edge.start == edge.end:
        told += ", changes nothing"
    if edge.loses:
        told += f"; without it no {', '.join(edge.loses)}"
    text = fit(told, TOLD_MAX, SMALL)
    role, title = "error" if edge.end is None else "faint", told if len(told) < TITLE_MAX else ""
    yield Text(x + width, base, text, SMALL, role, title=title)


def _samples(disks: Sequence[DiskRestores]) -> Iterator[Sample]:
    """Yield what the marks mean, those that occur."""
    edges = [edge for disk in disks for edge in disk.edges]
    if any(edge.cheapest for edge in edges):
        yield line_sample("on the cheapest way to some instant", "ink", 2, plain="--", arrow=True)
    if any(not edge.cheapest and edge.end is not None for edge in edges):
        yield line_sample("on none", "rule", 1.25, plain="..", arrow=True)
    if any(edge.start == NOTHING for edge in edges):
        dot = Box(6, 2.5, DOT, DOT, fill="ink", edge="ink")
        yield Sample("needs no other backup", (dot,), "o")
    if any(edge.loses for edge in edges):
        bold = Text(0, 9, "bold", SMALL, "warning", bold=True)
        yield Sample("without it, some instant is lost", (bold,), "*bold*", 26)
    if any(edge.end is None for edge in edges) or any(
        not state.reached for disk in disks for state in disk.states
    ):
        box = Box(0, 0, 24, 11, edge="error", dashed=True)
        yield Sample("cannot be restored, or gives no state that the guest saw", (box,), "x", 24)
