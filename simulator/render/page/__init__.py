"""A run as one page: no network, no inline style, and scripts only by their hash."""

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from urllib.parse import quote

from simulator.diagnostics import Finding, printable
from simulator.render import svg
from simulator.render.figures import Figures
from simulator.render.origins import Origins, marked_cells
from simulator.render.page.along import chosen_frames, write_along
from simulator.render.palette import Theme
from simulator.render.rows import shown_of
from simulator.render.story import guest_lines, summarise, tell_scales, title_of
from simulator.render.told import place_of, when_of
from simulator.render.views.chain import lay_out_chain, rows_at
from simulator.timeline import Frame, Timeline

POLL = "connect-src 'self'; "
"""What a page that looks for a newer version of itself may do beside."""


def write_page(
    timeline: Timeline, findings: Sequence[Finding], *, version: str = "", whole: bool = False
) -> str:
    """Return a run as an HTML file of its own.

    Args:
        whole: Whether rows that did not change are drawn, however many there are.
        version: What the server calls this state of the file; empty for a page that is a file.
    """
    origins, figures = Origins(timeline), Figures(timeline, whole=whole)
    names, chosen = _labels(timeline.frames), chosen_frames(timeline, findings)
    along = write_along(timeline, findings, chosen)
    parts = [
        _header(timeline, findings),
        *_left_out(len(names) - len(chosen)),
        along,
        _controls([names[number] for number in chosen]),
        '<div class="columns"><div class="instants">',
        "<p id=told class=told aria-live=polite>Point at a cell to see who wrote it.</p>",
        *(
            _instant(timeline, timeline.frames[number], names[number], origins, figures)
            for number in chosen
        ),
        "</div>",
        _findings(timeline, findings, chosen),
        "</div>",
    ]
    body = "\n".join(filter(None, parts))
    return write_document(timeline.script.title, body, version=version, timed=bool(along))


def _left_out(count: int) -> Iterator[str]:
    """Yield how many instants have no figure of their own."""
    if count:
        yield f"<p class=faint>{count:,} instants have no figure of their own.</p>"


def write_problem(title: str, text: str, *, version: str = "") -> str:
    """Return a page that shows why there is none: what is wrong with the scenario, as text."""
    body = f"<h1>{_escape(title)}</h1>\n<pre tabindex=0>{_escape(text)}</pre>"
    return write_document(title, body, version=version, viewer=False)


def write_document(
    title: str, body: str, *, version: str = "", viewer: bool = True, timed: bool = False
) -> str:
    """Return an HTML document with the page's style and scripts.

    Args:
        title: Any text; it is escaped.
        body: HTML.
        version: What the server calls this state of the file; empty for a page that is a file.
        viewer: Whether it has instants to look through.
        timed: Whether it has a picture along time.
    """
    style = _asset("page.css") + _themes() + (_asset("along.css") if timed else "")
    code = (_asset("page.js") if viewer else "") + (_asset("live.js") if version else "")
    code += _asset("along.js") if timed else ""
    policy = (
        f"default-src 'none'; style-src {_source(style)}; "
        f"script-src {_source(code)}; img-src data:; "
        f"{POLL if version else ''}base-uri 'none'; form-action 'none'"
    )
    told = f' data-version="{_escape(version)}"' if version else ""
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f'<title>{_escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{style}</style></head>\n<body{told}>\n{body}\n"
        f"{f'<script>{code}</script>' if code else ''}\n</body></html>\n"
    )


def _escape(text: str) -> str:
    """Return a text as HTML has it, line by line; what no screen can show is told."""
    return html.escape("\n".join(map(printable, text.split("\n"))))


def _asset(name: str) -> str:
    return files("simulator.render.page").joinpath(name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return what a policy calls a text: its hash, or none where there is no text."""
    if not text:
        return "'none'"
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _themes() -> str:
    """Return the colours of the drawings, in light and in dark."""
    light, dark = svg.style_sheet(Theme.LIGHT), svg.style_sheet(Theme.DARK)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _header(timeline: Timeline, findings: Sequence[Finding]) -> str:
    script = timeline.script
    lines = [f"<h1>{_escape(script.title)}</h1>"]
    lines += [f"<p>{_escape(script.about.strip())}</p>"] if script.about.strip() else []
    origin = f"; source: {_escape(script.origin)}" if script.origin else ""
    told = _escape(summarise(timeline, findings))
    lines.append(f'<p class="faint">model {_escape(timeline.under)}{origin}. {told}.</p>')
    lines += [f"<p class=faint>{_escape(line)}</p>" for line in tell_scales(timeline)]
    return f"<header>{''.join(lines)}</header>"


def _labels(instants: Sequence[Frame]) -> list[str]:
    """Return what to call each instant; what comes after the last named one has a name, too."""
    named = {frame.label for frame in instants}
    last = "afterwards" if "afterwards" not in named else "after the last instant"
    return [frame.label if frame.label is not None else last for frame in instants]


def _link(label: str) -> str:
    """Return the address of an instant on the page."""
    return f"#{_escape(quote(label, safe=''))}"


def _controls(labels: Sequence[str]) -> str:
    last = len(labels) - 1
    links = "".join(f'<li><a href="{_link(label)}">{_escape(label)}</a></li>' for label in labels)
    off = " disabled" if last < 1 else ""
    return (
        '<div class="controls">'
        f'<button type=button id=back aria-label="the instant before"{off}>&larr;</button>'
        f'<input type=range id=slider min=0 max="{max(last, 0)}" value="{max(last, 0)}" '
        f'aria-label="instant"{off}>'
        f'<button type=button id=next aria-label="the next instant"{off}>&rarr;</button>'
        f"<button type=button id=play{off}>Play</button>"
        "<output id=now class=now for=slider></output></div>\n"
        f'<nav aria-label="instants"><ol>{links}</ol></nav>'
    )


def _instant(
    timeline: Timeline, frame: Frame, name: str, origins: Origins, figures: Figures
) -> str:
    """Return an instant: what was done, its picture, and the same as text."""
    rows = figures.rows_of(frame.machine)
    drawn = {each.disk.name: shown_of(each, whole=figures.whole) for each in rows}
    drawing = lay_out_chain(timeline, frame, origins=origins, heading=False, rows=drawn)
    label = _escape(name)
    guest = _escape("; ".join(guest_lines(timeline, frame)))
    steps = _escape(title_of(timeline, frame))
    text = figures.write_rows(rows)
    told = [f"<p class=faint>before: {guest}</p>"] if guest else []
    told += [f"<p>{steps}</p>"] if steps else []
    return (
        f'<section data-label="{label}" aria-label="{label}"><h2>{label}</h2>'
        f"{''.join(told)}"
        f'<div class=figure tabindex=0 data-scrolls role=group aria-label="figure of {label}">'
        f"{svg.write_inline(drawing)}</div>"
        f"<details><summary>as text</summary><pre tabindex=0>{_escape(text)}</pre></details>"
        "</section>"
    )


def _findings(timeline: Timeline, findings: Sequence[Finding], chosen: Sequence[int]) -> str:
    """Return the findings, each with a link to its instant, if that has a figure."""
    places = {number: place for place, number in enumerate(chosen)}
    items = []
    for each in findings:
        number = place_of(timeline, each)
        items.append(
            _finding(timeline, each, number, places.get(number) if number is not None else None)
        )
    none = "" if items else " none"
    body = f"<ol>{''.join(items)}</ol>" if items else "<p>none</p>"
    return f'<aside class="findings{none}" aria-label="findings"><h2>Findings</h2>{body}</aside>'


def _finding(timeline: Timeline, finding: Finding, number: int | None, place: int | None) -> str:
    return "".join(_finding_parts(timeline, finding, number, place))


def _finding_parts(
    timeline: Timeline, finding: Finding, number: int | None, place: int | None
) -> Iterator[str]:
    """Yield a finding.

    Args:
        number: That of its frame.
        place: That of the frame's figure on the page.
    """
    frame = timeline.frames[number] if number is not None else None
    rows = [row.label for row in rows_at(timeline, frame)] if frame is not None else []
    marks = [list(mark) for mark in marked_cells(finding.notes, rows)]
    at = f' data-place="{place}"' if place is not None else ""
    yield f'<li class="{finding.severity.value}"{at} data-marks="{_escape(json.dumps(marks))}">'
    known = "expected" if finding.expected else "allowed" if finding.allowed else ""
    head = _escape(f"{finding.severity}[{finding.code}] {finding.rule}")
    yield f"<b>{head}</b>{f' ({known})' if known else ''}"
    if place is not None and number is not None:
        name = _labels(timeline.frames)[number]
        yield f' <a href="{_link(name)}">{_escape(when_of(timeline, finding))}</a>'
    yield f"<p>{_escape(finding.message)}</p>"
    if finding.notes:
        yield f"<pre tabindex=0>{_escape(chr(10).join(finding.notes))}</pre>"
    for each in finding.related:
        line = f"line {each.span.line}" if each.span is not None else ""
        where = _escape(", ".join(filter(None, (each.at, line))))
        told = f'<a href="{_link(each.instant)}">{where}</a>' if each.instant else where
        yield f'<p class="related">{told}: {_escape(each.message)}</p>'
    if finding.help:
        yield f"<p>help: {_escape(finding.help)}</p>"
    yield "</li>"
