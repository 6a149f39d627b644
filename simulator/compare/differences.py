"""What differs between runs of one scenario under several models."""

from collections.abc import Sequence
from typing import Any

from simulator.compare.cells import draw
from simulator.compare.naming import tell_apart
from simulator.compare.restorable import data_bytes, restorable
from simulator.values import NamedTuple

NOT_COUNTED = "EX"
"""Codes that begin so are about what a scenario file expects of its own model."""


class RowDifference(NamedTuple):
    """A row of the figure that is not the same everywhere.

    Attributes:
        label: ``S1``, ``S2.B2``, ``guest sees``, with the disk in front where there are several.
        cells: For each model, as drawn; None where it has no such row. A bitmap that records has
            a ``+`` behind its bar.
    """

    label: str
    cells: tuple[str | None, ...]


class InstantDifference(NamedTuple):
    """The rows that differ at one instant; ``at`` is None after the last guest step."""

    at: str | None
    rows: tuple[RowDifference, ...]


class BackupSize(NamedTuple):
    """A backup by its row, and for each model its data in bytes, or what became of it."""

    name: str
    sizes: tuple[int | str, ...]
    cells: tuple[str | None, ...]


class Refused(NamedTuple):
    """A step that some model refuses, and for each model its words; None where it accepts."""

    line: int
    column: int
    at: str | None
    words: tuple[str | None, ...]


class Flagged(NamedTuple):
    """A rule that is not broken under all models; for each, whether it is."""

    line: int
    at: str | None
    code: str
    rule: str
    severity: str
    found: tuple[bool, ...]


class Comparison(NamedTuple):
    """One scenario under several models. Every tuple with a place for each is in their order.

    Attributes:
        instants: Those with a difference.
        restorable: For each instant, the backups that give it back; None where none do.
        errors: Findings of severity error, for each model.
        unplayed: For each model, why the scenario cannot be played under it; None where it can.
    """

    file: str
    scenario: str
    models: tuple[str, ...]
    instants: tuple[InstantDifference, ...]
    backups: tuple[BackupSize, ...]
    refused: tuple[Refused, ...]
    flagged: tuple[Flagged, ...]
    restorable: dict[str, tuple[str | None, ...]]
    errors: tuple[int, ...]
    unplayed: tuple[str | None, ...]

    @property
    def same(self) -> bool:
        """Whether the models agree in everything that is looked at."""
        told = any(any(each.words) for each in self.refused if len(set(each.words)) > 1)
        backups = any(len(set(each.sizes)) > 1 or _differ(each.cells) for each in self.backups)
        lost = any(len({bool(way) for way in ways}) > 1 for ways in self.restorable.values())
        return not (self.instants or told or backups or self.flagged or lost or any(self.unplayed))

    def data(self, model: int) -> int:
        """Return the bytes of data in the backups of one model."""
        return sum(s for each in self.backups for s in [each.sizes[model]] if isinstance(s, int))

    def given_back(self, model: int) -> int:
        """Return how many instants can be restored under one model."""
        return sum(ways[model] is not None for ways in self.restorable.values())

    def turned_down(self, model: int) -> int:
        """Return how many steps one model refuses."""
        return sum(each.words[model] is not None for each in self.refused)


def compare_runs(documents: Sequence[Any], unplayed: Sequence[str | None]) -> Comparison:
    """Return what differs between the run documents of one scenario.

    Args:
        documents: One for each model; where the scenario could not be played, one without frames.
        unplayed: Why not, for each model.
    """
    ways = [restorable(document) for document in documents]
    labels = dict.fromkeys(f["at"] for d in documents for f in d["frames"] if f["at"] is not None)
    return Comparison(
        file=documents[0]["file"],
        scenario=documents[0]["scenario"],
        models=tell_apart(documents),
        instants=_instants(documents),
        backups=_backups(documents),
        refused=_refused(documents),
        flagged=_flagged(documents),
        restorable={
            label: tuple(w[label].told if label in w else None for w in ways) for label in labels
        },
        errors=tuple(
            sum(f["severity"] == "error" and _counts(f) for f in document["findings"])
            for document in documents
        ),
        unplayed=tuple(unplayed),
    )


def _counts(finding: Any) -> bool:
    return not finding["code"].startswith(NOT_COUNTED)


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values[1:])


def _instants(documents: Sequence[Any]) -> tuple[InstantDifference, ...]:
    played = [document for document in documents if document["frames"]]
    labels = dict.fromkeys(frame["at"] for document in played for frame in document["frames"])
    by_label = [{f["at"]: _rows(f) for f in document["frames"]} for document in documents]
    differing = []
    for label in labels:
        rows = [each.get(label, {}) for each in by_label]
        names = dict.fromkeys(name for each in rows for name in each)
        compared = [(name, tuple(each.get(name) for each in rows)) for name in names]
        found = tuple(RowDifference(name, cells) for name, cells in compared if _differ(cells))
        if found:
            differing.append(InstantDifference(label, found))
    return tuple(differing)


def _rows(frame: Any) -> dict[str, str]:
    """Return the rows of an instant's figure by their labels, as drawn."""
    rows: dict[str, str] = {}
    several = len(frame["disks"]) > 1
    for name, disk in frame["disks"].items():
        prefix = f"{name}: " if several else ""
        length = disk["clusters"]
        for image, cells in disk["images"].items():
            rows[f"{prefix}{image}"] = f"|{draw(cells, length)}|"
        for bitmap in disk["bitmaps"]:
            mark = "+" if bitmap["recording"] else ""
            cells = draw(bitmap["cells"], length)
            rows[f"{prefix}{bitmap['node']}.{bitmap['name']}"] = f"|{cells}|{mark}"
        if disk["chain"]:
            rows[f"{prefix}guest sees"] = f"|{draw(disk['guest'], length)}|"
    return rows


def _backups(documents: Sequence[Any]) -> tuple[BackupSize, ...]:
    names = dict.fromkeys(name for document in documents for name in document["backups"])
    compared = []
    for name in names:
        made = [document["backups"].get(name) for document in documents]
        sizes = tuple(_size(each) for each in made)
        cells = tuple(None if each is None else _drawn(each) for each in made)
        compared.append(BackupSize(name, sizes, cells))
    return tuple(compared)


def _size(backup: Any) -> int | str:
    if backup is None:
        return "none"
    done = backup["status"] in ("completed", "deleted")
    return data_bytes(backup, backup["copied_bytes"]) if done else str(backup["status"])


def _drawn(backup: Any) -> str:
    cells = backup["cells"]
    length = len(cells) if isinstance(cells, str) else sum(cells[-1][:2]) if cells else 1
    drawn = draw(cells, length)
    # The mail draws zeroes of a full backup as nothing, and means the same.
    return f"|{drawn.replace('0', '-') if backup['kind'] == 'full' else drawn}|"


def _refused(documents: Sequence[Any]) -> tuple[Refused, ...]:
    """Return the steps that one model or more refuses, in the order of the file."""
    said = [refusals(document) for document in documents]
    places = sorted({place for each in said for place in each})
    at = {place: label for each in said for place, (label, _) in each.items()}
    return tuple(
        Refused(
            *place, at[place], tuple(each[place][1] if place in each else None for each in said)
        )
        for place in places
    )


def refusals(document: Any) -> dict[tuple[int, int], tuple[str | None, str]]:
    """Return the host's words by line and column of the step that it refused, with the instant."""
    return {
        (finding["line"] or 0, finding["column"] or 0): (finding["at"], finding["refused"])
        for finding in document["findings"]
        if finding["refused"] is not None
    }


def _flagged(documents: Sequence[Any]) -> tuple[Flagged, ...]:
    """Return the findings that only some models have; a refusal is told elsewhere."""
    found = [
        {(f["line"] or 0, f["code"]): f for f in document["findings"] if told(f)}
        for document in documents
    ]
    keys = sorted({key for each in found for key in each})
    flagged = []
    for key in keys:
        one = next(each[key] for each in found if key in each)
        has = tuple(key in each for each in found)
        if not all(has):
            flagged.append(
                Flagged(key[0], one["at"], one["code"], one["rule"], one["severity"], has)
            )
    return tuple(flagged)


def told(finding: Any) -> bool:
    """Whether a finding is about what happened: no refusal, and no unmet expectation."""
    return _counts(finding) and finding["refused"] is None
