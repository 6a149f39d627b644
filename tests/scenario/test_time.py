"""Time in a file: what is taken, and every mistake with its place."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from simulator.diagnostics import InputError
from simulator.flows.resources import Resource
from simulator.scenario import load_text
from simulator.schedule.turns import Overlap, Turn
from simulator.script import Script
from simulator.workload.guests import Guest, Pattern, Stretch
from tests.checkout import command

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR

HEAD = "scenario: s\nmodel: libvirt\ndisk: 16\n"
BEGUN = "timeline:\n  - {at: 0s, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}\n"
NIGHTS = "  - {every: 1d, from: 1d, until: 3d, do: [backup: {since: c<n-1>, to: inc<n>.bak, "


def load(entries: str, head: str = "") -> Script:
    return load_text(f"{HEAD}{head}{BEGUN}{entries}", "timed.yaml")


def turns(script: Script) -> list[tuple[str | None, int]]:
    """When the turns of schedules are."""
    return [(i.label, i.tick) for i in script.instants if i.turn is not None]


def guest(arguments: str, head: str = "") -> Guest:
    (found,) = load(f"  - guest: {{{arguments}}}\n", head).guests
    return found


def test_a_schedule_repeats_up_to_its_end_with_names_that_count() -> None:
    script = load(f"{NIGHTS}checkpoint: c<n>}}]}}\n")
    assert turns(script) == [("1d", DAY), ("2d", 2 * DAY), ("3d", 3 * DAY)]
    asked = [i.statements[0].request for i in script.instants[1:]]
    assert [(r.since, r.to, r.checkpoint) for r in asked] == [  # type: ignore[union-attr]  # backups
        ("c0", "inc1.bak", "c1"),
        ("c1", "inc2.bak", "c2"),
        ("c2", "inc3.bak", "c3"),
    ]
    assert [i.turn for i in script.instants[1:]] == [Turn(0, n) for n in (1, 2, 3)]


def test_a_turn_takes_the_label_that_the_file_has_for_its_time() -> None:
    script = load("  - {at: 24h}\n  - {every: 1d, until: 2d, overlap: skip, do: [crash, start]}\n")
    assert turns(script) == [("0s", 0), ("24h", DAY), ("2d", 2 * DAY)]
    assert {i.turn.overlap for i in script.instants if i.turn is not None} == {Overlap.SKIP}


def test_a_schedule_without_an_end_goes_on_to_the_last_instant_or_workload() -> None:
    entries = "  - {every: 1d, from: 1d, do: [crash, start]}\n"
    later = "  - guest: {workload: uniform, writes: 1/d, until: 3d}\n"
    assert len(turns(load(f"{entries}  - at: 2d\n"))) == 2
    assert len(turns(load(f"{entries}  - at: 2d\n{later}"))) == 3


def test_dates_are_read_in_the_clocks_zone_or_with_their_own_offset() -> None:
    head = "clock: 2026-10-25T00:00 Europe/Berlin\n"
    entries = "  - at: 2026-10-25T02:30+02:00\n  - at: 2026-10-25T02:30+01:00\n  - at: 2026-10-26\n"
    ticks = [i.tick for i in load(entries, head).instants]
    assert ticks == [0, 5 * HOUR // 2, 7 * HOUR // 2, 25 * HOUR]


def test_cron_goes_by_the_clock_on_the_wall() -> None:
    head = "clock: 2026-10-24[Europe/Berlin]\n"
    script = load("  - {cron: 0 22 * * *, until: 3d, do: [crash, start]}\n", head)
    assert turns(script) == [
        ("2026-10-24T22:00", 22 * HOUR),
        ("2026-10-25T22:00", 47 * HOUR),
        ("2026-10-26T22:00", 71 * HOUR),
    ]


def test_cron_of_every_hour_goes_by_the_time_that_passes() -> None:
    head = "clock: 2026-10-25T01:00 Europe/Berlin\n"
    script = load("  - {cron: 30 * * * *, until: 3h, do: [crash, start]}\n", head)
    assert [label for label, _ in turns(script)] == [
        "2026-10-25T01:30",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
    ]


@pytest.mark.parametrize(
    ("clock", "days", "expected"),
    [
        ("2026-03-28", 2, ["2026-03-28T02:30", "2026-03-29T03:00"]),
        ("2026-10-24", 2, ["2026-10-24T02:30", "2026-10-25T02:30+02:00"]),
    ],
)
def test_what_the_clock_skips_or_doubles_is_done_once_if_the_file_says_so(
    clock: str, days: int, expected: list[str]
) -> None:
    entry = f"  - {{cron: 30 2 * * *, at-change: once, until: {days}d, do: [crash, start]}}\n"
    script = load(entry, f"clock: {clock} Europe/Berlin\n")
    assert [label for label, _ in turns(script)][: len(expected)] == expected


def test_the_day_is_that_of_the_turn_in_the_clocks_zone() -> None:
    entry = "  - {every: 1d, from: 23h30m, until: 2d, do: [backup: b-<date>.bak]}\n"
    script = load(entry, "clock: 2026-03-01T00:00+01:00\n")
    made = [i.statements[0].request for i in script.instants[1:]]
    assert [r.to for r in made] == ["b-2026-03-01.bak", "b-2026-03-02.bak"]  # type: ignore[union-attr]  # backups


def test_what_stands_under_else_is_kept_with_its_step() -> None:
    step = "{backup: {since: c0, to: inc<n>.bak}, else: [{backup: full<n>.bak}, crash]}"
    script = load(f"  - {{every: 1d, from: 1d, until: 3d, do: [{step}]}}\n")
    (found,) = script.instants[2].statements
    assert [other.verb for other in found.otherwise] == ["backup", "crash"]
    assert found.otherwise[0].request.to == "full2.bak"  # type: ignore[union-attr]  # a backup


def test_a_job_ends_some_time_after_its_step_or_never() -> None:
    entry = "  - {at: 1h, do: [{backup: {to: a, ends: +30m}}, {backup: {to: b, ends: never}}]}\n"
    first, second = load(entry).instants[1].statements
    assert len(first.endings) == 1
    assert first.endings[0][0] == 30 * 60 * SECOND
    assert not second.endings
    assert second.request.lasting  # type: ignore[union-attr]  # a backup


def test_a_workload_is_read_whole() -> None:
    found = guest(
        "workload: zipf, from: 1h, until: 2h, writes: 3/s, length: 8 KiB, region: [64 KiB, 1 MiB], "
        "skew: 1.5, scatter: false, mix: {zero: 5%, discard: 10%}, arrivals: poisson"
    )
    assert found == Guest(
        number=0,
        disk="vda",
        cluster_size=65536,
        pattern=Pattern.ZIPF,
        stretches=(Stretch(HOUR, 2 * HOUR, Fraction(3, SECOND)),),
        poisson=True,
        start=65536,
        length=8192,
        slots=120,
        skew=1.5,
        scatter=False,
        zero=Fraction(1, 20),
        discard=Fraction(1, 10),
    )


def test_hours_are_those_of_the_clocks_day() -> None:
    found = guest(
        "workload: uniform, until: 1d, hours: {08-18: 2/h, 18-22: 1/h}",
        "clock: 2026-03-02T12:00 Europe/Berlin\n",
    )
    rates = [(s.begin // HOUR, s.end // HOUR, int(s.rate * HOUR)) for s in found.stretches]
    assert rates == [(0, 6, 2), (6, 10, 1), (10, 20, 0), (20, 24, 2)]


def test_a_head_that_never_comes_again_is_as_long_as_it_likes() -> None:
    import simulator

    text = "  - guest: {workload: append-log, writes: 1/s, until: 3s, head: 9223372036854775808}\n"
    machine = simulator.loads(f"{HEAD}{BEGUN}{text}").run().timeline.last
    assert sorted(machine.disks[0].guest_view.clusters()) == [0]


def test_resources_are_rates_or_have_a_capacity() -> None:
    repo = "{bandwidth: 60 KiB/min, capacity: 1 MiB}"
    head = f"resources: {{pool: 2 KiB/s, repo: {repo}, box: {{capacity: 5}}}}\n"
    assert load("", head).resources == (
        Resource("pool", Fraction(2048)),
        Resource("repo", Fraction(1024), 1 << 20),
        Resource("box", None, 5),
    )


class Case(NamedTuple):
    """A mistake: what stands in the file, and what is told of it.

    Attributes:
        told: Line, column and a part of the message or of what is expected.
    """

    name: str
    entries: str
    told: tuple[tuple[int, int, str], ...]
    head: str = ""


def every(rest: str) -> str:
    return f"  - {{every: 1d, from: 1d, until: 3d, do: [{rest}]}}\n"


def guests(rest: str) -> str:
    return f"  - guest: {{workload: zipf, until: 1d, {rest}}}\n"


CASES = (
    Case(
        "an end before the beginning",
        "  - {every: 1d, from: 2d, until: 1d, do: [start]}\n" + guests("from: 2d, writes: 1/s"),
        ((6, 34, "until 1d comes before from 2d"), (7, 36, "until 1d comes before from 2d")),
    ),
    Case(
        "a schedule that repeats too often",
        "  - {every: 1ns, until: 1s, do: [start]}\n",
        ((6, 13, "the schedule repeats 1,000,000,001 times"),),
    ),
    Case(
        "an every of nothing",
        "  - {every: 0s, until: 1s, do: [start]}\n",
        ((6, 13, "every is 0s"),),
    ),
    Case("an overlap", every("start").replace("do:", "overlap: wait, do:"), ((6, 47, "skip"),)),
    Case(
        "a key", every("start").replace("do:", "untill: 1, do:"), ((6, 38, "unknown key untill"),)
    ),
    Case("a template's syntax", every("backup: b<n+>"), ((6, 55, "in place of a number or n"),)),
    Case("a template that nothing closes", every("backup: b<n"), ((6, 52, "has no >"),)),
    Case("two of which one is open", every("backup: b<n-1-<n>"), ((6, 52, "has no >"),)),
    Case("a template of something else", every("backup: b<m>"), ((6, 53, "in place of n"),)),
    Case(
        "a division by zero",
        every("backup: b<n/(n-2)>"),
        ((6, 52, "division by zero where n is 2"),),
    ),
    Case("a day without a clock", every("backup: b<date>"), ((6, 52, "<date> needs a clock"),)),
    Case(
        "a date without a clock",
        "  - at: 2026-03-05T22:00\n",
        ((6, 9, "is a date without a clock"),),
    ),
    Case(
        "a date that is none", "  - at: 2026-02-30T22:00\n", ((7, 9, "day"),), "clock: 2026-01-01\n"
    ),
    Case(
        "a date that the clock skips",
        "  - at: 2026-03-29T02:30\n",
        ((7, 9, "the clock of Europe/Berlin skips 2026-03-29T02:30"),),
        "clock: 2026-01-01 Europe/Berlin\n",
    ),
    Case(
        "a date before the clock",
        "  - at: 2025-12-31T22:00\n",
        ((7, 9, "before the clock"),),
        "clock: 2026-01-01\n",
    ),
    Case(
        "a zone",
        "",
        ((4, 8, "the zone Europe/Berlim is not known"),),
        "clock: 2026-01-01 Europe/Berlim\n",
    ),
    Case(
        "years out of reach",
        "  - at: 9999-12-31T00:00\n",
        ((4, 8, "out of reach"), (7, 9, "out of reach")),
        "clock: 0001-01-01T00:00+01:00\n",
    ),
    Case("a clock that is none", "", ((4, 8, "the clock is noon"),), "clock: noon\n"),
    Case(
        "cron without a clock",
        "  - {cron: 0 22 * * *, until: 1d, do: [start]}\n",
        ((6, 6, "cron without a clock"),),
    ),
    Case(
        "cron with a bad field",
        "  - {cron: 0 25 * * *, until: 1d, do: [start]}\n",
        ((7, 12, "the cron expression has a bad hour"),),
        "clock: 2026-01-01\n",
    ),
    Case(
        "a cron whose time is skipped, and one whose time is doubled",
        "  - {cron: 30 2 * * *, until: 365d, do: [start]}\n"
        "  - {cron: 30 2 * * *, from: 200d, until: 365d, do: [start]}\n",
        (
            (7, 12, "the clock of Europe/Berlin skips 2026-03-29T02:30"),
            (8, 12, "the clock of Europe/Berlin doubles 2026-10-25T02:30"),
        ),
        "clock: 2026-01-01 Europe/Berlin\n",
    ),
    Case(
        "a region beyond the disk",
        guests("writes: 1/s, region: [0, 2 MiB]"),
        ((6, 61, "up to 1 MiB"),),
    ),
    Case(
        "writes longer than the region",
        guests("writes: 1/s, region: [0, 4 KiB], length: 8 KiB"),
        ((6, 81, "1 byte to 4 KiB"),),
    ),
    Case("a skew of zero", guests("writes: 1/s, skew: 0"), ((6, 59, "a number above 0"),)),
    Case("a rate of zero", guests("writes: 0/s"), ((6, 48, "it never writes"),)),
    Case("a negative rate", guests("writes: -5/s"), ((6, 48, "such as 200/s"),)),
    Case("a rate without a time", guests("writes: 200"), ((6, 48, "such as 200/s"),)),
    Case("shares above all", guests("writes: 1/s, mix: {zero: 101%}"), ((6, 65, "at most 100%"),)),
    Case(
        "shares that are more than all",
        guests("writes: 1/s, mix: {zero: 60%, discard: 50%}"),
        ((6, 58, "more than all"),),
    ),
    Case("hours that overlap", guests("hours: {08-18: 1/s, 12-20: 1/s}"), ((6, 47, "overlap"),)),
    Case("hours that are none", guests("hours: {8am: 1/s}"), ((6, 48, "no hours of a day"),)),
    Case("both writes and hours", guests("writes: 1/s, hours: {1-2: 1/s}"), ((6, 53, "both"),)),
    Case("what memory does not hold", guests("writes: 20000000/s"), ((6, 48, "memory"),)),
    Case(
        "an argument of another workload",
        guests("writes: 1/s, head: 3"),
        ((6, 53, "head stands in a workload that is zipf"),),
    ),
    Case(
        "rates of resources",
        "",
        ((4, 16, "a rate above 0"), (4, 26, "a rate above 0"), (4, 51, "a rate above 0")),
        "resources: {a: 0 B/s, b: -1 MiB/s, c: {bandwidth: 5 parsecs/s}}\n",
    ),
    Case(
        "rates of jobs",
        "  - at: 1d\n    do:\n"
        "      - backup: {to: a, rate: 0 MiB/s}\n"
        "      - backup: {to: b, rate: -1 MiB/s}\n"
        "      - backup: {to: c, rate: 5 MB/sec}\n"
        "      - copy: {image: S1, to: d, rate: 5 MiB}\n"
        "      - restore: {from: full.bak, latency: 2 min}\n",
        (
            (8, 31, "a rate above 0 such as 400 MiB/s"),
            (9, 31, "a rate above 0 such as 400 MiB/s"),
            (10, 31, "did you mean 5 MiB/s?"),
            (11, 40, "did you mean 5 MiB/s?"),
            (12, 44, "did you mean 2m?"),
        ),
    ),
    Case(
        "words that are near",
        guests("writes: 200 per second").replace("zipf", "zipff")
        + every("start").replace("1d", "1 day", 1),
        (
            (6, 23, "did you mean zipf?"),
            (6, 49, "did you mean 200/s?"),
            (7, 13, "did you mean 1d?"),
        ),
    ),
    Case(
        "times that are near",
        "  - {at: 1d, do: [{backup: {to: a, ends: +30 min}}]}\n"
        "  - {every: 1d, until: 2 days, do: [start]}\n" + guests("writes: 1/s, from: 1 hour"),
        (
            (6, 42, "did you mean +30m?"),
            (7, 24, "did you mean 2d?"),
            (8, 59, "did you mean 1h?"),
        ),
    ),
    Case(
        "parts of the top, each of which has a fault of its own",
        "  - {at: 1d, do: [{backup: {to: a, through: [pool, pol]}}]}\n",
        (
            (4, 19, "did you mean 400 MiB/s?"),
            (4, 46, "a size above 0"),
            (5, 26, "did you mean 50%?"),
            (5, 46, "a time above 0"),
            (8, 52, "did you mean pool?"),
        ),
        "resources: {pool: 400 MB/s, repo: {capacity: 0}}\n"
        "faults: {backup: {fails: 0.5}, crash: {mean: 0s}}\n",
    ),
    Case(
        "schedules, whatever is wrong with the clock and with each other",
        "  - {every: 1ns, until: 1s, do: [start]}\n"
        "  - {every: 0s, until: 1s, do: [start]}\n"
        + every("{backup: a<n/(n-3)>}, {backup: b<n/(n-2)>}"),
        (
            (6, 13, "repeats 1,000,000,001 times"),
            (7, 13, "a time above 0"),
            (8, 53, "division by zero where n is 3"),
            (8, 75, "division by zero where n is 2"),
        ),
    ),
    Case(
        "schedules under a clock that nobody knows",
        "  - {every: 0s, until: 1s, do: [start]}\n" + every("backup: b<m>"),
        ((4, 8, "such as Europe/Amsterdam"), (7, 13, "a time above 0"), (8, 53, "in place of n")),
        "clock: 2026-01-01 Europe/Amsterdm\n",
    ),
    Case(
        "the steps of schedules that have no turn",
        "  - {every: 0s, until: 1s, do: [bakup: x]}\n"
        + every("{backup: {to: a<n/0>, rate: 0}}, {write: AAA}"),
        (
            (6, 13, "a time above 0"),
            (6, 33, "unknown verb bakup"),
            (7, 58, "division by zero where n is 1"),
            (7, 71, "a rate above 0"),
            (7, 84, "the picture has 3 clusters"),
        ),
    ),
    Case(
        "a cron expression and its steps under a clock that nobody knows",
        "  - {cron: 0 25 * * *, until: 1d, do: [bakup: x]}\n",
        ((4, 8, "Europe/Amsterdam"), (7, 12, "a bad hour"), (7, 40, "unknown verb bakup")),
        "clock: 2026-01-01 Europe/Amsterdm\n",
    ),
    Case("a skew below zero", guests("writes: 1/s, skew: -1"), ((6, 59, "a number above 0"),)),
    Case(
        "a region whose end comes first",
        guests("writes: 1/s, region: [64 KiB, 0]"),
        ((6, 61, "the smaller one first"),),
    ),
    Case(
        "an unknown resource",
        "  - {at: 1d, do: [{backup: {to: a, through: [pol]}}]}\n",
        ((7, 46, "did you mean pool?"),),
        "resources: {pool: 1 MiB/s}\n",
    ),
    Case(
        "probabilities and means",
        "",
        ((4, 26, "a share of at most 100%"), (4, 47, "a time such as")),
        "faults: {backup: {fails: 120%}, crash: {mean: often}}\n",
    ),
    Case(
        "a time after the step that is none",
        "  - {at: 1d, do: [{backup: {to: a, ends: +soon}}]}\n",
        ((6, 42, "such as +30m"),),
    ),
    Case(
        "crashes without an end",
        "  - {at: 1d, do: [crash]}\n",
        ((4, 24, "some 86,400,000,000,000 crashes are to be expected"),),
        "faults: {crash: {mean: 1ns}}\n",
    ),
    Case(
        "dates of instants that there are not",
        "  - {at: 1d, do: [{restore: {from: full.bak, of: 2026-02-30T00:00}}]}\n"
        "  - {at: 2d, do: [{backup: {to: a, ends: 2026-03-29T02:30}}]}\n",
        ((7, 50, "unknown instant 2026-02-30T00:00"), (8, 42, "2026-03-29T02:30")),
        "clock: 2026-03-02 Europe/Berlin\n",
    ),
    Case(
        "an offset of days",
        "  - {at: 2026-03-03T00:00+99:00}\n",
        ((7, 10, "its offset is a day or more"),),
        "clock: 2026-03-02 Europe/Berlin\n",
    ),
    Case("an else without a verb", every("{start: , else: []}"), ((6, 59, "else is empty"),)),
)


def problems_of(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(InputError) as raised:
        load_text(text, "bad.yaml")
    return [
        (p.span.line, p.span.column, f"{p.message}|{p.expected}|{p.help}")
        for p in raised.value.problems
        if p.span is not None
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_told_with_its_place(case: Case) -> None:
    told = problems_of(f"{HEAD}{case.head}{BEGUN}{case.entries}")
    assert [each[:2] for each in told] == [each[:2] for each in case.told], told
    for found, expected in zip(told, case.told, strict=True):
        assert expected[2] in found[2]


NAMED = HEAD + "timeline:\n  - {at: T1, do: [{create: S1}, {backup: {to: a, rate: 1 B/s}}]}\n"


def test_named_instants_have_no_time() -> None:
    later = (
        "  - {every: 1d, until: 3d, do: [start]}\n  - guest: {workload: uniform, writes: 1/s}\n"
        "  - {at: T2, do: [{backup: {to: b, ends: +1s}}, {thaw: {after: 1s}}]}\n"
    )
    told = problems_of(NAMED + later)
    assert [each[0] for each in told] == [5, 6, 7, 8, 8]
    assert all("on line 5, column 10 is a name" in text for _, _, text in told)


def test_two_schedules_that_make_one_name_are_told_once_with_both_places() -> None:
    import simulator

    text = f"{HEAD}{BEGUN}" + every("backup: b<n>.bak") * 2
    with pytest.raises(InputError) as raised:
        simulator.loads(text).run()
    (problem,) = raised.value.problems
    assert problem.message == "the backup b1.bak is introduced twice, first on line 6, column 51"
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (7, 51)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_ends_with_status_2(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(f"{HEAD}{case.head}{BEGUN}{case.entries}")
    outcome = command("check", str(file))
    assert outcome.status == 2
    assert "Traceback" not in outcome.err
    for line, column, _ in case.told:
        assert f"bad.yaml:{line}:{column}" in outcome.err
