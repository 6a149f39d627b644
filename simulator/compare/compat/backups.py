"""Asks each backup what it gives back by content, before and after; a loss is a loss."""

from collections.abc import Iterator
from typing import Any

from simulator.compare.compat.kinds import Candidate, Difference
from simulator.compare.compat.sides import Side, content_of


def compare_backups(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield the backups that give back less or more, or give the same by more or less data.

    Whether something else gives the same instant does not matter: who keeps a backup counts on it.
    """
    for row in old.backups:
        if old.holds(row):
            yield from _compare(old, new, row)
        elif new.holds(row):
            message = f"{row} {_status(old, row, 'was')}, and {_status(new, row)} now"
            yield Candidate(_difference("new-ability", old, row, message))


def _compare(old: Side, new: Side, row: str) -> Iterator[Candidate]:
    """Yield what is to be told of a backup that was complete."""
    names = frozenset([row])
    if not new.holds(row) or (old.keeps(row) and not new.keeps(row)):
        message = f"{row} {_status(old, row, 'was')}, and {_status(new, row)} now"
        gave = _listed(old, old.gives(row))
        notes = (f"{old.name}: it gives back {gave}",) if gave else ()
        yield Candidate(_difference("lost-backup", old, row, message, notes), names, names)
        return
    before, after = old.backups[row], new.backups[row]
    same = content_of(before) == content_of(after) and bool(before.get("torn")) == bool(
        after.get("torn")
    )
    lost, unreached = _lost(old, new, row)
    rows = () if same else _rows(old, new, row)
    if not same and (lost or unreached or _never_gave(old, new, row)):
        what = _listed(old, lost | unreached)
        message = f"{row} holds other data" + (f", and does not give back {what}" if what else "")
        yield Candidate(_difference("other-data", old, row, message, rows), names)
    elif lost or unreached:
        message = f"{row} does not give back {_listed(old, lost | unreached)}"
        notes = (f"{old.name}: it stands on {', '.join(sorted(old.below(row)))}",)
        below = old.below(row)
        yield Candidate(
            _difference("lost-base", old, row, message, notes if below else ()), names, below
        )
    else:
        yield from _amounts(old, new, row, rows, same=same)


def _lost(old: Side, new: Side, row: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the instants that a backup gave, and does not any more: by itself, and because of
    what it stands on."""
    lost = old.gives(row) - new.gives(row)
    start, end = old.start_of(row), old.backups[row]["at"]
    if old.leads(row, start, end) and not new.leads(row, start, end):
        lost |= {end}
    return lost, old.gives_back(row) - new.gives_back(row) - lost


def _never_gave(old: Side, new: Side, row: str) -> bool:
    """Whether no instant tells what a backup is worth, so that other data may be a loss."""
    claim = old.leads(row, old.start_of(row), old.backups[row]["at"])
    return not (claim or old.gives(row) or new.gives(row))


AMOUNTS = {
    "data_bytes": "copies {:,} bytes of data, {:,} before",
    "zero_bytes": "tells {:,} bytes of zeroes, {:,} before",
    "copied_bytes": "counts {:,} bytes, {:,} before",
}
"""Bytes of a backup in a run document, and how a change of them is told; the first one counts."""


def _amounts(
    old: Side, new: Side, row: str, rows: tuple[str, ...], *, same: bool
) -> Iterator[Candidate]:
    """Yield that a backup which gives back all that it did does so by more or less data.

    Records of old have the last of the amounts only.
    """
    before, after = old.backups[row], new.backups[row]
    changed = [
        key for key in AMOUNTS if key in before and key in after and before[key] != after[key]
    ]
    gained = new.gives_back(row) - old.gives_back(row)
    if changed:
        was, now = before[changed[0]], after[changed[0]]
        kind = "more-copied" if now > was else "less-copied"
        message = f"{row} {AMOUNTS[changed[0]].format(now, was)}"
        yield Candidate(_difference(kind, old, row, message, rows))
    elif not same:
        message = f"{row} holds other clusters, as many, and gives back the same"
        yield Candidate(_difference("other-clusters", old, row, message, rows))
    if gained and not same:
        message = f"{row} gives back {_listed(new, gained)} now"
        yield Candidate(_difference("new-restore", old, row, message, rows))


def _difference(
    kind: str, old: Side, row: str, message: str, notes: tuple[str, ...] = ()
) -> Difference:
    backup = old.backups[row]
    line = backup.get("line") or 0
    return Difference(kind, old.document["file"], line, backup["at"], message, notes)


def _status(side: Side, row: str, word: str = "is") -> str:
    """Return what became of a backup, behind a form of *to be*."""
    backup = side.backups.get(row)
    if backup is None:
        return f"{word} not made"
    return f"{word} empty" if backup["kind"] == "none" else f"{word} {backup['status']}"


def _listed(side: Side, labels: frozenset[str]) -> str:
    """Return instants in the order of time, the first few by name."""
    found = [label for label in side.labels if label in labels]
    most = found if len(found) <= LABELS_MAX else found[: LABELS_MAX - 1]
    more = f" and {len(found) - len(most)} more" if len(most) < len(found) else ""
    return ", ".join(most) + more


LABELS_MAX = 4
"""So many instants are told by name."""


def _rows(old: Side, new: Side, row: str) -> tuple[str, ...]:
    heads = [f"{row}, {side.name}:" for side in (old, new)]
    width = max(map(len, heads))
    return tuple(
        f"{head.ljust(width)} {_shown(side.backups[row])}"
        for head, side in zip(heads, (old, new), strict=True)
    )


def _shown(backup: Any) -> str:
    cells = backup["cells"]
    if backup.get("torn"):
        return "a copy under a guest that writes"
    return f"|{cells}|" if isinstance(cells, str) else f"{len(cells):,} runs"
