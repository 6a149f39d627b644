"""What is copied or recorded for nothing: BT5xx."""

from simulator.checks.costs import needless, recording
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (needless.needless_copy, recording.many_bitmaps)
"""The rules of this room, by their code."""
