"""What fails by chance, drawn with the scenario's seed."""

from fractions import Fraction

import numpy as np

from simulator.engine.agenda import Agenda
from simulator.flows.resources import Faults
from simulator.model.operations import DropBackup, KillProcess, OpenImages
from simulator.timeline import Allowance, Script, Statement

PARTS = 1 << 53
"""A chance is one of so many."""

KINDS = 1 << 20
"""What tells the chances of faults from those of guests, which are numbered from 0."""

ALLOWED = (Allowance("refused", "drawn by faults, whatever is there then"),)


class Chance:
    """Draws what fails. Equal seeds, and equal questions in equal order, give equal answers."""

    def __init__(self, script: Script, faults: Faults, until: int, agenda: Agenda) -> None:
        """Draw the crashes.

        Args:
            until: The last tick of what was planned.
            agenda: Takes what is to happen.
        """
        self._faults, self._until, self._agenda = faults, until, agenda
        self._span = script.faults_span
        # Each kind of fault has a chance of its own: one more backup changes no crash.
        seed = script.seed or 0
        crashes, self._backups, self._losses = (
            np.random.default_rng([abs(seed), int(seed < 0), KINDS, kind]) for kind in range(3)
        )
        tick = 0
        while faults.crash is not None:
            tick += max(1, round(float(crashes.standard_exponential()) * faults.crash))
            if tick > until:
                break
            agenda.add(tick, Statement("crash", KillProcess(), self._span, allows=ALLOWED))
            agenda.add(tick, Statement("start", OpenImages(), self._span, allows=ALLOWED))

    @property
    def harms_backups(self) -> bool:
        """Whether backups fail or get lost."""
        return bool(self._faults.backup or self._faults.store)

    def fails(self) -> Fraction | None:
        """Return the share of its bytes after which a backup fails; None where it does not."""
        drawn, share = self._backups.random(), int(self._backups.integers(PARTS))
        return Fraction(share, PARTS) if drawn < self._faults.backup else None

    def may_lose(self, name: str, tick: int) -> None:
        """Let a backup that was completed be lost later, or not."""
        drawn, share = self._losses.random(), self._losses.random()
        if drawn < self._faults.store and tick < self._until:
            when = tick + 1 + int(share * (self._until - tick - 1))
            lost = DropBackup(name, lost=True)
            self._agenda.add(when, Statement("lose", lost, self._span, allows=ALLOWED))


def chance_of(script: Script, agenda: Agenda) -> Chance | None:
    """Return what draws a script's faults; None where it has none."""
    if script.faults is None:
        return None
    ends = [*(guest.end for guest in script.guests), *(i.tick for i in script.instants[-1:])]
    return Chance(script, script.faults, max(ends, default=0), agenda)
