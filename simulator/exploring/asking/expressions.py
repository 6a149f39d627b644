"""Expressions over the run document: a small part of Python's, worked out step by step.

    any(b.kind == "incremental" and b.data_bytes == 0 for b in backups)
    len(disk.chain) == 3 and "X" in [b for b in disk.bitmaps if b.recording][0].cells

There are ``and or not``, comparisons, ``in``, ``+ - * // %``, ``A if C else B``, indices, lists,
``for … in … if …`` within ``any all len sum min max sorted`` and brackets. ``x.field`` is a field
of the document. Nothing else can be called, so an expression reads and does no more.
"""

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any

from simulator.diagnostics import printable
from simulator.render import shapes

STEPS_MAX = 200_000
"""So many parts of an expression are worked out for one run document."""

LENGTH_MAX = 2000
"""Characters of an expression."""

NAMES = ("backups", "findings", "restores", "frames", "last", "disk", "checkpoints", "guest")
"""What an expression can start from: lists of the document, its last frame, and of that one the
first disk, the checkpoints, and what the guest sees."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "any": any, "all": all, "len": len, "sum": sum, "min": min, "max": max, "sorted": sorted,
}  # fmt: skip

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other, ast.NotIn: lambda one, other: one not in other,
}  # fmt: skip

PARTS = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp,
    ast.Compare, ast.IfExp, ast.Call, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp,
    ast.comprehension, *OPERATORS,
)  # fmt: skip


class WrongExpression(ValueError):
    """An expression that cannot be worked out.

    Attributes:
        column: Where in it, from 1.
        word: A name in it that is not known; empty for none.
        known: The names that are.
    """

    def __init__(
        self, message: str, column: int = 1, word: str = "", known: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.column, self.word, self.known = column, word, known


def fields() -> tuple[str, ...]:
    """Return the fields that a run document has anywhere."""
    kinds = (each for each in vars(shapes).values() if hasattr(each, "__required_keys__"))
    return tuple(dict.fromkeys(["name", *(key for kind in kinds for key in kind.__annotations__)]))


class Expression:
    """An expression that was read.

    Attributes:
        text: As it was given.
    """

    def __init__(self, text: str) -> None:
        """Read an expression.

        Raises:
            WrongExpression: There is something in it that there is not.
        """
        self.text = text
        if len(text) > LENGTH_MAX:
            raise WrongExpression(
                f"the expression has {len(text):,} characters, {LENGTH_MAX} at most"
            )
        try:
            self._tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            column = getattr(error, "offset", None) or 1
            told = getattr(error, "msg", None) or "it cannot be read"
            raise WrongExpression(f"this is no expression: {told}", column) from None
        known = {*NAMES, *FUNCTIONS, "true", "false", "null"}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
        for node in ast.walk(self._tree):
            _check(node, known)

    def holds(self, document: Any) -> bool:
        """Whether it is true of a run document.

        Raises:
            WrongExpression: It compares what cannot be compared, or never ends.
        """
        last = document["frames"][-1] if document["frames"] else {}
        disk: dict[str, Any] = next(iter(last.get("disks", {}).values()), {})
        backups = [{"name": name, **each} for name, each in document["backups"].items()]
        names = {
            "backups": backups, "findings": document["findings"],
            "restores": document["restores"], "frames": document["frames"], "last": last,
            "disk": disk, "checkpoints": last.get("checkpoints", []), "guest": disk.get("guest"),
            "true": True, "false": False, "null": None, **FUNCTIONS,
        }  # fmt: skip
        try:
            return bool(_Working().value(self._tree.body, names))
        except (TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError) as error:
            told = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise WrongExpression(f"cannot be worked out: {told}") from None


def _check(node: ast.AST, known: set[str]) -> None:
    """Look whether a part of an expression may be in it."""
    column = getattr(node, "col_offset", 0) + 1
    if not isinstance(node, PARTS):
        raise WrongExpression(f"{type(node).__name__} is not part of expressions here", column)
    if isinstance(node, ast.Name) and node.id not in known:
        raise WrongExpression(f"unknown name {printable(node.id)}", column, node.id,
                              (*NAMES, *FUNCTIONS))  # fmt: skip
    if isinstance(node, ast.Attribute) and node.attr not in fields():
        column = (node.end_col_offset or column) - len(node.attr) + 1
        raise WrongExpression(f"unknown field {printable(node.attr)}", column, node.attr, fields())
    if isinstance(node, ast.Call) and (
        not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords
    ):
        raise WrongExpression(f"only {', '.join(FUNCTIONS)} can be called", column)
    if isinstance(node, ast.comprehension) and (
        not isinstance(node.target, ast.Name) or node.is_async
    ):
        raise WrongExpression("one name is expected after for", column)


class _Working:
    """One expression, worked out once."""

    def __init__(self) -> None:
        self._steps = 0

    def value(self, node: ast.AST, names: dict[str, Any]) -> Any:
        """Return what a part of it is."""
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise WrongExpression(f"takes more than {STEPS_MAX:,} steps")
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return names[name]
            case ast.Attribute(value=of, attr=name):
                return self.value(of, names)[name]
            case ast.Subscript(value=of, slice=place):
                return self.value(of, names)[self.value(place, names)]
            case ast.Slice(lower=low, upper=high, step=None):
                ends = (self.value(end, names) if end is not None else None for end in (low, high))
                return slice(*ends)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [self.value(part, names) for part in parts]
            case ast.ListComp() | ast.GeneratorExp():
                return list(self._each(node.elt, node.generators, names))
            case ast.Call(func=ast.Name(id=name), args=given):
                return FUNCTIONS[name](*(self.value(each, names) for each in given))
        return self._operation(node, names)

    def _operation(self, node: ast.AST, names: dict[str, Any]) -> Any:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(self.value(part, names) for part in parts)
            case ast.BoolOp(values=parts):
                return any(self.value(part, names) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return not self.value(part, names)
            case ast.UnaryOp(operand=part):
                return -self.value(part, names)
            case ast.IfExp(test=test, body=then, orelse=other):
                return self.value(then if self.value(test, names) else other, names)
            case ast.BinOp(left=left, op=kind, right=right):
                one, other = self.value(left, names), self.value(right, names)
                if isinstance(kind, ast.Mult | ast.Mod) and not isinstance(one, int | float):
                    raise TypeError("only numbers are multiplied")
                if isinstance(kind, ast.Mult) and not isinstance(other, int | float):
                    raise TypeError("only numbers are multiplied")
                return OPERATORS[type(kind)](one, other)
            case ast.Compare(left=left, ops=kinds, comparators=others):
                one = self.value(left, names)
                for relation, right in zip(kinds, others, strict=True):
                    other = self.value(right, names)
                    if not OPERATORS[type(relation)](one, other):
                        return False
                    one = other
                return True
        raise WrongExpression(f"{type(node).__name__} is not part of expressions here")

    def _each(
        self, made: ast.AST, loops: list[ast.comprehension], names: dict[str, Any]
    ) -> Iterator[Any]:
        """Yield what a part is for each of some things."""
        if not loops:
            yield self.value(made, names)
            return
        first, *others = loops
        assert isinstance(first.target, ast.Name), "it was looked at before"
        for each in self.value(first.iter, names):
            inner = {**names, first.target.id: each}
            if all(self.value(test, inner) for test in first.ifs):
                yield from self._each(made, others, inner)
