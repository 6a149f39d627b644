"""Hosts to which a machine's disks are copied, held against the images that they have already."""

from collections import defaultdict

from simulator.model.requests import Migrate
from simulator.scenario.problems import Problems
from simulator.timeline import Timeline


def check_moved(timeline: Timeline) -> None:
    """Hold migrations with their storage against the images of the hosts that they name.

    A host keeps the images that it had when the machine goes on elsewhere.

    Raises:
        InputError: A host has an image of a name that is to be copied there.
    """
    problems: Problems | None = None
    images: dict[str, set[str]] = defaultdict(set)
    here: str | None = None
    for entry in timeline.entries:
        if here is not None:
            images[here] |= {i.name for disk in entry.before.disks for i in disk.chain}
        request = entry.request
        if not isinstance(request, Migrate) or entry.refusal is not None:
            continue
        told = entry.statement.copied if entry.statement is not None else None
        here = request.to
        if told is None or not request.copied:
            continue
        for disk in entry.before.disks:
            if not disk.chain or disk.active.name not in images[told[1]]:
                continue
            problems = problems or Problems(timeline.script.path, timeline.script.source)
            problems.add(
                told[0],
                f"the host {told[1]} has an image {disk.active.name} already",
                expected="a host that was not there before",
                help="the machine was on it; a migration on the same storage copies nothing",
            )
    if problems is not None and len(problems):
        problems.tell()
