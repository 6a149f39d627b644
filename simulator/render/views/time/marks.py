"""The findings of the time view: a mark at the instant of each."""

from collections.abc import Sequence

from simulator.diagnostics import Finding
from simulator.render.drawing import Box, Shape, Text, fit, width_of
from simulator.render.text import FILLS
from simulator.render.told import RANK, by_frame
from simulator.render.views.strips import SMALL, middle
from simulator.render.views.time.axis import Axis
from simulator.render.views.time.bars import BAR, LABEL_GAP
from simulator.timeline import Timeline

MARK = 8.0
ROW = 14.0


def draw_findings(
    timeline: Timeline, axis: Axis, findings: Sequence[Finding], left: float, y: float
) -> tuple[list[Shape], float]:
    """Return a mark for each finding at its instant, one code below another.

    That of a guest step stands at the instant that the step led to.
    """
    if not findings:
        return [], y
    shapes: list[Shape] = [Text(0, middle(y, BAR, 12), "findings", 12)]
    depth = 1
    for number, here in enumerate(by_frame(timeline, findings)):
        x, room = left + axis.places[number], axis.room(number)
        for n, finding in enumerate(sorted(here, key=lambda each: -RANK[each.severity])):
            top = y + 14 * n
            told = f"{finding.code} {finding.rule}: {finding.message}"
            role = finding.severity.value
            code = fit(finding.code, room - 12, SMALL) if room > 30 else ""
            mark = Box(x - 4, top + 2, 8, 8, fill=role, title=told)
            shapes.append(mark._replace(plain="") if code else mark)
            if code:
                plain = f"{FILLS[role]} {code}"
                text = Text(x + 7, top + 10, code, SMALL, role, title=told, plain=plain)
                shapes.append(text)
        depth = max(depth, len(here))
    return shapes, y + 14 * depth + 4


def rules_of(findings: Sequence[Finding]) -> list[str]:
    """Return the rules that found something, the gravest first, as rows are called."""
    ordered = sorted(findings, key=lambda each: (-RANK[each.severity], each.code))
    return list(dict.fromkeys(map(_rule, ordered)))


def _rule(finding: Finding) -> str:
    return f"{finding.code} {finding.rule}"


def draw_finding_rows(
    timeline: Timeline, axis: Axis, findings: Sequence[Finding], left: float, y: float
) -> tuple[list[Shape], float]:
    """Return a row for each rule, with a mark where it found something.

    Marks that would cover one another are one, which says how many.
    """
    if not findings:
        return [], y
    shapes: list[Shape] = [Text(0, middle(y, BAR, 12), "findings", 12)]
    y += 16
    places = by_frame(timeline, findings)
    for rule in rules_of(findings):
        found = [
            (axis.places[number], each)
            for number, here in enumerate(places)
            for each in here
            if _rule(each) == rule
        ]
        shapes += _row_of(rule, found, left, y, axis.end)
        y += ROW
    return shapes, y + 4


def _row_of(
    rule: str, found: Sequence[tuple[float, Finding]], left: float, y: float, end: float
) -> list[Shape]:
    """Return the label of a rule, and its marks."""
    role = (
        max((f for _, f in found), key=lambda f: RANK[f.severity]).severity.value
        if found
        else "faint"
    )
    told = fit(rule, left - LABEL_GAP, SMALL)
    title = rule if told != rule else ""
    shapes: list[Shape] = [Text(0, y + 10, told, SMALL, role, title=title)]
    groups: list[list[tuple[float, Finding]]] = []
    for place, finding in found:
        if groups and place - groups[-1][0][0] < MARK + 1:
            groups[-1].append((place, finding))
        else:
            groups.append([(place, finding)])
    starts = [*(group[0][0] for group in groups[1:]), end]
    for group, following in zip(groups, starts, strict=True):
        place = group[0][0]
        words = "; ".join(dict.fromkeys(each.message for _, each in group[:3]))
        more = f"; and {len(group) - 3} more" if len(group) > 3 else ""
        grave = max((each.severity for _, each in group), key=lambda each: RANK[each]).value
        shapes.append(
            Box(left + place - 4, y + 2, MARK, MARK, grave, title=f"{rule}: {words}{more}")
        )
        count = f"{len(group):,}"
        if len(group) > 1 and width_of(count, 9) + 3 <= following - place - MARK:
            shapes.append(Text(left + place + 6, y + 10, count, 9, grave))
    return shapes
