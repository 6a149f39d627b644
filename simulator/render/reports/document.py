"""The report document: what a run comes to, as JSON."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from simulator.diagnostics import Finding
from simulator.flows.resources import Resource
from simulator.measures.jobs import Work
from simulator.measures.summary import Summary, summary_of
from simulator.render.document import finding_document, schema_of
from simulator.render.reports.shapes import (
    BitmapReport,
    JobReport,
    LossReport,
    RecoveryReport,
    ReportDocument,
    ResourceReport,
    StallReport,
)
from simulator.render.shapes import FORMAT
from simulator.render.told import when_of
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of the report document."""
    return schema_of(ReportDocument, "backup-timeline report document")


def write_json(timeline: Timeline, findings: Sequence[Finding]) -> str:
    """Return the report document as JSON text, with a final newline."""
    return json.dumps(report_document(timeline, findings), indent=1) + "\n"


def report_document(timeline: Timeline, findings: Sequence[Finding]) -> ReportDocument:
    """Return what a run comes to as plain data. Equal runs give equal documents."""
    summary = summary_of(timeline)
    timed = timeline.script.timed
    return {
        "format": FORMAT,
        "file": timeline.script.path,
        "scenario": timeline.script.title,
        "model": timeline.model,
        "host": timeline.host._asdict(),
        "ends": summary.end / SECOND if timed else None,
        "jobs": [job_report(summary, work) for work in summary.works],
        "resources": {each.name: _resource(summary, each) for each in summary.resources},
        "loss": _loss(summary),
        "recovery": _recovery(summary),
        "stalls": _stalls(summary),
        "bitmaps": _bitmaps(timeline),
        "instants": [
            {
                "at": kept.label,
                "seconds": kept.tick / SECOND if timed else None,
                "backups": kept.backups,
                "stored_bytes": kept.stored_bytes,
                "bitmaps": kept.bitmaps,
                "bitmap_bytes": kept.bitmap_bytes,
            }
            for kept in summary.kept
        ],
        "findings": [finding_document(finding, when_of(timeline, finding)) for finding in findings],
    }


def seconds(ticks: int | Fraction) -> float:
    """Return ticks as seconds."""
    return ticks.numerator / (ticks.denominator * SECOND)


def _told(summary: Summary, ticks: int | Fraction | None) -> float | None:
    """Return ticks as seconds; None where there are none, or instants are names."""
    return None if ticks is None or not summary.timeline.script.timed else seconds(ticks)


def job_report(summary: Summary, work: Work) -> JobReport:
    """Return a job as plain data."""
    return {
        "name": work.name,
        "machine": None,
        "disk": work.disk,
        "kind": work.kind,
        "start": _told(summary, work.start),
        "end": _told(summary, work.end),
        "status": work.status.value,
        "data_bytes": work.data_bytes,
        "zero_bytes": work.zero_bytes,
        "copied_bytes": work.copied_bytes,
        "waited_writes": work.waited_writes,
        "waited_seconds": seconds(work.waited),
        "scratch_peak": work.scratch_peak,
        "window": _told(summary, work.window),
        "at": summary.label_at(work.start),
        "until": summary.label_at(work.end),
        "stored_bytes": work.stored_bytes,
        "through": list(work.through),
        "why": work.why or None,
    }


def _resource(summary: Summary, resource: Resource) -> ResourceReport:
    use = summary.uses[resource.name]
    levels = summary.stored.get(resource.name, ())
    return {
        "bytes": use.size,
        "busy_seconds": seconds(use.busy),
        "peak": float(use.peak),
        "stored": summary.stored_at_end(resource.name),
        "bandwidth": float(resource.bandwidth) if resource.bandwidth is not None else None,
        "capacity": resource.capacity,
        "stored_peak": summary.stored_most(resource.name),
        "use": [(seconds(tick), float(speed)) for tick, speed in use.totals],
        "fill": [(seconds(level.tick), float(level.size)) for level in levels],
    }


def _loss(summary: Summary) -> LossReport:
    loss, timed = summary.loss, summary.timeline.script.timed
    return {
        "worst": _told(summary, loss.worst),
        "worst_at": _told(summary, loss.worst_at),
        "mean": _told(summary, loss.mean),
        "curve": [
            {
                "from": seconds(point.tick),
                "at": point.label,
                "instant": _told(summary, point.instant),
                "bytes": point.size,
            }
            for point in loss.points
            if timed
        ],
    }


def _recovery(summary: Summary) -> RecoveryReport:
    recovery, read_back = summary.recovery, summary.read_back
    rate = read_back.rate if read_back is not None else None
    return {
        "bytes": recovery.size,
        "seconds": _told(summary, recovery.time),
        "worst_bytes": recovery.worst_size,
        "worst_seconds": _told(summary, recovery.worst_time),
        "worst_at": _told(summary, recovery.worst_at),
        "rate": float(rate) if rate is not None else None,
        "latency": _told(summary, read_back.latency if read_back is not None else None),
    }


def _stalls(summary: Summary) -> StallReport:
    writes, waited = summary.waited
    freezes = summary.freezes if summary.timeline.script.timed else ()
    longest = max((summary.length_of(freeze) for freeze in freezes), default=0)
    return {
        "frozen_seconds": seconds(sum(map(summary.length_of, freezes))),
        "longest_freeze": seconds(longest),
        "freezes": [
            {
                "start": seconds(freeze.start),
                "end": _told(summary, freeze.end),
                "seconds": seconds(summary.length_of(freeze)),
            }
            for freeze in freezes
        ],
        "waited_writes": writes,
        "waited_seconds": seconds(waited),
    }


def _bitmaps(timeline: Timeline) -> list[BitmapReport]:
    return [
        {
            "disk": disk.name,
            "node": bitmap.node,
            "name": bitmap.name,
            "granularity": bitmap.granularity,
            "bytes": -(-bitmap.length // 8),
        }
        for disk in timeline.last.disks
        for bitmap in disk.bitmaps
    ]
