"""Reports as Markdown, for a review thread or the summary of a job."""

from collections.abc import Iterator

from simulator.diagnostics import printable
from simulator.formats.text import write_problems, write_total
from simulator.formats.values import FileReport, Report
from simulator.render.report import write_finding


def tell_markdown(report: Report) -> Iterator[str]:
    """Yield a report as Markdown, file by file, with a final newline."""
    yield f"**{write_total(report)}**\n"
    for each in report.files:
        if each.fresh or each.problems:
            yield from _file(each)


def _file(report: FileReport) -> Iterator[str]:
    yield f"\n### `{printable(report.path)}`\n"
    if report.problems:
        yield f"\n{_fenced(write_problems(report))}"
    if not report.fresh:
        return
    yield "\n| severity | code | line | what |\n| --- | --- | --- | --- |\n"
    for told in report.fresh:
        finding = told.finding
        line = str(finding.span.line) if finding.span is not None else ""
        name = f"{finding.code} {finding.rule}" if finding.code != finding.rule else finding.code
        what = printable(finding.message).replace("|", "\\|")
        yield f"| {finding.severity} | {name} | {line} | {what} |\n"
    for told in report.fresh:
        text = write_finding(told.finding, path=report.path, source=report.source, turn=told.turn)
        yield f"\n{_fenced(text)}"


def _fenced(text: str) -> str:
    """Return a text as a block; its fence is longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}\n"
