"""What a backup or a copy really read, and what became of it: BT2xx."""

from simulator.checks.backups import jobs, late, refused, scratch, torn
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    late.stale_bitmap,
    late.lucky_read,
    jobs.hole_after_failed_backup,
    torn.torn_copy,
    jobs.overwritten_restore_point,
    refused.not_in_checkpoint,
    scratch.scratch_full,
    refused.overlapping_job,
    refused.end_is_now,
)
"""The rules of this room, by their code."""
