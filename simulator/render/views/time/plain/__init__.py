"""The time view as text where jobs are very many: no wider than a mail, each column as much time.

A job that is long enough for a bar has one, in a lane. The others are counted where they begin.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeAlias

from simulator.diagnostics import Finding, printable
from simulator.render.amounts import write_amount
from simulator.render.drawing import columns_of
from simulator.render.report import WIDTH
from simulator.render.told import by_frame, when_of
from simulator.render.views.time.axis import Axis, Scale, axis_of, numbers_of, roughly
from simulator.render.views.time.bars import LINES_MAX, Bar, Track, samples_of
from simulator.render.views.time.events import events_of
from simulator.render.views.time.head import outages_of, tell_run
from simulator.render.views.time.jobs import job_tracks, kept_tracks
from simulator.render.views.time.marks import rules_of
from simulator.render.views.time.plain.columns import Columns, put, shorten
from simulator.render.views.time.scratch import scratch_points
from simulator.render.views.time.tracks import tracks_of
from simulator.timeline import Timeline
from simulator.values import NamedTuple

LABEL_MAX = 22

APART = range(3, 16)
"""So many columns two numbers of the ruler are apart, at least: as few as have room for them."""

LANES_MAX = 24
"""Jobs for which there is no lane any more are counted."""

TOLD_MAX = 8
"""Of so many instants at which something happens that is no matter of course is told what."""


class _Job(NamedTuple):
    name: str
    bar: Bar

    @property
    def size(self) -> int:
        """Columns of its name."""
        return columns_of(self.name)

    def named_at(self, columns: Columns) -> int | None:
        """Return where its name begins: on the bar, or behind it; None where it has no room."""
        first, last = columns.span(self.bar)
        if self.size <= last - first - 1:
            return first + 1
        return last + 2 if last + 2 + self.size <= columns.wide + columns.behind else None

    def reaches(self, columns: Columns) -> int:
        """Return its last column, with that of its name."""
        at = self.named_at(columns)
        return max(columns.span(self.bar)[1], at + self.size - 1 if at is not None else 0)


_Lane: TypeAlias = list[_Job]


def write_time(timeline: Timeline, findings: Sequence[Finding]) -> str | None:
    """Return the view of a run with very many jobs as text, with a final newline.

    Returns:
        None where jobs are not that many, or instants are names.
    """
    axis = axis_of(timeline)
    jobs = job_tracks(timeline, axis)
    if axis.scale is None or len(jobs) <= LINES_MAX:
        return None
    groups = tracks_of(timeline, axis)
    kept = kept_tracks(jobs)
    labels = [track.label for group in [*groups, kept] for track in group]
    left = min(LABEL_MAX, max(map(columns_of, [*labels, "findings"])))
    behind = 1 + len(f"{max(len(jobs), len(findings)):,}")
    columns = Columns(left, WIDTH - left - 1 - behind, behind, axis.end)
    ruler, ruled = _ruler(axis.scale, columns)
    columns = columns._replace(ruled=ruled)
    lines = [*textwrap.wrap(printable(timeline.script.title), WIDTH)]
    lines += [*textwrap.wrap(tell_run(timeline, axis), WIDTH), "", ruler]
    for group in groups:
        lines += [columns.row(track.label, columns.bars(track.bars)) for track in group]
    lines += [*_events(timeline, axis, columns), *_jobs(jobs, columns)]
    lines += [columns.row(track.label, columns.bars(track.bars)) for track in kept]
    lines += [*_scratch(timeline, axis, columns), *_findings(timeline, axis, findings, columns)]
    lines += ["", *_legend([*groups, jobs]), *_scale(axis.scale, columns)]
    told = [_tell_jobs(jobs), *_tell_events(timeline), *_tell_scratch(timeline, axis.scale)]
    for each in [*told, *_tell_findings(timeline, findings)]:
        lines += textwrap.wrap(each, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def _ruler(scale: Scale, columns: Columns) -> tuple[str, frozenset[int]]:
    """Return the row of the numbers, each from its column on, and which columns those are."""
    cells, ruled = [" "] * (columns.wide + columns.behind), set[int]()
    for start, ticks in scale.breaks:
        column, text = columns.of(start), f"~{roughly(ticks)}~"
        put(cells, min(column, len(cells) - len(text)), text)
        ruled.add(column)
    for column, text in _numbers(scale, columns):
        around = cells[max(0, column - 1) : column + len(text) + 1]
        if column + len(text) <= len(cells) and not "".join(around).strip():
            put(cells, column, text)
            ruled.add(column)
    return f"{' ' * columns.left} {''.join(cells)}".rstrip(), frozenset(ruled)


def _numbers(scale: Scale, columns: Columns) -> list[tuple[int, str]]:
    """Return the numbers of the ruler and their columns, as many as have room."""
    found: list[tuple[int, str]] = []
    for apart in APART:
        numbers = numbers_of(scale, apart * columns.end / columns.wide)
        found = [(columns.of(scale.x(tick)), text) for tick, text in numbers]
        if all(a + len(text) < b for (a, text), (b, _) in pairwise(found)):
            break
    return found


def _scale(scale: Scale, columns: Columns) -> Iterator[str]:
    """Yield how much time a column is, and what digits are."""
    ticks = int(columns.end / columns.wide / scale.unit)
    yield f"a column is {roughly(ticks)}; digits tell how many begin in it"


def _events(timeline: Timeline, axis: Axis, columns: Columns) -> Iterator[str]:
    """Yield a row of when no guest runs and why, and of what is told below."""
    bars = [Bar(start, end, "rule", why) for start, end, why in outages_of(timeline, axis)]
    for start, frame in zip(axis.places, timeline.frames, strict=True):
        roles = [role for _, role in events_of(timeline, frame) if role != "faint"]
        if roles:
            role = "x" if "error" in roles else "?"
            bars.append(Bar(start, start, "", role))
    if bars:
        yield columns.row("events", columns.bars(bars))


def _tell_events(timeline: Timeline) -> Iterator[str]:
    """Yield what happens to the machine, and what goes wrong, with its instant."""
    told = []
    for frame in timeline.frames:
        words = [word for word, role in events_of(timeline, frame) if role != "faint"]
        if words:
            told.append(f"{frame.label or 'afterwards'}: {printable(', '.join(words))}")
    yield from told[:TOLD_MAX]
    if len(told) > TOLD_MAX:
        yield f"and at {len(told) - TOLD_MAX:,} more instants"


def _jobs(jobs: Sequence[Track], columns: Columns) -> Iterator[str]:
    """Yield the lanes of the long jobs, then how many others of each kind begin in a column."""
    yield columns.row("jobs", [" "] * columns.wide, f"{len(jobs):,}")
    lanes: list[_Lane] = []
    counted: dict[str, list[float]] = {}
    for track in sorted(jobs, key=lambda track: track.bars[0].start):
        job = _Job(shorten(track.label, LABEL_MAX), track.bars[0])
        lane = _lane(lanes, job, columns) if columns.has_bar(job.bar) else None
        if lane is None:
            counted.setdefault(_kind(job.bar), []).append(job.bar.start)
        else:
            lane.append(job)
    for lane in lanes:
        yield columns.row("", _named(lane, columns))
    for kind, places in sorted(counted.items()):
        yield from columns.counts(f"  {kind}", places)


def _kind(bar: Bar) -> str:
    """Return what jobs are counted as: their kind, and how they ended if not well."""
    return f"{bar.kind} {bar.word}" if bar.dashed else bar.kind


def _lane(lanes: list[_Lane], job: _Job, columns: Columns) -> _Lane | None:
    """Return the first lane that is free by then, maybe a new one; None where there is none.

    Names have room as long as there are lanes.
    """
    first, _ = columns.span(job.bar)
    free = [lane for lane in lanes if columns.span(lane[-1].bar)[1] < first]
    roomy = [lane for lane in free if lane[-1].reaches(columns) < first]
    if not roomy and len(lanes) < LANES_MAX:
        lanes.append([])
        return lanes[-1]
    return next(iter(roomy or free), None)


def _named(lane: _Lane, columns: Columns) -> list[str]:
    """Return a lane as cells, with the names of jobs on their bars or behind them."""
    cells = columns.bars(job.bar._replace(text="") for job in lane)
    cells += " " * columns.behind
    starts = [*(columns.span(job.bar)[0] for job in lane[1:]), len(cells)]
    for job, following in zip(lane, starts, strict=True):
        at = job.named_at(columns)
        if at is not None and job.reaches(columns) < following:
            put(cells, at, job.name)
    return cells


def _tell_jobs(jobs: Sequence[Track]) -> str:
    """Return how many jobs of each kind there are, however they are drawn."""
    kinds = Counter(_kind(job.bars[0]) for job in jobs)
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    return f"{len(jobs):,} jobs: {told}; `report` tells of each"


def _scratch(timeline: Timeline, axis: Axis, columns: Columns) -> Iterator[str]:
    """Yield a row of when something lies in the scratch of pull jobs."""
    held = [(tick, size > 0) for tick, size in scratch_points(timeline)]
    bars = []
    for full, group in groupby(pairwise(held), _holds):
        stretches = list(group)
        if full:
            start, end = axis.at(stretches[0][0][0]), axis.at(stretches[-1][1][0])
            bars.append(Bar(start, end, "mixed"))
    if bars:
        yield columns.row("scratch", columns.bars(bars))


def _holds(stretch: tuple[tuple[int, bool], tuple[int, bool]]) -> bool:
    (_, one), (_, other) = stretch
    return one or other


def _tell_scratch(timeline: Timeline, scale: Scale) -> Iterator[str]:
    """Yield the most that lies in the scratch, and when."""
    size, tick = max(((size, -tick) for tick, size in scratch_points(timeline)), default=(0, 0))
    if size:
        yield f"scratch: {write_amount(size)} at most, at {scale.tell(-tick)}"


def _findings(
    timeline: Timeline, axis: Axis, findings: Sequence[Finding], columns: Columns
) -> Iterator[str]:
    """Yield a row for each rule: how many findings it has in each column."""
    if findings:
        yield columns.row("findings", [" "] * columns.wide, f"{len(findings):,}")
    here = by_frame(timeline, findings)
    for rule in rules_of(findings):
        places = [
            axis.places[number]
            for number, found in enumerate(here)
            for each in found
            if f"{each.code} {each.rule}" == rule
        ]
        if places:
            yield from columns.counts(f"  {rule.partition(' ')[0]}", places)


def _tell_findings(timeline: Timeline, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield how much each rule found, and when first."""
    for rule in rules_of(findings):
        found = [each for each in findings if f"{each.code} {each.rule}" == rule]
        when = when_of(timeline, found[0])
        first = ", first" if len(found) > 1 else ""
        yield f"{rule}: {len(found):,}{first}{f' {when}' if when else ''}"


def _legend(groups: Sequence[Sequence[Track]]) -> list[str]:
    """Return what bars are filled with."""
    told = [f"{sample.plain}\u00a0{sample.words}" for sample in samples_of(groups)]
    return [line.replace("\u00a0", " ") for line in textwrap.wrap("  ".join(told), WIDTH)]
