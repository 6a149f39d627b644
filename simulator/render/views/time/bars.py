"""Rows of bars along time, and how they are drawn; where there are too many, those are folded."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from simulator.render.drawing import Area, Box, Shape, Text, fit, width_of
from simulator.render.palette import SHADES
from simulator.render.text import FILLS
from simulator.render.views.strips import middle
from simulator.render.views.told import Sample, box_sample
from simulator.values import NamedTuple

ROW, BAR = 19.0, 13.0
THIN_ROW, THIN_BAR = 11.0, 8.0

LINES_MAX = 40
"""Of more rows than that several are drawn as one..."""

FOLDED_MAX = 24
"""... so that there are so many."""

SEEN = 1.5
"""What is narrower than that cannot be told from what stands beside it."""

LABEL_GAP = 12.0

WORDS = {
    "active": "info",
    "read-only": "rule",
    "internal snapshot": "mixed",
    "recording": f"dirty{SHADES}",
    "frozen": "dirty1",
    "busy": "busy",
    "inconsistent": "broken",
    "backup": "backup",
    "kept": "zero",
    "failed": "error",
    "cancelled": "warning",
}
"""What a legend calls bars, in its order, and their roles."""

GRAVE = ("broken", "busy", f"dirty{SHADES}", "dirty1")
"""Of bars that are drawn as one, the first of these that is there decides."""


class Bar(NamedTuple):
    """A stretch of time in a row.

    Attributes:
        start, end: Positions along the axis.
        text: What is written on it, where there is room.
        word: What a legend calls its role; empty where the text says what it is.
        levels: How high it is from which position on, 0 to 1; empty for full height.
        kind: Of a job: ``full``, ``incremental``, ``commit`` ...
    """

    start: float
    end: float
    role: str
    text: str = ""
    title: str = ""
    dashed: bool = False
    word: str = ""
    levels: tuple[tuple[float, float], ...] = ()
    kind: str = ""


class Track(NamedTuple):
    """A row of bars.

    Attributes:
        thin: Whether it is one of very many.
    """

    label: str
    bars: tuple[Bar, ...]
    thin: bool = False

    @property
    def pitch(self) -> float:
        """How far down the next row is."""
        return THIN_ROW if self.thin else ROW


def samples_of(groups: Sequence[Sequence[Track]]) -> Iterator[Sample]:
    """Yield what the colours of bars mean, those that occur."""
    there = {bar.word for group in groups for track in group for bar in track.bars}
    for word, role in WORDS.items():
        if word in there:
            plain = "/" if role == "error" else FILLS.get(role, " ")
            yield box_sample(word, role, plain=plain)


def draw_track(track: Track, left: float, y: float) -> Iterator[Shape]:
    """Yield a row: its label, and its bars with what is written on them or behind them."""
    size, height = (9.0, THIN_BAR) if track.thin else (12.0, BAR)
    told = fit(track.label, left - LABEL_GAP, size)
    title = track.label if told != track.label else ""
    yield Text(0, middle(y, height, size), told, size, title=title)
    for number, bar in enumerate(track.bars):
        yield from draw_bar(bar, left, y, height)
        x, width = left + bar.start, bar.end - bar.start
        if not bar.text:
            continue
        if width_of(bar.text, 9) <= width - 6 and not bar.levels:
            yield Text(x + 4, middle(y, height, 9), bar.text, 9, on=bar.role)
        elif number + 1 == len(track.bars) and (len(track.bars) == 1 or bar.word == "kept"):
            yield Text(x + width + 4, middle(y, height, 9), bar.text, 9, "faint")


def draw_bar(bar: Bar, left: float, y: float, height: float) -> Iterator[Shape]:
    """Yield a bar: a box, or what is as high as its levels say."""
    x, width = left + bar.start, bar.end - bar.start
    edge = "error" if bar.dashed else "ink"
    if not bar.levels:
        yield Box(x, y, width, height, bar.role, edge, 0.75, dashed=bar.dashed, title=bar.title)
        return
    base = y + height
    ends = (*(place for place, _ in bar.levels[1:]), bar.end)
    top = tuple(
        (left + place, base - height * share)
        for (start, share), end in zip(bar.levels, ends, strict=True)
        for place in (start, end)
    )
    plain = "/" if bar.role == "error" else FILLS.get(bar.role, "*")
    yield Box(x, y, width, height, None, bar.role, 0.5, bar.dashed, bar.title, plain=plain)
    yield Area(top, base, bar.role, edge, bar.title, plain="")


def fold(tracks: Sequence[Track]) -> list[Track]:
    """Return rows, where they are very many neighbours as one: as high as many of them are there.

    Rows of what was there for too short a time to be seen, or only for a job, are one.
    """
    if len(tracks) <= LINES_MAX:
        return list(tracks)
    seen = [track for track in tracks if not _passes(track)]
    brief = [track for track in tracks if _passes(track)]
    each = -(-len(seen) // FOLDED_MAX)
    groups = [seen[start : start + each] for start in range(0, len(seen), each)] if seen else []
    found = [_folded(group, len(group)) for group in groups]
    return [*found, _folded(brief, _most_at_once(brief))] if brief else found


def _passes(track: Track) -> bool:
    """Whether something is there for too short a time to be seen, or only for a job."""
    length = sum(bar.end - bar.start for bar in track.bars)
    return length < SEEN or all(bar.word == "busy" for bar in track.bars)


def _most_at_once(tracks: Sequence[Track]) -> int:
    """Return how many bars of some rows are there at one time, at most."""
    bars = [bar for track in tracks for bar in track.bars]
    # What ends at a place is there no more when something else begins.
    turns = sorted([(bar.start, 1) for bar in bars] + [(bar.end, -1) for bar in bars])
    return max(accumulate(step for _, step in turns))


def _folded(tracks: Sequence[Track], number: int) -> Track:
    """Return rows as one, of full height where so many are there."""
    first, last = tracks[0].label, tracks[-1].label.strip()
    label = f"{first} \u2026 {last}" if len(tracks) > 1 else first
    bars = [bar for track in tracks for bar in track.bars]
    places = sorted({place for bar in bars for place in (bar.start, bar.end)})
    found: list[Bar] = []
    for start, end in pairwise(places):
        there = [bar for bar in bars if bar.start <= start and end <= bar.end]
        if not there:
            continue
        bar = _joined(there, start, end, number)
        if found and found[-1].end == start and found[-1].role == bar.role:
            before = found.pop()
            bar = bar._replace(start=before.start, levels=before.levels + bar.levels)
        found.append(bar._replace(title=", ".join(track.label.strip() for track in tracks)))
    return Track(label, tuple(found), thin=True)


def _joined(bars: Sequence[Bar], start: float, end: float, number: int) -> Bar:
    """Return bars that are there together as one."""
    rank = {role: place for place, role in enumerate(GRAVE)}
    gravest = min(bars, key=lambda bar: rank.get(bar.role, len(rank)))
    share = len(bars) / number
    return Bar(start, end, gravest.role, word=gravest.word, levels=((start, share),))
