"""A report as tables: the jobs for a spreadsheet, and all of it for a review."""

import csv
import io
from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding
from simulator.measures.summary import summary_of
from simulator.render.reports.blocks import Block, blocks_of, head_of
from simulator.render.reports.document import job_report
from simulator.render.reports.shapes import JobReport
from simulator.timeline import Timeline


def write_csv(timeline: Timeline) -> str:
    """Return the jobs as comma-separated values: a head, and a line for each."""
    summary, stream = summary_of(timeline), io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(JobReport.__annotations__)
    for work in summary.works:
        told = job_report(summary, work)
        writer.writerow({**told, "through": " ".join(work.through)}.values())
    return stream.getvalue()


def write_markdown(timeline: Timeline, findings: Sequence[Finding]) -> str:
    """Return all of a report in Markdown, with a final newline."""
    summary = summary_of(timeline)
    title, played = map(_plain, head_of(summary))
    blocks = [f"# {title}", played]
    for block in blocks_of(summary, findings):
        blocks += [f"## {block.title}", *_parts(block)]
    return "\n\n".join(blocks) + "\n"


def _parts(block: Block) -> Iterator[str]:
    """Yield the table and the list that a block is."""
    if block.rows:
        lines = [_row(block.head)]
        lines.append(_row(["---:" if head in block.numbers else "---" for head in block.head]))
        lines += map(_row, block.rows)
        yield "\n".join(lines)
    under = [
        f"{row[0]}: {note}"
        for row, notes in zip(block.rows, block.under, strict=False)
        for note in notes
    ]
    if under or block.notes:
        yield "\n".join(f"- {_plain(note)}" for note in (*under, *block.notes))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return "".join(f"\\{c}" if c in "\\`*_|<>#[]" else c for c in text)
