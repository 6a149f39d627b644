"""Pictures of a run: which view gives which drawings, and which suffix is written how."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from simulator.diagnostics import Finding, how_to_install
from simulator.render import svg
from simulator.render.drawing import Drawing, Text, framed
from simulator.render.layout import scales_of
from simulator.render.palette import Theme
from simulator.render.rows import Rows
from simulator.render.text import write_text
from simulator.render.views.beside import Column, lay_out_beside
from simulator.render.views.chain import lay_out_chain
from simulator.render.views.film import lay_out_film
from simulator.render.views.load import lay_out_load
from simulator.render.views.restore import lay_out_restores
from simulator.render.views.time import lay_out_time
from simulator.render.views.time.plain import write_time
from simulator.render.views.tree import lay_out_tree
from simulator.timeline import Frame, Timeline
from simulator.writing import open_output

SECONDS = 2.0
"""How long a film shows each instant."""

NEEDS_MATPLOTLIB = (".png", ".pdf", ".gif")
PAGE = ".html"
TEXT = ".txt"
SUFFIXES = (".svg", *NEEDS_MATPLOTLIB, TEXT, PAGE)


class View(StrEnum):
    """What a picture shows."""

    FILM = "film"
    CHAIN = "chain"
    TIME = "time"
    LOAD = "load"
    RESTORE = "restore"
    TREE = "tree"


class PictureError(ValueError):
    """A picture that cannot be made; it says why, and what can be."""


W = TypeVar("W", bound=StrEnum)


def word_of(kind: type[W], word: str) -> W:
    """Return what a word stands for.

    Raises:
        PictureError: It stands for nothing of that kind; the nearest one is told.
    """
    for each in kind:
        if each.value == word:
            return each
    near = get_close_matches(word, [each.value for each in kind], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    what = kind.__name__.lower()
    raise PictureError(f"unknown {what} {word}; there are {', '.join(kind)}{hint}")


@dataclass(frozen=True)
class Picture:
    """A picture, which a notebook shows as it is.

    Attributes:
        drawing: The whole of it.
        page: Writes the page of the run.
        film: Gives a drawing for each instant, all of one size, where it can be shown so.
        plain: Gives the text that it is instead where the drawing as text would be too wide.
    """

    drawing: Drawing
    page: Callable[[], str]
    film: Callable[[], tuple[Drawing, ...]] | None = None
    theme: Theme = Theme.LIGHT
    plain: Callable[[], str | None] | None = None

    def svg(self, *, animate: bool = False) -> str:
        """Return it as SVG.

        Args:
            animate: Whether the instants are shown one after another.

        Raises:
            PictureError: The view has no instants to show so.
        """
        if not animate:
            return svg.write_svg(self.drawing, self.theme)
        return svg.write_film(self.frames(), self.theme, SECONDS)

    def text(self) -> str:
        """Return it as lines of text, with a final newline."""
        text = self.plain() if self.plain is not None else None
        return text if text is not None else write_text(self.drawing)

    def frames(self) -> tuple[Drawing, ...]:
        """Return a drawing for each instant, all of one size.

        Raises:
            PictureError: The view has no instants to show so.
        """
        frames = self.film() if self.film is not None else ()
        if not frames:
            raise PictureError("only the view film of a scenario with instants can be animated")
        return frames

    def save(self, path: str | Path, *, animate: bool = False) -> None:
        """Write it; the suffix says how: ``.svg``, ``.png``, ``.pdf``,
        ``.gif``, ``.txt``, or ``.html`` for a page of the whole run.

        Raises:
            PictureError: There is no such suffix, or matplotlib is missing.
            OSError: The file cannot be written.
        """
        target = Path(path)
        suffix = check_suffix(target)
        if animate and suffix not in (".svg", ".gif"):
            raise PictureError(f"{suffix} shows one picture; only .svg and .gif are animated")
        content = self._content(suffix, animate=animate)
        with open_output(target) as stream:
            stream.write(content)

    def _content(self, suffix: str, *, animate: bool) -> bytes:
        """Return what a file of that suffix holds."""
        if suffix in NEEDS_MATPLOTLIB:
            from simulator.render import axes

            if suffix == ".gif":
                return axes.film_image(self.frames(), self.theme, SECONDS)
            return axes.image(self.drawing, suffix, self.theme)
        if suffix == PAGE:
            return self.page().encode()
        return (self.text() if suffix == TEXT else self.svg(animate=animate)).encode()

    def __repr__(self) -> str:
        return f"<picture: {self.drawing.title}>"

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.svg()}</div>'


def check_suffix(path: Path) -> str:
    """Return the suffix of a picture's file.

    Raises:
        PictureError: There is none of that kind, or matplotlib is missing for it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        found = f"the suffix {suffix}" if suffix else "no suffix"
        raise PictureError(f"{path} has {found}; a picture is {', '.join(SUFFIXES)}")
    if suffix in NEEDS_MATPLOTLIB and importlib.util.find_spec("matplotlib") is None:
        raise PictureError(
            f"{suffix} needs matplotlib: {how_to_install('matplotlib')}; "
            ".svg, .txt and .html need nothing"
        )
    return suffix


def draw(
    timeline: Timeline,
    findings: Sequence[Finding],
    view: View,
    *,
    at: str | None = None,
    theme: Theme = Theme.LIGHT,
    whole: bool = False,
) -> Picture:
    """Return a picture of a run.

    Args:
        at: The instant that the view ``chain`` shows; None for the last one.
        whole: Whether rows that did not change are drawn, however many there are.

    Raises:
        PictureError: There is no such instant.
        ModuleNotFoundError: networkx is missing, which the views ``restore`` and ``tree`` need.
    """
    from simulator.render.page import write_page

    def page() -> str:
        return write_page(timeline, findings, whole=whole)

    if at is not None and view is not View.CHAIN:
        raise PictureError(f"the view {view} shows all instants; only chain takes one")
    match view:
        case View.CHAIN:
            frame = find_frame(timeline, at)
            drawing = lay_out_chain(timeline, frame, findings) if frame else nothing(timeline)
            return Picture(framed(drawing), page, theme=theme)
        case View.FILM:
            drawing = framed(lay_out_film(timeline, findings, whole=whole))
            frames = partial(film_frames, timeline, findings, whole=whole)
            return Picture(drawing, page, frames, theme)
        case _:
            drawing = framed(_WHOLE[view](timeline, findings))
            plain = partial(write_time, timeline, findings) if view is View.TIME else None
            return Picture(drawing, page, theme=theme, plain=plain)


def draw_beside(runs: Sequence[tuple[str, Timeline]], *, theme: Theme = Theme.LIGHT) -> Picture:
    """Return a picture of one scenario under several models, side by side.

    Args:
        runs: What each is called, and its run; two or more.
    """
    drawing = lay_out_beside([Column(name, timeline) for name, timeline in runs])
    return Picture(framed(drawing), partial(no_page, "a comparison"), theme=theme)


def no_page(what: str) -> str:
    """Turn down a page of what has none.

    Raises:
        PictureError: Always.
    """
    raise PictureError(f"{what} is no page: .svg, .png, .pdf or .txt")


_WHOLE: Mapping[View, Callable[[Timeline, Sequence[Finding]], Drawing]] = {
    View.TIME: lay_out_time,
    View.LOAD: lay_out_load,
    View.RESTORE: lay_out_restores,
    View.TREE: lay_out_tree,
}
"""The views of a whole run."""


def film_frames(
    timeline: Timeline, findings: Sequence[Finding], *, whole: bool = False
) -> tuple[Drawing, ...]:
    """Return each instant as a drawing, all of one size."""
    rows = Rows(scales_of(timeline))
    drawings = [
        lay_out_chain(timeline, frame, findings, rows=rows.shown(frame.machine, whole=whole))
        for frame in timeline.frames
    ]
    width = max((each.width for each in drawings), default=0.0)
    height = max((each.height for each in drawings), default=0.0)
    return tuple(framed(each._replace(width=width, height=height)) for each in drawings)


def find_frame(timeline: Timeline, at: str | None) -> Frame | None:
    """Return the frame of an instant, or the last one; None where there is none at all.

    Raises:
        PictureError: There is no such instant.
    """
    if at is None:
        return timeline.frames[-1] if timeline.frames else None
    frame = timeline.frame_of(at)
    if frame is not None:
        return frame
    labels = [frame.label for frame in timeline.frames if frame.label is not None]
    raise PictureError(f"no instant {at}; there are {', '.join(labels) or 'none'}")


def nothing(timeline: Timeline) -> Drawing:
    """Return what is drawn of a scenario without an instant."""
    text = Text(0, 14, "no instant yet", role="faint")
    return Drawing(240, 20, (text,), timeline.script.title)
