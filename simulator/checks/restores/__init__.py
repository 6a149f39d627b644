"""What a stack of backups gives back: BT3xx."""

from simulator.checks.restores import lost, stacking, unseen
from simulator.checks.rule import Rule

RULES: tuple[Rule, ...] = (
    unseen.unseen_state,
    stacking.chain_hole,
    stacking.wrong_order,
    stacking.wrong_base,
    lost.restore_point_lost,
    unseen.wrong_instant,
)
"""The rules of this room, by their code."""
