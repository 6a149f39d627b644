"""The shortest timeline that a rule flags, or of which an expression is true."""

import re

from simulator.apis.base import ApiModel
from simulator.checks import RULE_NAMES
from simulator.engine import play
from simulator.exploring.asking.expressions import Expression, WrongExpression
from simulator.exploring.judging import RAISES
from simulator.exploring.looking import FOUND, Looking, Wanted
from simulator.exploring.searching.search import Asked, Candidate
from simulator.exploring.witness import Story, script_of, tell
from simulator.pipeline import Run

PLAYED_MAX = 20_000
"""So many timelines are played, unless more are asked for."""


RULE_LIKE = re.compile(r"[A-Z]{2}[0-9]+|[a-z]+(-[a-z]+)+")
"""What looks like a rule's code or name, and not like an expression."""


def code_of(word: str) -> str | None:
    """Return the code of a rule that a word names; None where it names none."""
    names = {name: code for code, name in RULE_NAMES.items()}
    return names.get(word, word if word in RULE_NAMES else None)


class Finding(Looking):
    """Plays each timeline, nearest first, until one is as it is to be.

    Attributes:
        code: The rule that is to flag it; None for an expression.
    """

    def __init__(self, model: ApiModel, asked: Asked, word: str, played_max: int) -> None:
        """Begin.

        Args:
            word: A rule's code or name, or an expression.

        Raises:
            WrongExpression: It is none of these.
        """
        self.code = code_of(word)
        if self.code is None and RULE_LIKE.fullmatch(word):
            known = (*RULE_NAMES, *RULE_NAMES.values())
            raise WrongExpression(f"unknown rule {word}", 1, word, known)
        self._expression = Expression(word) if self.code is None else None
        super().__init__(
            (model,), asked._replace(alarms=True, each=True), Wanted(False, played_max)
        )
        self._word = word

    def _look(self, candidate: Candidate) -> None:
        """Play a timeline, and look whether it is one."""
        if self.found or candidate.kind == RAISES:
            return
        if self._judged[False] >= self.wanted.judged_max:
            self._skipped += 1
            return
        self._judged[False] += 1
        story = tell(self.models[0], *self.shape, self.search.way(candidate))
        run = Run(play(script_of(self.models[0], self.shape, story), self.models[0]))
        if self._is_one(run, story):
            rule = self.code or None
            self._note(FOUND, rule, story, (f"as asked for: {self._word}",))

    def _spent(self) -> bool:
        """Whether timelines were left out: what is found later need not be the shortest."""
        return self._skipped > 0

    def _is_one(self, run: Run, story: Story) -> bool:
        if self._expression is None:
            return any(finding.code == self.code for finding in run.findings)
        return self._expression.holds(run.document())


__all__ = ["Finding", "WrongExpression"]
