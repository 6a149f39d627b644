"""What differs between two runs of one scenario, causes first, each with what follows from it."""

from collections.abc import Iterator
from typing import Any

from simulator.compare.cells import draw
from simulator.compare.compat.backups import compare_backups
from simulator.compare.compat.kinds import KINDS, Candidate, Difference, fold
from simulator.compare.compat.sides import Side, mentioned
from simulator.compare.naming import tell_apart

GUEST = "what the guest sees"
"""Stands for the guest's data among the names of what differences break and need."""


def find_differences(
    old: Any, new: Any, names: tuple[str, str] | None = None
) -> tuple[Difference, ...]:
    """Return what differs between two run documents of one scenario, the worst first.

    Args:
        names: What the rows of the two are called; None for their models.
    """
    one, other = names or tell_apart((old, new))
    before, after = Side(old, one), Side(new, other)
    if not (old["frames"] and new["frames"]):
        return tuple(_unplayed(before, after))
    found = fold(
        [
            *_steps(before, after),
            *_guest(before, after),
            *compare_backups(before, after),
            *_restored(before, after),
            *_restores(before, after),
            *_findings(before, after),
        ]
    )
    order = list(KINDS)
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.line)))


def _unplayed(old: Side, new: Side) -> Iterator[Difference]:
    """Yield that a scenario can be played under just one of the two."""
    file = old.document["file"]
    if old.document["frames"] and not new.document["frames"]:
        message = f"cannot be played under {new.name}: a picture does not fit the disk there"
        yield Difference("not-playable", file, 0, None, message)
    elif new.document["frames"]:
        yield Difference("new-ability", file, 0, None, f"can be played under {new.name}")


def _restores(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield the instants that can be restored before or after only."""
    file, before, after = old.document["file"], old.ways, new.ways
    for at in [label for label in before if label not in after]:
        message = f"{at} could be restored, and cannot be any more"
        notes = (f"{old.name}: {before[at].told}",)
        lost = Difference("lost-restore", file, 0, at, message, notes)
        changed = {GUEST} if old.seen.get(at) != new.seen.get(at) else set()
        yield Candidate(lost, needs=old.stack(at) | changed)
    for at in [label for label in after if label not in before]:
        message = f"{at} can be restored now"
        gained = Difference("new-restore", file, 0, at, message, (f"{new.name}: {after[at].told}",))
        yield Candidate(gained)
    for at in [label for label in before if label in after]:
        was, now = before[at].backups, after[at].backups
        if was != now:
            kind = "longer-restore" if now > was else "shorter-restore"
            message = f"{at} is restored by {_backups(now)}, by {was} before"
            ways = (f"{old.name}: {before[at].told}", f"{new.name}: {after[at].told}")
            needs = old.stack(at) if now > was else frozenset[str]()
            yield Candidate(Difference(kind, file, 0, at, message, ways), needs=needs)


def _backups(count: int) -> str:
    return "1 backup" if count == 1 else f"{count} backups"


def _restored(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield the restored disks that were an instant and are another state now."""
    made = {(each["as"], each["at"]): each for each in new.document["restores"]}
    for each in old.document["restores"]:
        now = made.get((each["as"], each["at"]))
        lost = [at for at in each["same_as"] if now is None or at not in now["same_as"]]
        if not lost:
            continue
        message = f"{each['as']} was {lost[0]}, and is " + (
            "not made now" if now is None else "another state now"
        )
        rows = [(old.name, each), *([(new.name, now)] if now is not None else [])]
        notes = tuple(
            f"{each['as']}, {name}: |{row['cells']}|"
            for name, row in rows
            if isinstance(row["cells"], str)
        )
        found = Difference("other-restore", old.document["file"], 0, each["at"], message, notes)
        names = frozenset([each["as"]])
        yield Candidate(found, names, frozenset(each["from"]) | names)


def _steps(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield the steps that one of the two refuses, or both in other words."""
    file, before, after = old.document["file"], old.refused, new.refused
    wrong = {(f["line"], f["column"]): f for f in new.findings.values() if f["severity"] == "error"}
    gone = frozenset(old.names.keys() - new.names.keys())
    missing = gone | {r["as"] for r in old.document["restores"]}
    for place in sorted({*before, *after}):
        line = place[0]
        if place not in before:
            at, words = after[place]
            found = Difference("refused-now", file, line, at, REFUSED, (f"{new.name}: {words}",))
            breaks = _made_at(old, missing, line, at)
            yield Candidate(found, breaks | {GUEST}, mentioned(words, missing) - breaks)
        elif place not in after:
            at, words = before[place]
            notes: tuple[str, ...] = (f"{old.name}: {words}",)
            if place in wrong:
                bad = wrong[place]
                message = f"refused before; now {bad['message']} ({bad['code']})"
                found = Difference("wrong-now", file, line, at, message, (*notes, *bad["notes"]))
                yield Candidate(found, frozenset([GUEST]))
            else:
                found = Difference("new-ability", file, line, at, ACCEPTED, notes)
                yield Candidate(found)
        elif before[place][1] != after[place][1]:
            at, words = before[place]
            said = (f"{old.name}: {words}", f"{new.name}: {after[place][1]}")
            yield Candidate(Difference("other-words", file, line, at, OTHERWISE, said))


REFUSED = "accepted before, refused now"
ACCEPTED = "refused before, accepted now"
OTHERWISE = "refused in other words"


def _made_at(old: Side, missing: frozenset[str], line: int, at: str | None) -> frozenset[str]:
    """Return those of some names that a step made which is refused now."""
    begun = {name: old.names[name] for name in missing if name in old.names}
    return frozenset(
        name
        for name, (instant, place) in begun.items()
        if instant == at and (place == line or not place)
    )


def _guest(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield the first instant at which the guest sees other data, unless a step tells why."""
    for at in old.labels:
        before, after = old.seen.get(at, {}), new.seen.get(at, {})
        if before == after:
            continue
        accepted = [place for place in old.refused if place not in new.refused]
        if accepted:
            return  # What was refused, such as a revert, happens now.
        disk = next(d for d in {**before, **after} if before.get(d) != after.get(d))
        notes = tuple(_view(side, at, disk) for side in (old, new))
        message = f"the guest sees other data of {disk}"
        found = Difference("guest-changed", old.document["file"], 0, at, message, notes)
        yield Candidate(found, frozenset([GUEST]), frozenset([GUEST]))
        return


def _view(side: Side, at: str, disk: str) -> str:
    """Return what the guest sees of a disk, as a row."""
    frame = next(f for f in side.document["frames"] if f["at"] == at)
    state = frame["disks"].get(disk)
    drawn = f"|{draw(state['guest'], state['clusters'])}|" if state is not None else "no such disk"
    return f"{disk}, {side.name}: {drawn}"


def _findings(old: Side, new: Side) -> Iterator[Candidate]:
    """Yield findings about steps that both accept, which only one of the two has."""
    file = old.document["file"]
    refused = {place[0] for each in (old, new) for place in each.refused}
    kinds = {"error": "wrong-now", "warning": "new-warning", "info": "new-note"}
    gone = frozenset(old.names.keys() - new.names.keys())
    for key, found in new.findings.items():
        if key not in old.findings and key[0] not in refused:
            message = f"{found['code']} {found['rule']}: {found['message']}"
            kind, notes = kinds[found["severity"]], tuple(found["notes"])
            told = Difference(kind, file, key[0], found["at"], message, notes)
            yield Candidate(told, needs=mentioned(message, gone))
    for key, found in old.findings.items():
        if key not in new.findings and key[0] not in refused:
            message = f"{found['code']} {found['rule']} is not found any more"
            yield Candidate(Difference("finding-less", file, key[0], found["at"], message))
