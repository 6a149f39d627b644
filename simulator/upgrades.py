"""What another host does to a run: where it differs first, and by which change of the record.

And which findings are so by such a change alone.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from simulator.diagnostics import Finding
from simulator.model.machine import Machine
from simulator.model.requests import Qmp, TakeBackup
from simulator.model.values import replace
from simulator.releases.change import Change
from simulator.releases.changes import CHANGES, changes_between, semantics_of
from simulator.releases.hosts import Host
from simulator.releases.semantics import SWITCHES, Semantics
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

MET_BY: Mapping[str, frozenset[str]] = {
    "resize_says_why": frozenset(),
    "pull_leaves_open": frozenset({"PullImages"}),
    "force_closes_base": frozenset({"CommitImages"}),
    "zeroes_are_skipped": frozenset({"MirrorDisk", "CommitImages", "MoveDisks"}),
    "persistent_needs_writable": frozenset({"block-dirty-bitmap-add", "block-dirty-bitmap-remove"}),
    "raw_copy_stays_recorded": frozenset({"MirrorDisk", "CommitImages"}),
    "offline_snapshots_named": frozenset(),
    "newest_lies_on_top": frozenset({"DeleteSnapshot"}),
    "reverts_external": frozenset({"Revert"}),
    "preserves_domain": frozenset({"preserve-domain"}),
    "missing_source_named": frozenset(),
}
"""What of a run meets a switch: names of operations, requests and commands, and a key of a backup;
none for mere words."""


class Upgraded(NamedTuple):
    """A step that goes otherwise on another host.

    Attributes:
        host: The second of the two hosts.
        entry: As it is on the first.
        changes: Those that make it so; where none does alone, all that there are between the two.
    """

    host: Host
    entry: Entry
    changes: tuple[Change, ...]


def first_difference(timeline: Timeline, host: Host) -> Upgraded | None:
    """Return where a run first goes otherwise on another host; None where it does not.

    Each change is tried alone: the one that makes this step differ is the one that is told.
    """
    assert timeline.elsewhere is not None, "the engine made this run"
    semantics = semantics_of(timeline.host)
    place = _differs(timeline, timeline.elsewhere(host, semantics_of(host)))
    if place is None:
        return None
    changes = changes_between(timeline.host, host)
    alone: list[Change] = []
    for change in changes:
        if change.word and change.word not in str(timeline.entries[place].request):
            continue
        switched = _switched(semantics, change, on=change.holds(host), qemu=host.qemu)
        if _differs(timeline, timeline.elsewhere(host, switched)) == place:
            alone.append(change)
    return Upgraded(host, timeline.entries[place], tuple(alone) or changes)


def _differs(one: Timeline, other: Timeline) -> int | None:
    """Return the number of the first entry that is not the same in two runs of one script."""
    for before, after in zip(one.entries, other.entries, strict=False):
        if before.refusal != after.refusal or not _alike(before.after, after.after):
            return before.number
    return None


def _alike(one: Machine, other: Machine) -> bool:
    return one == replace(other, semantics=one.semantics)


def _switched(semantics: Semantics, change: Change, *, on: bool, qemu: str) -> Semantics:
    """Return what a host does, but for one change; one that commands tell goes by the release."""
    given: dict[str, Any] = {change.switch: on} if change.switch in SWITCHES else {"qemu": qemu}
    return semantics._replace(**given)


def name_changes(
    timeline: Timeline,
    findings: tuple[Finding, ...],
    judge: Callable[[Timeline], tuple[Finding, ...]],
) -> tuple[Finding, ...]:
    """Return findings with the changes by which they are so, where they would not be without one.

    The script is run once more for each change that something in it meets. A refusal in other words
    is the same finding.
    """
    if timeline.elsewhere is None or not findings:
        return findings
    semantics = semantics_of(timeline.host)
    behind: dict[int, list[Change]] = {}
    for change in _met(timeline):
        held = change.holds(timeline.host)
        qemu = change.releases[0 if held else 1]
        switched = _switched(semantics, change, on=not held, qemu=qemu)
        there = {_said(each) for each in judge(timeline.elsewhere(timeline.host, switched))}
        for place, finding in enumerate(findings):
            if _said(finding) not in there:
                behind.setdefault(place, []).append(change)
    return tuple(
        _named(finding, timeline.host, behind[place]) if place in behind else finding
        for place, finding in enumerate(findings)
    )


def _met(timeline: Timeline) -> list[Change]:
    """Return the changes that something in a run meets."""
    names, newer = set(), ""
    for entry in timeline.entries:
        request = entry.request
        names |= {type(request).__name__, *(type(each).__name__ for each in entry.operations)}
        if isinstance(request, Qmp):
            names |= {*request.commands}
            newer += str(request) if request.newer else ""
        elif isinstance(request, TakeBackup):
            newer += request.on_full or ""
            names |= {"preserve-domain"} if request.preserve else set()
    return [
        each
        for each in CHANGES
        if MET_BY.get(each.switch, frozenset()) & names
        or (each.switch not in SWITCHES and each.word in newer and each.word != "grouped")
    ]


def _said(finding: Finding) -> tuple[str, int | None, str]:
    """Return what makes a finding the same on another host."""
    told = "" if finding.refused is not None else finding.message
    return finding.code, finding.entry, told


def _named(finding: Finding, host: Host, changes: list[Change]) -> Finding:
    """Return a finding that tells its host, and what makes it so there."""
    notes = (
        f"so on {host}, {'by' if each.holds(host) else 'before'} {each.name}: {each.when()}"
        for each in changes
    )
    return dataclasses.replace(
        finding,
        notes=(*finding.notes, *notes),
        host=tuple(host._asdict().items()),
        changes=tuple(each.name for each in changes),
    )
