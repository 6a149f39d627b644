"""A scenario as values: what is to happen, and nothing about what comes of it."""

from typing import TYPE_CHECKING, Any

from simulator.diagnostics import Span
from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.model.requests import Request
from simulator.releases.hosts import Host
from simulator.values import NamedTuple

if TYPE_CHECKING:
    from simulator.flows.resources import Faults, Moving, Resource
    from simulator.schedule.clock import Clock
    from simulator.schedule.turns import Turn
    from simulator.workload.guests import Guest


class Allowance(NamedTuple):
    """A rule whose findings are accepted, and why."""

    rule: str
    because: str


class Repeat(NamedTuple):
    """A name that a statement introduces, and one before it in the file, too.

    Attributes:
        thing: What it is the name of.
        disk: The disk that it is about, where that is told.
        path: The keys that lead to it in the file.
        first: Those that lead to it where it is introduced first.
    """

    thing: str
    name: str
    disk: str | None
    path: tuple[str | int, ...]
    first: tuple[str | int, ...]


class Statement(NamedTuple):
    """One line of a scenario.

    Attributes:
        verb: The word it begins with.
        request: What it asks for.
        span: Its place in the file; None where it was made by a program.
        expects: Codes or names of rules that must be found here, or ``refused``; None where
            the statement says nothing about findings.
        allows: Rules accepted here.
        cells: Length of the picture that a guest's step draws; None where it draws none.
        repeats: Names that are a mistake in the file, if what had them first is there by then.
        otherwise: What is done in its place where the host refuses it.
        endings: How many ticks later something ends what it starts, and what that is.
        moving: How its job moves its bytes; None where it does so at once.
        copied: Where what the jobs had copied that it ends is drawn, and how, or where the host is
            named that the machine goes to; None where neither is.
    """

    verb: str
    request: Request
    span: Span | None = None
    expects: tuple[str, ...] | None = None
    allows: tuple[Allowance, ...] = ()
    cells: int | None = None
    repeats: tuple[Repeat, ...] = ()
    otherwise: "tuple[Statement, ...]" = ()
    endings: "tuple[tuple[int, Statement], ...]" = ()
    moving: "Moving | None" = None
    copied: tuple[tuple[str | int, ...], str] | None = None


class Instant(NamedTuple):
    """Statements that happen at the same simulated time, in this order.

    Attributes:
        label: Its name or time; None for guest steps between two instants.
        tick: Simulated time: 1, 2, 3 … for named instants, nanoseconds for timed ones.
        turn: The turn of a schedule that it is.
    """

    label: str | None
    tick: int
    statements: tuple[Statement, ...] = ()
    turn: "Turn | None" = None


class Feed(NamedTuple):
    """A guest workload as two arrays: nobody can see a single write, so it has no events.

    Attributes:
        disk: Name of the disk.
        ticks: When each write happens, ascending (NumPy, int64).
        clusters: The cluster that each write changes (NumPy, int64, same length).
    """

    disk: str
    ticks: Any
    clusters: Any


class DiskShape(NamedTuple):
    """A disk before anything happens: its name, number of clusters, cluster size and format.

    Attributes:
        lacks: Bytes by which its last cluster is cut short.
    """

    name: str
    length: int
    cluster_size: int = CLUSTER_SIZE_DEFAULT
    format: str = "qcow2"
    lacks: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.length * self.cluster_size - self.lacks


class Script(NamedTuple):
    """A scenario as values: what is to happen, and nothing about what comes of it.

    Attributes:
        title: The scenario's own name.
        model: Id of the API model that gives the verbs their meaning.
        host: What the scenario says that it runs on; None where it does not.
        disks: At least one.
        instants: In the order of time; guest steps between two instants stand in between.
        allows: Rules accepted in the whole scenario.
        path, source: Where it came from, and its text, for findings to quote.
        clock: What 0s is on a calendar.
        timed: Whether ticks are nanoseconds; those of named instants only count.
        dated: Whether labels that nobody wrote are dates.
        guests, resources, faults: Of a timed scenario.
        faults_span: Where the file tells of faults.
    """

    title: str
    model: str
    disks: tuple[DiskShape, ...]
    instants: tuple[Instant, ...]
    feeds: tuple[Feed, ...] = ()
    about: str = ""
    origin: str = ""
    seed: int | None = None
    allows: tuple[Allowance, ...] = ()
    path: str = ""
    source: str = ""
    clock: "Clock | None" = None
    timed: bool = False
    dated: bool = False
    guests: "tuple[Guest, ...]" = ()
    resources: "tuple[Resource, ...]" = ()
    faults: "Faults | None" = None
    faults_span: Span | None = None
    host: Host | None = None

    def write_tick(self, tick: int) -> str:
        """Return a tick of a timed scenario as a label has it: a date where others are dates."""
        if self.dated and self.clock is not None:
            return self.clock.write(tick)
        from simulator.schedule.durations import write_duration

        return write_duration(tick)
