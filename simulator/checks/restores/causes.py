"""The steps that led to a wrong restore or revert, as further places of its finding."""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, What, events_of, last_of, told
from simulator.checks.biographies import beginning_of as begun
from simulator.checks.claims.reverts import Reverted, would_show
from simulator.checks.claims.steps import starts_of
from simulator.checks.evidence import join_words
from simulator.checks.restores.faults import Fault, discarded_between
from simulator.checks.rule import relate
from simulator.diagnostics import Related
from simulator.model.machine import Kind as BackupKind
from simulator.model.series import exchanged
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline


def causes_of(timeline: Timeline, fault: Fault) -> tuple[Related, ...]:
    """Return the steps that made a stack wrong: a loss, a revert, a bitmap that began anew."""
    entry, disk = fault.entry, fault.restored.disk
    found = [*_losses(timeline, entry, disk, fault.moment)]
    below, above = fault.below, fault.above
    if below is not None and above is not None:
        revert = discarded_between(timeline, below, above)
        if revert is not None:
            found.append(relate(timeline, revert.entry, "the disk goes back here"))
        else:
            found += starts_of(timeline, entry, above)
    if below is None and not found:
        found += _odd_sources(timeline, fault)
        found = found or [*_changed_images(timeline, fault)]
    return tuple(found)


def _losses(timeline: Timeline, until: Entry, disk: str, moment: int) -> Iterator[Related]:
    """Yield the step that took the last way to a moment away, if there was one."""
    history = history_of(timeline)
    node = history.node(disk, moment)
    if node is None or history.at(until).chain(disk, node) is not None:
        return
    for entry in reversed(timeline.entries[: until.number]):
        if entry.after.backups is entry.before.backups:
            continue
        gone = [
            backup
            for backup in exchanged(entry.before.backups, entry.after.backups)[0]
            if backup.disk == disk
        ]
        if gone and history.at(entry, entry.before).chain(disk, node) is not None:
            label = timeline.label_at(disk, moment)
            names = join_words(dict.fromkeys(backup.name for backup in gone))
            yield relate(timeline, entry, f"{label} is lost with {names} here")
            return


def _odd_sources(timeline: Timeline, fault: Fault) -> Iterator[Related]:
    """Yield where backups of the stack were taken that do not hold what they claim."""
    history = history_of(timeline)
    for source in fault.restored.sources:
        start = timeline.state_at(source.disk, history.start_of(source))
        end = timeline.state_at(source.disk, history.end_of(source))
        if end is None or (start is None and not source.complete):
            continue
        given = source.content
        if not source.complete and start is not None:
            given = start.guest_view.overlay(source.content)
        thing = Thing(Kind.BACKUP, source.name, source.disk)
        event = begun(timeline, thing, fault.entry)
        if source.partly:
            events = events_of(timeline, thing, fault.entry)
            ended = last_of(events, What.FAILED, What.CANCELLED)
            event = None
            if ended is not None:
                yield told(timeline, ended)
        if event is not None and not given.reads_like(end.guest_view):
            label = timeline.label_at(source.disk, history.end_of(source), prefer=source.at)
            yield told(timeline, event, f"{source.name} is taken here, and is not {label}")


def _changed_images(timeline: Timeline, fault: Fault) -> Iterator[Related]:
    """Yield the step after which a copied image, below others, was not as it was meant to be."""
    disk, source = fault.restored.disk, fault.restored.sources[-1]
    meant = timeline.state_at(disk, fault.moment)
    if meant is None or source.kind is not BackupKind.COPY:
        return
    for entry in reversed(timeline.entries[: fault.entry.number]):
        before, after = entry.before.disk(disk), entry.after.disk(disk)
        if before.image(source.image) is None or before.active.name == source.image:
            return
        if not before.view_of(source.image).reads_like(meant.guest_view):
            continue
        if after.image(source.image) is not None and not after.view_of(source.image).reads_like(
            meant.guest_view
        ):
            yield relate(timeline, entry, f"{source.image} is changed here")
        return


def writer_of(timeline: Timeline, revert: Reverted) -> tuple[Related, ...]:
    """Return the step after which a snapshot did not show its state any more."""
    meant = timeline.state_at(revert.disk, revert.meant)
    assert meant is not None, "a revert that is wrong has been compared"
    for entry in reversed(timeline.entries[: revert.entry.number]):
        before = would_show(entry.before, revert)
        after = would_show(entry.after, revert)
        if before is None:
            break
        if before.reads_like(meant.guest_view) and not (
            after is not None and after.reads_like(meant.guest_view)
        ):
            what = f"what {revert.snapshot} leans on is changed here"
            return (relate(timeline, entry, what),)
    return ()
