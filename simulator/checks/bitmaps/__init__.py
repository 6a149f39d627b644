"""What a bitmap says no more, and what cannot be done with it: BT1xx."""

from simulator.checks.bitmaps import dropped, namesakes, overlays, stopped, unusable
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    unusable.bitmap_missing,
    unusable.bitmap_gap,
    unusable.bitmap_not_recording,
    unusable.inconsistent_bitmap,
    unusable.busy_bitmap,
    unusable.unmergeable_bitmaps,
    overlays.untracked_overlay,
    dropped.dropped_by_commit,
    namesakes.stale_namesake,
    stopped.recording_stopped,
)
"""The rules of this room, by their code."""
