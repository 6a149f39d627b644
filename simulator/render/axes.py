"""A drawing on the axes of matplotlib, and as PNG, PDF or GIF. The only door to matplotlib."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, assert_never

from simulator.diagnostics import printable
from simulator.render.drawing import Area, Box, Drawing, Line, Text
from simulator.render.palette import THEMES, Colours, Theme
from simulator.render.svg import arrow_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONTS = ("DejaVu Sans Mono", "Noto Sans Mono CJK JP", "Noto Sans CJK JP", "WenQuanYi Zen Hei Mono")
"""The first is matplotlib's own; the others have what it lacks, where they are installed."""

DPI = 144
PIXELS_MAX = 20_000
"""Along one side; a larger picture is drawn with fewer dots an inch."""


def draw_on(axes: "Axes", drawing: Drawing, theme: Theme = Theme.LIGHT) -> None:
    """Draw on given axes, one data unit a unit, y downwards."""
    colours, fonts = THEMES[theme], _fonts()
    for z, shape in enumerate(drawing.shapes):
        match shape:
            case Box():
                _add_box(axes, shape, colours, z)
            case Line():
                _add_line(axes, shape, colours.of(shape.role), z)
            case Text():
                _add_text(axes, shape, colours, fonts, z)
            case Area():
                _add_area(axes, shape, colours, z)
            case _:
                assert_never(shape)
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.set_axis_off()


def _add_box(axes: "Axes", box: Box, colours: Colours, z: int) -> None:
    from matplotlib.patches import Rectangle

    looks = _looks(box, colours)
    axes.add_patch(Rectangle((box.x, box.y), box.width, box.height, zorder=z, **looks))


def _add_line(axes: "Axes", line: Line, colour: str, z: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon

    xs, ys = zip(*line.points, strict=True)
    style: Any = (0, (4, 3)) if line.dashed else "solid"
    drawn = Line2D(
        xs,
        ys,
        color=colour,
        linewidth=line.thick,
        linestyle=style,
        zorder=z,
        solid_joinstyle="miter",
    )
    axes.add_line(drawn)
    if line.arrow:
        axes.add_patch(Polygon(arrow_head(line), color=colour, linewidth=0, zorder=z))


def _add_area(axes: "Axes", area: Area, colours: Colours, z: int) -> None:
    from matplotlib.patches import Polygon

    fill = colours.of(area.fill)
    axes.add_patch(Polygon(area.corners, facecolor=fill, linewidth=0, zorder=z))
    if area.edge is not None:
        _add_line(axes, Line(area.top, area.edge, 0.75), colours.of(area.edge), z)


def _add_text(axes: "Axes", text: Text, colours: Colours, fonts: list[str], z: int) -> None:
    axes.text(
        text.x,
        text.y,
        printable(text.text),
        color=colours.of(text.role) if text.on is None else colours.on(text.on),
        zorder=z,
        family=fonts,
        fontsize=text.size,
        fontweight="bold" if text.bold else "normal",
        ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
        va="baseline",
        parse_math=False,
    )


def _looks(box: Box, colours: Colours) -> dict[str, Any]:
    return {
        "facecolor": colours.of(box.fill) if box.fill is not None else "none",
        "edgecolor": colours.of(box.edge) if box.edge is not None else "none",
        "linewidth": box.thick if box.edge is not None else 0,
        "linestyle": (0, (3, 2)) if box.dashed else "solid",
    }


def _fonts() -> list[str]:
    """Return the fonts of the list that are there."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in FONTS if name in there]


def figure_of(drawing: Drawing, theme: Theme = Theme.LIGHT) -> "Figure":
    """Return a figure of matplotlib of the drawing's own size, with no window behind it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawing.width / 72, drawing.height / 72))
    figure.patch.set_facecolor(THEMES[theme].of("paper"))
    draw_on(figure.add_axes((0, 0, 1, 1)), drawing, theme)
    return figure


def image(drawing: Drawing, suffix: str, theme: Theme = Theme.LIGHT) -> bytes:
    """Return a PNG or a PDF, as the suffix says. Equal drawings give equal bytes."""
    import matplotlib

    dpi = min(DPI, 72 * PIXELS_MAX / max(drawing.width, drawing.height))
    buffer = io.BytesIO()
    told: dict[str, Any] = {"CreationDate": None} if suffix == ".pdf" else {"Software": None}
    with matplotlib.rc_context({"pdf.fonttype": 42}), _quiet():
        figure_of(drawing, theme).savefig(
            buffer, dpi=dpi, metadata=told, format=suffix.removeprefix(".")
        )
    return buffer.getvalue()


def film_image(drawings: Sequence[Drawing], theme: Theme, seconds: float) -> bytes:
    """Return a GIF that shows drawings one after another.

    Args:
        drawings: All of one size, at least one.
        seconds: How long each is shown.
    """
    from PIL import Image

    dpi = min(DPI, 72 * 2000 / max(drawings[0].width, drawings[0].height))
    images = []
    for drawing in drawings:
        buffer = io.BytesIO()
        with _quiet():
            figure_of(drawing, theme).savefig(buffer, dpi=dpi, format="png")
        images.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE, colors=64))
    first, *others = images
    film = io.BytesIO()
    first.save(
        film,
        format="GIF",
        save_all=True,
        append_images=others,
        loop=0,
        duration=round(1000 * seconds),
        optimize=False,
    )
    return film.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep matplotlib from warning of characters that no font has: they are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
