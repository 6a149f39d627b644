"""Reports as SARIF 2.1.0: what code scanning services and editors read.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from simulator.diagnostics import Finding, Problem, Related, Severity, Span
from simulator.formats.codes import code_of
from simulator.formats.forges import UNUSABLE, body_of, fingerprint
from simulator.formats.values import FileReport, Fix, Report, Step, Told, found, uri_of

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
"""What SARIF calls the severities."""

ROOT = "%SRCROOT%"
"""What relative paths are relative to; whoever reads the file knows where that is."""


def tell_sarif(report: Report) -> Iterator[str]:
    """Yield a report as a SARIF log of one run, result by result, with a final newline."""
    codes = list(dict.fromkeys(told.finding.code for _, told in found(report)))
    head: dict[str, Any] = {
        "tool": {"driver": _driver(report, codes)},
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
    }
    log = {"$schema": SCHEMA, "version": "2.1.0"}
    yield json.dumps(log)[:-1] + ', "runs": ['
    yield json.dumps(head)[:-1] + ', "results": ['
    comma = ""
    known: Counter[str] = Counter()
    places = {code: place for place, code in enumerate(codes)}
    for file, told in found(report):
        yield f"{comma}\n{json.dumps(_result(file, told, places, known))}"
        comma = ","
    yield "\n]}]}\n"


def _driver(report: Report, codes: Sequence[str]) -> dict[str, Any]:
    try:
        number = version("backup-timeline")
    except PackageNotFoundError:
        number = "0"
    names = {told.finding.code: told.finding.rule for _, told in found(report)}
    rules = [_rule(code, names[code]) for code in codes]
    return {"name": "backup-timeline", "version": number, "rules": rules}


def _rule(code: str, name: str) -> dict[str, Any]:
    """Return what a code stands for, as a service shows it beside its results."""
    explained = code_of(code)
    if explained is None:
        return {"id": code, "name": name}
    rule: dict[str, Any] = {
        "id": code,
        "name": name,
        "shortDescription": {"text": explained.summary or name},
        "help": {"text": explained.text, "markdown": explained.text},
    }
    if explained.severity is not None:
        rule["defaultConfiguration"] = {"level": LEVELS[explained.severity]}
    return rule


def _invocation(report: Report) -> dict[str, Any]:
    """Return how it went: a file that cannot be used is no result, but what kept us from one."""
    notes = [_notification(file, each) for file in report.files for each in file.problems]
    invocation: dict[str, Any] = {"executionSuccessful": not notes}
    if notes:
        invocation["toolExecutionNotifications"] = notes
    return invocation


def _notification(file: FileReport, problem: Problem) -> dict[str, Any]:
    told = [problem.message]
    told += [f"expected {problem.expected}"] if problem.expected else []
    told += [f"help: {problem.help}"] if problem.help else []
    return {
        "descriptor": {"id": UNUSABLE},
        "level": "error",
        "message": {"text": "\n".join(told)},
        "locations": [_location(file.path, problem.span)],
    }


def _result(
    file: FileReport, told: Told, places: dict[str, int], known: Counter[str]
) -> dict[str, Any]:
    finding = told.finding
    text = f"{finding.rule}: {finding.message}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": places[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": body_of(finding), "markdown": _markdown(finding)},
        "locations": [_location(file.path, finding.span, told.when)],
        "partialFingerprints": {"finding/v1": fingerprint(known, file.path, finding.code, text)},
    }
    related = [_related(file.path, each, n) for n, each in enumerate(finding.related) if each.span]
    if related:
        result["relatedLocations"] = related
    if told.steps:
        flow = [_flow(file.path, each, finding) for each in told.steps]
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    if told.fixes:
        result["fixes"] = [_fix(file.path, told.fixes)]
    if told.known:
        why = "expected here" if finding.expected else finding.allowed
        result["suppressions"] = [{"kind": "inSource", "justification": why}]
    return result


def _markdown(finding: Finding) -> str:
    label = f" ({finding.label})" if finding.label else ""
    parts = [f"{finding.message}{label}"]
    if finding.notes:
        parts.append("\n".join(["```text", *finding.notes, "```"]))
    if finding.help:
        parts.append(f"**Help:** {finding.help}")
    return "\n\n".join(parts)


def _location(path: str, span: Span | None, when: str = "", message: str = "") -> dict[str, Any]:
    uri = uri_of(path)
    artifact = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": ROOT}
    physical: dict[str, Any] = {"artifactLocation": artifact}
    if span is not None:
        physical["region"] = _region(span)
    location: dict[str, Any] = {"physicalLocation": physical}
    if when:
        location["logicalLocations"] = [{"fullyQualifiedName": when, "kind": "instant"}]
    if message:
        location["message"] = {"text": message}
    return location


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _related(path: str, related: Related, number: int) -> dict[str, Any]:
    when = f"{related.at}: " if related.at else ""
    return {"id": number + 1, **_location(path, related.span, message=f"{when}{related.message}")}


def _flow(path: str, step: Step, finding: Finding) -> dict[str, Any]:
    """Return a step of the timeline on the way to a finding; what it is about is essential."""
    spans = {finding.span, *(each.span for each in finding.related)}
    return {
        "location": _location(path, step.span, message=step.told),
        "executionOrder": step.number + 1,
        "importance": "essential" if step.span in spans else "unimportant",
    }


def _fix(path: str, fixes: Sequence[Fix]) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": _region(Span(each.line, each.start + 1, each.line, each.end + 1)),
            "insertedContent": {"text": each.new},
        }
        for each in fixes
    ]
    change = {"artifactLocation": _location(path, None)["physicalLocation"]["artifactLocation"]}
    return {
        "description": {"text": "draw the row as it comes out"},
        "artifactChanges": [{**change, "replacements": replacements}],
    }
