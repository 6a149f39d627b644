"""Notes for findings: aligned figures, and carets below the clusters concerned."""

from collections.abc import Iterable

from simulator.model.clusters import ClusterMap, ClusterSet, letter_of
from simulator.notation import bar, clusters_in_cell, write_bits, write_rows, write_view
from simulator.timeline import Timeline

NAMED_MAX = 4
"""So many stretches of clusters are named one by one."""


def draw_evidence(
    rows: Iterable[tuple[str, str]], *, marked: ClusterSet, length: int, caption: str
) -> tuple[str, ...]:
    """Return figures below one another, and carets below the marked clusters of the last one.

    Args:
        rows: A label and cells each.
        marked: The clusters to point at.
        length: Number of clusters of the disk.
        caption: What is the matter with them.
    """
    lines = write_rows((label, bar(cells)) for label, cells in rows)
    if not marked:
        return tuple(lines)
    indent = " " * (lines[-1].index("|") + 1)
    carets = write_bits(marked, length, mark="^").rstrip()
    scale = clusters_in_cell(length)
    scaled = f" (one cell is {scale:,} clusters)" if scale > 1 else ""
    return (*lines, f"{indent}{carets} {caption}{scaled}")


def draw_change(
    timeline: Timeline,
    disk: str,
    since: int,
    until: int,
    *,
    prefer: str | None = None,
    caption: str,
) -> tuple[str, ...]:
    """Return what the guest saw at two moments, and carets where it differs; empty if unknown.

    Args:
        timeline: The run.
        disk: Name of the disk.
        since, until: The moments.
        prefer: The instant to name for the later one, if it is one of several.
        caption: What is the matter with what changed.
    """
    then, now = timeline.state_at(disk, since), timeline.state_at(disk, until)
    if then is None or now is None:
        return ()
    begins = timeline.label_at(disk, since)
    ends = timeline.label_at(disk, until, prefer=prefer)
    return draw_evidence(
        [
            (f"guest saw at {begins}", write_view(then.guest_view, then.length)),
            (f"guest saw at {ends}", write_view(now.guest_view, now.length)),
        ],
        marked=then.guest_view.differing(now.guest_view).below(now.length),
        length=now.length,
        caption=caption,
    )


def name_clusters(clusters: ClusterSet) -> str:
    """Return clusters as text: ``cluster 5``, ``clusters 3-5 and 7``, or how many there are."""
    runs = [str(f) if n == 1 else f"{f}-{f + n - 1}" for f, n in _few(clusters)]
    if not runs or len(runs) > NAMED_MAX:
        return f"{len(clusters):,} clusters"
    word = "cluster" if len(clusters) == 1 else "clusters"
    return f"{word} {join_words(runs)}"


def _few(clusters: ClusterSet) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for run in clusters.runs():
        runs.append(run)
        if len(runs) > NAMED_MAX:
            break
    return runs


def join_words(words: Iterable[str]) -> str:
    """Return words as a list in prose: ``B2``, ``B2 and B3``, ``B1, B2 and B3``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def tell_change(clusters: ClusterSet, before: ClusterMap, after: ClusterMap) -> str:
    """Return what happened to a few clusters: ``B overwritten with D``."""
    pairs = {(_letter(before, c), _letter(after, c)) for c in clusters} if _few(clusters) else set()
    if len(clusters) > 64 or len(pairs) != 1:
        return f"{name_clusters(clusters)} overwritten"
    old, new = pairs.pop()
    return f"{old} overwritten with {new}"


def _letter(view: ClusterMap, cluster: int) -> str:
    version = view.get(cluster)
    return letter_of(version) if version else "zeroes"
