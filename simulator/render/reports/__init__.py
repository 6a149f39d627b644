"""What a run comes to, for somebody who plans a backup window: as text, as tables, as data."""

from collections.abc import Sequence

from simulator.diagnostics import Finding
from simulator.timeline import Timeline


def write(
    timeline: Timeline, findings: Sequence[Finding], form: str, *, colour: bool = False
) -> str:
    """Return a report, with a final newline. Equal runs give equal bytes.

    Args:
        form: ``text``, ``json``, ``csv`` or ``markdown``.

    Raises:
        ValueError: There is no such form.
    """
    match form:
        case "text":
            from simulator.render.reports.text import write_text

            return write_text(timeline, findings, colour=colour)
        case "json":
            from simulator.render.reports.document import write_json

            return write_json(timeline, findings)
        case "csv":
            from simulator.render.reports.tables import write_csv

            return write_csv(timeline)
        case "markdown":
            from simulator.render.reports.tables import write_markdown

            return write_markdown(timeline, findings)
    raise ValueError(f"no report as {form}: text, json, csv or markdown")
