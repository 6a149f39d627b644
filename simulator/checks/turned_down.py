"""Requests that the host turned down: what it does not tell of them.

What looks for causes and ways out is loaded where something was turned down: a small run without
that takes little longer than to load what it needs.
"""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, ending_of
from simulator.checks.rule import Rule
from simulator.diagnostics import Finding
from simulator.model.operations import CreateImage, Fault, GuestWrite
from simulator.model.requests import DeleteCheckpoint, TakeBackup
from simulator.timeline import Entry, Timeline

OWN_RULE = frozenset(Fault) - {Fault.BOUNDARY, Fault.UNKNOWN}
"""The faults of which each has a rule that finds them in any request."""


def turned_down(timeline: Timeline, fault: Fault) -> Iterator[Entry]:
    """Yield the requests that were turned down for one kind of mistake."""
    for entry in timeline.entries:
        if entry.refusal is not None and entry.refusal.fault == fault:
            yield entry


def turned_down_else(timeline: Timeline) -> Iterator[Entry]:
    """Yield the requests that were turned down and that no rule of a fault knows."""
    for entry in timeline.entries:
        if entry.refusal is None or is_scratch_full(entry) or entry.refusal.fault in OWN_RULE:
            continue
        fault = entry.refusal.fault
        bounded = fault == Fault.BOUNDARY and isinstance(entry.request, TakeBackup)
        if not bounded and not (fault == Fault.UNKNOWN and deleted(timeline, entry)):
            yield entry


def report(
    self: Rule,
    timeline: Timeline,
    entry: Entry,
    *,
    notes: tuple[str, ...] = (),
    help: str | None = None,
) -> Finding:
    """Return a finding about a request that was turned down, in the host's own words.

    Args:
        notes: What else is known of the cause.
        help: What to do; None for the first thing that helps then and there, whatever it is.
    """
    from simulator.checks.refusals.causes import tell_causes
    from simulator.checks.refusals.states import tell_states, tell_unknown
    from simulator.checks.refusals.ways import advise

    assert entry.refusal is not None, "it was turned down"
    verb = entry.statement.verb if entry.statement is not None else "the guest's workload"
    if help is None:
        advice = advise(timeline, entry)
        help = advice.text if advice is not None else ""
    cause = (f"cause: {entry.refusal.cause}",) if entry.refusal.cause else ()
    return self.found(
        entry,
        f"{verb} is refused: {entry.refusal.text}",
        label="turned down",
        notes=(*cause, *notes, *tell_states(entry), *tell_unknown(timeline, entry)),
        help=help,
        related=tell_causes(timeline, entry) if entry.statement is not None else (),
        refused=entry.refusal.text,
    )


def joined_later(timeline: Timeline, entry: Entry) -> str:
    """Return the disk of a backup that was not there, or was another one, at its checkpoint."""
    request = entry.request
    if not isinstance(request, TakeBackup):
        return ""
    for name in request.disks:
        since = request.since_of(name)
        checkpoint = entry.before.checkpoint(since) if since is not None else None
        if checkpoint is None or entry.before.disk(name).nodes_with(checkpoint.name):
            continue
        if name not in checkpoint.disks or _replaced(timeline, entry, name, checkpoint.name):
            return name
    return ""


def _replaced(timeline: Timeline, until: Entry, disk: str, checkpoint: str) -> bool:
    """Whether a disk got another base image after a checkpoint."""
    for entry in reversed(timeline.entries[: until.number]):
        if entry.before.checkpoint(checkpoint) is None:
            return False
        if any(isinstance(o, CreateImage) and o.disk == disk for o in entry.operations):
            return True
    return False


def deleted(timeline: Timeline, entry: Entry) -> bool:
    """Whether the checkpoint that a request starts from was deleted."""
    request = entry.request
    if not isinstance(request, TakeBackup):
        return False
    for since in request.sinces:
        gone = ending_of(timeline, Thing(Kind.CHECKPOINT, since), entry)
        if gone is not None and isinstance(gone.entry.request, DeleteCheckpoint):
            return True
    return False


def is_scratch_full(entry: Entry) -> bool:
    """Whether a guest's write failed for want of scratch space."""
    guest = entry.statement is None or isinstance(entry.request, GuestWrite)
    return guest and entry.refusal is not None and "No space left" in entry.refusal.text
