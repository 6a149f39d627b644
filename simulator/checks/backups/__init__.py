"""What a backup or a copy really read, and what became of it: BT2xx."""

from simulator.checks.backups import (
    holes,
    jobs,
    late,
    live,
    refused,
    scratch,
    split,
    torn,
    uncopied,
)
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    late.stale_bitmap,
    late.lucky_read,
    jobs.hole_after_failed_backup,
    holes.cleared_by_another,
    torn.torn_copy,
    live.live_backing,
    jobs.overwritten_restore_point,
    refused.not_in_checkpoint,
    holes.resized_since,
    scratch.scratch_full,
    refused.overlapping_job,
    split.split_instant,
    refused.end_is_now,
    holes.hole_in_window,
    uncopied.changes_discarded,
)
"""The rules of this room, by their code."""
