"""Jobs whose bytes take time: begun by a step, under way from tick to tick, ended by themselves."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from simulator.engine.chance import Chance
from simulator.engine.reading import Copies
from simulator.engine.under_way import (
    AT_ONCE,
    UnderWay,
    finish,
    follows,
    is_pull,
    plus,
)
from simulator.engine.waits import Under, copied_at, look
from simulator.flows.course import Course
from simulator.flows.resources import Resource
from simulator.flows.sharing import Flow, parts_of
from simulator.flows.traffic import Traffic
from simulator.measures import courses
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.machine import (
    BackupJob,
    Job,
    Machine,
    MirrorJob,
    Status,
)
from simulator.model.operations import CloseImages, EndJob, KillProcess, Operation
from simulator.model.requests import FinishJobs, TakeBackup
from simulator.model.values import replace
from simulator.moves import (
    BY_CHANCE,
    NO_BACKUP,
    TOO_EARLY,
    WITHOUT_JOB,
    Key,
    Move,
    Progress,
    key_of,
    kind_of,
    made_of,
    status_of,
)
from simulator.timeline import Statement


class Moves:
    """The jobs under way, and what became of those that have ended.

    Attributes:
        ended_by_themselves: The last tick at which a copy or a restore was done: nothing of the
            machine's changes then.
        copies: What plain copies read while their images are written.
    """

    def __init__(self, resources: Iterable[Resource], chance: Chance | None) -> None:
        """Begin without any job.

        Args:
            chance: Says which of them fail; None for none.
        """
        there = tuple(resources)
        self._capacities = {r.name: r.capacity for r in there if r.capacity is not None}
        self._traffic = Traffic({r.name: r.bandwidth for r in there if r.bandwidth is not None})
        self._chance = chance
        self._under: dict[int, UnderWay] = {}
        self.copies = Copies(self._traffic, self._under)
        self._count = self._calls = 0
        self._stores: dict[Key, str] = {}
        self._record: list[Move] = []
        self.ended_by_themselves = -1

    # What begins.

    @staticmethod
    def taken_over(before: Machine, after: Machine) -> Machine:
        """Return a machine on which nobody else counts what its new jobs copy."""
        known = {key_of(job) for job in before.jobs}
        jobs = tuple(
            replace(job, overwritten=None)
            if isinstance(job, BackupJob) and key_of(job) not in known
            else job
            for job in after.jobs
        )
        return replace(after, jobs=jobs)

    def begin(
        self, statement: Statement, before: Machine, after: Machine, tick: int, entry: int
    ) -> None:
        """Let the jobs that a step started move their bytes.

        Args:
            entry: The number of the step's entry.
        """
        known = {key_of(job) for job in before.jobs}
        for job in after.jobs:
            if key_of(job) not in known:
                course = courses.course_of(before, job)
                made = self._add(statement, entry, key_of(job), kind_of(job), course, tick)
                made.guards = isinstance(job, BackupJob) and job.guarding and job.scratch is None
                made.follows = follows(job, before)
        for restored in after.restores[len(before.restores) :]:
            course = courses.course_of_restore(after.disk(restored.disk), restored)
            key = restored.name, restored.disk
            self._add(statement, entry, key, "restore", course, tick)
        if statement.verb == "copy" and after.backups is not before.backups:
            copy = after.backups[-1]
            course = courses.course_of_copy(after.disk(copy.disk), copy)
            made = self._add(statement, entry, (copy.name, copy.disk), "copy", course, tick)
            self.copies.begin(made.number, copy, after, tick)

    def _add(
        self, statement: Statement, entry: int, key: Key, kind: str, course: Course, tick: int
    ) -> UnderWay:
        self._count += 1
        job = UnderWay(self._count, statement, entry, key, kind, course)
        job.start = tick
        self._under[job.number] = job
        self._stores.pop(key, None)
        store = next((name for name in job.moving.through if name in self._capacities), None)
        if store is not None and kind not in NO_BACKUP:
            self._stores[key] = store
        goal = None
        if self._chance is not None and statement.verb == "backup":
            share = self._chance.fails()
            if share is not None:
                goal, job.why = share * course.size, BY_CHANCE
        self._flow(job, tick + job.moving.latency, goal)
        return job

    def _flow(self, job: UnderWay, tick: int, goal: Fraction | None = None) -> None:
        counts_zeroes = job.kind not in WITHOUT_JOB and not is_pull(job.statement)
        zeroes = job.moving.rate if counts_zeroes else None
        rate = job.moving.rate
        flow = Flow(job.moving.through, parts_of(rate) if rate is not None else None)
        self._traffic.begin(job.number, job.course, flow, zeroes, tick, goal)

    # What time does.

    def settle(self, tick: int) -> None:
        """Let those flow whose time has come, and share the resources anew."""
        self._traffic.settle(tick)
        for job in self._moving():
            if job.early and self._traffic.begins(job.number) <= tick:
                self._wait_for_the_first_byte(job)
            if job.under is not None:
                now = self._under_of(job)
                if now is not None and now.speeds != job.under.speeds:
                    job.go_on_at(now)

    def next_tick(self, tick: int, machine: Machine) -> int | None:
        """Return when a job begins to flow, has moved all, or has no more room."""
        self.settle(tick)
        latest = self._traffic.next_tick()
        if latest is None:
            return None
        return min([latest, *(self._full_at(s, tick, latest, machine) for s in self._capacities)])

    def ends(self, tick: int, machine: Machine) -> list[Statement]:
        """Return what ends the jobs that have moved all by now, or have no room, in their order."""
        ended: list[Statement] = []
        self.copies.carry(machine, tick)
        for store, capacity in self._capacities.items():
            filling = self._filling(store)
            if filling and self._stored(store, tick, machine) > capacity:
                job = max(filling, key=lambda each: each.number)
                job.why = f"{store} is full"
                copied = read = None
                if job.kind in WITHOUT_JOB:
                    copied = self._copied(job, machine, tick)
                    read = self.copies.end(job.number, machine)
                    if read is not None:
                        copied = self.copies.passed(job.number, tick, read.content)
                    self._end(job, tick, Status.FAILED)
                ended.append(finish(job, Status.FAILED, copied, read))
        for number in self._traffic.ended(tick):
            job = self._under[number]
            job.pass_through(self._traffic.paces(number))
            place = self._traffic.goal(number)
            job.passed = plus(job.passed, place, job.course.data_before(place))
            self._traffic.drop(number)
            if job.behind:
                self._move_again(job, tick, machine)
                continue
            job.done = tick
            if job.kind in WITHOUT_JOB:
                read = self.copies.end(job.number, machine)
                if read is not None:
                    ended.append(finish(job, Status.COMPLETED, read=read))
                self._end(job, tick, Status.COMPLETED)
                self.ended_by_themselves = tick
            elif job.why == BY_CHANCE:
                ended.append(finish(job, Status.FAILED))
            elif not job.why and not job.moving.held and self._all_done(job):
                ended.append(finish(job, Status.COMPLETED))
        return ended

    def _moving(self) -> list[UnderWay]:
        """Return those that have not moved all."""
        return [job for job in self._under.values() if job.done is None]

    def _all_done(self, job: UnderWay) -> bool:
        """Whether all disks of a request have been copied."""
        return all(
            each.done is not None for each in self._under.values() if each.entry == job.entry
        )

    def _move_again(self, job: UnderWay, tick: int, machine: Machine) -> None:
        """Let a job move what the guest wrote behind it."""
        disk = machine.disk(job.disk)
        job.course = courses.course_again(disk, set_of(disk.length, job.behind))
        job.size += job.course.size
        job.behind = set()
        self._flow(job, tick)

    # What is kept in a store.

    def _filling(self, store: str) -> list[UnderWay]:
        return [job for job in self._moving() if self._stores.get(job.key) == store]

    def _stored(self, store: str, tick: int, machine: Machine) -> Fraction:
        """Return the bytes in a store at a tick, if nothing changes until then."""
        moving = self._filling(store)
        under = {job.key for job in moving}
        held = sum(
            backup.data_bytes
            for backup in machine.backups
            if self._stores.get((backup.name, backup.disk)) == store
            and (backup.name, backup.disk) not in under
            and backup.has_file
        )
        places = ((job, self._traffic.place(job.number, tick)) for job in moving)
        return held + sum((job.course.data_before(place) for job, place in places), Fraction(0))

    def _full_at(self, store: str, tick: int, latest: int, machine: Machine) -> int:
        """Return the first tick at which a store has no more room; the latest where it has."""
        capacity, low, high = self._capacities[store], tick, latest
        if not self._filling(store) or self._stored(store, latest, machine) <= capacity:
            return latest
        while low < high:
            middle = (low + high) // 2
            if self._stored(store, middle, machine) > capacity:
                high = middle
            else:
                low = middle + 1
        return low

    # What the guest does.

    def watches(self, disk: str) -> bool:
        """Whether a job has to know what the guest writes to a disk."""
        return bool(self._watching(disk))

    def _watching(self, disk: str) -> list[UnderWay]:
        moving = self._moving()
        return [job for job in moving if job.disk == disk and (job.guards or job.follows)]

    def wrote(
        self,
        disk: str,
        ticks: Sequence[int],
        clusters: Sequence[int],
        writes: Sequence[int] | None,
    ) -> None:
        """Take in what a guest wrote to a disk since the last event.

        Args:
            ticks: When each change of a cluster happened, ascending.
            clusters: The one that it changed.
            writes: The number of the write that each is a part of; None where each is one.
        """
        self._calls += 1
        for job in self._watching(disk):
            under = self._under_of(job)
            if job.follows:
                last = dict(zip(map(int, clusters), map(int, ticks), strict=True))
                job.behind |= {
                    cluster
                    for cluster, tick in last.items()
                    if under is not None and copied_at(under, tick, cluster) is None
                }
            elif under is None:
                numbers = range(len(ticks)) if writes is None else map(int, writes)
                own = ((self._calls, number) for number in numbers)
                job.early += zip(map(int, ticks), map(int, clusters), own, strict=True)
            else:
                waits = look(under, ticks, clusters, job.ahead, writes)
                if waits.copied:
                    job.copies_ahead(under, waits.copied)
                job.until += waits.until
                job.waited += waits.waited

    def _under_of(self, job: UnderWay) -> Under | None:
        """Return a job as the guest meets it; None before its first byte."""
        found = self._traffic.under(job.number)
        if found is None:
            return None
        speed, rate = found.speeds.data, job.moving.rate
        if speed is None or rate is None:
            return Under(*found)
        return Under(*found, parts_of(speed) == parts_of(rate), job.moving.lets_pass)

    def _wait_for_the_first_byte(self, job: UnderWay) -> None:
        """Let the writes that came before a job's first byte go on."""
        under, early = self._under_of(job), job.early
        assert under is not None, "it has begun"
        job.early = []
        late: dict[tuple[int, int], tuple[int, int]] = {}
        for tick, cluster, write in early if job.guards else ():
            until = copied_at(under, under.tick, cluster)
            if until is not None:
                job.copies_ahead(under, {cluster: until})
                late[write] = tick, max(until, late.get(write, (tick, until))[1])
        job.until += [until for _, until in late.values()]
        job.waited += sum(until - tick for tick, until in late.values())

    # What ends.

    def judged(self, statement: Statement) -> Statement:
        """Return a statement as it comes about.

        What ends a job that has not moved all does not complete it. Where backups fail or get lost
        by chance, each is a job for that.
        """
        request = statement.request
        drawn = self._chance is not None and self._chance.harms_backups
        if drawn and isinstance(request, TakeBackup) and statement.moving is None:
            lasting = request.lasting
            return statement._replace(
                request=request._replace(lasting=True), moving=AT_ONCE._replace(held=lasting)
            )
        if not isinstance(request, FinishJobs) or request.status is not Status.COMPLETED:
            return statement
        early = [job for job in self._moving() if job.name in request.jobs]
        for job in early:
            job.why = TOO_EARLY
        if not early:
            return statement
        return statement._replace(request=request._replace(status=Status.FAILED))

    def stopped(self, machine: Machine, operations: Iterable[Operation], tick: int) -> Machine:
        """Return the machine with how far its jobs have come, if some are about to be stopped."""
        bad = any(
            isinstance(each, KillProcess | CloseImages)
            or (isinstance(each, EndJob) and each.status is not Status.COMPLETED)
            for each in operations
        )
        under = {job.key: job for job in self._under.values()} if bad else {}
        if not under:
            return machine
        jobs: list[Job] = []
        for job in machine.jobs:
            if key_of(job) in under:
                done = self._copied(under[key_of(job)], machine, tick)
                if isinstance(job, BackupJob):
                    job = replace(job, copied=done)
                elif not isinstance(job, MirrorJob) and job.copying is not None:
                    job = replace(job, copying=replace(job.copying, done=done))
            jobs.append(job)
        return replace(machine, jobs=tuple(jobs))

    def _copied(self, job: UnderWay, machine: Machine, tick: int) -> ClusterSet:
        length = machine.disk(job.disk).length
        done = job.done is not None
        place = Fraction(job.passed[0]) if done else self._traffic.place(job.number, tick)
        copied = set_of(length, job.course.moved(place))
        return copied | set_of(length, (c for c, until in job.ahead.items() if until <= tick))

    def end(
        self, before: Machine, after: Machine, operations: Sequence[Operation], tick: int
    ) -> None:
        """Note the jobs that are no more."""
        left = {key_of(job) for job in after.jobs}
        gone = {key_of(job): job for job in before.jobs if key_of(job) not in left}
        for job in [each for each in self._under.values() if each.key in gone]:
            was = gone[job.key]
            scratch = was.scratch if isinstance(was, BackupJob) else None
            peak = len(scratch) * before.disk(job.disk).cluster_size if scratch is not None else 0
            self._end(job, tick, status_of(was, after, operations), after, peak)

    def _end(
        self,
        job: UnderWay,
        tick: int | None,
        status: Status,
        machine: Machine | None = None,
        peak: int = 0,
    ) -> None:
        moved, data = job.passed
        if tick is not None:
            job.let_go(tick)
        if job.done is None and tick is not None:
            place = self._traffic.place(job.number, tick)
            job.pass_through(self._traffic.paces(job.number))
            self._traffic.drop(job.number)
            moved, data = plus(job.passed, place, job.course.data_before(place))
        zeroes = moved - data
        made = made_of(machine, job.key) if machine is not None else None
        if made is not None and status is Status.COMPLETED:
            # Granules may be smaller than clusters, units of a job larger.
            data, zeroes = made.data_bytes, made.zero_bytes
            if self._chance is not None and tick is not None:
                self._chance.may_lose(job.name, tick)
        del self._under[job.number]
        move = job.move(tick, status, self._stores.get(job.key))
        self._record.append(move._replace(data_bytes=data, zero_bytes=zeroes, scratch_peak=peak))

    # What is told.

    def progress(self, tick: int) -> tuple[Progress, ...]:
        """Return how far the jobs under way have come."""
        return tuple(self._progress(job, tick) for job in self._under.values())

    def _progress(self, job: UnderWay, tick: int) -> Progress:
        moved, _ = job.passed
        speed: Fraction | None = Fraction(0)
        until = job.done
        if job.done is None:
            until = self._traffic.end(job.number)
            moved += int(self._traffic.place(job.number, tick))
            found = self._traffic.under(job.number)
            speed = found.speeds.data if found is not None else Fraction(0)
        return Progress(job.name, job.disk, moved, job.size, speed, until)

    def record(self) -> tuple[Move, ...]:
        """Return what became of all jobs, in the order of their starts; some may run still."""
        for job in [*self._under.values()]:
            self._end(job, None, Status.RUNNING)
        return tuple(sorted(self._record, key=lambda move: move.number))
