"""Temporary copies of bitmaps: an enabled one cannot be exported. Pure."""

from collections.abc import Iterable
from typing import Any

from simulator.qemu.actions import Command
from simulator.values import NamedTuple
from simulator.verify.sight import BitmapSight


class BitmapCopy(NamedTuple):
    """A frozen, temporary copy of a bitmap, beside it.

    Attributes:
        node: Of both.
        copy: The name of the copy.
    """

    bitmap: BitmapSight
    node: str
    copy: str


def copy_bitmaps(copies: Iterable[BitmapCopy]) -> Command:
    """Return the transaction that makes copies."""
    actions: list[tuple[str, dict[str, Any]]] = []
    for bitmap, node, copy in copies:
        added = {"node": node, "name": copy, "granularity": bitmap.granularity, "disabled": True}
        source = {"node": node, "name": bitmap.name}
        merged = {"node": node, "target": copy, "bitmaps": [source]}
        actions.append(("block-dirty-bitmap-add", added))
        actions.append(("block-dirty-bitmap-merge", merged))
    return _transaction(actions)


def remove_copies(copies: Iterable[BitmapCopy]) -> Command:
    """Return the transaction that removes copies."""
    return _transaction(
        ("block-dirty-bitmap-remove", {"node": each.node, "name": each.copy}) for each in copies
    )


def _transaction(actions: Iterable[tuple[str, dict[str, Any]]]) -> Command:
    listed = [{"type": execute, "data": arguments} for execute, arguments in actions]
    return Command("transaction", {"actions": listed})
