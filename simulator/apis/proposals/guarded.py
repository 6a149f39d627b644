"""A proposal's model as the engine asks it: each answer is held against what an answer is."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from simulator.apis.base import ApiModel, Plan, family_of
from simulator.apis.proposals.answers import ANSWERS, find_wrong, write_kind
from simulator.apis.proposals.asking import Proposal, WrongAnswer, name_of
from simulator.apis.proposals.places import line_of, short
from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.model.requests import Request
from simulator.model.transitions import apply_all

Policy: TypeAlias = Callable[..., Any]


class Guarded(ApiModel):
    """A model from elsewhere, whose mistakes are told as mistakes of its file.

    Attributes:
        inner: The model.
    """

    def __init__(self, inner: ApiModel, proposal: Proposal) -> None:
        self.inner = inner
        self._proposal = proposal
        self._name = name_of(type(inner))
        # One for this and its copies on other hosts: the policies that are watched are the same.
        self._doing = ["asked"]
        # What it says of itself is asked once, and is text from then on.
        self.id, self.title, self.source, self.draws_zeroes = proposal.ask(  # type: ignore[misc]  # of this one
            lambda: (
                str.__str__(inner.id),
                str.__str__(inner.title),
                str.__str__(inner.source),
                bool(inner.draws_zeroes),
            )
        )
        proposal.ask(self._watch)

    @property
    def text(self) -> str:
        """The proposal's file; empty where only Python knows it."""
        return self._proposal.source

    @property
    def family(self) -> tuple[str, ...]:
        """The proposal's id, and those of the models that it is made from."""
        return (self.id, *family_of(type(self.inner)))

    def plan(self, machine: Machine, request: Request) -> Plan:
        """Return what a request stands for, if that is something that can be done.

        Raises:
            InputError: The model raised, never ended, or gave what is no plan.
        """
        doing = f"asked for {_verb(request)}"

        def plan() -> Plan:
            self._doing[0] = doing
            given: Plan = self.inner.plan(machine, request)
            if not isinstance(given, Refusal):
                apply_all(machine, given)
            return given

        return self._proposal.ask(plan, doing)

    def _watch(self) -> None:
        """Look at what each policy gives that the file defines, whoever asks it."""
        for kind in type.mro(type(self.inner)):
            if kind.__module__.partition(".")[0] == "simulator":
                continue
            for name in vars(kind).keys() & ANSWERS.keys():
                watched = self._watched(name, getattr(self.inner, name))
                object.__setattr__(self.inner, name, watched)
        if "plan" not in vars(self.inner):
            object.__setattr__(self.inner, "plan", self._watched("plan", self.inner.plan))

    def _watched(self, name: str, policy: Policy) -> Policy:
        """Return a policy that gives an answer, or raises :class:`WrongAnswer`."""

        @functools.wraps(policy, updated=())
        def watched(*arguments: Any, **named: Any) -> Any:
            given = policy(*arguments, **named)
            wrong = find_wrong(given, ANSWERS[name])
            if wrong is None:
                return given
            found = f"{name_of(type(wrong[0]))}: {short(wrong[0])}"
            raise WrongAnswer(
                f"{self._doing[0]}, {self._name} gives {found}",
                line_of(self._proposal.source, self._name, name),
                f"{write_kind(ANSWERS[name])} from {name}",
            )

        return watched


def _verb(request: Request) -> str:
    """Return the name of a kind of request, in words: ``take backup``."""
    name = type(request).__name__
    return "".join(f" {c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(name))
