"""What checkpoints keep, and what the host knows of them: BT4xx."""

from simulator.checks.points import below, discarded, refused, uncovered
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    uncovered.checkpoint_without_backup,
    discarded.discarded_future,
    refused.metadata_out_of_step,
    refused.deleted_start,
    refused.machine_off,
    below.changed_from_below,
    below.image_removed,
)
"""The rules of this room, by their code."""
