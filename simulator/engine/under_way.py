"""A job whose bytes take time, and what it is of the machine's."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from simulator.engine.waits import Under, copied_anew
from simulator.flows.course import Course
from simulator.flows.resources import Moving
from simulator.flows.traffic import Pace
from simulator.model.clusters import ClusterSet
from simulator.model.machine import CommitJob, Job, Machine, MirrorJob, Status
from simulator.model.operations.jobs import ReadMeanwhile
from simulator.model.requests import FinishJobs, TakeBackup
from simulator.moves import Key, Move
from simulator.timeline import Statement

AT_ONCE = Moving()
"""How a job moves that nothing bounds."""


class UnderWay:
    """A job under way.

    Attributes:
        number: Its place among all of them, which is also its number in the traffic.
        entry: Number of the entry that started it.
        course: What it moves now: all that it has to, or what the guest wrote behind it.
        passed: Bytes, and bytes of data, of the courses that it has come to the end of.
        guards: Whether the guest's writes wait for what it has still to copy.
        follows: Whether it moves what the guest writes behind it once more.
        ahead: When clusters have been copied, maybe before their turn, since the guest wrote there.
        behind: Clusters that it moves once more.
        until, waited: When each write can go on that waits, and the nanoseconds until then.
        gone_on: How many more writes have waited.
        pending: The clusters of *ahead* that it may still have to copy.
        under: It as it was when the guest wrote there; None where nothing is pending.
        early: Ticks and clusters of the writes that came before the job's first byte, and what is
            the same for all clusters of one write only.
        done: The tick at which it had moved all.
        why: Why it fails; empty where it does not.
    """

    def __init__(
        self, number: int, statement: Statement, entry: int, key: Key, kind: str, course: Course
    ) -> None:
        self.number, self.statement, self.entry = number, statement, entry
        self.name, self.disk = key
        self.kind, self.course, self.size = kind, course, course.size
        self.moving = statement.moving or AT_ONCE
        self.start = 0
        self.passed = (0, 0)
        self.paces: tuple[Pace, ...] = ()
        self.guards = self.follows = False
        self.ahead: dict[int, int] = {}
        self.behind: set[int] = set()
        self.early: list[tuple[int, int, tuple[int, int]]] = []
        self.until: list[int] = []
        self.waited = self.gone_on = 0
        self.pending: set[int] = set()
        self.under: Under | None = None
        self.done: int | None = None
        self.why = ""

    @property
    def key(self) -> Key:
        """What it is called, and its disk."""
        return self.name, self.disk

    def let_go(self, tick: int) -> None:
        """Let the writes go on that wait for it: it is no more."""
        early = self.early if self.guards else []
        covered = {write: then for then, cluster, write in early if self._has_to_copy(cluster)}
        self.waited += sum(tick - each for each in covered.values())
        self.waited -= sum(each - tick for each in self.until if each > tick)
        self.until += [tick] * len(covered)

    def copies_ahead(self, under: Under, copied: Mapping[int, int]) -> None:
        """Note when clusters will have been copied that guest writes wait for."""
        self.ahead.update(copied)
        self.pending.update(copied)
        self.under = under

    def go_on_at(self, now: Under) -> None:
        """Let writes wait for as long as it takes at another speed."""
        before, tick, later = self.under, now.tick, dict[int, int]()
        assert before is not None, "something is pending"
        self.pending = {cluster for cluster in self.pending if self.ahead[cluster] > tick}
        for cluster in self.pending:
            until = self.ahead[cluster]
            self.ahead[cluster] = copied_anew(before, now, until, cluster)
            later[until] = max(self.ahead[cluster], later.get(until, 0))
        waiting = [until for until in self.until if until > tick]
        self.gone_on += len(self.until) - len(waiting)
        self.until = [later.get(until, until) for until in waiting]
        self.waited += sum(self.until) - sum(waiting)
        self.under = now if self.pending else None

    def _has_to_copy(self, cluster: int) -> bool:
        """Whether a cluster is not copied yet when its first byte moves.

        Where only data is bounded, it has passed the zeroes that come before all data.
        """
        reached = self.course.place_of(cluster)
        if reached is None:
            return False
        return self.moving.rate is not None or self.course.data_before(reached) > 0

    def pass_through(self, paces: Iterable[Pace]) -> None:
        """Note how fast it was on the course that it leaves."""
        self.paces += tuple(pace._replace(data=pace.data + self.passed[1]) for pace in paces)

    def move(self, tick: int | None, status: Status, store: str | None) -> Move:
        """Return the record of it when it has ended; its bytes are not told yet.

        Args:
            store: The resource that keeps what it made.
        """
        return Move(
            number=self.number,
            name=self.name,
            disk=self.disk,
            kind=self.kind,
            entry=self.entry,
            through=self.moving.through,
            start=self.start,
            end=tick,
            status=status,
            data_bytes=0,
            zero_bytes=0,
            size=self.size,
            paces=self.paces,
            waited_writes=self.gone_on + len(self.until),
            waited=self.waited,
            store=store,
            why=self.why if status is Status.FAILED else "",
            done=self.done,
        )


def finish(
    job: UnderWay,
    status: Status,
    copied: ClusterSet | None = None,
    read: ReadMeanwhile | None = None,
) -> Statement:
    """Return what ends a job, or a plain copy that holds some clusters, or has read others."""
    request = FinishJobs(jobs=(job.name,), status=status, copied=copied, read=read)
    return Statement(verb=job.statement.verb, request=request, span=job.statement.span)


def plus(passed: tuple[int, int], moved: Fraction, data: Fraction) -> tuple[int, int]:
    """Return bytes, and bytes of data, with more of them."""
    return passed[0] + int(moved), passed[1] + int(data)


def follows(job: Job, machine: Machine) -> bool:
    """Whether what the guest writes has to reach what a job makes."""
    if isinstance(job, CommitJob):
        return job.top == machine.disk(job.disk).active.name
    return isinstance(job, MirrorJob)


def is_pull(statement: Statement) -> bool:
    """Whether a statement asks for a backup that a client reads."""
    return isinstance(statement.request, TakeBackup) and statement.request.pulled
