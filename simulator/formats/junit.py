"""Reports as JUnit's XML: a test case for each file. The only door to junitparser."""

from collections.abc import Iterator
from pathlib import PurePath

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from simulator.diagnostics import printable
from simulator.formats.text import write_problems
from simulator.formats.values import FileReport, Report
from simulator.render.report import write_finding


def tell_junit(report: Report) -> Iterator[str]:
    """Yield a report as XML, with a final newline."""
    suite = TestSuite(f"backup-timeline {report.command}")
    # One by one, each would count all before it anew.
    suite.add_testcases([_case(each) for each in report.files])
    document = JUnitXml("backup-timeline")
    document.add_testsuite(suite)
    raw: bytes = document.tostring()  # type: ignore[no-untyped-call]  # it has no types
    yield f'<?xml version="1.0" encoding="utf-8"?>\n{raw.decode()}\n'


def _case(report: FileReport) -> TestCase:
    """Return a file as a test case: it fails by findings, and errs where it cannot be used."""
    path = PurePath(report.path)
    case = TestCase(printable(report.path), printable(path.parent.as_posix()))
    wrong: list[FinalResult] = []
    if report.problems:
        error = Error(printable(report.problems[0].message), "unusable-file")
        error.text = _clean(write_problems(report))
        wrong.append(error)
    for told in report.told:
        if told.finding.failing:
            finding = told.finding
            failure = Failure(printable(f"{finding.code} {finding.message}"), finding.code)
            text = write_finding(finding, path=report.path, source=report.source, turn=told.turn)
            failure.text = _clean(text)
            wrong.append(failure)
    case.result = wrong
    others = [each.finding for each in report.fresh if not each.finding.failing]
    lines = [report.summary, *(f"{f.severity}[{f.code}] {f.message}" for f in others)]
    case.system_out = "\n".join(printable(line) for line in lines if line)
    return case


def _clean(text: str) -> str:
    """Return lines without what XML cannot hold."""
    return "\n".join(map(printable, text.split("\n")))
