"""Holds a timeline against what its scenario expects: rows of figures, and findings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from simulator.checks.evidence import join_words
from simulator.checks.rule import find_at
from simulator.diagnostics import REFUSED, Code, Finding, Severity, Span
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine
from simulator.model.requests import Expect, ExpectedRow
from simulator.notation import (
    BROKEN,
    GUEST,
    bar,
    write_bits,
    write_clusters,
    write_rows,
    write_view,
)
from simulator.timeline import Timeline
from simulator.values import NamedTuple

REFUSED_CODE = "BT901"
UNMET_FIGURE = ("EX001", "unmet-figure")
UNMET_FINDING = ("EX002", "unmet-finding")

CODES = (
    Code(
        *UNMET_FIGURE,
        Severity.ERROR,
        "A row of an expected figure is not as it comes out at that step.",
        "The note has both rows. If the new one is right, `check --update` or `review` writes it "
        "into the file; if not, something before the step changed.",
    ),
    Code(
        *UNMET_FINDING,
        Severity.ERROR,
        "A step expects findings, and other ones are found at it, or none.",
        "`expect: [CODE, ...]` beside a step lists all that must be found there and nothing else. "
        "What is accepted and need not be there is `allow`, with a reason.",
    ),
)
"""What each code of an expectation stands for."""


class ActualRow(NamedTuple):
    """A row as it really is.

    Attributes:
        alike: Whether ``0`` and ``-`` read alike in this row.
        recording: Whether it is a bitmap that records.
    """

    cells: str
    alike: bool = False
    recording: bool = False


def unmet_figures(timeline: Timeline) -> Iterator[Finding]:
    """Yield a finding for each row that is not as its scenario expects."""
    for entry, expect in timeline.asked(Expect):
        for row in expect.rows:
            unmet = compare_row(entry.after, row)
            if unmet is not None:
                message, notes = unmet
                finding = find_at(
                    entry,
                    *UNMET_FIGURE,
                    Severity.ERROR,
                    message=message,
                    label="expected here",
                    notes=notes,
                )
                yield replace(finding, span=span_of(timeline, finding.span, row))


def span_of(timeline: Timeline, span: Span | None, row: ExpectedRow) -> Span | None:
    """Return the place of a row within its statement, or the statement's where it is not found."""
    if span is None:
        return None
    lines = timeline.source_lines
    for number in range(span.line, span.end_line + 1):
        found = re.search(rf"(?<![\w.]){re.escape(row.label)}\s*:\s*\|[^|]*\|", lines[number - 1])
        if found:
            return Span(number, found.start() + 1, number, found.end() + 1)
    return span


def unmet_findings(
    timeline: Timeline, findings: Sequence[Finding], names: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield a finding for each statement whose findings are not exactly the expected ones.

    Args:
        names: The name of each code.
    """
    of_turns = [f for f in findings if f.turns and f.allowed is None]
    for entry in timeline.entries:
        if entry.statement is None or entry.statement.expects is None:
            continue
        here = [f for f in findings if f.entry == entry.number and f.allowed is None]
        step = [f for f in of_turns if entry.turn is not None and f.span == entry.statement.span]
        wanted = entry.statement.expects
        missing = [w for w in wanted if not any(meets(f, w, names) for f in (*here, *step))]
        surplus = [f for f in here if not f.expected]
        if not missing and not surplus:
            continue
        found = [f"{f.code} {f.rule}" for f in here]
        yield find_at(
            entry,
            *UNMET_FINDING,
            Severity.ERROR,
            message="expected and not found: " + join_words(missing)
            if missing
            else "found and not expected: " + join_words(f"{f.code} {f.rule}" for f in surplus),
            label=f"found: {join_words(found)}" if found else "found: nothing",
        )


def matches(finding: Finding, wanted: str) -> bool:
    """Whether a finding goes by a word: its code, its name or ``refused``.

    BT901 is the rule of all that is refused, also where another one knows more.
    """
    if wanted in (REFUSED, REFUSED_CODE) and finding.refused is not None:
        return True
    return wanted in (finding.code, finding.rule)


def meets(finding: Finding, wanted: str, names: Mapping[str, str]) -> bool:
    """Whether a finding is one that a statement expects: of one mistake, any rule may be named.

    Args:
        names: The name of each code.
    """
    also = (word for code in finding.also for word in (code, names[code]))
    return matches(finding, wanted) or wanted in also


def compare_row(machine: Machine, row: ExpectedRow) -> tuple[str, tuple[str, ...]] | None:
    """Return what is wrong with a row, and both rows with carets; None where nothing is."""
    found = actual_rows(machine, row.label)
    if not found:
        return f"there is no {row.label} at this point", ()
    if len(found) > 1:
        names = join_words(name for name, _ in found)
        return f"{row.label} names {len(found)} rows here: write {names}", ()
    actual = found[0][1]
    wanted, held = row.cells, actual.cells
    if actual.alike:
        wanted, held = wanted.replace("0", "-"), held.replace("0", "-")
    if wanted == held and not (row.recording and not actual.recording):
        return None
    unmet = f"{row.label} is not as expected"
    expected_mark = "+" if row.recording else ""
    actual_mark = "+" if row.recording and actual.recording else ""
    lines = write_rows(
        [("expected", bar(row.cells) + expected_mark), ("found", bar(actual.cells) + actual_mark)]
    )
    if len(wanted) != len(held):
        return unmet, (*lines, f"expected {len(wanted)} cells, found {len(held)}")
    if wanted == held:
        return unmet, (*lines, f"{row.label} does not record")
    carets = "".join(" " if a == b else "^" for a, b in zip(wanted, held, strict=True))
    return unmet, (*lines, " " * (lines[-1].index("|") + 1) + carets.rstrip())


def actual_rows(machine: Machine, label: str) -> list[tuple[str, ActualRow]]:
    """Return every row that a label can mean, with its full name; usually one."""
    rows: list[tuple[str, ActualRow]] = []
    for disk in machine.disks:
        if label == f"{GUEST} {disk.name}" or (label == GUEST and len(machine.disks) == 1):
            rows.append(
                (
                    label,
                    ActualRow(write_view(disk.guest_view, disk.length, scaled=False), alike=True),
                )
            )
        # An image may lie below several disks.
        rows += [
            (image.name, ActualRow(write_clusters(image.content, image.length, scaled=False)))
            for image in disk.chain
            if image.name == label and not any(name == label for name, _ in rows)
        ]
        rows += _bitmap_rows(disk, label)
    rows += [
        (f"{b.name}/{b.disk}", _backup_row(b))
        for b in machine.backups
        if label in (b.name, f"{b.name}/{b.disk}")
    ]
    rows += [
        (
            f"{r.name}/{r.disk}",
            ActualRow(write_view(r.content, r.length, scaled=False), alike=True),
        )
        for r in machine.restores
        if label in (r.name, f"{r.name}/{r.disk}")
    ]
    return rows


def _bitmap_rows(disk: Disk, label: str) -> list[tuple[str, ActualRow]]:
    return [
        (
            f"{b.node}.{b.name}",
            ActualRow(
                BROKEN * disk.length_of(b.node)
                if b.inconsistent
                else write_bits(disk.clusters_of(b), disk.length_of(b.node), scaled=False),
                recording=b.recording,
            ),
        )
        for b in disk.bitmaps
        if label in (b.name, f"{b.node}.{b.name}")
    ]


def _backup_row(backup: Backup) -> ActualRow:
    return ActualRow(
        write_clusters(backup.content, backup.length, scaled=False), alike=backup.complete
    )
