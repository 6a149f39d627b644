"""What it costs: what is copied or recorded for nothing, time, peace and room: BT5xx."""

from simulator.checks.costs import needless, peace, recording, schedules, stores, unfinished
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    needless.needless_copy,
    recording.many_bitmaps,
    schedules.window_exceeds_interval,
    peace.freeze_without_thaw,
    stores.store_full,
    unfinished.unfinished_job,
)
"""The rules of this room, by their code."""
