"""What ``compat`` says of random pairs of runs is held against a judge of losses by content.

The judge knows no graph: rows are strings, and it lays every backup over all that can be had.
"""

import copy
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import simulator
from simulator.compare.compat.found import find_differences
from simulator.compare.compat.kinds import Difference, Level
from tests.judging.drawing import MODELS, draw

PAIRS = 150
"""Pairs of runs of each kind: one scenario under two models, and a run whose backups changed."""

Loss = tuple[str, str]
"""What is lost (a backup's row, or ``restorable``), and the instant that it gave."""


class Naive:
    """What the backups of a run give, found by trying."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.frames = document["frames"]
        self.seen = {disk: self._views(disk) for disk in self.frames[-1]["disks"]}
        self.had = {disk: self._reach(disk, views) for disk, views in self.seen.items()}

    def _views(self, disk: str) -> dict[str | None, str]:
        states = {frame["at"]: frame["disks"][disk] for frame in self.frames}
        return {at: plain(state["guest"]) for at, state in states.items() if state["chain"]}

    def _reach(self, disk: str, views: Mapping[str | None, str]) -> set[str | None]:
        """Return what the guest saw that can be had; None is no backup at all."""
        known = set(views.values())
        had: set[str | None] = {None, *(view for view in known if not view.strip("-"))}
        while True:
            more = {
                laid
                for row, backup in self.rows(disk)
                if there(backup)
                for laid in self.lay(backup, had)
                if laid in known
            }
            if more <= had:
                return had
            had |= more

    def rows(self, disk: str) -> Iterator[tuple[str, Any]]:
        """Yield the backups of a disk."""
        yield from ((r, b) for r, b in self.document["backups"].items() if b["disk"] == disk)

    def lay(self, backup: Any, over: set[str | None]) -> set[str]:
        """Return what a backup reads as on top of some states, where it makes a difference."""
        cells: str = backup["cells"]
        if backup["torn"]:
            return set()
        if backup["kind"] == "full":
            return {plain(cells)}
        return {laid for below in over for laid in [self.over(backup, below)] if laid != below}

    @staticmethod
    def over(backup: Any, below: str | None) -> str:
        """Return what an increment reads as on top of one state."""
        cells: str = backup["cells"]
        base = (below or "").ljust(len(cells), "-")
        return plain("".join(b if c == "-" else c for b, c in zip(base, cells, strict=False)))

    def gives(self) -> set[Loss]:
        """Return each backup that is there with each instant that it gives on what can be had, and
        the instants that the whole machine can go back to."""
        given: set[Loss] = set()
        for disk, views in self.seen.items():
            for row, backup in self.rows(disk):
                if there(backup):
                    laid = self.lay(backup, self.had[disk])
                    given |= {(row, at) for at, view in views.items() if at and view in laid}
        for frame in self.frames:
            disks = [disk for disk, state in frame["disks"].items() if state["chain"]]
            had = [plain(frame["disks"][disk]["guest"]) in self.had[disk] for disk in disks]
            if frame["at"] and disks and all(had):
                given.add(("restorable", frame["at"]))
        return given

    def may_give(self, row: str) -> set[Loss]:
        """Return a backup with each instant that it gives on any state that was seen."""
        backup = self.document["backups"][row]
        views = self.seen[backup["disk"]]
        laid = self.lay(backup, {None, *views.values()})
        return {(row, at) for at, view in views.items() if at and view in laid}

    def claims(self) -> Iterator[tuple[str, str, str]]:
        """Yield the increments that give the instant that they were taken at, on the one that they
        are since: the row, and both instants."""
        begun = {c["name"]: c["at"] for frame in self.frames for c in frame["checkpoints"]}
        for row, backup in self.document["backups"].items():
            points = [p for p in (backup["since"], *backup["bitmaps"]) if p in begun]
            if points and self.leads(row, begun[points[0]], backup["at"]):
                yield row, begun[points[0]], backup["at"]

    def leads(self, row: str, start: str, end: str) -> bool:
        """Whether an increment on top of one instant reads as another one."""
        backup = self.document["backups"].get(row)
        if backup is None or not there(backup) or backup["torn"] or backup["kind"] == "full":
            return False
        views = self.seen[backup["disk"]]
        return start in views and self.over(backup, views[start]) == views.get(end)


def plain(cells: str) -> str:
    """Return a row as a guest reads it."""
    return cells.replace("0", "-")


def there(backup: Any) -> bool:
    """Whether a backup can be used at the end."""
    done = backup.get("usable", True) and backup["status"] in ("completed", "failed", "cancelled")
    whole = backup["status"] == "completed" or backup.get("usable", False)
    return done and whole and backup["kind"] != "none"


def told(found: tuple[Difference, ...]) -> set[Loss]:
    """Return the losses that are told as an error, or as what follows from one."""
    errors = [each for each in found if each.level is Level.ERR]
    every = [*errors, *(follows for each in errors for follows in each.consequences)]
    lost = {("restorable", each.at or "") for each in every if each.kind == "lost-restore"}
    return lost | {(each.message.split()[0], "") for each in every}


def check(old: Any, new: Any, judged: Counter[str]) -> None:
    """Hold what is told of two runs against what is lost by content."""
    found = find_differences(old, new)
    one, other = Naive(old), Naive(new)
    before, after = one.gives(), other.gives()
    lost = before - after
    lost |= {(r, end) for r, start, end in one.claims() if not other.leads(r, start, end)}
    said = told(found)
    for what, at in sorted(lost):
        judged["losses"] += 1
        place = (what, at) if what == "restorable" else (what, "")
        assert place in said, f"{what} does not give back {at}, and nothing says so: {found}"
    for each in (e for cause in found for e in (cause, *cause.consequences)):
        row = each.message.split()[0]
        if each.kind == "more-copied":
            judged["more"] += 1
            was, now = old["backups"][row], new["backups"][row]
            keys = "data_bytes", "zero_bytes", "copied_bytes"
            first = next(key for key in keys if was[key] != now[key])
            assert now[first] > was[first], "equal is never more"
        gone = each.kind == "other-data" and not there(old["backups"][row])
        if each.kind == "other-data" and " give back " in each.message and not gone:
            judged["other data"] += 1
            less = lost | (one.may_give(row) - other.may_give(row))
            assert any(what == row for what, _ in less), f"{row} gives all that it did"


def test_no_loss_under_another_model_is_told_as_less_than_an_error() -> None:
    judged: Counter[str] = Counter()
    for number in range(PAIRS):
        chance = random.Random(f"two models {number}")
        one, other = chance.sample(MODELS, 2)
        text = draw(one, f"compat {number}").text
        try:
            old, new = (simulator.loads(text).run(model).document() for model in (one, other))
        except simulator.InputError:
            judged["unplayed"] += 1
            continue
        check(old, new, judged)
    assert judged["losses"] > PAIRS, judged


def test_no_changed_backup_that_gives_back_less_is_told_as_less_than_an_error() -> None:
    judged: Counter[str] = Counter()
    for number in range(PAIRS):
        chance = random.Random(f"changed {number}")
        try:
            text = draw(chance.choice(MODELS), f"changed {number}").text
            old: Any = simulator.loads(text).run().document()
        except simulator.InputError:
            continue
        new = copy.deepcopy(old)
        rows = [row for row, backup in old["backups"].items() if backup["cells"]]
        for row in chance.sample(rows, min(len(rows), chance.randint(1, 3))):
            change(new["backups"], row, chance)
        check(old, new, judged)
        check(new, old, judged)
        assert not find_differences(old, copy.deepcopy(old))
    assert judged["losses"] > PAIRS / 2, judged
    assert judged["more"], judged
    assert judged["other data"], judged


def change(backups: dict[str, Any], row: str, chance: random.Random) -> None:
    """Change a backup: a cell of it, its amounts, what became of it, or whether it is there."""
    backup = backups[row]
    kind = chance.choice(["cell", "cell", "cell", "cell", "amounts", "status", "gone"])
    if kind == "cell":
        place = chance.randrange(len(backup["cells"]))
        cells = backup["cells"]
        backup["cells"] = cells[:place] + chance.choice("-0ABC") + cells[place + 1 :]
        backup["data_bytes"] = 65536 * sum(cell not in "-0" for cell in backup["cells"])
    elif kind == "amounts":
        backup["copied_bytes"] += 65536
    elif kind == "status":
        backup["status"] = chance.choice(["failed", "cancelled", "deleted"])
    else:
        del backups[row]
