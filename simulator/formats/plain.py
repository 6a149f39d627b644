"""Reports as JSON, with the names that the run document has."""

import json
from collections.abc import Iterator
from typing import Any

from simulator.diagnostics import Problem, Span
from simulator.formats.values import FileReport, Report, Told, count

FORMAT = 1


def tell_json(report: Report) -> Iterator[str]:
    """Yield a report as JSON text, file by file, with a final newline."""
    head = {"format": FORMAT, "command": report.command}
    yield json.dumps(head, indent=1)[:-2] + ',\n "files": ['
    comma = ""
    for each in report.files:
        text = json.dumps(_file(each), indent=1).replace("\n", "\n  ")
        yield f"{comma}\n  {text}"
        comma = ","
    totals = json.dumps(count(report.files)._asdict(), indent=1).replace("\n", "\n ")
    yield f'\n ],\n "totals": {totals}\n}}\n'


def _file(report: FileReport) -> dict[str, Any]:
    return {
        "file": report.path,
        "summary": report.summary,
        "findings": [_told(each) for each in report.told],
        "problems": [_problem(each) for each in report.problems],
    }


def _told(told: Told) -> dict[str, Any]:
    finding = told.finding
    return {
        "code": finding.code,
        "also": list(finding.also),
        "rule": finding.rule,
        "severity": finding.severity.value,
        "expected": finding.expected,
        "allowed": finding.allowed,
        "at": finding.at,
        "when": told.when,
        "message": finding.message,
        "label": finding.label,
        **_place(finding.span),
        "notes": list(finding.notes),
        "help": finding.help,
        "related": [
            {**_place(each.span), "at": each.instant, "message": each.message}
            for each in finding.related
        ],
        "refused": finding.refused,
        "fixes": [fix._asdict() for fix in told.fixes],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        **_place(problem.span),
        "expected": problem.expected,
        "help": problem.help,
    }


def _place(span: Span | None) -> dict[str, int | None]:
    return dict(span._asdict()) if span is not None else dict.fromkeys(Span._fields)
