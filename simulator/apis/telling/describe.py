"""A model in words: its policies as their docstrings tell them, and how it differs from another."""

import inspect
import textwrap
from typing import Any

from simulator.apis.base import ApiModel

WIDTH = 72
"""Columns of the text."""

POLICIES = (
    "create",
    "attach",
    "detach",
    "undefine",
    "migrate",
    "checkpoint",
    "refuse_checkpoint",
    "redefine",
    "snapshot",
    "repeat_bitmaps",
    "backup",
    "bitmaps_since",
    "end_at",
    "job",
    "cancel",
    "delete",
    "delete_more",
    "commit",
    "pull",
    "blockcopy",
    "resize",
    "revert",
    "delete_snapshot",
    "when_running",
)
"""What a model can decide, in the order in which a reader wants to know it."""


def describe(model: ApiModel, against: ApiModel | None = None) -> str:
    """Return a model's title, figure, policies and source as text, with no final newline.

    Args:
        against: Another model; only the policies in which the two differ are told, one below the
            other.
    """
    kind = kind_of(model)
    lines = [
        *textwrap.wrap(f"{model.id}: {model.title}", WIDTH),
        "",
        *_doc(kind),
        "",
    ]
    if against is None:
        lines += ["Policies", *(line for name in POLICIES for line in _policy(kind, name))]
    else:
        lines += _differences(model, against)
    lines += ["", *textwrap.wrap(f"Source: {model.source}", WIDTH)]
    return "\n".join(lines)


def _doc(kind: type[ApiModel]) -> list[str]:
    """Return a class's docstring: prose wrapped, figures as they are."""
    lines = (inspect.getdoc(kind) or "").splitlines()
    return [part for line in lines for part in (_prose(line) if "|" not in line else [line])]


def _prose(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH) or [""]


def _differences(model: ApiModel, against: ApiModel) -> list[str]:
    one, other = kind_of(model), kind_of(against)
    lines = [*textwrap.wrap(f"Against {against.id}: {against.title}", WIDTH), ""]
    same = []
    width = max(len(model.id), len(against.id)) + 1
    for name in POLICIES:
        if getattr(one, name) is getattr(other, name):
            same.append(name)
            continue
        lines.append(f"  {name}")
        for each, kind in ((model, one), (against, other)):
            label = f"    {f'{each.id}:'.ljust(width)} "
            lines += textwrap.wrap(
                _told(kind, name), WIDTH, initial_indent=label, subsequent_indent=" " * len(label)
            )
    zeroes = [each for each in (model, against) if not each.draws_zeroes]
    if len(zeroes) == 1:
        lines.append(f"  {zeroes[0].id} draws what reads as zeroes in a full backup as -")
    if same:
        lines += textwrap.wrap(
            f"the same: {', '.join(same)}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    return lines


def _policy(kind: type[ApiModel], name: str) -> list[str]:
    label = f"  {name:18}"
    return textwrap.wrap(
        _told(kind, name), WIDTH, initial_indent=label, subsequent_indent=" " * len(label)
    )


def _told(kind: type[ApiModel], name: str) -> str:
    """Return what a policy does: the first line of its docstring, or of the one it overrides."""
    doc = inspect.getdoc(getattr(kind, name)) or inspect.getdoc(getattr(ApiModel, name)) or ""
    return doc.partition("\n")[0]


def kind_of(model: Any) -> type[ApiModel]:
    """Return the class of a model; of a proposal, that in its file."""
    return type(getattr(model, "inner", model))
