"""The time view: what goes on when, as bars along an axis of time.

The guest's writes, the images and which of them is active, each bitmap and whether it records, the
jobs with their duration, the backups as long as they are kept, and the findings. Named instants
stand at equal distances, since they say nothing about time; instants that are times stand where
they are, below a ruler, and jobs are as high as they are fast.
"""

from collections.abc import Sequence

from simulator.diagnostics import Finding
from simulator.render.drawing import Along, Drawing, Shape, Text, fit, moved, title_lines, width_of
from simulator.render.views.strips import SMALL
from simulator.render.views.time.axis import Axis, axis_of, draw_ruler
from simulator.render.views.time.bars import (
    LABEL_GAP,
    LINES_MAX,
    Track,
    draw_track,
    samples_of,
)
from simulator.render.views.time.events import events_of
from simulator.render.views.time.head import draw_head, draw_moments, tell_run
from simulator.render.views.time.jobs import job_tracks, kept_tracks
from simulator.render.views.time.lanes import draw_lanes
from simulator.render.views.time.marks import draw_finding_rows, draw_findings, rules_of
from simulator.render.views.time.scratch import draw_scratch
from simulator.render.views.time.tracks import tracks_of
from simulator.render.views.told import draw_legend
from simulator.timeline import Timeline

LABELS_MAX = 170.0
GROUP_GAP = 9.0
RULER = 20.0


def lay_out_time(
    timeline: Timeline, findings: Sequence[Finding] = (), *, exact: bool = False
) -> Drawing:
    """Return the picture of a whole run along its time.

    Args:
        exact: Whether times are as long as they are, although nobody can see them.
    """
    axis = axis_of(timeline, exact=exact)
    groups = [*tracks_of(timeline, axis), job_tracks(timeline, axis)]
    labels = [*(track.label for group in groups for track in group), "findings"]
    labels += rules_of(findings) if axis.timed else []
    left = min(LABELS_MAX, max(width_of(label, 12) for label in labels)) + LABEL_GAP
    title = title_lines(timeline.script.title, max(420.0, axis.end))
    events = [list(events_of(timeline, frame)) for frame in timeline.frames]
    top = 18.0 * len(title) + 12
    words = fit(tell_run(timeline, axis), max(420, axis.end), SMALL)
    shapes: list[Shape] = [*title, Text(0, top, words, SMALL, "faint")]
    head, first, named = draw_head(timeline, axis, events, left, top + 14)
    ruler = first + (RULER if axis.timed else 0)
    rows, y = _draw_rows(groups, axis, left, ruler)
    if axis.timed:
        drawn, y = draw_scratch(timeline, axis, left, y)
        rows += drawn
    draw_marks = draw_finding_rows if axis.timed else draw_findings
    marks, y = draw_marks(timeline, axis, findings, left, y)
    shapes += draw_moments(timeline, axis, events, named, left, ruler - 4, y)
    if axis.scale is not None:
        shapes += draw_ruler(axis.scale, left, ruler - 6, y)
    shapes += [*head, *rows, *marks]
    along = Along(left, left + axis.end, top + 8, y)
    foot, y = _draw_foot(groups, len(events) - len(named), max(420.0, left + axis.end), y)
    shapes += foot
    right = max(shape.extent[2] for shape in shapes if isinstance(shape, Text))
    told = f"{timeline.script.title}: time"
    return Drawing(max(left + axis.end, right), y + 4, tuple(shapes), told, along)


def _draw_rows(
    groups: Sequence[Sequence[Track]], axis: Axis, left: float, y: float
) -> tuple[list[Shape], float]:
    """Return all rows, and where they end. The last ones are jobs; very many stand in lanes."""
    *others, jobs = groups
    many = axis.timed and len(jobs) > LINES_MAX
    shapes: list[Shape] = []
    for group in others:
        drawn, y = _rows(group, left, y)
        shapes += drawn
    if many:
        drawn, y = draw_lanes(jobs, left, y)
        shapes, y = [*shapes, *drawn], y + GROUP_GAP
    drawn, y = _rows(kept_tracks(jobs) if many else jobs, left, y)
    return [*shapes, *drawn], y


def _draw_foot(
    groups: Sequence[Sequence[Track]], unnamed: int, width: float, y: float
) -> tuple[list[Shape], float]:
    """Return the legend, and how many instants have no name; and where that ends."""
    legend = draw_legend(list(samples_of(groups)), width)
    shapes = list(moved(legend.shapes, 0, y + 16))
    y += 16 + legend.height
    if unnamed:
        noun = "1 instant has" if unnamed == 1 else f"{unnamed:,} instants have"
        shapes.append(Text(0, y + 12, f"{noun} no room for a name", SMALL, "faint"))
        y += 16
    return shapes, y


def _rows(group: Sequence[Track], left: float, y: float) -> tuple[list[Shape], float]:
    """Return the rows that stand together, and where they end."""
    shapes: list[Shape] = []
    for track in group:
        shapes += draw_track(track, left, y)
        y += track.pitch
    return shapes, y + (GROUP_GAP if group else 0)
