"""All timelines of the mail's API, one after the other, from nothing but its description.

It has its own state and knows nothing of the simulator: a chain of images is a list of
dictionaries, a bitmap one of sets, and a state is the same as another if some order of its clusters
makes them so. A guest's letters are numbers of writes.
"""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any, NamedTuple

Cells = dict[int, int]
Set = frozenset[int]


class Bitmap(NamedTuple):
    """Where the guest wrote from one moment to another; it records while *end* is None."""

    image: int
    name: int
    recording: bool
    dirty: Set
    start: int
    end: int | None = None


class State(NamedTuple):
    """A disk, its bitmaps and checkpoints, and what the guest saw at each moment."""

    images: tuple[Cells, ...] = ({},)
    froze: tuple[int, ...] = ()
    bitmaps: tuple[Bitmap, ...] = ()
    points: tuple[tuple[int, int], ...] = ()
    views: tuple[Cells, ...] = ({},)

    @property
    def now(self) -> int:
        """How often the guest has written."""
        return len(self.views) - 1


def read(state: State) -> Cells:
    """Return what the guest sees."""
    seen: Cells = {}
    for image in state.images:
        seen = seen | image
    return seen


def write(state: State, clusters: tuple[int, ...]) -> State:
    """Let the guest write some clusters."""
    data = dict.fromkeys(clusters, state.now + 1)
    images = (*state.images[:-1], state.images[-1] | data)
    top = len(images) - 1
    bitmaps = tuple(
        b._replace(dirty=b.dirty | set(clusters)) if b.recording and b.image == top else b
        for b in state.bitmaps
    )
    changed = state._replace(images=images, bitmaps=bitmaps)
    return changed._replace(views=(*state.views, read(changed)))


def freeze(state: State) -> State:
    """Stop the newest bitmap that records."""
    live = [n for n, b in enumerate(state.bitmaps) if b.recording]
    if not live:
        return state
    bitmaps = list(state.bitmaps)
    old = bitmaps[live[-1]]
    end = state.now if old.end is None else old.end
    bitmaps[live[-1]] = old._replace(recording=False, end=end)
    return state._replace(bitmaps=tuple(bitmaps))


def checkpoint(state: State) -> State:
    """Freeze the newest bitmap and start the next one."""
    state, name = freeze(state), len(state.points)
    new = Bitmap(len(state.images) - 1, name, True, frozenset(), state.now)
    points = (*state.points, (name, state.now))
    return state._replace(bitmaps=(*state.bitmaps, new), points=points)


def snapshot(state: State, *, point: bool) -> State:
    """Freeze the newest bitmap and put an overlay on the chain, with the next one or without."""
    state = freeze(state)
    state = state._replace(images=(*state.images, {}), froze=(*state.froze, state.now))
    return checkpoint(state) if point else state


def is_wrong(state: State, bits: Set, start: int, ends: set[int]) -> bool:
    """Whether a backup of some clusters, on what the guest saw once, is nothing that it may be."""
    seen = read(state)
    given = state.views[start] | {c: seen[c] for c in bits if c in seen}
    return all(given != state.views[end] for end in ends)


def backups(state: State) -> Iterator[tuple[str, bool]]:
    """Yield each backup that can be taken: by which verb, and whether it is wrong."""
    for place, (_, moment) in enumerate(state.points):
        later = {name for name, _ in state.points[place:]}
        bits = frozenset().union(*(b.dirty for b in state.bitmaps if b.name in later))
        yield "backup", is_wrong(state, bits, moment, {state.now})
    for bitmap in state.bitmaps:
        end = state.now if bitmap.end is None else bitmap.end
        yield "read", is_wrong(state, bitmap.dirty, bitmap.start, {end, state.now})


def steps(state: State, clusters: int, images: int, bitmaps: int) -> Iterator[State]:
    """Yield the states that come of one step."""
    for count in range(1, clusters + 1):
        yield from (write(state, some) for some in combinations(range(clusters), count))
    if len(state.points) < bitmaps:
        yield checkpoint(state)
    if len(state.images) < images:
        yield snapshot(state, point=False)
        if len(state.points) < bitmaps:
            yield snapshot(state, point=True)


def canonical(state: State, clusters: int) -> Any:
    """Return something that is equal for states that are the same but for order and letters."""
    moments = {state.now, *state.froze, *(at for _, at in state.points)}
    moments |= {b.start for b in state.bitmaps} | {
        b.end for b in state.bitmaps if b.end is not None
    }
    ranks = {at: n for n, at in enumerate(sorted(moments))}
    shape = (
        tuple(ranks[at] for at in state.froze),
        tuple((b.image, b.name, b.recording, ranks[b.start], -1 if b.end is None else ranks[b.end])
              for b in state.bitmaps),
        tuple((name, ranks[at]) for name, at in state.points),
    )  # fmt: skip
    columns = []
    for cluster in range(clusters):
        cells = [image.get(cluster) for image in state.images]
        cells += [state.views[at].get(cluster) for at in sorted(moments)]
        letters: dict[int, int] = {}
        named = tuple(-1 if c is None else letters.setdefault(c, len(letters)) for c in cells)
        columns.append((named, tuple(cluster in b.dirty for b in state.bitmaps)))
    return shape, min(permutations(columns))


def explore(
    clusters: int, depth: int, images: int, bitmaps: int
) -> tuple[list[int], dict[str, int]]:
    """Return how many states are known after each step, and how soon each verb goes wrong."""
    frontier, known, counts = [State()], {canonical(State(), clusters)}, []
    wrong: dict[str, int] = {}
    for step in range(1, depth + 1):
        following = []
        for state in frontier:
            for verb, bad in backups(state):
                if bad:
                    wrong.setdefault(verb, step)
            for new in steps(state, clusters, images, bitmaps):
                key = canonical(new, clusters)
                if key not in known:
                    known.add(key)
                    following.append(new)
        frontier = following
        counts.append(len(known))
    return counts, wrong
