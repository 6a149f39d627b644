"""A row of a figure to predict, and cell by cell why it is as it is."""

import textwrap
from dataclasses import dataclass
from functools import cached_property

from simulator.checks.evidence import join_words, name_clusters
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import set_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, Kind, Restored
from simulator.notation import BROKEN, CELLS_MAX, bar, write_rows
from simulator.pipeline import FigureText, Run
from simulator.render.report import WIDTH, as_html
from simulator.scenario.pictures import WRITABLE, without_bars
from simulator.teaching.reasons.bitmaps import tell_bit
from simulator.teaching.reasons.copies import tell_backup, tell_restored
from simulator.teaching.reasons.history import History, history_of
from simulator.teaching.reasons.images import tell_image, tell_view
from simulator.teaching.reasons.words import write_sentences
from simulator.teaching.rows import Row, find_frame, find_row
from simulator.teaching.stills import write_instant
from simulator.timeline import Frame


@dataclass(frozen=True)
class Quiz:
    """A figure with the cells of one row left out, and the question what stands there.

    Attributes:
        run: Where the figure is from.
        frame: The end of the instant.
        row: The row that is left out, with what is right.
    """

    run: Run
    frame: Frame
    row: Row

    @property
    def question(self) -> str:
        """What is asked, and how it is answered."""
        row = self.row
        blank = bar("-" * row.length)
        asked = textwrap.fill(_ask(row, self.frame), WIDTH, break_on_hyphens=False)
        return f"{asked}\n{_legend(row)}\nAnswer: quiz.answer('{blank}')"

    def answer(self, cells: str) -> "Answer":
        """Return how an answer compares with the row as it is.

        Args:
            cells: One character a cluster; bars around them are optional.

        Raises:
            ValueError: These are no cells of such a row, or not as many.
        """
        return Answer(self, _read_cells(self.row, cells))

    def why(self, cluster: int) -> FigureText:
        """Return why a cell is as it is, whether it was answered or not.

        Args:
            cluster: Counted from 0.

        Raises:
            ValueError: The row has no such cell.
        """
        if not 0 <= cluster < self.row.length:
            last = self.row.length - 1
            raise ValueError(f"{self.row.name} has the clusters 0 to {last}, and no {cluster}")
        told = f"cluster {cluster} of {self.row.name}: {self.row.cells[cluster]}"
        return FigureText(f"{told}\n{_indent(self.reason(cluster))}")

    def reason(self, cluster: int) -> str:
        """Return why a cell is as it is, in sentences."""
        row, past = self.row, self._history
        match row.subject:
            case Image():
                parts = tell_image(past, row.disk, row.subject, cluster)
            case DirtyBitmap():
                disk = self.frame.machine.disk(row.disk)
                parts = tell_bit(past, disk, row.subject, cluster)
            case Disk():
                parts = tell_view(past, row.disk, row.subject.chain, cluster)
            case Backup():
                parts = tell_backup(past, row.subject, cluster)
            case Restored():
                parts = tell_restored(past, row.subject, cluster)
        return write_sentences(parts)

    @cached_property
    def _history(self) -> History:
        return history_of(self.run.timeline, self.frame.entries)

    def __repr__(self) -> str:
        figure = write_instant(self.run.timeline, self.frame, asked=self.row)
        return f"{figure}\n\n{self.question}"

    def _repr_html_(self) -> str:
        return as_html(repr(self))


@dataclass(frozen=True)
class Answer:
    """A learner's row beside the right one, and why each wrong cell is wrong.

    Attributes:
        quiz: What was asked.
        cells: What was answered, one character a cluster.
    """

    quiz: Quiz
    cells: str

    @cached_property
    def wrong(self) -> tuple[int, ...]:
        """The clusters whose cells are wrong."""
        row = self.quiz.row
        given, right = _as_read(row, self.cells), _as_read(row, row.cells)
        return tuple(n for n, (a, b) in enumerate(zip(given, right, strict=True)) if a != b)

    @property
    def right(self) -> bool:
        """Whether all cells are right."""
        return not self.wrong

    def __bool__(self) -> bool:
        return self.right

    def why(self, cluster: int) -> FigureText:
        """Return why a cell is as it is; see :meth:`Quiz.why`."""
        return self.quiz.why(cluster)

    def __repr__(self) -> str:
        row = self.quiz.row
        if self.right:
            return f"right: {row.name} is {bar(row.cells)} at {self.quiz.frame.label}"
        lines = write_rows([("yours", bar(self.cells)), ("right", bar(row.cells))])
        carets = "".join("^" if n in self.wrong else " " for n in range(row.length)).rstrip()
        pointer = " " * (lines[-1].index("|") + 1) + carets
        return "\n".join([*lines, pointer, *self._reasons()])

    def _reasons(self) -> list[str]:
        """Return why each wrong cell is wrong; cells that are wrong alike are told as one."""
        row = self.quiz.row
        alike: dict[tuple[str, str, str], list[int]] = {}
        for n in self.wrong:
            key = self.cells[n], row.cells[n], self.quiz.reason(n)
            alike.setdefault(key, []).append(n)
        lines: list[str] = []
        for (given, right, reason), clusters in alike.items():
            names = name_clusters(set_of(row.length, clusters))
            lines += ["", f"{names}: {right}, not {given}", _indent(reason)]
        return lines

    def _repr_html_(self) -> str:
        return as_html(repr(self))


def ask(run: Run, at: str, row: str) -> Quiz:
    """Return a quiz about a row of a run.

    Args:
        at: The instant.
        row: An image, a bitmap (``NAME`` or ``NODE.NAME``), ``guest sees``, a backup or a
            restored disk (``NAME`` or ``NAME/DISK``).

    Raises:
        ValueError: There is no such instant or row, or the row is too long to be answered.
    """
    frame = find_frame(run.timeline, at)
    found = find_row(run.timeline, frame, row)
    if found.length > CELLS_MAX:
        raise ValueError(
            f"{found.name} has {found.length:,} clusters; a quiz takes {CELLS_MAX} at most"
        )
    return Quiz(run, frame, found)


def _ask(row: Row, frame: Frame) -> str:
    """Return the question."""
    match row.subject:
        case Image():
            return f"What does {row.name} hold itself at the end of {frame.label}?"
        case DirtyBitmap():
            return f"Which clusters does {row.name} name at the end of {frame.label}?"
        case Disk():
            where = "" if row.name == row.names[0] else f" on {row.disk}"
            return f"What does the guest see{where} at the end of {frame.label}?"
        case Backup():
            return f"{row.name} is {_describe(row.subject)}. What does it hold?"
        case Restored():
            stack = " <- ".join(source.row for source in row.subject.sources)
            return f"{row.name} stacks {stack}. What does a guest of it see?"


def _describe(backup: Backup) -> str:
    """Return what kind of copy a backup is, and when it was taken."""
    when = f", taken at {backup.at}" if backup.at is not None else ""
    match backup.kind:
        case Kind.FULL:
            what = "a full backup"
        case Kind.INCREMENTAL:
            what = f"an incremental backup since {backup.since}"
        case Kind.BITMAPS:
            what = f"a backup read through {join_words(backup.bitmaps)}"
        case Kind.TOP:
            what = f"a backup of what {backup.image} holds itself"
        case Kind.COPY:
            what = f"a plain copy of {backup.image}"
        case Kind.NONE:
            what = "a backup of what the guest overwrites"
    return f"{what}{when}"


def _legend(row: Row) -> str:
    """Return which characters an answer has."""
    if isinstance(row.subject, DirtyBitmap):
        bits = f"X for a set bit, - for none, {BROKEN} for one that nobody knows"
        return f"{row.length} cells: {bits}."
    if row.alike:
        return f"{row.length} cells: a letter for data, - for what reads as zeroes."
    return f"{row.length} cells: a letter for data, 0 for explicit zeroes, - for nothing."


def _as_read(row: Row, cells: str) -> str:
    return cells.replace("0", "-") if row.alike else cells


def _read_cells(row: Row, text: object) -> str:
    """Return the cells of an answer.

    Raises:
        ValueError: These are no cells of such a row, or not as many.
    """
    bits = isinstance(row.subject, DirtyBitmap)
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no answer: expected the cells of {row.name} as a text")
    cells = without_bars(text.strip().removesuffix("+"))
    cells = cells.replace("x", "X") if bits else cells
    # A workload's data and damage, too, where there are any: no step of a file writes them.
    known = frozenset(f"X-{BROKEN}") if bits else WRITABLE | frozenset(row.cells)
    wrong = next((n for n, cell in enumerate(cells) if cell not in known), None)
    if wrong is not None:
        legend = (
            f"X for a set bit, - for none, {BROKEN} for one that nobody knows"
            if bits
            else "a letter for data, 0 for explicit zeroes, - for nothing"
        )
        raise ValueError(f"{cells[wrong]!r} in place {wrong} is no cell of {row.name}: {legend}")
    if len(cells) != row.length:
        has = f"the answer has {len(cells)} cell{'' if len(cells) == 1 else 's'}"
        raise ValueError(f"{has}, {row.name} has {row.length}")
    return cells


def _indent(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
