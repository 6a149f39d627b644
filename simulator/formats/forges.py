"""Reports for those who host code: GitHub's annotations and GitLab's code quality."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from simulator.diagnostics import Finding, Problem, Severity, Span, printable
from simulator.formats.values import FileReport, Report

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
"""What GitHub calls the severities."""

DEGREES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}
"""What GitLab calls them."""

UNUSABLE = "unusable-file"
"""What stands for a code where a file cannot be used."""


def tell_github(report: Report) -> Iterator[str]:
    """Yield a line for each finding that nobody expected, which GitHub shows beside the code.

    Source: GitHub Actions, "Workflow commands", setting messages.
    """
    for file in report.files:
        for problem in file.problems:
            text = "\n".join(_sentences(problem))
            yield _annotation("error", file.path, problem.span, UNUSABLE, text)
        for told in file.fresh:
            finding = told.finding
            title = (
                f"{finding.code} {finding.rule}" if finding.code != finding.rule else finding.code
            )
            kind = COMMANDS[finding.severity]
            yield _annotation(kind, file.path, finding.span, title, body_of(finding))


def body_of(finding: Finding) -> str:
    """Return what a finding says, as lines: what, why here, the evidence, and what to do."""
    label = f" ({finding.label})" if finding.label else ""
    lines = [f"{finding.message}{label}", *finding.notes]
    lines += [f"help: {finding.help}"] if finding.help else []
    return "\n".join(lines)


def _sentences(problem: Problem) -> Iterator[str]:
    yield problem.message
    if problem.expected:
        yield f"expected {problem.expected}"
    if problem.help:
        yield f"help: {problem.help}"


def _annotation(kind: str, path: str, span: Span | None, title: str, text: str) -> str:
    properties = {"file": path}
    if span is not None:
        properties |= {"line": str(span.line), "endLine": str(span.end_line)}
        if span.line == span.end_line:
            # The end column is the last one within.
            last = max(span.column, span.end_column - 1)
            properties |= {"col": str(span.column), "endColumn": str(last)}
    properties["title"] = title
    told = ",".join(
        f"{key}={_escaped(printable(each), more=':,')}" for key, each in properties.items()
    )
    lines = "\n".join(map(printable, text.split("\n")))
    return f"::{kind} {told}::{_escaped(lines)}\n"


def _escaped(text: str, *, more: str = "") -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def tell_gitlab(report: Report) -> Iterator[str]:
    """Yield a report as GitLab reads code quality: one JSON array, with a final newline.

    Source: GitLab, "Code Quality", the report's format.
    """
    yield "["
    comma = ""
    for entry in _entries(report):
        yield f"{comma}\n {json.dumps(entry)}"
        comma = ","
    yield "\n]\n" if comma else "]\n"


def _entries(report: Report) -> Iterator[dict[str, object]]:
    known: Counter[str] = Counter()
    for file in report.files:
        for problem in file.problems:
            text = " ".join(_sentences(problem))
            yield _entry(known, file, problem.span, UNUSABLE, "blocker", text)
        for told in file.fresh:
            finding = told.finding
            text = f"{finding.rule}: {finding.message}"
            yield _entry(known, file, finding.span, finding.code, DEGREES[finding.severity], text)


def _entry(
    known: Counter[str], file: FileReport, span: Span | None, code: str, degree: str, text: str
) -> dict[str, object]:
    lines = {"begin": span.line, "end": span.end_line} if span is not None else {"begin": 1}
    return {
        "description": text,
        "check_name": code,
        "fingerprint": fingerprint(known, file.path, code, text),
        "severity": degree,
        "location": {"path": file.path, "lines": lines},
    }


def fingerprint(known: Counter[str], path: str, code: str, text: str) -> str:
    """Return what tells a finding from all others, and stays as it is when lines are added above.

    Args:
        known: How often each has been asked for; those that are alike are numbered.
    """
    what = "\0".join((path, code, text))
    known[what] += 1
    return hashlib.sha256(f"{what}\0{known[what]}".encode(errors="surrogatepass")).hexdigest()
