"""Ways out where what was to be restored, or gone back to, is there no more."""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, beginning_of, present
from simulator.checks.refusals.advice import Advice, Way, new_name
from simulator.model.machine import Status
from simulator.model.operations import StackBackups
from simulator.model.requests import FinishJobs, Revert, TakeBackup
from simulator.restorable.history import Chain, Restorable, history_of
from simulator.timeline import Entry, Timeline


def restore_otherwise(timeline: Timeline, entry: Entry, stack: StackBackups) -> Iterator[Advice]:
    """Yield another stack that gives what a refused restore was to give, or that none is left."""
    running = tuple(
        backup.name
        for name in stack.sources
        for backup in entry.before.backups_named(name)
        if backup.status is Status.RUNNING
    )
    if running:
        ended = FinishJobs(tuple(dict.fromkeys(running)), Status.COMPLETED)
        yield Advice(f"wait for the end of {running[0]}", (Way((ended,), again=True),))
    left = history_of(timeline).at(entry, entry.before)
    goal = _goal(timeline, entry, stack)
    chains = _chains(timeline, left, stack, goal)
    if chains:
        of = {"of": stack.of} if stack.of else {}
        yield _restore(stack.name, chains, goal, **of)
    elif chains is not None:
        yield _full_now(entry, f"{goal} is lost: no backup that is left gives it")


def _goal(timeline: Timeline, entry: Entry, stack: StackBackups) -> str:
    """Return what a restore was to give: an instant, or where its newest backup ends."""
    if stack.of is not None:
        return stack.of
    ends = _ends(timeline, stack)
    return timeline.label_at(*ends[0]) if ends else ""


def _ends(timeline: Timeline, stack: StackBackups) -> list[tuple[str, int]]:
    """Return the disks that the newest backup of a stack holds, and the moment that each is of."""
    newest = stack.sources[-1]
    made = [each for _, each in timeline.made_backups if newest in (each.name, each.row)]
    return list({each.disk: (each.disk, each.end) for each in made}.values())


def _chains(
    timeline: Timeline, left: Restorable, stack: StackBackups, goal: str
) -> tuple[Chain, ...] | None:
    """Return the stacks that give it; none where it is lost, None where it is not known what."""
    if stack.of is not None:
        if stack.of not in left.instants:
            return None
        return left.chains(stack.of) or ()
    ends = _ends(timeline, stack)
    found = [left.chain_to(disk, moment) for disk, moment in ends]
    if not goal or not ends:
        return None
    return () if None in found else tuple(each for each in found if each is not None)


def _restore(name: str, chains: tuple[Chain, ...], goal: str, of: str | None = None) -> Advice:
    rows = tuple(dict.fromkeys(row for chain in chains for row in chain.rows))
    told = f"restore from [{', '.join(rows)}], which gives {goal}"
    return Advice(told, (Way((StackBackups(name, rows, of),)),))


def _full_now(entry: Entry, told: str) -> Advice:
    disks = tuple(disk.name for disk in entry.before.disks if disk.chain)
    full = TakeBackup(new_name(entry.before, "full"), disks)
    return Advice(f"{told}; take a full backup now", (Way((full,)),))


def go_back_otherwise(timeline: Timeline, entry: Entry, revert: Revert) -> Iterator[Advice]:
    """Yield which backups give the state of a snapshot that is gone, or that none does."""
    began = beginning_of(timeline, Thing(Kind.SNAPSHOT, revert.snapshot), entry)
    if began is None or present(entry.before, Thing(Kind.SNAPSHOT, revert.snapshot)):
        return
    disk = began.thing.disk
    moment = began.entry.before.disk(disk).moment
    goal = f"{disk} as at {timeline.label_at(disk, moment)}"
    chain = history_of(timeline).at(entry, entry.before).chain_to(disk, moment)
    if chain is not None and chain.rows:
        yield _restore(new_name(entry.before, "restored"), (chain,), goal)
    else:
        yield _full_now(entry, f"{goal} is lost: it is in no image and in no backup any more")
