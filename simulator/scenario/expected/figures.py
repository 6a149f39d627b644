"""Expected figures: their rows, held against the names and the disks of the file."""

import re

from simulator.diagnostics import line_starts, lines_of
from simulator.model.requests import Expect, ExpectedRow
from simulator.notation import CELLS_MAX, FigureError, PlacedStrip, read_rows
from simulator.scenario.disks import Disks
from simulator.scenario.names import GUEST_SEES, ROWS, Names, Thing
from simulator.scenario.problems import Problems
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

_WRONG = re.compile(r"[^A-Za-z0?!-]")


class Figures:
    """Reads the figures of ``expect`` steps."""

    def __init__(self, names: Names, disks: Disks, problems: Problems) -> None:
        self._names = names
        self._disks = disks
        self._problems = problems
        self._looked_up: set[tuple[str, int]] = set()

    def read(self, path: Path, text: str) -> Expect | None:
        """Return the rows of a figure, or None where that is a problem."""
        before = len(self._problems)
        strips: list[PlacedStrip] = []
        for number, line in enumerate(lines_of(text)):
            try:
                strips += (strip._replace(line=number) for strip in read_rows(line))
            except FigureError as error:
                self._problems.add(
                    path,
                    error.message,
                    expected=error.expected,
                    offset=_offset(text, number, error.column),
                )
        if not text.strip():
            self._problems.add(path, "the figure has no row", expected="NAME: |CELLS|")
        for strip in strips:
            # Most rows are drawn again and again: a label is looked up once.
            known = (strip.label, len(strip.cells)) in self._looked_up
            if not known or _WRONG.search(strip.cells):
                self._check(path, text, strip)
        if len(self._problems) > before:
            return None
        return Expect(
            rows=tuple(
                ExpectedRow(label=strip.label, cells=strip.cells, recording=strip.recording)
                for strip in strips
            )
        )

    def _check(self, path: Path, text: str, strip: PlacedStrip) -> None:
        """Note what is wrong with a row, at the row's own place."""
        before = len(self._problems)

        def tell(message: str, expected: str, help: str = "") -> None:
            self._problems.add(
                path,
                message,
                expected=expected,
                help=help,
                offset=_offset(text, strip.line, strip.column),
                width=len(strip.label),
            )

        if not self._known(strip.label):
            rows = self._rows()
            nearby = nearest(strip.label, rows)
            tell(f"unknown row {shorten(strip.label)}", alternatives(rows), nearby)
            return
        things = [thing for thing in ROWS if strip.label in self._names.known[thing]]
        if len(things) > 1:
            both = f"the name of a {things[0]} and of a {things[1]}"
            tell(f"{strip.label} is {both}", "a row that is one of them")
        wrong = _WRONG.search(strip.cells)
        if wrong is not None:
            tell(f"{shorten(wrong[0])} is no cell", "a letter, 0, -, ! or ?")
        lengths = self._disks.lengths(self._disk(strip.label))
        if lengths and len(strip.cells) not in lengths:
            counts = " or ".join(f"{length:,}" for length in lengths)
            small = max(lengths) <= CELLS_MAX
            tell(
                f"the row {strip.label} has {len(strip.cells):,} cells, the disk {counts}",
                f"{counts} characters between the bars",
                "" if small else "a disk of this size is told by the run document",
            )
        if len(self._problems) == before:
            self._looked_up.add((strip.label, len(strip.cells)))

    def _known(self, label: str) -> bool:
        if label in self._guest_rows():
            return True
        if any(self._names.has(thing, label) for thing in ROWS):
            return True
        whole, _, disk = label.rpartition("/")
        if disk in self._disks.names and self._disks.alone is None:
            return self._names.has(Thing.BACKUP, whole) or self._names.has(Thing.RESTORE, whole)
        return self._names.split(label) is not None

    def _disk(self, label: str) -> str | None:
        """Return the disk that a row is about, where the label tells."""
        if self._disks.alone is not None:
            return self._disks.alone
        for separator in ("/", f"{GUEST_SEES} "):
            disk = label.rpartition(separator)[2]
            if disk != label and disk in self._disks.names:
                return disk
        on = self._names.split(label)
        return self._names.disks.get(on[0] if on else label)

    def _guest_rows(self) -> list[str]:
        if self._disks.alone is not None:
            return [GUEST_SEES]
        return [f"{GUEST_SEES} {disk}" for disk in self._disks.names]

    def _rows(self) -> list[str]:
        names = [name for thing in ROWS for name in self._names.known[thing]]
        return [*names, *self._guest_rows()]


def _offset(text: str, line: int, column: int) -> int:
    """Return where a line and column, both from 0, are in a text."""
    return line_starts(text)[line] + column
