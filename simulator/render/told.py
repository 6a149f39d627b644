"""Where findings belong: which instant, which row and which cells each of them is about."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding, Severity
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.render.origins import marked_cells
from simulator.timeline import Entry, Frame, Timeline

RANK = {Severity.ERROR: 3, Severity.WARNING: 2, Severity.INFO: 1}
"""The higher, the graver."""


def place_of(timeline: Timeline, finding: Finding) -> int | None:
    """Return the number of the frame that shows a finding; None where none does.

    That of its instant; of a guest step between two instants the later one, which it led to.
    """
    if finding.entry is not None:
        place = bisect_right(timeline.frames, finding.entry, key=lambda frame: frame.entries)
        return place if place < len(timeline.frames) else None
    labels = [frame.label for frame in timeline.frames]
    return labels.index(finding.at) if finding.at in labels else None


def by_frame(timeline: Timeline, findings: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    """Return the findings of each frame, in their order."""
    found: list[list[Finding]] = [[] for _ in timeline.frames]
    for finding in findings:
        place = place_of(timeline, finding)
        if place is not None:
            found[place].append(finding)
    return [tuple(each) for each in found]


def when_of(timeline: Timeline, finding: Finding) -> str:
    """Return when a finding was, in words: ``at T2``, ``between T2 and T3``; empty if unknown."""
    if finding.at is not None:
        return f"at {finding.at}"
    return timeline.when(timeline.entries[finding.entry]) if finding.entry is not None else ""


def failed_writes(
    timeline: Timeline, frame: Frame
) -> Iterator[tuple[Entry, GuestWrite | GuestDiscard]]:
    """Yield what the guest tried to write since the instant before, and could not."""
    for entry in timeline.entries_of(frame):
        request = entry.request
        if entry.refusal is not None and isinstance(request, GuestWrite | GuestDiscard):
            yield entry, request


def marks_of(findings: Sequence[Finding], labels: Sequence[str]) -> dict[str, dict[int, Severity]]:
    """Return the cells that the evidence of findings marks, by the label of their row.

    The gravest finding decides. A label that two rows have marks neither.
    """
    once = [label for label, number in Counter(labels).items() if number == 1]
    marks: dict[str, dict[int, Severity]] = {}
    for finding in sorted(findings, key=lambda each: RANK[each.severity]):
        for label, cell in marked_cells(finding.notes, once):
            marks.setdefault(label, {})[cell] = finding.severity
    return marks
