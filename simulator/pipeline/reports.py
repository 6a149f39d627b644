"""What commands found, file by file, as the formats take it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulator.checks.expectations import UNMET_FIGURE
from simulator.checks.updating import find_edits
from simulator.diagnostics import Finding, InputError, Problem, Severity, Span, counted
from simulator.formats.values import FileReport, Fix, Step, Told
from simulator.model.requests import Expect
from simulator.pipeline.runs import Run
from simulator.render.story import summarise
from simulator.render.told import when_of
from simulator.timeline import Timeline

if TYPE_CHECKING:
    from simulator.compare.compat.kinds import Difference
    from simulator.documents.linting import Linted
    from simulator.inspect.disk import SeenDisk

STEPS_BEFORE = 20
"""So many steps before a finding are told as the way to it, beside those that it names."""

FLOWS_MAX = 1_000
"""Where more findings than this are told of a file, only what each names is."""


def report_run(run: Run, *, flows: bool = False) -> FileReport:
    """Return what was found in a run.

    Args:
        flows: Whether the steps that led to each finding are asked for.
    """
    timeline, findings = run.timeline, run.findings
    places = Counter(each.span for each in findings)
    ways = _Ways(timeline, STEPS_BEFORE if len(findings) <= FLOWS_MAX else 0) if flows else None
    unmet = any(each.code == UNMET_FIGURE[0] for each in findings)
    fixes = _fixes(timeline) if unmet else {}
    told = tuple(
        Told(
            finding=each,
            when=when_of(timeline, each),
            turn=places[each.span] > 1,
            fixes=_fixes_of(each, fixes),
            steps=tuple(ways.to(each)) if ways is not None else (),
        )
        for each in findings
    )
    script = timeline.script
    return FileReport(script.path, script.source, told, summary=summarise(timeline, findings))


class _Ways:
    """The steps of a timeline that lead to findings."""

    def __init__(self, timeline: Timeline, near: int) -> None:
        """Look at all steps once.

        Args:
            near: How many steps before a finding are told, beside those that it names.
        """
        self._near = near
        self._steps = [
            Step(entry.number, f"{timeline.when(entry)}: {entry.statement.verb}", span)
            for entry in timeline.entries
            if entry.statement is not None and not isinstance(entry.request, Expect)
            for span in [entry.statement.span]
            if span is not None
        ]
        self._numbers = [step.number for step in self._steps]
        self._of_span: dict[Span, list[int]] = {}
        for place, step in enumerate(self._steps):
            self._of_span.setdefault(step.span, []).append(place)

    def to(self, finding: Finding) -> list[Step]:
        """Return the steps that a finding names, the last few before it, and its own, in order."""
        if finding.entry is None:
            return []
        end = bisect_right(self._numbers, finding.entry)
        places = set(range(max(0, end - 1 - self._near), end))
        for related in finding.related:
            known = self._of_span.get(related.span, []) if related.span is not None else []
            # Of the turns of a step it is the last one before, or else the first one after.
            places |= set(known[max(0, bisect_left(known, end) - 1) :][:1])
        return [self._steps[place] for place in sorted(places)]


def _fixes(timeline: Timeline) -> dict[int, list[Fix]]:
    """Return what would have to be written for figures to be as they come out, by line."""
    found: dict[int, list[Fix]] = {}
    for edit in find_edits(timeline):
        found.setdefault(edit.line, []).append(Fix(edit.line, edit.start, edit.end, edit.new))
    return found


def _fixes_of(finding: Finding, fixes: Mapping[int, Sequence[Fix]]) -> tuple[Fix, ...]:
    """Return those of the row that a finding is about."""
    span = finding.span
    if span is None or finding.code != UNMET_FIGURE[0]:
        return ()
    here = fixes.get(span.line, ())
    return tuple(fix for fix in here if span.column <= fix.start + 1 < span.end_column)


def report_unusable(error: InputError) -> FileReport:
    """Return a file that cannot be used."""
    return FileReport(error.path, error.source, problems=error.problems)


def report_document(path: str, text: str, linted: Linted) -> FileReport:
    """Return what was found in a document."""
    corrections = [Fix(*each) for each in linted.corrections]
    told = []
    for each in linted.findings:
        line = each.span.line if each.span is not None else 0
        column = each.span.column - 1 if each.span is not None else 0
        fixes = [f for f in corrections if f.line == line and f.start <= column < f.end]
        told.append(Told(each, fixes=tuple(fixes)))
    counts = [counted(linted.scenarios, "scenario"), counted(linted.figures, "figure")]
    summary = ", ".join([*counts, counted(len(told), "wrong row")])
    return FileReport(path, text, tuple(told), linted.problems, summary)


SEVERITIES = {"ERR": Severity.ERROR, "WARN": Severity.WARNING, "INFO": Severity.INFO}
"""Of the levels of differences."""


def report_differences(path: str, found: Sequence[Difference]) -> FileReport:
    """Return what a change of semantics does to a scenario."""
    told = []
    for each in found:
        followed = [f"with it: {c.at}: {c.message}" if c.at else f"with it: {c.message}"
                    for c in each.consequences]  # fmt: skip
        finding = Finding(
            code=each.kind,
            rule=each.kind,
            severity=SEVERITIES[each.level],
            message=each.message,
            span=Span(each.line, 1, each.line, 2) if each.line else None,
            notes=(*each.notes, *followed),
            at=each.at,
        )
        told.append(Told(finding, when=f"at {each.at}" if each.at else ""))
    return FileReport(path, "", tuple(told), summary=counted(len(told), "difference"))


def chains_of(disks: Sequence[SeenDisk]) -> dict[str, str]:
    """Return the images of each disk by the path of its active one."""
    from simulator.inspect.image.seen import label

    return {
        disk.chain.active.path: ", ".join(label(image.path) for image in disk.chain.images)
        for disk in disks
    }


def report_seen(
    problems: Sequence[tuple[str, Problem]],
    findings: Sequence[tuple[str, Finding]],
    seen: Mapping[str, str],
) -> list[FileReport]:
    """Return what was found in real things: a report a path.

    Args:
        problems: What cannot be used, with its path; a path may have several.
        findings: What is wrong, with its path.
        seen: What was looked at, in a line, by path; what has no finding is told as well.
    """
    from simulator.inspect.image.seen import label

    paths = dict.fromkeys([*(p for p, _ in problems), *seen, *(p for p, _ in findings)])
    return [
        FileReport(
            label(path),
            "",
            tuple(Told(finding) for where, finding in findings if where == path),
            tuple(problem for where, problem in problems if where == path),
            seen.get(path, ""),
        )
        for path in paths
    ]
