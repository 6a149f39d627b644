"""Expressions over the run document: what they mean, and what they may not."""

from typing import Any

import pytest

from simulator.exploring.asking.expressions import Expression, WrongExpression
from simulator.pipeline import loads

SCENARIO = """
scenario: two backups
model: libvirt
disk: 4
timeline:
  - at: T1
    do: [{create: S1}]
  - write: AB--
  - at: T2
    do: [{backup: {to: full.bak, checkpoint: c1}}]
  - write: --C-
  - at: T3
    do: [{backup: {since: c1, to: inc.bak}}]
"""


@pytest.fixture(scope="module")
def document() -> Any:
    return loads(SCENARIO).run().document()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("len(backups) == 2", True),
        ('any(b.kind == "incremental" and b.cells == "--C-" for b in backups)', True),
        ("all(b.status == 'completed' for b in backups if b.since is not null)", True),
        ("sum(b.data_bytes for b in backups) // 65536", True),
        ('[b.name for b in backups][0] == "full.bak" and not findings', True),
        ("1 < len(frames) < 4 and disk.chain[-1] == 'S1'", True),
        ("guest == 'ABC-' and guest[0:2] + 'x' == 'ABx'", True),
        ("checkpoints[0].name if checkpoints else false", True),
        ("min(f.tick for f in frames) - 1", False),
        ("'c2' in [c.name for c in checkpoints] or -1 > 0", False),
        ("max([len(b.cells) for b in backups]) % 4 != 0", False),
    ],
)
def test_an_expression_is_worked_out(text: str, holds: bool, document: Any) -> None:
    assert Expression(text).holds(document) is holds


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("len(backups", 4, "no expression"),
        ("", 1, "no expression"),
        ("bakcups", 1, "unknown name bakcups"),
        ("any(b.kidn for b in backups)", 7, "unknown field kidn"),
        ("any(b.__class__ for b in backups)", 7, "unknown field __class__"),
        ("__import__('os')", 1, "only any, all, len"),
        ("(lambda: 1)()", 1, "only any, all, len"),
        ("[b for b in backups].sort()", 1, "only any, all, len"),
        ("2 ** 9999999", 1, "Pow"),
        ("f'{backups}'", 1, "JoinedStr"),
        ("(x := 1)", 2, "NamedExpr"),
        ("{b for b in backups}", 1, "SetComp"),
        ("len(obj=backups)", 1, "only any, all, len"),
        ("any(1 for a, b in backups)", 1, "one name is expected"),
        ("a" * 3000, 1, "3,000 characters"),
        ("(" * 500 + ")" * 500, 1, "no expression"),
    ],
)
def test_what_is_no_expression_is_told_with_its_place(text: str, column: int, told: str) -> None:
    with pytest.raises(WrongExpression, match="(?i)" + told.replace("(", r"\(")) as wrong:
        Expression(text)
    assert wrong.value.column == column or column == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("backups < 3", "cannot be worked out"),
        ("backups[7].name", "out of range"),
        ("any(f.cells for f in frames)", "no field 'cells'"),
        ("1 // 0", "cannot be worked out"),
        ("'A' * 999999999", "only numbers"),
        ("[1] * 999999999", "only numbers"),
        (
            "any(1 > 2 for a in frames for b in frames for c in frames for d in frames for e in "
            "frames for f in frames for g in frames for h in frames for i in frames for j in frames"
            " for k in frames for l in frames)",
            "more than 200,000 steps",
        ),
    ],
)
def test_what_cannot_be_worked_out_is_told(text: str, told: str, document: Any) -> None:
    with pytest.raises(WrongExpression, match=told):
        Expression(text).holds(document)
