"""A drawing as SVG: text is text, and equal drawings give equal bytes."""

from collections.abc import Callable, Iterator, Sequence
from typing import assert_never
from xml.sax import saxutils

from simulator.diagnostics import printable
from simulator.render.drawing import Area, Box, Drawing, Line, Shape, Text
from simulator.render.palette import THEMES, Theme

FONT = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"

THICK = 0.75
"""Width of the edge of a cell, of which there are most."""

COMMON = f'stroke-width="{THICK}" xml:space="preserve"'
"""What is so of every shape, unless it says otherwise."""

Paint = Callable[[str, str], str]
"""Gives the attribute that paints ``fill`` or ``stroke`` in a role."""


def escape(text: str) -> str:
    """Return a text as XML has it; what XML or a terminal cannot show is told."""
    return saxutils.escape(printable(text))


def quoteattr(text: str) -> str:
    """Return a text as the value of an attribute, in quotes."""
    return saxutils.quoteattr(printable(text))


def write_svg(drawing: Drawing, theme: Theme = Theme.LIGHT) -> str:
    """Return a drawing as a file of its own, with a final newline."""
    return f"{_head(drawing)}\n{body(drawing, _paint(theme))}\n</svg>\n"


def write_film(drawings: Sequence[Drawing], theme: Theme, seconds: float) -> str:
    """Return drawings of one size as a file that shows one after another, with a final newline.

    A reader that knows no animation shows the first.

    Args:
        seconds: How long each is shown.
    """
    first, total, paint = drawings[0], seconds * len(drawings), _paint(theme)
    parts = [_head(first)]
    for number, drawing in enumerate(drawings):
        start, end = number / len(drawings), (number + 1) / len(drawings)
        times = [0.0, start, end] if number else [0.0, end]
        values = ["hidden", "visible", "hidden"] if number else ["visible", "hidden"]
        parts.append(f'<g visibility="{"hidden" if number else "visible"}">')
        parts.append(
            f'<animate attributeName="visibility" values="{";".join(values)}" '
            f'keyTimes="{";".join(f"{each:.4f}" for each in times)}" calcMode="discrete" '
            f'dur="{_number(total)}s" repeatCount="indefinite"/>'
        )
        parts += [body(drawing, paint), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(drawing: Drawing) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(drawing.width)}" '
        f'height="{_number(drawing.height)}" {_view(drawing)} role="img">'
    )


def _paint(theme: Theme) -> Paint:
    """Return what paints with the colours of a theme."""
    colours = THEMES[theme]

    def paint(kind: str, role: str) -> str:
        colour = colours.on(role[3:]) if role.startswith("on-") else colours.of(role)
        return f'{kind}="{colour}"'

    return paint


def write_inline(drawing: Drawing, id: str = "") -> str:
    """Return a drawing for a page whose style sheet knows the roles."""

    def paint(kind: str, role: str) -> str:
        return f'class="{kind[0]}-{role}"'

    name = f' id="{id}"' if id else ""
    head = f"<svg{name} {_view(drawing)} width={quoteattr(_number(drawing.width))} "
    return f'{head}role="img">\n{body(drawing, paint)}\n</svg>'


def style_sheet(theme: Theme) -> str:
    """Return the rules that give the roles of inline drawings the colours of a theme."""
    colours = THEMES[theme]
    # A letter, in the middle of its cell, is not what is pointed at, but the cell is, also an
    # empty one. There are thousands on a page, so that it is said here.
    # Any other rule has the say before these two.
    rules = [
        "[class^=f-on-]{pointer-events:none;text-anchor:middle}",
        f":where([data-cell]){{pointer-events:all;stroke:{colours.of('rule')}}}",
        f":where([data-cell][class*=f-]){{stroke:{colours.of('ink')}}}",
    ]
    for role, colour in colours.roles.items():
        rules.append(f".f-{role}{{fill:{colour}}}.s-{role}{{stroke:{colour}}}")
        rules.append(f".f-on-{role}{{fill:{colours.on(role)}}}")
    return "".join(rules)


def body(drawing: Drawing, paint: Paint) -> str:
    """Return the shapes of a drawing, one a line, after its title."""
    lines = [f"<title>{escape(drawing.title)}</title>"] if drawing.title else []
    lines.append(f'<g font-family="{FONT}" fill="none" {COMMON}>')
    row = ""
    for shape in drawing.shapes:
        if isinstance(shape, Box) and shape.cell is not None:
            # The cells of a row come one after another: the first says which row it is.
            row, named = shape.row, shape.row if shape.row != row else ""
            shape = shape._replace(row=named)
        lines += _shape(shape, paint)
    return "\n".join([*lines, "</g>"])


def _shape(shape: Shape, paint: Paint) -> Iterator[str]:
    match shape:
        case Box():
            yield _box(shape, paint)
        case Text():
            yield _text(shape, paint)
        case Line():
            yield from _line(shape, paint)
        case Area():
            yield from _area(shape, paint)
        case _:
            assert_never(shape)


def _box(box: Box, paint: Paint) -> str:
    numbers = " ".join(
        f'{name}="{_number(value)}"'
        for name, value in (
            ("x", box.x),
            ("y", box.y),
            ("width", box.width),
            ("height", box.height),
        )
    )
    looks = [_painted(paint, box.fill, box.edge)]
    if box.cell is not None and _by_style(looks[0]):
        looks[0] = _painted(paint, box.fill, None)
    if box.edge is not None and box.thick != THICK:
        looks.append(f'stroke-width="{_number(box.thick)}"')
    if box.dashed:
        looks.append('stroke-dasharray="3 2"')
    if box.title and box.fill is None and box.cell is None:
        looks.append('pointer-events="all"')
    if box.cell is not None:
        looks.append(f'data-cell="{box.cell}"')
        looks.append(f"data-row={quoteattr(box.row)}" if box.row else "")
    attributes = " ".join([numbers, *filter(None, looks)])
    if not box.title:
        return f"<rect {attributes}/>"
    return f"<rect {attributes}><title>{escape(box.title)}</title></rect>"


def _by_style(painted: str) -> bool:
    """Whether a shape has its looks from the style sheet of a page."""
    return painted.startswith("class")


def _painted(paint: Paint, fill: str | None, edge: str | None) -> str:
    """Return the attributes of a fill and an edge; two classes are one attribute."""
    parts = [paint(kind, role) for kind, role in (("fill", fill), ("stroke", edge)) if role]
    classes = [part[7:-1] for part in parts if part.startswith('class="')]
    return f'class="{" ".join(classes)}"' if classes else " ".join(parts)


def _text(text: Text, paint: Paint) -> str:
    looks = [
        f'x="{_number(text.x)}" y="{_number(text.y)}" font-size="{_number(text.size)}"',
        paint("fill", text.role if text.on is None else f"on-{text.on}"),
    ]
    in_cell = text.on is not None
    if in_cell and text.anchor == "start" and _by_style(looks[1]):
        # Not in the middle of a cell, as the style sheet has it, but at the beginning of a bar.
        looks[1] = looks[1].replace('class="', 'class="at ')
    if text.anchor != "start" and not (in_cell and _by_style(looks[1])):
        looks.append(f'text-anchor="{text.anchor}"')
    if in_cell and not _by_style(looks[1]):
        looks.append('pointer-events="none"')
    if text.bold:
        looks.append('font-weight="bold"')
    title = f"<title>{escape(text.title)}</title>" if text.title else ""
    return f"<text {' '.join(looks)}>{title}{escape(text.text)}</text>"


def _line(line: Line, paint: Paint) -> Iterator[str]:
    points = _points(line.points)
    looks = [paint("stroke", line.role)]
    if line.thick != THICK:
        looks.append(f'stroke-width="{_number(line.thick)}"')
    if line.dashed:
        looks.append('stroke-dasharray="4 3"')
    yield f'<polyline points="{points}" {" ".join(looks)}/>'
    if line.arrow:
        corners = _points(arrow_head(line))
        yield f'<polygon points="{corners}" {paint("fill", line.role)}/>'


def _area(area: Area, paint: Paint) -> Iterator[str]:
    title = f"<title>{escape(area.title)}</title>" if area.title else ""
    yield f'<polygon points="{_points(area.corners)}" {paint("fill", area.fill)}>{title}</polygon>'
    if area.edge is not None:
        yield f'<polyline points="{_points(area.top)}" {paint("stroke", area.edge)}/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def arrow_head(line: Line, size: float = 6.0) -> tuple[tuple[float, float], ...]:
    """Return the corners of the arrow at the end of a line."""
    (x0, y0), (x1, y1) = line.points[-2:]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    a, b = (x1 - x0) / length, (y1 - y0) / length
    back_x, back_y, half = x1 - size * a, y1 - size * b, size / 2
    return (x1, y1), (back_x - half * b, back_y + half * a), (back_x + half * b, back_y - half * a)


def _view(drawing: Drawing) -> str:
    return f'viewBox="0 0 {_number(drawing.width)} {_number(drawing.height)}"'


def _number(value: float) -> str:
    """Return a number with at most two places, and none that are not needed."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
