"""What a stack of backups stands for, and where a restored disk is otherwise."""

from simulator.checks.evidence import draw_evidence
from simulator.model.machine import Backup, Restored
from simulator.notation import write_backup, write_view
from simulator.timeline import Timeline


def stands_for(sources: tuple[Backup, ...]) -> int:
    """Return the moment that a stack stands for: that of its newest backup."""
    return max(source.end for source in sources)


def draw_differences(timeline: Timeline, restored: Restored, moment: int) -> tuple[str, ...]:
    """Return the stack, the result, and carets where it differs from what the guest saw."""
    meant = timeline.state_at(restored.disk, moment)
    if meant is None:
        return ()
    label = timeline.label_at(restored.disk, moment, prefer=restored.of)
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
