"""A timed run along its time, on a page: the views of time and load, to zoom into and to hover."""

import html
import json
from collections.abc import Sequence

from simulator.diagnostics import Finding
from simulator.render import svg
from simulator.render.drawing import Drawing
from simulator.render.told import place_of
from simulator.render.views.load import lay_out_load
from simulator.render.views.time import lay_out_time
from simulator.render.views.time.axis import axis_of, finer_numbers, is_timed
from simulator.render.views.time.events import events_of
from simulator.timeline import Timeline

INSTANTS_MAX = 60
"""Of more instants that are times only some have a figure of their own."""

NUMBERS_MAX = 1500
"""The finest ruler has no more numbers than that."""


def chosen_frames(timeline: Timeline, findings: Sequence[Finding]) -> list[int]:
    """Return the frames that have a figure of their own, ascending.

    Of very many times those of findings come first, then those where something happens to the
    machine, then as many others as there is room for, far from one another.
    """
    count = len(timeline.frames)
    if not is_timed(timeline) or count <= INSTANTS_MAX:
        return list(range(count))
    chosen = dict.fromkeys([0, count - 1])
    found = (place_of(timeline, finding) for finding in findings)
    chosen |= dict.fromkeys(place for place in found if place is not None)
    for number, frame in enumerate(timeline.frames):
        if any(role in ("error", "warning") for _, role in events_of(timeline, frame)):
            chosen[number] = None
    each = -(-count // max(1, INSTANTS_MAX - len(chosen)))
    chosen |= dict.fromkeys(range(0, count, each))
    return sorted(list(chosen)[:INSTANTS_MAX])


def write_along(timeline: Timeline, findings: Sequence[Finding], frames: Sequence[int]) -> str:
    """Return a run along its time as HTML; empty where instants are named.

    Args:
        frames: Those that have a figure of their own on the page.
    """
    axis = axis_of(timeline, exact=True)
    if axis.scale is None:
        return ""
    scale = axis.scale
    data = {
        "parts": scale.parts,
        "unit": scale.unit,
        "places": [round(axis.places[number], 3) for number in frames],
        "numbers": [
            [round(step * scale.unit, 6), [[round(scale.x(tick), 3), text] for tick, text in told]]
            for step, told in finer_numbers(scale, NUMBERS_MAX)
        ],
    }
    views = (
        ("time", lay_out_time(timeline, findings, exact=True)),
        ("load", lay_out_load(timeline, findings, exact=True)),
    )
    figures = "".join(_figure(name, drawing) for name, drawing in views)
    return (
        f'<div id=along class=along data-along="{html.escape(json.dumps(data))}">'
        '<div class=span role=group aria-label="what of the time is shown">'
        "<label>from <input type=range id=from min=0 max=1000 value=0></label>"
        "<label>until <input type=range id=until min=0 max=1000 value=1000></label>"
        "<button type=button id=whole>All</button><output id=span></output></div>"
        "<p id=moment class=told aria-live=polite></p>"
        f"{figures}</div>"
    )


def _figure(name: str, drawing: Drawing) -> str:
    assert drawing.along is not None, "it is one of a timed run"
    along = " ".join(f"{place:.2f}" for place in drawing.along)
    return (
        f'<details open><summary>{name}</summary><div class="figure timed" tabindex=0 role=group '
        f'aria-label="{name} of the run" data-along="{along}">{svg.write_inline(drawing)}</div>'
        "</details>"
    )
