"""What another host does to a run: where it differs first, and by which change of the record."""

from typing import Any, NamedTuple

from simulator.model.machine import Machine
from simulator.model.values import replace
from simulator.releases.changes import Change, changes_between, semantics_of
from simulator.releases.hosts import Host
from simulator.releases.semantics import SWITCHES
from simulator.timeline import Entry, Timeline


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
        given: dict[str, Any] = {change.switch: change.holds(host)}
        switched = semantics._replace(
            **(given if change.switch in SWITCHES else {"qemu": host.qemu})
        )
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
