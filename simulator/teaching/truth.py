"""Whether a timeline is true: played on a real QEMU, from a notebook too."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from simulator.pipeline import Run
from simulator.render.report import as_html, write_finding
from simulator.verify.on_qemu import verify
from simulator.verify.peers import NOT_THERE
from simulator.verify.playing import Verification, summarise


@dataclass(frozen=True)
class Verdict:
    """What a real QEMU says to a timeline.

    Attributes:
        run: What was played.
        outcome: What came of it.
    """

    run: Run
    outcome: Verification

    @property
    def played(self) -> bool:
        """Whether there was a QEMU to play it on."""
        return self.outcome.finding is None or self.outcome.finding.rule not in NOT_THERE

    @property
    def agrees(self) -> bool:
        """Whether it was played, and all steps agree."""
        return self.outcome.finding is None

    def __repr__(self) -> str:
        found, script = self.outcome.finding, self.run.timeline.script
        if found is None:
            return f"{script.title}: {summarise(self.outcome, 'QEMU')}"
        if not self.played:
            return f"{script.title}: not held against QEMU: {found.message}; {found.help}"
        return write_finding(found, path=script.path, source=script.source)

    def _repr_html_(self) -> str:
        return as_html(repr(self))


def hold_against_qemu(run: Run) -> Verdict:
    """Return what a real QEMU says to a run, step by step, or why nobody could ask it.

    It is asked from a thread of its own: a notebook's cells run within a loop of events, and
    whoever speaks to QEMU needs another one.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        return Verdict(run, pool.submit(verify, run.timeline).result())
