"""What an exploration comes to, as text and as the exploration document."""

import json
from collections.abc import Iterator
from typing import Any

from simulator.checks import RULE_NAMES
from simulator.diagnostics import counted
from simulator.exploring.acts import Limits
from simulator.exploring.judging import (
    DIFFERS,
    FALSE_ALARM,
    GUEST_CHANGED,
    LOST_CHANGE,
    LOST_POINT,
    RAISES,
    SILENT,
    WRONG_BACKUP,
)
from simulator.values import NamedTuple

FORMAT = 1

WORDS = {
    WRONG_BACKUP: "a backup does not give what it claims",
    LOST_POINT: "what could be restored cannot be any more",
    LOST_CHANGE: "an increment from a checkpoint that is offered would lack a change",
    GUEST_CHANGED: "the guest sees something else, and did not write",
    SILENT: "something is wrong, and no rule says so",
    FALSE_ALARM: "a rule calls wrong what is right",
    RAISES: "the model raises",
    DIFFERS: "the models differ",
    "found": "what was looked for",
}
"""What each kind is, in words."""


class Found(NamedTuple):
    """The shortest timeline of its kind.

    Attributes:
        kind: One of `KINDS`, or ``found`` where something was looked for.
        rule: The code of the rule that tells of it; None for none.
        steps: How many steps there are, the first image left out.
        scenario: A scenario file.
        figure: The run of it as text.
        told: More about it, such as what differs.
    """

    kind: str
    rule: str | None
    steps: int
    scenario: str
    figure: str = ""
    told: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """A line about it."""
        rule = f": {self.rule} {RULE_NAMES.get(self.rule, '')}".rstrip() if self.rule else ""
        return f"{self.kind}{rule}, {counted(self.steps, 'step')}: {WORDS[self.kind]}"

    @property
    def name(self) -> str:
        """What a file of it is called."""
        return f"{self.kind}-{self.rule}" if self.rule else self.kind


class Proof(NamedTuple):
    """What holds for disks of any size.

    Attributes:
        columns: How many one cluster can come to, over all shapes.
        shapes: How many shapes there are.
        verbs: The requests for which it holds.
        coupled: Verbs that were left out, and why one cluster is not like another there.
    """

    columns: int
    shapes: int
    verbs: tuple[str, ...]
    coupled: dict[str, str]


class Outcome(NamedTuple):
    """What an exploration comes to.

    Attributes:
        model, against: The ids of the models; None for one alone.
        complete: Whether all states within the limits were seen.
        states, steps: How many were seen, and taken.
        proof: None where nothing was to be proved, or a counterexample was found.
        columns: Whether what was looked at are the columns of disks of any size.
        notes: What is to be known about it: what was left out, and why it ended.
    """

    model: str
    against: str | None
    limits: Limits
    verbs: tuple[str, ...]
    complete: bool
    depth: int
    states: int
    steps: int
    seconds: float
    found: tuple[Found, ...]
    proof: Proof | None = None
    notes: tuple[str, ...] = ()
    columns: bool = False


def document(outcome: Outcome) -> dict[str, Any]:
    """Return the exploration document as plain data."""
    limits, proof = outcome.limits, outcome.proof
    bounds: dict[str, Any] = {
        "clusters": limits.clusters, "depth": limits.depth, "images": limits.images,
        "bitmaps": limits.bitmaps, "backups": limits.backups, "disks": limits.disks,
        "verbs": [*outcome.verbs],
    }  # fmt: skip
    proved = None
    if proof is not None:
        proved = {
            "columns": proof.columns, "shapes": proof.shapes, "images": limits.images,
            "bitmaps": limits.bitmaps, "verbs": [*proof.verbs], "coupled": proof.coupled,
        }  # fmt: skip
    return {
        "format": FORMAT, "model": outcome.model, "against": outcome.against, "bounds": bounds,
        "complete": outcome.complete, "proved": proved, "depth": outcome.depth,
        "states": outcome.states, "transitions": outcome.steps,
        "seconds": round(outcome.seconds, 3),
        "found": [
            {"kind": f.kind, "rule": f.rule, "steps": f.steps, "scenario": f.scenario,
             "notes": [*f.told]}
            for f in outcome.found
        ],
        "notes": [*outcome.notes],
    }  # fmt: skip


def write_json(outcome: Outcome) -> str:
    """Return the exploration document as JSON."""
    return json.dumps(document(outcome), indent=2, ensure_ascii=False) + "\n"


def tell(outcome: Outcome, *, timed: bool = True) -> Iterator[str]:
    """Yield what an exploration comes to as text, line by line.

    Args:
        timed: Whether to say how long it took.
    """
    for found in outcome.found:
        yield found.title
        yield from (f"  {line}" for line in found.told)
        yield ""
        yield from (f"    {line}".rstrip() for line in found.figure.splitlines())
        yield ""
    yield from _summary(outcome, timed=timed)
    yield from (f"note: {note}" for note in outcome.notes)


def _summary(outcome: Outcome, *, timed: bool) -> Iterator[str]:
    limits, proof = outcome.limits, outcome.proof
    names = f"{outcome.model} against {outcome.against}" if outcome.against else outcome.model
    took = f", {outcome.seconds:.1f} s" if timed else ""
    within = f"{counted(limits.images, 'image')} and {counted(limits.bitmaps, 'bitmap')}"
    if proof is not None:
        columns = counted(proof.columns, "column")
        yield f"{names}: proved for disks of any size: {columns}, up to {within}"
        yield "  each backup gives what it claims, and only a guest's write changes what it sees"
        yield f"  for {', '.join(proof.verbs)}"
        yield f"  {counted(proof.shapes, 'shape')}, {counted(outcome.steps, 'transition')}{took}"
        return
    what = (
        "nothing found" if not outcome.found else counted(len(outcome.found), "timeline") + " found"
    )
    if outcome.columns:
        why = "there is a counterexample" if outcome.found else "not all was seen, or not all alike"
        yield f"{names}: not proved: {why}"
        yield f"  looked at {counted(outcome.states, 'column')} of up to {within}{took}"
        return
    whole = "all of" if outcome.complete else f"up to {counted(outcome.depth, 'step')} of"
    disks = "" if limits.disks == 1 else f", {limits.disks} disks"
    yield f"{names}: {what}"
    yield (
        f"  looked at {whole} what {counted(limits.clusters, 'cluster')}, {within}{disks} come to: "
        f"{counted(outcome.states, 'state')}, {counted(outcome.steps, 'transition')}{took}"
    )
