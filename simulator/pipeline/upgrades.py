"""The record of changes as people read it: each with its scenario, played before and after."""

import textwrap
from collections.abc import Iterator, Sequence

from simulator.pipeline.runs import Run
from simulator.pipeline.scenarios import loads
from simulator.releases.change import Change
from simulator.releases.changes import CHANGES, changes_between
from simulator.releases.hosts import (
    KNOWN,
    LIBVIRT,
    NAMES,
    QEMU,
    TOGETHER,
    UnknownRelease,
    read_host,
)

WIDTH = 72
"""Columns of the text."""

HEAD = """\
# What an upgrade changes

What QEMU and libvirt do otherwise from one release to the next, as far as backups and their
bitmaps go. It is made from the record that the models, the words of refusals and `verify` are made
of too; `backup-timeline models --changes FROM..TO` prints what one upgrade brings.
"""


class UnknownRange(ValueError):
    """Words that name no two releases of one thing."""


def read_range(words: str) -> tuple[Change, ...]:
    """Return what changed between two releases: ``9.0..12.8`` of libvirt, ``7.2..11.1`` of QEMU.

    An upgrade of libvirt brings the QEMU that comes with it.

    Raises:
        UnknownRange: They are not two releases, or not of one thing.
        UnknownRelease: Nobody recorded one of them.
    """
    first, dots, last = words.partition("..")
    if not dots:
        raise UnknownRange(f"{words} is no range: expected FROM..TO, such as 9.0..12.8")
    halves = []
    for release in (first, last):
        half = next((half for half in (LIBVIRT, QEMU) if release in KNOWN[half]), None)
        if half is None:
            raise UnknownRelease(QEMU, release, (*KNOWN[QEMU], *KNOWN[LIBVIRT]))
        halves.append(half)
    if halves[0] != halves[1]:
        named = [f"{NAMES[half]} {each}" for half, each in zip(halves, (first, last), strict=True)]
        raise UnknownRange(f"{named[0]} and {named[1]} are not releases of one thing")
    one, other = (read_host({halves[0]: release}) for release in (first, last))
    return changes_between(one, other)


def tell_changes(changes: Sequence[Change]) -> str:
    """Return changes as text, each with its figure before and after; with a final newline."""
    if not changes:
        return "nothing that is known\n"
    return "\n".join("\n".join(_tell(change)) + "\n" for change in changes)


def _tell(change: Change) -> Iterator[str]:
    yield f"{change.name}: {change.when()}"
    yield from textwrap.wrap(change.title, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for label, text in (
        ("before", change.before),
        ("after", change.after),
        ("concerns", change.concerns),
        ("do", change.advice),
    ):
        head = f"  {label:8}  "
        yield from textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * 12)
    for release in change.releases:
        yield f"  on {NAMES[change.of]} {release}"
        yield from (f"    {line}" for line in _figure(change, release))


def write_versions() -> str:
    """Return the whole record as a page of Markdown."""
    pairs = "".join(f"| {qemu} | {libvirt} |\n" for qemu, libvirt in TOGETHER)
    known = "The releases that are known, and which come together:"
    parts = [HEAD, f"{known}\n\n| QEMU | libvirt |\n| --- | --- |\n{pairs}"]
    table = "".join(f"| [{c.name}](#{c.name}) | {c.when()} | {c.title} |\n" for c in CHANGES)
    parts.append(f"| change | since | what |\n| --- | --- | --- |\n{table}")
    parts += ["\n".join(_page(change)) + "\n" for change in CHANGES]
    return "\n".join(parts)


def _page(change: Change) -> Iterator[str]:
    yield f"## {change.name}\n"
    yield f"{change.title[0].upper()}{change.title[1:]}. {change.when()}.\n"
    yield f"- before: {change.before}"
    yield f"- after: {change.after}"
    yield f"- concerns {change.concerns}"
    yield f"- what to do: {change.advice}\n"
    yield f"```yaml\nscenario: {change.name}\n{change.shows}```\n"
    for release in change.releases:
        yield f"On {NAMES[change.of]} {release}:\n"
        yield "\n".join(["```text", *_figure(change, release), "```\n"])


def _figure(change: Change, release: str) -> list[str]:
    """Return what comes of a change's scenario on a release: the last figure, and refusals."""
    run = _played(change, release)
    lines = run.at(run.labels[-1]).figure().splitlines()
    refusals = [entry.refusal.text for entry in run.timeline.entries if entry.refusal is not None]
    return lines + [f"refused: {text}" for text in refusals]


def _played(change: Change, release: str) -> Run:
    scenario = loads(f"scenario: {change.name}\n{change.shows}", change.name)
    return scenario.run(host={change.of: release})
