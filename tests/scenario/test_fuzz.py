"""Whatever the text, loading gives a script, or problems that lie in the file, and nothing else."""

import json
import re
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.diagnostics import InputError
from simulator.scenario import load_text
from simulator.timeline import Script
from tests.scenario.test_schema import GOOD

LINES = GOOD.splitlines(keepends=True)

TIMED = """\
scenario: every kind of entry with time
clock: 2026-03-28T00:00 Europe/Berlin
seed: 5
disks: {vda: {size: 1 MiB}, vdb: 4}
resources: {pool: 2 GiB/s, repo: {bandwidth: 400 MiB/s, capacity: 20 TiB}}
timeline:
  - at: 0s
    do:
      - create: {image: S1, disk: vda}
      - backup: {to: full.bak, checkpoint: c0, disks: vda, ends: +30m}
  - guest: {disk: vda, from: 0s, until: 7d, workload: zipf, writes: 2/h, skew: 1.1, head: 16}
  - guest:
      disk: vdb
      workload: append-log
      hours: {08-18: 3/h, 18-08: 1/h}
      mix: {zero: 5%, discard: 10%}
  - every: 24h
    from: 24h
    until: 2026-04-02T22:00
    overlap: queue
    do:
      - backup: {since: c<n-1>, to: inc<n>-<date>.bak, checkpoint: c<n>}
        else: {backup: {to: full<n%7>.bak, ends: never}}
      - crash
  - cron: 30 2 * * 1-5
    at-change: once
    until: 7d
    do: [freeze, {thaw: {after: 10s}}, {lose: full.bak}]
  - at: 2026-04-05T22:00
    do: [{corrupt: {backup: full.bak, disk: vda, cells: X---------------}}]
"""

WORDS = sorted(
    {
        *re.findall(r"[\w.-]+", GOOD),
        *re.findall(r"[^\s,:{}\[\]]+", TIMED),
        *("disks", "every", "commit", "mode", "pull", "90s", "1d", "T9", "vdb", "1 GiB", "-1", "0"),
        *("~", "null", "true", "1e400", "2018", "{}", "[]", "''", "*a", "&a", "&a [*a]", "!!str"),
        *(
            "|",
            ">",
            "- ",
            "? ",
            ": ",
            "#",
            "---\n",
            "\t",
            "\0",
            "\u2028",
            "é",
            "\U0001f600",
            '"\\0"',
        ),
        *("|AAAA|", "{offset: 1, length: 1, data: A}", "{{{{", "9" * 5000, "[" * 100),
    }
)

Edit = Callable[[str], str]

PLACES = st.integers(min_value=0, max_value=len(GOOD))


def cut(start: int, length: int) -> Edit:
    """An edit that removes characters."""
    return lambda text: text[:start] + text[start + length :]


def insert(start: int, word: str) -> Edit:
    """An edit that adds a word."""
    return lambda text: text[:start] + word + text[start:]


def swap(old: str, new: str, count: int) -> Edit:
    """An edit that replaces a word."""
    return lambda text: text.replace(old, new, count)


def move(source: int, target: int, indent: int) -> Edit:
    """An edit that repeats a line elsewhere, further to the right or left."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        line = lines[source % len(lines)]
        moved = " " * indent + line if indent >= 0 else line[-indent:]
        at = target % len(lines)
        return "".join([*lines[:at], moved, *lines[at:]])

    return edit


def drop(number: int) -> Edit:
    """An edit that removes a line."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        return "".join(line for n, line in enumerate(lines) if n != number % len(lines))

    return edit


EDITS = st.one_of(
    st.builds(cut, PLACES, st.integers(1, 40)),
    st.builds(insert, PLACES, st.sampled_from(WORDS)),
    st.builds(swap, st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(1, 3)),
    st.builds(move, st.integers(0, 60), st.integers(0, 60), st.integers(-4, 4)),
    st.builds(drop, st.integers(0, 60)),
)

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def outcome(text: str | bytes) -> Script | InputError:
    """What loading gives; anything else that it raises is a fault."""
    try:
        return load_text(text, "fuzz.yaml", rules={"BT201": "stale-bitmap"})
    except InputError as error:
        return error


def check(text: str | bytes) -> None:
    """Load a text; what is wrong with it must be told, with places that it has."""
    error = outcome(text)
    if isinstance(error, Script):
        return
    lines = re.split(r"\r\n|\r|\n", error.source)
    assert 1 <= len(error.problems) <= 101
    for problem in error.problems:
        assert problem.message
        assert problem.span is not None
        line, column, end_line, end_column = problem.span
        assert (1, 1) <= (line, column) <= (end_line, end_column)
        assert end_line <= len(lines)
        assert column <= len(lines[line - 1]) + 1
        assert end_column <= len(lines[end_line - 1]) + 1


@settings(FIXED, max_examples=1500)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_a_good_scenario_with_a_few_edits_loads_or_is_told(edits: list[Edit]) -> None:
    text = GOOD
    for edit in edits:
        text = edit(text)
    check(text)


@settings(FIXED, max_examples=300)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_a_timed_scenario_with_a_few_edits_loads_or_is_told(edits: list[Edit]) -> None:
    text = TIMED
    for edit in edits:
        text = edit(text)
    check(text)


@settings(FIXED, max_examples=400)
@given(st.lists(st.sampled_from([*WORDS, *LINES, "\n", "  ", ": ", "- "]), max_size=30))
def test_words_of_the_language_in_any_order_load_or_are_told(words: list[str]) -> None:
    check("".join(words))


@settings(FIXED, max_examples=400)
@given(st.text())
def test_any_text_loads_or_is_told(text: str) -> None:
    check(text)


@settings(FIXED, max_examples=400)
@given(st.binary())
def test_any_bytes_load_or_are_told(content: bytes) -> None:
    check(content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=12,
)


@settings(FIXED, max_examples=400)
@given(VALUES, st.sampled_from(["top", "entry", "step", "verb"]), st.sampled_from(WORDS))
def test_any_value_in_any_place_loads_or_is_told(value: object, place: str, word: str) -> None:
    written = json.dumps(value)
    texts = {
        "top": f"scenario: s\n{word}: {written}\ntimeline: []\n",
        "entry": f"scenario: s\ndisk: 8\ntimeline: [{written}]\n",
        "step": f"scenario: s\ndisk: 8\ntimeline: [{{at: T1, do: [{written}]}}]\n",
        "verb": f"scenario: s\ndisk: 8\ntimeline: [{{at: T1, do: [{{{word}: {written}}}]}}]\n",
    }
    check(texts[place])
