"""The regression check: what a change of semantics does to the users of scenarios, by level."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from simulator.compare.cells import Runs, as_read, holds_more, runs_of
from simulator.compare.differences import refusals, told
from simulator.compare.naming import tell_apart
from simulator.compare.restorable import restorable
from simulator.diagnostics import printable

WIDTH = 72
"""Columns of the text."""


class Level(StrEnum):
    """How bad a difference is, the worst first."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


KINDS: dict[str, tuple[Level, str]] = {
    "lost-restore": (Level.ERR, "an instant that could be restored cannot be any more"),
    "other-data": (Level.ERR, "a backup silently holds other data"),
    "refused-now": (Level.ERR, "a step that was accepted is refused"),
    "wrong-now": (Level.ERR, "a step that was refused, or right, is silently wrong"),
    "not-playable": (Level.ERR, "the scenario cannot be played any more"),
    "more-copied": (Level.WARN, "a backup copies more data for the same instant"),
    "longer-restore": (Level.WARN, "a restore stacks more backups for the same instant"),
    "other-words": (Level.WARN, "a refusal has another text"),
    "new-warning": (Level.WARN, "a step has a warning that it had not"),
    "new-ability": (Level.INFO, "a step that was refused is accepted"),
    "new-restore": (Level.INFO, "an instant can be restored that could not be"),
    "shorter-restore": (Level.INFO, "a restore stacks fewer backups for the same instant"),
    "less-copied": (Level.INFO, "a backup copies less data for the same instant"),
    "finding-less": (Level.INFO, "a finding is gone"),
    "new-note": (Level.INFO, "a step has a note that it had not"),
}
"""Every kind of difference: its level, and what it means."""


class Difference(NamedTuple):
    """What a change does to one scenario.

    Attributes:
        file: The scenario's.
        line: Of the step that it is about; 0 where it is about an instant or a whole scenario.
        at: Label of the instant.
        notes: Evidence, figures among it, one line each.
    """

    kind: str
    file: str
    line: int
    at: str | None
    message: str
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """How bad it is."""
        return KINDS[self.kind][0]


def find_differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """Return what differs between two run documents of one scenario, the worst first."""
    names = tell_apart((old, new))
    old, new = {**old, "model": names[0]}, {**new, "model": names[1]}
    if not (old["frames"] and new["frames"]):
        return tuple(_unplayed(old, new))
    found = [*_restores(old, new), *_steps(old, new), *_backups(old, new), *_findings(old, new)]
    order = list(KINDS)
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.line)))


def _unplayed(old: Any, new: Any) -> Iterator[Difference]:
    """Yield that a scenario can be played under just one of the two."""
    if old["frames"] and not new["frames"]:
        message = f"cannot be played under {new['model']}: a picture does not fit the disk there"
        yield Difference("not-playable", old["file"], 0, None, message)
    elif new["frames"]:
        message = f"can be played under {new['model']}"
        yield Difference("new-ability", old["file"], 0, None, message)


def _restores(old: Any, new: Any) -> Iterator[Difference]:
    """Yield the instants that can be restored before or after only."""
    before, after = restorable(old), restorable(new)
    for at in [label for label in before if label not in after]:
        message = f"{at} could be restored, and cannot be any more"
        notes = (f"{old['model']}: {before[at].told}", *_seen(old, new, at))
        yield Difference("lost-restore", old["file"], 0, at, message, notes)
    for at in [label for label in after if label not in before]:
        message = f"{at} can be restored now"
        notes = (f"{new['model']}: {after[at].told}",)
        yield Difference("new-restore", old["file"], 0, at, message, notes)
    for at in [label for label in before if label in after]:
        was, now = before[at].backups, after[at].backups
        if was != now:
            kind = "longer-restore" if now > was else "shorter-restore"
            message = f"{at} is restored by {now} backups, by {was} before"
            ways = (f"{old['model']}: {before[at].told}", f"{new['model']}: {after[at].told}")
            yield Difference(kind, old["file"], 0, at, message, ways)


def _seen(old: Any, new: Any, at: str) -> Iterator[str]:
    """Yield what the guest saw at an instant, where that is not the same in both runs."""
    views = [
        {
            disk: state["guest"]
            for f in each["frames"]
            if f["at"] == at
            for disk, state in f["disks"].items()
        }
        for each in (old, new)
    ]
    if views[0] != views[1]:
        yield "the guest itself sees other data there"


def _steps(old: Any, new: Any) -> Iterator[Difference]:
    """Yield the steps that one of the two refuses, or both in other words."""
    before, after = refusals(old), refusals(new)
    wrong = {(f["line"], f["column"]): f for f in new["findings"] if told(f) and _bad(f)}
    for place in sorted({*before, *after}):
        line = place[0]
        if place not in before:
            at, words = after[place]
            message = "accepted before, refused now"
            said = (f"{new['model']}: {words}",)
            yield Difference("refused-now", old["file"], line, at, message, said)
        elif place not in after:
            at, words = before[place]
            notes: tuple[str, ...] = (f"{old['model']}: {words}",)
            if place in wrong:
                found = wrong[place]
                message = f"refused before; now {found['message']} ({found['code']})"
                notes = (*notes, *found["notes"])
                yield Difference("wrong-now", old["file"], line, at, message, notes)
            else:
                message = "refused before, accepted now"
                yield Difference("new-ability", old["file"], line, at, message, notes)
        elif before[place][1] != after[place][1]:
            at, words = before[place]
            notes = (f"{old['model']}: {words}", f"{new['model']}: {after[place][1]}")
            message = "refused in other words"
            yield Difference("other-words", old["file"], line, at, message, notes)


def _bad(finding: Any) -> bool:
    return bool(finding["severity"] == "error")


def _backups(old: Any, new: Any) -> Iterator[Difference]:
    """Yield the backups that hold other data, or more or less of the same."""
    lost = set(restorable(old)) - set(restorable(new))
    for name, before in old["backups"].items():
        after = new["backups"].get(name)
        if after is None or "completed" not in (before["status"], after["status"]):
            continue
        at = before["at"]
        was, now = _data(before), _data(after)
        rows = (
            f"{name}, {old['model']}: {_shown(before)}",
            f"{name}, {new['model']}: {_shown(after)}",
        )
        if before["status"] != after["status"]:
            message = f"{name} was {before['status']}, and is {after['status']} now"
            kind = "new-ability" if after["status"] == "completed" else "lost-restore"
            yield Difference(kind, old["file"], 0, at, message)
        elif was == now:
            if _changed_amount(before, after):
                yield _amount(old, before, after, name, ())
        elif holds_more(now, was) or (holds_more(was, now) and at not in lost):
            yield _amount(old, before, after, name, rows)
        else:
            message = f"{name} holds other data"
            yield Difference("other-data", old["file"], 0, at, message, rows)


AMOUNTS = {
    "data_bytes": "copies {:,} bytes of data, {:,} before",
    "zero_bytes": "tells {:,} bytes of zeroes, {:,} before",
    "copied_bytes": "counts {:,} bytes, {:,} before",
}
"""Bytes of a backup in a run document, and how a change of them is told; the first one counts."""


def _changed_amount(before: Any, after: Any) -> str:
    """Return the first of the amounts that differs; empty where none does.

    Records of old have the last one only.
    """
    both = (key for key in AMOUNTS if key in before and key in after)
    return next((key for key in both if before[key] != after[key]), "")


def _amount(old: Any, before: Any, after: Any, name: str, rows: tuple[str, ...]) -> Difference:
    key = _changed_amount(before, after) or "copied_bytes"
    was, now = before[key], after[key]
    kind = "more-copied" if now >= was else "less-copied"
    message = f"{name} {AMOUNTS[key].format(now, was)}"
    return Difference(kind, old["file"], 0, before["at"], message, rows)


def _data(backup: Any) -> Runs:
    """Return what a backup holds; of a full one, as it reads."""
    runs = runs_of(backup["cells"])
    return as_read(runs) if backup["kind"] == "full" else runs


def _shown(backup: Any) -> str:
    cells = backup["cells"]
    return f"|{cells}|" if isinstance(cells, str) else f"{len(cells):,} runs"


def _findings(old: Any, new: Any) -> Iterator[Difference]:
    """Yield findings about steps that both accept, which only one of the two has."""
    refused = {place[0] for each in (old, new) for place in refusals(each)}
    before = {(f["line"] or 0, f["code"]): f for f in old["findings"] if told(f)}
    after = {(f["line"] or 0, f["code"]): f for f in new["findings"] if told(f)}
    kinds = {"error": "wrong-now", "warning": "new-warning", "info": "new-note"}
    for key, found in after.items():
        if key not in before and key[0] not in refused:
            message = f"{found['code']} {found['rule']}: {found['message']}"
            kind, notes = kinds[found["severity"]], tuple(found["notes"])
            yield Difference(kind, old["file"], key[0], found["at"], message, notes)
    for key, found in before.items():
        if key not in after and key[0] not in refused:
            message = f"{found['code']} {found['rule']} is not found any more"
            yield Difference("finding-less", old["file"], key[0], found["at"], message)


def write_json(differences: Sequence[Difference], ignored: Sequence[tuple[Difference, str]]) -> str:
    """Return differences as JSON text, with a final newline."""
    plain = [{"level": each.level, **each._asdict()} for each in differences]
    left = [{"level": each.level, **each._asdict(), "reason": why} for each, why in ignored]
    return json.dumps({"format": 1, "differences": plain, "ignored": left}, indent=1) + "\n"


def write_review(
    differences: Sequence[Difference],
    ignored: Sequence[tuple[Difference, str]],
    *,
    scenarios: int,
) -> str:
    """Return differences as a review, scenario by scenario, with a final newline.

    Args:
        ignored: Those that are accepted, each with the reason.
        scenarios: How many were looked at.
    """
    lines: list[str] = []
    files = list(dict.fromkeys(each.file for each in differences))
    for file in files:
        lines += [
            printable(file),
            *(line for each in differences if each.file == file for line in _lines(each)),
        ]
        lines.append("")
    for each, why in ignored:
        where = f"{each.file} at {each.at}" if each.at else each.file
        told = f"ignored {each.level} {each.kind} in {where}: {why}"
        lines += textwrap.wrap(told, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    if ignored:
        lines.append("")
    counts = [(level, sum(each.level is level for each in differences)) for level in Level]
    found = ", ".join(f"{count} {level}" for level, count in counts)
    lines.append(f"{scenarios} scenarios, {len(files)} of them with differences: {found}")
    return "\n".join(lines) + "\n"


def _lines(each: Difference) -> list[str]:
    place = f"line {each.line}, " if each.line else ""
    head = f"  {each.level:4} {each.kind}: {place}{f'{each.at}: ' if each.at else ''}{each.message}"
    lines = textwrap.wrap(
        printable(head), WIDTH, subsequent_indent="       ", break_on_hyphens=False
    )
    for note in map(printable, each.notes):
        if "|" in note or note.startswith(" "):
            lines.append(f"       {note}")
        else:
            lines += textwrap.wrap(note, WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 9)
    return lines
