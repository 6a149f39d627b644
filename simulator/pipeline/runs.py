"""What happened, as a program or a notebook asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from simulator import checks
from simulator.diagnostics import Finding
from simulator.render import layout, story
from simulator.render.report import as_html
from simulator.timeline import Frame, Timeline
from simulator.upgrades import name_changes
from simulator.values import dataclass

if TYPE_CHECKING:
    from simulator.render.pictures import Picture
    from simulator.render.restores import Restores
    from simulator.render.shapes import RunDocument


class FigureText(str):
    """A figure as text, which a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self)


class UnknownInstant(ValueError):
    """A word that names no instant of a run.

    Attributes:
        word: As it was given.
    """

    def __init__(self, word: str) -> None:
        super().__init__(f"no instant {word}")
        self.word = word


@dataclass(frozen=True)
class Run:
    """What happened, and what is to be said about it."""

    timeline: Timeline

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules found, by line, column and code."""
        return name_changes(self.timeline, checks.judge(self.timeline), checks.judge)

    @property
    def failing(self) -> bool:
        """Whether a command that shows this run ends with status 1."""
        return any(finding.failing for finding in self.findings)

    @property
    def labels(self) -> tuple[str, ...]:
        """The instants, in the order of time."""
        return tuple(f.label for f in self.timeline.frames if f.label is not None)

    def at(self, label: str) -> Moment:
        """Return the state at the end of an instant.

        Raises:
            KeyError: The scenario has no such instant.
        """
        frame = self.timeline.frame_of(label)
        if frame is not None:
            return Moment(frame)
        raise KeyError(f"no instant {label}; there are {', '.join(self.labels)}")

    def text(self, *, colour: bool = False, whole: bool = False) -> FigureText:
        """Return the whole run as ``backup-timeline run`` prints it.

        Args:
            whole: Whether rows that did not change are told, however many there are.
        """
        return FigureText("".join(self.tell(colour=colour, whole=whole)))

    def tell(self, *, colour: bool = False, whole: bool = False) -> Iterator[str]:
        """Yield the same text piece by piece, instant by instant."""
        return story.tell_story(self.timeline, lambda: self.findings, colour=colour, whole=whole)

    def findings_text(self, *, colour: bool = False) -> FigureText:
        """Return the findings as ``backup-timeline check`` prints them."""
        return FigureText(story.write_findings(self.timeline, self.findings, colour=colour))

    def json(self) -> str:
        """Return the run document as JSON text."""
        return "".join(self.tell_json())

    def tell_json(self) -> Iterator[str]:
        """Yield the run document as JSON text, frame by frame."""
        from simulator.render.document import tell_document

        return tell_document(self.timeline, lambda: self.findings)

    def tell_lines(self) -> Iterator[str]:
        """Yield the run as lines of JSON: what changed at each instant."""
        from simulator.render.lines import tell_lines

        return tell_lines(self.timeline, lambda: self.findings)

    def document(self) -> RunDocument:
        """Return the run document as plain data."""
        from simulator.render.document import run_document

        return run_document(self.timeline, self.findings)

    def report(self, form: str = "text", *, colour: bool = False) -> FigureText:
        """Return what the run comes to: its jobs, and what would be lost at any time.

        Args:
            form: ``text``, ``json``, ``csv`` (the jobs alone) or ``markdown``.
            colour: Whether text is for a terminal.
        """
        from simulator.render import reports

        return FigureText(reports.write(self.timeline, self.findings, form, colour=colour))

    def restores(self) -> Restores:
        """Return what can be restored from the backups that are left, and at which cost."""
        from simulator.render.restores import find_restores

        return find_restores(self.timeline)

    def instants_meant(self, goal: str) -> tuple[str, ...]:
        """Return the instants that some words stand for.

        Args:
            goal: ``all``, instants with commas between them, or a time such as ``3d``: the
                instants of the last three days. With a comma, ``3d,``, it is an instant.

        Raises:
            UnknownInstant: One of them is no instant of this run.
            ValueError: The instants are no times, or there is no word at all.
        """
        from simulator.scenario.units import read_duration

        labels = self.labels
        if goal.strip() == "all":
            return labels
        words = [word.strip() for word in goal.split(",") if word.strip()]
        if not words:
            raise ValueError("no instant is named: expected T3,T5, or all, or 3d")
        back = read_duration(words[0])
        if back is not None and "," not in goal:
            if not all(read_duration(label) is not None for label in labels):
                raise ValueError(f"{goal} is a time, and the instants here are names")
            last = self.timeline.frames[-1].tick
            return tuple(f.label for f in self.timeline.frames if f.label and f.tick >= last - back)
        for word in words:
            if word not in labels:
                raise UnknownInstant(word)
        return tuple(label for label in labels if label in words)

    def draw(
        self,
        view: str = "film",
        *,
        at: str | None = None,
        theme: str = "light",
        whole: bool = False,
    ) -> Picture:
        """Return a picture, which a notebook shows and ``save`` writes.

        Args:
            view: ``film``, ``chain``, ``time``, ``load``, ``restore`` or ``tree``.
            at: The instant of a chain; None for the last one.
            theme: ``light`` or ``dark``.
            whole: Whether rows that did not change are drawn, however many there are.

        Raises:
            PictureError: There is no such view, theme or instant.
        """
        from simulator.render.palette import Theme
        from simulator.render.pictures import View, draw, word_of

        chosen, paper = word_of(View, view), word_of(Theme, theme)
        return draw(self.timeline, self.findings, chosen, at=at, theme=paper, whole=whole)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return as_html(self.text())


@dataclass(frozen=True)
class Moment:
    """The state of the machine at the end of an instant."""

    frame: Frame

    def figure(self) -> FigureText:
        """Return the figure: chain, bitmaps, and what the guest sees, one disk below another."""
        disks = self.frame.machine.disks
        return FigureText(
            "\n\n".join(layout.write_disk(disk, alone=len(disks) == 1) for disk in disks)
        )

    def __repr__(self) -> str:
        return f"{self.frame.label}\n{self.figure()}"

    def _repr_html_(self) -> str:
        return as_html(repr(self))
