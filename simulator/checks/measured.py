"""Holds what a run comes to against the measures that its scenario expects."""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from simulator.checks.evidence import join_words
from simulator.checks.rule import find_at
from simulator.diagnostics import Code, Finding, Severity, Span
from simulator.model.requests import Expect, ExpectedMeasure
from simulator.model.sizes import write_size
from simulator.schedule.durations import write_duration
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

if TYPE_CHECKING:
    from simulator.measures.asked import Amount, Unit

UNMET_MEASURE = ("EX003", "unmet-measure")

CODES = (
    Code(
        *UNMET_MEASURE,
        Severity.ERROR,
        "A measure of the run, such as how long a job takes or what would be lost, is not as "
        "expected.",
        "The note has the amount that came out; `report` tells all of them.",
    ),
)
"""What the code of a measure stands for."""

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class _Found(NamedTuple):
    """What a measure comes to.

    Attributes:
        fault: Why there is none; empty where there is one.
    """

    unit: "Unit | None" = None
    amount: "Amount" = None
    fault: str = ""


def unmet_measures(timeline: Timeline) -> Iterator[Finding]:
    """Yield a finding for each measure that is not as its scenario expects.

    Measures are those of the whole run, wherever the step stands.
    """
    for entry, expect in timeline.asked(Expect):
        for measure in expect.measures:
            told = _compare(timeline, entry, measure)
            if told is not None:
                finding = find_at(
                    entry,
                    *UNMET_MEASURE,
                    Severity.ERROR,
                    message=told,
                    label=f"expected {measure.written}",
                )
                yield replace(finding, span=_span_of(timeline, finding.span, measure))


def _compare(timeline: Timeline, entry: Entry, measure: ExpectedMeasure) -> str | None:
    """Return what is wrong with a measure; None where it is met."""
    found = _find(timeline, entry, measure)
    of = f" of {measure.subject}" if measure.subject is not None else ""
    if found.fault:
        return found.fault
    if found.amount is None:
        return f"there is no {measure.key}{of}: {_without(measure)}"
    amount = found.amount
    if isinstance(amount, Fraction) and found.unit is not None and found.unit.counts_ticks:
        amount = round(amount)
    if RELATIONS[measure.relation](amount, measure.value):
        return None
    wanted = "" if measure.relation == "=" else f"{measure.relation} "
    unit = found.unit
    assert unit is not None, "there is an amount"
    value = _write(timeline, unit, measure.value)
    return f"{measure.key}{of} is {_write(timeline, unit, amount)}, not {wanted}{value}"


def _find(timeline: Timeline, entry: Entry, measure: ExpectedMeasure) -> _Found:
    from simulator.measures.asked import JOB, RESOURCE, RUN, works_named
    from simulator.measures.summary import summary_of

    summary, name = summary_of(timeline), measure.subject
    if name is None:
        run = RUN[measure.key]
        return _Found(run.unit, run.of(summary))
    if measure.resource:
        resource = RESOURCE[measure.key]
        return _Found(resource.unit, resource.of(summary, name))
    works = works_named(timeline, name, entry.number)
    if not works:
        return _Found(fault=f"no job {name} has been started by then")
    if len(works) > 1:
        parts = join_words(f"{work.name}/{work.disk}" for work in works)
        return _Found(fault=f"{name} is {len(works)} jobs: write {parts}")
    job = JOB[measure.key]
    return _Found(job.unit, job.of(works[0]))


def _without(measure: ExpectedMeasure) -> str:
    """Return why there is no such measure in a run."""
    if measure.subject is not None:
        return "it runs on"
    if measure.key == "recovery":
        return "nothing can be restored, or no restore takes time"
    return "nothing can be restored at any time"


def _write(timeline: Timeline, unit: "Unit", amount: "Amount") -> str:
    """Return an amount as a file has it."""
    from simulator.measures.asked import Unit

    match unit:
        case Unit.MOMENT if isinstance(amount, int):
            return timeline.script.write_tick(amount)
        case Unit.TIME if isinstance(amount, int):
            return write_duration(amount)
        case Unit.SIZE if isinstance(amount, int):
            return write_size(amount)
        case Unit.RATE if isinstance(amount, int | Fraction):
            return f"{write_size(round(amount))}/s"
        case _:
            return str(amount)


def _span_of(timeline: Timeline, span: Span | None, measure: ExpectedMeasure) -> Span | None:
    """Return the place of a measure within its statement, or the statement's."""
    if span is None:
        return None
    lines = timeline.source_lines
    words = [measure.subject, measure.key] if measure.subject is not None else [measure.key]
    line, column = span.line, span.column - 1
    found = None
    for word in words:
        pattern = re.compile(rf"(?<![\w.<-])[\"']?{re.escape(word)}[\"']?\s*:")
        while (found := pattern.search(lines[line - 1], column)) is None:
            line, column = line + 1, 0
            if line > span.end_line:
                return span
        column = found.end()
    assert found is not None, "there is a word"
    return Span(line, found.start() + 1, line, _end_of(lines[line - 1], found.end()))


def _end_of(text: str, start: int) -> int:
    """Return the column behind the value that follows a key."""
    value = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[^,}#]*[^,}#\s])?").match(text, start)
    return (value.end() if value is not None else start) + 1
