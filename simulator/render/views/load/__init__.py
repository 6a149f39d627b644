"""The load view: what flows through each resource, what is stored, and what would be lost.

All is to scale: an area of a flow is bytes, since its height is bytes a second. Time runs as in the
time view, so that the two can be laid side by side.
"""

from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding
from simulator.model.operations import KillProcess
from simulator.render.drawing import (
    Along,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    moved,
    title_lines,
    width_of,
)
from simulator.render.views.load.flows import KINDS, draw_flows
from simulator.render.views.load.levels import draw_loss, draw_stored
from simulator.render.views.load.panel import LIMIT
from simulator.render.views.strips import SMALL
from simulator.render.views.time.axis import AXIS_MAX, Axis, axis_of, draw_ruler
from simulator.render.views.time.bars import LABEL_GAP
from simulator.render.views.time.head import draw_outages
from simulator.render.views.time.marks import draw_finding_rows, rules_of
from simulator.render.views.told import Sample, box_sample, draw_legend, line_sample
from simulator.timeline import Timeline

LABELS_MAX = 170.0
GAP = 30.0


def lay_out_load(
    timeline: Timeline, findings: Sequence[Finding] = (), *, exact: bool = False
) -> Drawing:
    """Return the picture of what a run's jobs ask of what they share.

    Args:
        exact: Whether times are as long as they are, although nobody can see them.
    """
    axis = axis_of(timeline, exact=exact)
    title = title_lines(timeline.script.title, AXIS_MAX)
    top = 18.0 * len(title) + 12
    shapes: list[Shape] = [*title, Text(0, top, f"model {timeline.under}", SMALL, "faint")]
    if not axis.timed or axis.scale is None:
        shapes.append(Text(0, top + 24, _no_time(timeline), SMALL, "faint"))
        return _whole(timeline, shapes, top + 34)
    panels = [*draw_flows(timeline, axis), *draw_stored(timeline, axis), *draw_loss(timeline, axis)]
    words = ["findings", *rules_of(findings)]
    words += [word for panel in panels for word in panel.labels]
    left = min(LABELS_MAX, max(width_of(word, 12) for word in words)) + LABEL_GAP
    y = first = top + 40
    drawn: list[Shape] = []
    for panel in panels:
        drawn += panel.shapes(left, y)
        y += panel.height + GAP
    marks, y = draw_finding_rows(timeline, axis, findings, left, y)
    shapes += draw_outages(timeline, axis, left, first - 6, y)
    shapes += _crashes(timeline, axis, left, first - 6, y)
    shapes += [*draw_ruler(axis.scale, left, first - 6, y), *drawn, *marks]
    legend = draw_legend(list(_samples(timeline, drawn)), left + axis.end)
    shapes += moved(legend.shapes, 0, y + 12)
    whole = _whole(timeline, shapes, y + 12 + legend.height)
    return whole._replace(along=Along(left, left + axis.end, first - 24, y))


def _no_time(timeline: Timeline) -> str:
    """Return why there is nothing to draw."""
    labels = list(dict.fromkeys(frame.label for frame in timeline.frames if frame.label))
    told = [fit(label, 160, SMALL) for label in labels]
    if not told:
        return "no instant yet"
    who = f"{told[0]} to {told[-1]} tell" if len(told) > 1 else f"{told[0]} alone tells"
    return f"there is no load to draw: {who} no time"


def _samples(timeline: Timeline, drawn: Sequence[Shape]) -> Iterator[Sample]:
    """Yield what colours and lines mean, those that occur."""
    there = {move.kind for move in timeline.moves if move.through}
    for kind, (role, sign) in KINDS.items():
        if kind in there:
            yield box_sample(kind, role, plain=sign)
    if any(isinstance(shape, Line) and shape.role == LIMIT for shape in drawn):
        yield line_sample("all that it can carry, or hold", LIMIT, 1.25, plain="---", dashed=True)


def _whole(timeline: Timeline, shapes: Sequence[Shape], bottom: float) -> Drawing:
    texts = (shape.extent[2] for shape in shapes if isinstance(shape, Text))
    lines = (x for shape in shapes if isinstance(shape, Line) for x, _ in shape.points)
    told = f"{timeline.script.title}: load"
    return Drawing(max(*texts, *lines, 420.0), bottom + 4, tuple(shapes), told)


def _crashes(
    timeline: Timeline, axis: Axis, left: float, top: float, bottom: float
) -> Iterator[Shape]:
    """Yield a line at each crash."""
    for number, frame in enumerate(timeline.frames):
        x = left + axis.places[number]
        if any(isinstance(each.request, KillProcess) for each in timeline.entries_of(frame)):
            yield Line(((x, top), (x, bottom)), "error", 1.5, dashed=True)
