"""What to do after a refusal: tried on the machine as it is then, and told only if it helps."""

from collections.abc import Iterable, Iterator

from simulator.diagnostics import InputError
from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.model.requests import Request
from simulator.model.transitions import apply_all
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Way(NamedTuple):
    """Requests that do it, one after the other.

    Attributes:
        again: Whether the refused request is made once more after them, and accepted then.
    """

    steps: tuple[Request, ...]
    again: bool = False


class Advice(NamedTuple):
    """What to do, in words, and what that is.

    Attributes:
        text: An imperative.
        ways: What the words stand for; where they name several things to do, each by itself.
    """

    text: str
    ways: tuple[Way, ...]


def first_that_helps(
    timeline: Timeline, entry: Entry, candidates: Iterable[Advice]
) -> Advice | None:
    """Return the first advice whose ways are all accepted then and there; None for none of them.

    Where an advice does what it says and the request is refused even then, for another reason,
    that reason is told with it, and only where no other advice helps.
    """
    second: Advice | None = None
    for advice in candidates:
        outcomes = [try_out(timeline, entry, way) for way in advice.ways]
        if not any(isinstance(outcome, Refusal) for outcome in outcomes):
            return advice
        second = second or _helps_half(timeline, entry, advice)
    return second


def _helps_half(timeline: Timeline, entry: Entry, advice: Advice) -> Advice | None:
    for way in advice.ways:
        if not way.again or isinstance(try_out(timeline, entry, Way(way.steps)), Refusal):
            continue
        outcome = try_out(timeline, entry, way)
        if isinstance(outcome, Refusal):
            told = f"{advice.text}; it is refused even then: {outcome.text}"
            return Advice(told, (Way(way.steps),))
    return None


def try_out(timeline: Timeline, entry: Entry, way: Way) -> Machine | Refusal:
    """Return the machine of a refused request after a way out, or why that is refused."""
    assert entry.request is not None, "a workload has no way out"
    steps = (*way.steps, entry.request) if way.again else way.steps
    machine = entry.before
    for step in steps:
        outcome = _try(timeline, machine, step)
        if isinstance(outcome, Refusal):
            return outcome
        machine = outcome
    return machine


def _try(timeline: Timeline, machine: Machine, request: Request) -> Machine | Refusal:
    if timeline.plan is None:
        return Refusal("nobody can be asked")
    try:
        plan = timeline.plan(machine, request)
    except InputError as error:  # A proposal that cannot cope with what nobody asked so far.
        return Refusal(str(error))
    return plan if isinstance(plan, Refusal) else apply_all(machine, plan)


def unused(names: Iterable[str], wish: str) -> str:
    """Return a name that nobody has.

    >>> unused(["full", "full-2"], "full")
    'full-3'
    """
    taken = set(names)
    tries: Iterator[str] = (wish if n == 1 else f"{wish}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in tries if name not in taken)


def new_name(machine: Machine, wish: str) -> str:
    """Return a name that no image, bitmap, checkpoint, backup or job of a machine has."""
    names = {each.name for each in (*machine.checkpoints, *machine.backups, *machine.jobs)}
    for disk in machine.disks:
        chained = disk if disk.chain or disk.detached is None else disk.detached
        names |= {image.name for image in chained.chain}
        names |= {bitmap.name for bitmap in chained.bitmaps}
    return unused(names, wish)
