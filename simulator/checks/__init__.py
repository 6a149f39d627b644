"""The rules, and the judgement of a timeline by all of them.

The first digit of a code is its family, and each family has a room; a new rule is a function in a
module of its room and a place in the room's ``RULES``.
"""

from dataclasses import replace

from simulator.checks import (
    backups,
    bitmaps,
    costs,
    expectations,
    measured,
    points,
    refused,
    restores,
)
from simulator.checks.rule import Rule
from simulator.diagnostics import REFUSED, Finding, Span
from simulator.timeline import Allowance, Timeline

RULES: tuple[Rule, ...] = (
    *bitmaps.RULES,
    *backups.RULES,
    *restores.RULES,
    *points.RULES,
    *costs.RULES,
    refused.refused,
)
"""Every rule, by its code."""

RULE_NAMES: dict[str, str] = {
    **{rule.code: rule.name for rule in RULES},
    **dict((expectations.UNMET_FIGURE, expectations.UNMET_FINDING, measured.UNMET_MEASURE)),
}
"""The name of each code that a finding can carry."""

REFUSALS = frozenset(
    (REFUSED, *(word for rule in RULES if rule.refusal for word in (rule.code, rule.name)))
)
"""What a statement expects, or allows, that the host will turn down."""

_NOWHERE = Span(line=0, column=0, end_line=0, end_column=0)


def judge(timeline: Timeline) -> tuple[Finding, ...]:
    """Return all findings of a timeline, by line, column and code; expected ones are marked."""
    found = [_weigh(timeline, finding) for rule in RULES for finding in rule.check(timeline)]
    found += expectations.unmet_findings(timeline, found, RULE_NAMES)
    found += expectations.unmet_figures(timeline)
    found += measured.unmet_measures(timeline)
    return tuple(sorted(found, key=_order))


def _order(finding: Finding) -> tuple[int, int, str, int]:
    span = finding.span or _NOWHERE
    return span.line, span.column, finding.code, finding.entry or 0


def _weigh(timeline: Timeline, finding: Finding) -> Finding:
    """Return a finding marked as expected or allowed, where its statement or scenario says so."""
    statement = timeline.entries[finding.entry].statement if finding.entry is not None else None
    allows: tuple[Allowance, ...] = timeline.script.allows
    if statement is not None:
        allows = (*statement.allows, *allows)
        expects = statement.expects or ()
        if any(expectations.meets(finding, word, RULE_NAMES) for word in expects):
            return replace(finding, expected=True)
    for allowance in allows:
        if expectations.matches(finding, allowance.rule):
            return replace(finding, allowed=allowance.because)
    return finding
