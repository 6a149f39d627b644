"""What random timelines have drawn, counted: verbs, what follows what, refusals, what is unplayed.

A report of it says where nobody has looked yet.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from simulator.model.requests import Qmp
from simulator.timeline import Entry, Timeline
from simulator.verify.playing import Verification

REFUSALS_MAX = 60
"""So many refusals are listed, those that were met most often."""


class Tally:
    """Counts what is in timelines, and what came of playing them.

    Attributes:
        timelines, steps, unplayed: How many there were.
        verbs: Those drawn; a command of QEMU's own is ``qmp COMMAND``.
        pairs: Which two followed one another.
        refusals: By text, whatever the names and numbers in it.
        reasons: Why steps were not played.
    """

    def __init__(self) -> None:
        self.timelines = self.steps = self.unplayed = 0
        self.verbs: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, timeline: Timeline, outcome: Verification | None = None) -> None:
        """Count one timeline, and what came of it where it was played."""
        self.timelines += 1
        before = ""
        for entry in timeline.entries:
            if entry.statement is None:
                continue
            if entry.refusal is not None:
                self.refusals[without_names(entry.refusal.text)] += 1
            for verb in verbs_of(entry):
                self.verbs[verb] += 1
                if before:
                    self.pairs[before, verb] += 1
                before = verb
        if outcome is not None:
            self.steps += outcome.steps + len(outcome.unplayed)
            self.unplayed += len(outcome.unplayed)
            self.reasons.update(why for _, why in outcome.unplayed)

    def join(self, other: "Tally") -> None:
        """Count what another one has counted."""
        self.timelines += other.timelines
        self.steps += other.steps
        self.unplayed += other.unplayed
        for mine, its in (
            (self.verbs, other.verbs),
            (self.refusals, other.refusals),
            (self.reasons, other.reasons),
        ):
            mine.update(its)
        self.pairs.update(other.pairs)

    def lines(self) -> Iterator[str]:
        """Yield a report, line by line."""
        share = 100 * self.unplayed / self.steps if self.steps else 0
        yield f"{self.timelines} timelines, {self.steps} steps, {self.unplayed} not played"
        yield from _counted("not played, because", self.reasons.most_common(), share)
        yield from _counted("drawn", sorted(self.verbs.items()))
        possible = len(self.verbs) ** 2
        yield f"pairs: {len(self.pairs)} of {possible} that verbs could make"
        yield from _counted("refused", self.refusals.most_common(REFUSALS_MAX))
        if len(self.refusals) > REFUSALS_MAX:
            yield f"  and {len(self.refusals) - REFUSALS_MAX} other texts"


def _counted(
    title: str, found: Iterable[tuple[str, int]], share: float | None = None
) -> Iterator[str]:
    told = list(found)
    if told:
        yield f"{title}:" if share is None else f"{title} ({share:.2f} % of all steps):"
    for text, count in told:
        yield f"  {count:7} {text}"


def verbs_of(entry: Entry) -> Iterator[str]:
    """Yield what a statement does, by name."""
    assert entry.statement is not None, "somebody wrote it"
    request = entry.statement.request
    if isinstance(request, Qmp):
        yield from (f"qmp {name}" for name in request.commands)
    else:
        yield entry.statement.verb


def without_names(text: str) -> str:
    """Return a refusal without the names and numbers in it.

    >>> without_names("Bitmap 'B12' is currently in use by block-job 'job7'")
    "Bitmap '...' is currently in use by block-job '...'"
    """
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'", "'...'", text))
