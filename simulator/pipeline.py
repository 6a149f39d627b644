"""The stages wired together: a file becomes a scenario, a scenario a run, a run text or data.

This is also what a notebook works with, through :func:`simulator.load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import apis, checks
from simulator.apis.base import ApiModel
from simulator.diagnostics import Finding, InputError, Problem
from simulator.engine import play
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.render import layout, story
from simulator.render.report import as_html
from simulator.scenario import check_copied, check_repeats, load_file, load_text
from simulator.timeline import Frame, Script, Timeline
from simulator.values import dataclass

if TYPE_CHECKING:
    from simulator.documents.linting import Linted
    from simulator.render.pictures import Picture
    from simulator.render.restores import Restores
    from simulator.render.shapes import RunDocument


def find_model(word: str) -> ApiModel:
    """Return an API model by its id, or that of a proposal's file.

    Raises:
        ValueError: There is none.
        InputError: The proposal cannot be used.
    """
    known = apis.MODELS.get(word)
    if known is not None:
        return known
    from simulator.apis.proposals.loading import find_model as find

    return find(word)


def load(path: str) -> Scenario:
    """Return the scenario of a file; ``-`` reads standard input.

    Raises:
        InputError: The file cannot be used; it tells every problem.
    """
    return Scenario(load_file(path, rules=checks.RULE_NAMES, refusals=checks.REFUSALS))


def loads(text: str, path: str = "<text>") -> Scenario:
    """Return the scenario that a text is.

    Args:
        path: What findings call it.

    Raises:
        InputError: The text cannot be used; it tells every problem.
    """
    return Scenario(load_text(text, path, rules=checks.RULE_NAMES, refusals=checks.REFUSALS))


def scenario_files(words: Iterable[str]) -> list[str]:
    """Return scenario files, those of a folder in the order of their names, each one once."""
    files: dict[str, None] = {}
    for word in words:
        path = Path(word)
        found = sorted(each for each in path.rglob("*.y*ml")) if path.is_dir() else ()
        files.update(dict.fromkeys(map(str, found)) if path.is_dir() else {word: None})
    return list(files)


def file_version(path: str) -> str:
    """Return what changes when a file does; a file that is gone is as one that is empty."""
    return _version_of(_content_of(path))


def _content_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _version_of(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()[:16]


def live_page(path: str, model: ApiModel | None = None) -> str:
    """Return the page of a scenario's file as it is now, or what is wrong with it as a page."""
    from simulator.render.page import write_page, write_problem
    from simulator.render.report import write_input_error

    content = _content_of(path)
    version = _version_of(content)
    try:
        run = loads(content.decode(), path).run(model) if content else load(path).run(model)
    except InputError as error:
        return write_problem(path, write_input_error(error), version=version)
    except UnicodeDecodeError:
        return write_problem(path, f"error: {path} is no text in UTF-8", version=version)
    return write_page(run.timeline, run.findings, version=version)


def play_under(scenario: Scenario, model: ApiModel) -> tuple[Any, str | None]:
    """Return a scenario's run document under a model, and why it cannot be played, if it cannot.

    Raises:
        InputError: The model is a proposal that cannot be used.
    """
    from simulator.render.document import run_document

    script = scenario.script
    try:
        played = scenario.run(model)
    except InputError as error:
        if error.path != script.path:
            raise
        empty = {"file": script.path, "scenario": script.title, "model": model.id}
        return {**empty, "frames": [], "backups": {}, "restores": [], "findings": []}, str(error)
    return run_document(played.timeline, played.findings), None


def lint_document(text: str, path: str) -> Linted:
    """Return what is wrong with the figures of a document, held against its own scenarios.

    Args:
        path: What findings call it.
    """
    from simulator.checks.expectations import UNMET_FIGURE, UNMET_FINDING, compare_row
    from simulator.checks.measured import UNMET_MEASURE
    from simulator.checks.updating import redraw
    from simulator.documents.linting import Tools, lint

    def play_text(scenario: str) -> tuple[Timeline, list[Finding]]:
        played = loads(scenario, path).run()
        unmet = (UNMET_FIGURE[0], UNMET_FINDING[0], UNMET_MEASURE[0])
        return played.timeline, [each for each in played.findings if each.code in unmet]

    return lint(text, Tools(play=play_text, compare=compare_row, redraw=redraw))


def _check_pictures(timeline: Timeline) -> None:
    """Hold the pictures of guest steps against the disk, which the host may have resized.

    Raises:
        InputError: One of them has another length.
    """
    wrong = [
        Problem(
            message=f"the picture has {entry.statement.cells:,} clusters, "
            f"the disk has {disk.length:,} clusters here",
            span=entry.statement.span,
            expected=f"{disk.length:,} characters between the bars, if any",
        )
        for entry in timeline.entries
        if entry.statement is not None and entry.statement.cells is not None
        for request in [entry.statement.request]
        if isinstance(request, GuestWrite | GuestDiscard)
        for disk in [entry.before.disk(request.disk or entry.before.disks[0].name)]
        if entry.statement.cells != disk.length
    ]
    if wrong:
        raise InputError(timeline.script.path, timeline.script.source, wrong)


class FigureText(str):
    """A figure as text, which a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self)


@dataclass(frozen=True)
class Scenario:
    """What is to happen. Running it changes nothing, so it can be run again."""

    script: Script

    def run(self, model: str | ApiModel | None = None) -> Run:
        """Return what happens.

        Args:
            model: An API model, its id, or the file of a proposal; None for the model that the
                scenario names.

        Raises:
            ValueError: There is no such model.
            InputError: A picture does not fit what it is of by then, a name is introduced that is
                there by then, or the proposal cannot be used.
        """
        chosen = (
            find_model(model or self.script.model) if not isinstance(model, ApiModel) else model
        )
        timeline = play(self.script, chosen)
        _check_pictures(timeline)
        own = chosen.id == self.script.model
        check_repeats(timeline, restarts=chosen.restarts, own=own)
        check_copied(timeline)
        return Run(timeline)

    def __repr__(self) -> str:
        return f"<scenario {self.script.title!r}, {len(self.script.instants)} entries>"


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
        return checks.judge(self.timeline)

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


__all__ = ["InputError", "Moment", "Run", "Scenario", "find_model", "load", "loads"]
