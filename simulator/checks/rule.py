"""A rule: its code, name and severity, the function that looks, and the text that explains it."""

import inspect
from collections.abc import Callable, Iterator

from simulator.diagnostics import Finding, Related, Severity
from simulator.timeline import Entry, Timeline
from simulator.values import dataclass

Look = Callable[[Timeline], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One mistake that timelines can show.

    Attributes:
        code: Final; never reused or renumbered.
        name: Named for the mistake, so that "allow stale-bitmap" reads well.
        severity: Error, unless wrong data or a later failure cannot come of it.
        models: Ids of the API models it applies to, with those made from them; empty for all.
        refusal: Whether it finds requests that the host turned down.
        look: Yields the findings of a timeline.
    """

    code: str
    name: str
    severity: Severity
    models: tuple[str, ...]
    refusal: bool
    look: Look

    @property
    def explanation(self) -> str:
        """The rule's docstring: fixed sections, with a bad and a good scenario."""
        return inspect.getdoc(self.look) or ""

    @property
    def summary(self) -> str:
        """The first sentence under "What it does", on one line."""
        text = self.explanation.partition("## What it does")[2].partition("##")[0]
        return " ".join(text.split())

    def check(self, timeline: Timeline) -> Iterator[Finding]:
        """Yield the findings of a timeline, if the rule applies to its model."""
        if not self.models or not set(self.models).isdisjoint(timeline.family):
            yield from self.look(timeline)

    def found(
        self,
        entry: Entry,
        message: str,
        *,
        label: str = "",
        notes: tuple[str, ...] = (),
        help: str = "",
        related: tuple[Related, ...] = (),
        refused: str | None = None,
        also: tuple[str, ...] = (),
        turns: bool = False,
    ) -> Finding:
        """Return a finding of this rule about one statement."""
        return find_at(
            entry,
            self.code,
            self.name,
            self.severity,
            message=message,
            label=label,
            notes=notes,
            help=help,
            related=related,
            refused=refused,
            also=also,
            turns=turns,
        )


def find_at(
    entry: Entry,
    code: str,
    name: str,
    severity: Severity,
    *,
    message: str,
    label: str = "",
    notes: tuple[str, ...] = (),
    help: str = "",
    related: tuple[Related, ...] = (),
    refused: str | None = None,
    also: tuple[str, ...] = (),
    turns: bool = False,
) -> Finding:
    """Return a finding about one statement, at its place and its instant."""
    return Finding(
        code=code,
        rule=name,
        severity=severity,
        message=message,
        span=entry.statement.span if entry.statement is not None else None,
        label=label,
        notes=notes,
        help=help,
        related=related,
        at=entry.instant,
        entry=entry.number,
        refused=refused,
        also=also,
        turns=turns,
    )


def relate(timeline: Timeline, entry: Entry, message: str) -> Related:
    """Return a step as a further place of a finding.

    Args:
        message: What happened there, in lower case: ``overlay S2 is made without bitmap t here``.
    """
    span = entry.statement.span if entry.statement is not None else None
    return Related(message, span, timeline.when(entry), entry.instant)


def rule(
    code: str,
    name: str,
    severity: Severity,
    *,
    models: tuple[str, ...] = (),
    refusal: bool = False,
) -> Callable[[Callable[[Rule, Timeline], Iterator[Finding]]], Rule]:
    """Make a rule of a function; the function gets the rule itself, to report under its code."""

    def make(look: Callable[[Rule, Timeline], Iterator[Finding]]) -> Rule:
        def bound(timeline: Timeline) -> Iterator[Finding]:
            return look(made, timeline)

        bound.__doc__ = look.__doc__
        made = Rule(
            code=code, name=name, severity=severity, models=models, refusal=refusal, look=bound
        )
        return made

    return make
