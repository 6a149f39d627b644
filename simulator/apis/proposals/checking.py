"""What is wrong with a model's class, before anybody asks it anything."""

import difflib
import inspect
from collections.abc import Iterator
from typing import Any

from simulator.apis import MODELS
from simulator.apis.base import ApiModel
from simulator.apis.proposals.asking import Proposal, name_of
from simulator.apis.proposals.places import line_of, short
from simulator.diagnostics import InputError, Problem

NEEDED = {
    "bitmaps_since": "def bitmaps_since(self, machine, disk, checkpoint)",
    "delete": "def delete(self, machine, name)",
}
"""Policies that the base class leaves to each model."""

TEXTS = ("id", "title", "source")
"""What a model says of itself."""


def check_model(kind: Any, proposal: Proposal) -> None:
    """Hold a model's class against what a model is.

    Raises:
        InputError: It is none that can be asked; it tells everything that is missing.
    """
    problems = proposal.ask(lambda: list(_find_problems(kind, proposal)))
    if problems:
        raise InputError(proposal.path, proposal.source, problems)


def _find_problems(kind: Any, proposal: Proposal) -> Iterator[Problem]:
    """Yield what is missing or wrong."""
    if not (isinstance(kind, type) and issubclass(kind, ApiModel)):
        yield Problem(f"{short(kind)} is no model", expected="a class of ApiModel")
        return
    own = name_of(kind)
    span = proposal.line(line_of(proposal.source, own))
    for name in TEXTS:
        if not hasattr(kind, name):
            yield Problem(f"{own} has no {name}", span, expected=f'{name} = "…"')
        elif not isinstance(getattr(kind, name), str):
            place = proposal.line(line_of(proposal.source, own, name))
            yield Problem(f"{name} of {own} is no text: {short(getattr(kind, name))}", place)
    if getattr(kind, "id", None) in tuple(MODELS):
        yield Problem(
            f"{kind.id} is the id of a model that there is already",
            proposal.line(line_of(proposal.source, own, "id")),
            expected="an id of its own",
        )
    for name, signature in NEEDED.items():
        if getattr(kind, name) is getattr(ApiModel, name):
            yield Problem(f"{own} has no {name}", span, expected=signature)
    yield from _check_policies(kind, proposal)


def _check_policies(kind: type[ApiModel], proposal: Proposal) -> Iterator[Problem]:
    """Yield what is wrong with the methods that a class adds or overrides."""
    policies = {name for name, each in vars(ApiModel).items() if callable(each) and name[0] != "_"}
    for owner in kind.__mro__[: kind.__mro__.index(ApiModel)]:
        if owner.__module__ != kind.__module__:
            continue
        for name, each in vars(owner).items():
            if name[0] == "_" or name in TEXTS:
                continue
            base = next((getattr(b, name) for b in owner.__mro__[1:] if hasattr(b, name)), None)
            place = proposal.line(line_of(proposal.source, name_of(owner), name))
            if base is None:
                near = difflib.get_close_matches(name, policies, n=1, cutoff=0.8)
                if near and callable(each):
                    yield Problem(f"{name} is no policy", place, help=f"did you mean {near[0]}?")
            elif name in policies and not callable(each):
                yield Problem(f"{name} is no method", place, expected="a policy")
            elif callable(each) and callable(base):
                takes, asked = _parameters(each), _parameters(base)
                if len(takes) != len(asked) and "*" not in takes:
                    yield Problem(
                        f"{name} takes {', '.join(takes)}", place, expected=", ".join(asked)
                    )


def _parameters(method: Any) -> list[str]:
    """Return the names of a method's parameters; ``*`` for any number of them."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        "*" if each.kind in variable else each.name
        for each in inspect.signature(method).parameters.values()
    ]
