"""Very many jobs: side by side in lanes, each named where there is room for its name."""

from collections.abc import Iterator, Sequence

from simulator.render.drawing import Shape, Text, fit, width_of
from simulator.render.views.strips import middle
from simulator.render.views.time.bars import SEEN, Bar, Track, draw_bar
from simulator.values import NamedTuple

LANE, BAR = 13.0, 10.0
LANES_MAX = 24
NAME_SIZE, NAME_MAX = 8.0, 96.0
GAP = 5.0


class _Job(NamedTuple):
    name: str
    bar: Bar


def draw_lanes(tracks: Sequence[Track], left: float, y: float) -> tuple[list[Shape], float]:
    """Return jobs in lanes below one another, and where that ends.

    Args:
        tracks: A row for each job, whose first bar is when it ran.
    """
    jobs = sorted((_Job(t.label, t.bars[0]) for t in tracks), key=lambda job: job.bar.start)
    jobs = list(_folded(jobs))
    named = _lanes(jobs, [_room(job) for job in jobs])
    if max(named, default=0) >= LANES_MAX:
        # Those that went wrong keep their names.
        rooms = [_room(job) if job.bar.dashed else job.bar.end - job.bar.start for job in jobs]
        named = _lanes(jobs, rooms)
    shapes: list[Shape] = [Text(0, middle(y, BAR, 12), "jobs", 12)]
    ends = [0.0] * (max(named, default=0) + 1)
    following = _following(jobs, named)
    for job, lane, free in zip(jobs, named, following, strict=True):
        at = y + LANE * lane
        shapes += draw_bar(job.bar, left, at, BAR)
        name = fit(job.name, NAME_MAX, NAME_SIZE)
        if width_of(name, NAME_SIZE) + GAP <= free - job.bar.end:
            x = left + job.bar.end + 4
            role = job.bar.role if job.bar.dashed else "faint"
            shapes.append(Text(x, middle(at, BAR, NAME_SIZE), name, NAME_SIZE, role))
    return shapes, y + LANE * len(ends) + 3


def _room(job: _Job) -> float:
    name = fit(job.name, NAME_MAX, NAME_SIZE)
    return job.bar.end - job.bar.start + width_of(name, NAME_SIZE) + GAP + 3


def _lanes(jobs: Sequence[_Job], rooms: Sequence[float]) -> list[int]:
    """Return the lane of each job: the first that is free by then."""
    ends: list[float] = []
    found = []
    for job, room in zip(jobs, rooms, strict=True):
        lane = next((n for n, end in enumerate(ends) if end <= job.bar.start), len(ends))
        ends[lane : lane + 1] = [job.bar.start + room]
        found.append(lane)
    return found


def _following(jobs: Sequence[_Job], lanes: Sequence[int]) -> list[float]:
    """Return where the next job of each one's lane begins."""
    starts: dict[int, float] = {}
    found = []
    for job, lane in reversed(list(zip(jobs, lanes, strict=True))):
        found.append(starts.get(lane, float("inf")))
        starts[lane] = job.bar.start
    return found[::-1]


def _folded(jobs: Sequence[_Job]) -> Iterator[_Job]:
    """Yield jobs; those that cannot be told apart, and went alike, are one."""
    place = 0
    while place < len(jobs):
        first = jobs[place]
        count = 1
        while place + count < len(jobs) and _alike(first, jobs[place + count]):
            count += 1
        group = jobs[place : place + count]
        place += count
        if count == 1:
            yield first
            continue
        end = max(job.bar.end for job in group)
        high = max((share for job in group for _, share in job.bar.levels), default=1.0)
        disks = {job.name.rpartition("/")[0] for job in group}
        name = f"{first.name} \u2026 {group[-1].name}" if len(disks) > 1 else disks.pop()
        title = f"{count} jobs: {name}"
        levels = ((first.bar.start, high),)
        yield _Job(name, first.bar._replace(end=end, title=title, levels=levels))


def _alike(one: _Job, other: _Job) -> bool:
    near = other.bar.start - one.bar.start < SEEN
    narrow = max(job.bar.end - job.bar.start for job in (one, other)) <= 2 * SEEN
    return near and narrow and one.bar.role == other.bar.role
