"""Where something stands in a proposal, and what stands there in few characters."""

import ast
import builtins
from typing import Any

WIDTH = 60
"""Characters of a value that is shown in a message, at most."""


def line_of(source: str, name: str, member: str | None = None) -> int | None:
    """Return the line on which a class, or a member of it, is defined, counted from 1.

    Where the class does not define the member, that is the line of the class.
    """
    for node in ast.walk(ast.parse(source)) if source else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            for each in node.body if member is not None else ():
                targets = each.targets if isinstance(each, ast.Assign) else ()
                named = [t.id for t in targets if isinstance(t, ast.Name)]
                if getattr(each, "name", None) == member or member in named:
                    return each.lineno
            return node.lineno
    return None


def short(value: Any) -> str:
    """Return a value as Python writes it, cut where it is long."""
    text = builtins.repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
