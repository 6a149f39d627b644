"""Backups that were put onto another one, held against what the guest saw."""

from collections.abc import Iterator

from simulator.checks.biographies import Event, What, cleared_by, history_of_bitmap, last_of, told
from simulator.checks.claims.faults import is_told
from simulator.checks.claims.steps import starts_of
from simulator.checks.evidence import draw_evidence
from simulator.checks.rule import Rule, relate
from simulator.diagnostics import Finding
from simulator.model.clusters import ClusterMap
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind
from simulator.model.transitions.copies.targets import holds_something
from simulator.notation import write_clusters, write_view
from simulator.restorable.claims import claimed_end, claimed_start
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Onto(NamedTuple):
    """A backup that does not give what it stands for on the one that it was put onto.

    Attributes:
        base, taken: What it was put onto, and the step that took that.
        below, meant: The disk as the base stands for it, and as the backup does.
        given: What the two read as.
        cleared: The step of another consumer that cleared the bitmap in between; None for none.
    """

    entry: Entry
    backup: Backup
    base: Backup
    taken: Entry
    below: Disk
    meant: Disk
    given: ClusterMap
    cleared: Event | None


def wrong_ontos(timeline: Timeline) -> tuple[Onto, ...]:
    """Return the backups that are wrong on what they were put onto; asked again, the same ones.

    One that lacks something on any base is told by the rule about that.
    """
    known = timeline.memo.get("wrong ontos")
    if not isinstance(known, tuple):
        known = timeline.memo["wrong ontos"] = tuple(_wrong(timeline))
    return known


def _wrong(timeline: Timeline) -> Iterator[Onto]:
    made: dict[tuple[str, str], tuple[Entry, Backup]] = {}
    for entry, backup in timeline.made_backups:
        base = made.get((backup.onto or "", backup.disk))
        if base is not None and _is_there(entry, base[1]) and not is_told(timeline, backup):
            onto = _judge(timeline, entry, backup, *base)
            if onto is not None:
                yield onto
        made[backup.name, backup.disk] = made[f"{backup.name}/{backup.disk}", backup.disk] = (
            entry,
            backup,
        )


def _is_there(entry: Entry, base: Backup) -> bool:
    if not holds_something(base):
        return False
    newest_first = reversed(entry.before.backups)
    return any(b.name == base.name and b.disk == base.disk for b in newest_first)


def _judge(
    timeline: Timeline, entry: Entry, backup: Backup, taken: Entry, base: Backup
) -> Onto | None:
    """Return what a backup gives on its base, if that is not what it stands for."""
    if backup.complete or not backup.usable:
        return None
    below = timeline.state_at(base.disk, claimed_end(timeline, taken, base))
    to_now = backup.kind is Kind.INCREMENTAL
    end = claimed_end(timeline, entry, backup) if to_now else backup.moment
    meant = timeline.state_at(backup.disk, end)
    if below is None or meant is None:
        return None
    given = lay_onto(below, backup, _held(timeline, taken, base))
    # Through bitmaps: an image may have been frozen before now, and they may have stopped earlier.
    ends = [end] if to_now else [end, backup.end, entry.before.disk(backup.disk).moment]
    states = [timeline.state_at(backup.disk, each) for each in ends]
    if any(state is not None and given.reads_like(state.guest_view) for state in states):
        return None
    cleared = _cleared(timeline, entry, backup, base)
    if cleared is not None and not _held_by(timeline, entry, backup, cleared, given, meant):
        cleared = None
    return Onto(entry, backup, base, taken, below, meant, given, cleared)


def _held(timeline: Timeline, taken: Entry, base: Backup) -> ClusterMap | None:
    """Return what the disk is with a base, where that is not what the base stands for."""
    if base.complete or not base.partly:
        return base.content if base.complete else None
    start = claimed_start(timeline, taken, base) if base.kind is not Kind.FULL else None
    begun = timeline.state_at(base.disk, base.start if start is None else start)
    if base.kind is Kind.FULL or begun is None:
        return base.content
    return begun.guest_view.below(base.length).overlay(base.content)


def _held_by(
    timeline: Timeline, entry: Entry, backup: Backup, step: Event, given: ClusterMap, meant: Disk
) -> bool:
    """Whether all that is wrong is what the job of a step copied."""
    made = (b for e, b in timeline.made_backups if e.number < entry.number)
    jobs = [b for b in made if b.name == cleared_by(step) and b.disk == backup.disk]
    wrong = given.differing(meant.guest_view)
    return bool(jobs) and not wrong - jobs[-1].content.clusters()


def lay_onto(below: Disk, backup: Backup, held: ClusterMap | None = None) -> ClusterMap:
    """Return what a backup reads as on top of a state of its disk, or of what its base holds."""
    view = below.guest_view if held is None else held
    if backup.length < below.length:
        view = view.below(backup.length)
    return view.overlay(backup.content)


def _cleared(timeline: Timeline, entry: Entry, backup: Backup, base: Backup) -> Event | None:
    """Return the step of another job that cleared a consumer's bitmap after the base was taken."""
    start = claimed_start(timeline, entry, backup)
    if backup.since is None or entry.before.checkpoint(backup.since) is not None:
        return None
    if start is None or start <= base.end:
        return None
    events = history_of_bitmap(timeline, backup.disk, backup.since, before=entry)
    begun = [each for each in events if each.what is What.BEGAN or cleared_by(each) is not None]
    last = last_of(begun, What.BEGAN, What.CLEARED)
    return last if last is not None and cleared_by(last) not in (None, base.name) else None


def report_onto(rule: Rule, timeline: Timeline, onto: Onto) -> Finding:
    """Return the finding of a backup that is wrong on its base."""
    entry, backup, base, name = onto.entry, onto.backup, onto.base, onto.base.row
    ends = timeline.label_at(base.disk, onto.below.moment, prefer=base.at)
    start = claimed_start(timeline, entry, backup)
    begins = timeline.label_at(backup.disk, backup.start if start is None else start)
    message = f"{backup.row} on {name} does not give what the guest sees"
    label = f"{name} stands for {ends}, {backup.row} starts at {begins}"
    if base.partly:
        label = f"{name} holds a part only of {ends}"
    related = [relate(timeline, onto.taken, f"{name} is taken here")]
    if onto.cleared is not None:
        message = f"backup {backup.row} lacks what {cleared_by(onto.cleared)} copied since {ends}"
        related.append(told(timeline, onto.cleared))
    else:
        related += starts_of(timeline, entry, backup)
    return rule.found(
        entry,
        message,
        label=label,
        notes=_notes(timeline, onto, ends),
        help=_way_out(timeline, onto),
        related=tuple(related),
    )


def _notes(timeline: Timeline, onto: Onto, ends: str) -> tuple[str, ...]:
    backup = onto.backup
    now = timeline.label_at(backup.disk, onto.meant.moment, prefer=onto.entry.instant)
    return draw_evidence(
        [
            (f"guest saw at {ends}", write_view(onto.below.guest_view, onto.below.length)),
            (f"{backup.row} holds", write_clusters(backup.content, backup.length)),
            (f"guest sees at {now}", write_view(onto.meant.guest_view, onto.meant.length)),
        ],
        marked=onto.given.differing(onto.meant.guest_view).below(onto.meant.length),
        length=onto.meant.length,
        caption=f"neither in {backup.row} nor at {ends}",
    )


def _way_out(timeline: Timeline, onto: Onto) -> str:
    """Return the newest backup that is there on which one is right, or that none is left."""
    entry, backup = onto.entry, onto.backup
    there = history_of(timeline).at(entry)
    fitting = [
        (other.end, other.row)
        for other in entry.after.backups
        if other.disk == backup.disk
        and other.usable
        and other.name != backup.name
        and _fits(timeline, onto, other)
        and there.chain_to(other.disk, other.end) is not None
    ]
    own = "; give each consumer a bitmap of its own" if onto.cleared is not None else ""
    if fitting:
        return f"put it onto {max(fitting)[1]}{own}"
    return f"take a full backup: no backup that is left lies below {backup.row}{own}"


def _fits(timeline: Timeline, onto: Onto, other: Backup) -> bool:
    state = timeline.state_at(other.disk, other.end)
    return state is not None and lay_onto(state, onto.backup).reads_like(onto.meant.guest_view)
