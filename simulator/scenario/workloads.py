"""The clock of a file, and its workloads."""

from typing import TYPE_CHECKING, Any

from simulator.model.sizes import write_about
from simulator.scenario.disks import Disks
from simulator.scenario.entries import GUEST, Entries
from simulator.scenario.guests.memory import SMALL_BYTES, free_bytes, need_of
from simulator.scenario.guests.shapes import CHANGES_MAX, Around, read_end, read_guest
from simulator.scenario.problems import Problems
from simulator.scenario.validation import check_guest
from simulator.scenario.yaml12 import Path
from simulator.workload.guests import Guest

if TYPE_CHECKING:
    from simulator.schedule.clock import Clock


def read_clock_of(text: str, problems: Problems) -> "Clock":
    """Return what the top of a scenario says of 0s; another clock where that is none."""
    from simulator.schedule.clock import CalendarError, read_clock

    try:
        return read_clock(text)
    except CalendarError as error:
        problems.add(("clock",), str(error), expected=error.expected)
        # So that dates further down are not told to be without a clock.
        return read_clock("1970-01-01T00:00:00Z")


class Workloads:
    """The workloads of a file.

    Attributes:
        end: When the last one ends, of those that say so.
    """

    def __init__(self, entries: Entries, problems: Problems) -> None:
        self._entries = entries
        self._problems = problems
        self._checked: list[tuple[Path, dict[str, Any], frozenset[str | int]]] = []
        for path, raw in entries.guests:
            if entries.labels.named is not None:
                entries.tell_named((*path, GUEST), GUEST)
            checked = check_guest((*path, GUEST), raw, problems)
            if checked is not None:
                self._checked.append(((*path, GUEST), *checked))
        labels = entries.labels
        ends = [read_end(path, each, labels, problems) for path, each, _ in self._checked]
        self.end = max((end for end in ends if end is not None), default=None)

    def read(self, disks: Disks) -> tuple[Guest, ...]:
        """Return them, as far as nothing is wrong with them."""
        around = Around(disks, self._entries.labels, self._problems)
        ends = [moment.tick for moment in self._entries.moments]
        last = max([*ends, *([self.end] if self.end is not None else [])], default=None)
        read = [
            (path, read_guest(around._replace(unfit=unfit), path, arguments, number, last))
            for number, (path, arguments, unfit) in enumerate(self._checked)
        ]
        guests = [(path, guest) for path, guest in read if guest is not None]
        self._check_sum(guests)
        if all(guest.changes <= CHANGES_MAX for _, guest in guests):
            self._check_memory(guests, sorted(set(ends)))
        return tuple(guest for _, guest in guests)

    def _check_sum(self, guests: list[tuple[Path, Guest]]) -> None:
        """Note where all workloads of a disk together change more than versions can tell."""
        made: dict[str, int] = {}
        for path, guest in guests:
            made[guest.disk] = made.get(guest.disk, 0) + guest.changes
            if made[guest.disk] > CHANGES_MAX >= guest.changes:
                self._problems.add(
                    path,
                    f"the workloads of {guest.disk} change {made[guest.disk]:,} clusters, "
                    "which memory does not hold",
                    expected=f"at most {CHANGES_MAX:,} changes of clusters in one run",
                )

    def _check_memory(self, guests: list[tuple[Path, Guest]], ticks: list[int]) -> None:
        """Note where all workloads together take more memory than there is.

        Args:
            ticks: Those of the instants.
        """
        needs = [need_of(guest, ticks) for _, guest in guests]
        need = sum(needs)
        free = free_bytes() if need > SMALL_BYTES else None
        if free is None or need <= free:
            return
        (path, guest), most = max(zip(guests, needs, strict=True), key=lambda each: each[1])
        alone = "" if need == most else f" of the {write_about(need)} that all workloads take"
        self._problems.add(
            path,
            f"its {guest.writes:,} writes take {write_about(most)} of memory at least{alone}",
            expected=f"at most the {write_about(free)} that are free",
            help="let it write less often, to a smaller region, or until an earlier time",
        )
