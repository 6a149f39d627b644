"""What is said of a restored disk that is wrong: figures, and the way to the right one."""

from simulator.checks.evidence import draw_change, draw_evidence, join_words
from simulator.checks.restores.causes import causes_of
from simulator.checks.restores.faults import Fault
from simulator.checks.rule import Rule
from simulator.diagnostics import Finding
from simulator.model.disk import Disk, read_chain
from simulator.model.machine import Backup, Power
from simulator.notation import write_backup, write_view
from simulator.restorable.graph import EMPTY_DISK, lay_over
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline


def draw_differences(timeline: Timeline, fault: Fault) -> tuple[str, ...]:
    """Return the stack, the result, and carets where it differs from what the guest saw."""
    restored = fault.restored
    meant = timeline.state_at(restored.disk, fault.moment)
    if meant is None:
        return ()
    label = fault.meant(timeline)
    length = restored.length
    different = restored.content.differing(meant.guest_view).below(length)
    rows = [
        *(
            (source.row, write_backup(source, zeroes=timeline.draws_zeroes))
            for source in restored.sources
        ),
        (f"guest saw at {label}", write_view(meant.guest_view, meant.length)),
        (f"{restored.row} holds", write_view(restored.content, length)),
    ]
    notes = draw_evidence(rows, marked=different, length=length, caption=f"not as at {label}")
    if length == meant.length:
        return notes
    return (*notes, f"{restored.row} has {length:,} clusters, the disk had {meant.length:,} then")


def draw_missed(timeline: Timeline, below: Backup, above: Backup) -> tuple[str, ...]:
    """Return what the guest changed between two backups, with carets: neither of them holds it."""
    return draw_change(
        timeline,
        above.disk,
        below.end,
        above.start,
        caption=f"in neither {below.name} nor {above.name}",
    )


def report(
    rule: Rule,
    timeline: Timeline,
    fault: Fault,
    message: str,
    *,
    label: str,
    notes: tuple[str, ...],
) -> Finding:
    """Return the finding of a restored disk that is wrong, with the way to the right one."""
    restored = fault.restored
    meant = fault.meant(timeline)
    return rule.found(
        fault.entry,
        message,
        also=fault.also,
        label=label,
        related=causes_of(timeline, fault),
        notes=notes,
        help=tell_way(
            timeline, fault.entry, restored.disk, fault.moment, meant, stack=restored.sources
        ),
    )


def tell_way(
    timeline: Timeline,
    entry: Entry,
    disk: str,
    moment: int,
    label: str,
    *,
    stack: tuple[Backup, ...] = (),
) -> str:
    """Return how to get a moment of a disk back at a step, or that nothing does any more.

    Args:
        stack: Backups that may lack no more than images that are there still.
    """
    now = history_of(timeline).at(entry)
    chain = now.chain_to(disk, moment)
    if chain is not None:
        return f"for {label} stack {chain.told}" if chain.rows else f"{label} is an empty disk"
    images = _held_in_images(timeline, entry.after.disk(disk), moment, stack)
    if images is not None:
        return f"no backup gives {label}; {images}"
    lost = f"{label} is lost: no stack of the backups that are left gives it"
    held = ((at, now.told(at)) for at in reversed(now.restorable))
    newest = next((f"{at}, stack {told}" for at, told in held if told != EMPTY_DISK), None)
    told = f"; the newest that can be had is {newest}" if newest is not None else ""
    return f"{lost}{told}; {full_backup(entry)}"


def _held_in_images(
    timeline: Timeline, disk: Disk, moment: int, stack: tuple[Backup, ...]
) -> str | None:
    """Return which images below the active one give a moment, alone or with a stack over them."""
    meant = timeline.state_at(disk.name, moment)
    if meant is None:
        return None
    sound = not any(history_of(timeline).is_torn(each) for each in stack)
    for place in range(1, len(disk.chain)):
        images = disk.chain[:place]
        view, length = read_chain(images), images[-1].length
        names = join_words(image.name for image in images)
        if length == meant.length and view.reads_like(meant.guest_view):
            return f"copy {names}, which still {'holds' if place == 1 else 'hold'} it"
        for backup in stack if sound else ():
            view, length = lay_over(view, length, backup), backup.length
        if sound and length == meant.length and view.reads_like(meant.guest_view):
            rows = " <- ".join(backup.row for backup in stack)
            one = place == 1
            there = f"which {'is' if one else 'are'} still there"
            return f"copy {names}, {there}, and lay {rows} over {'it' if one else 'them'}"
    return None


def full_backup(entry: Entry) -> str:
    """Return the advice to take a full backup after a step, which needs a running machine."""
    if entry.after.power is Power.RUNNING:
        return "take a full backup now"
    return "start the machine and take a full backup"
