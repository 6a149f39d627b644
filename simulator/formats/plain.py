"""Reports as JSON, with the names that the run document has."""

import json
from collections.abc import Iterator
from typing import Any

from simulator.diagnostics import Problem
from simulator.formats.values import FileReport, Report, Told, count
from simulator.render.document import finding_document, place_document

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
    return {
        **finding_document(told.finding, told.when),
        "fixes": [fix._asdict() for fix in told.fixes],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        **place_document(problem.span),
        "expected": problem.expected,
        "help": problem.help,
    }
