"""Proves for disks of any size, by all that one cluster can come to among others.

A request does the same to each cluster, and a cluster sees of the others only that something was
written. So a state of any disk is a shape and columns, each of which one cluster can come to; and
what is right in each of those is right on every disk.
"""

from simulator.apis.base import ApiModel
from simulator.exploring.acts import GUEST, NOTED, VERBS, VERBS_DEFAULT, Limits
from simulator.exploring.looking import Looking, Wanted
from simulator.exploring.outcome import Outcome, Proof
from simulator.exploring.searching.search import Asked

UNPROVED = {
    "read": "who names the bitmaps himself is claimed nothing to",
    "drop": "a backup that is deleted takes restore points along, whatever the model is",
    "resize": "a disk that grows or shrinks has clusters that are not like others",
}
"""The verbs that a proof leaves out, and why."""

VERBS_PROVED = tuple(verb for verb in VERBS_DEFAULT if verb not in UNPROVED.keys() | NOTED)
"""The verbs of a proof where none are named: what goes by a host's notes of snapshots has many
more states, and a commit breaks it."""


class Proving(Looking):
    """Looks at all columns, until there are no more or one of them is wrong."""

    def __init__(
        self, model: ApiModel, limits: Limits, verbs: tuple[str, ...], workers: int = 1
    ) -> None:
        proved = tuple(verb for verb in verbs if verb not in UNPROVED)
        alone = limits._replace(clusters=1, disks=1, depth=None, backups=0)
        super().__init__((model,), Asked(alone, proved, others=True, workers=workers), Wanted())
        self._given = limits._replace(disks=1)
        self.notes += [f"{verb} is not proved: {UNPROVED[verb]}" for verb in verbs
                       if verb in UNPROVED]  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """The disk of a counterexample: the cluster, and another one beside it."""
        return 1, 2

    def outcome(self) -> Outcome:
        """Return the proof, or the counterexample."""
        outcome = super().outcome()
        coupled = self.search.coupled
        proof = None
        if outcome.complete and not outcome.found and not self._unlike:
            proved = tuple(v for v in self.search.asked.verbs if v not in coupled)
            if set(proved) & GUEST:
                shapes = self.search.shapes
                proof = Proof(outcome.states, shapes, proved, coupled)
        return outcome._replace(limits=self._given, proof=proof, columns=True)


assert set(UNPROVED) <= set(VERBS)
