"""What goes through resources and lies in stores, each figure worked out by hand."""

from fractions import Fraction

import simulator
from simulator.measures.resources import Level, Stretch, Use, find_stored, find_uses
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline

KIB = 1024
NOTHING = Fraction(0)

HEAD = """
scenario: through and into
model: qemu
disk: 8
resources: {net: 128 KiB/s, wan: 1 MiB/s, repo: {capacity: 448 KiB}}
timeline:
  - at: 0s
    do: [{create: S1}, {write: AABB----}]
"""


def play(steps: str) -> Timeline:
    return simulator.loads(HEAD + steps).run().timeline


def test_two_jobs_have_half_each_until_one_is_done() -> None:
    # As in tests/engine/test_moves.py: b is done at 12 s, a at 13 s.
    timeline = play("""
  - at: 1s
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: b}}
  - at: 2s
    do: [{write: CC------}]
  - at: 10s
    do:
      - backup: {to: a, through: [net, wan]}
      - backup: {to: b, bitmaps: [b], through: [net]}
""")
    uses = find_uses(timeline)
    net, half = uses["net"], Fraction(64 * KIB)
    assert net.stretches == (
        Stretch(1, 10 * SECOND, 12 * SECOND, half),
        Stretch(1, 12 * SECOND, 13 * SECOND, 2 * half),
        Stretch(2, 10 * SECOND, 12 * SECOND, half),
    )
    assert net.totals == ((10 * SECOND, 2 * half), (13 * SECOND, NOTHING))
    assert (net.size, net.busy, net.peak) == (384 * KIB, 3 * SECOND, 2 * half)
    wan = uses["wan"]
    assert wan.totals == ((10 * SECOND, half), (12 * SECOND, 2 * half), (13 * SECOND, NOTHING))
    assert (wan.size, wan.busy, wan.peak) == (256 * KIB, 3 * SECOND, 2 * half)
    assert uses["repo"] == Use("repo", (), 0, 0, NOTHING)


def test_a_job_that_is_held_or_has_not_begun_has_no_share() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: a, through: [net], latency: 2s, ends: +30s}}]
""")
    assert find_uses(timeline)["net"].totals == (
        (3 * SECOND, Fraction(128 * KIB)),
        (5 * SECOND, NOTHING),
    )


def test_a_store_fills_while_a_job_writes_and_holds_what_is_kept() -> None:
    # One takes 4 s and 256 KiB. Of the other three clusters fit: it fails, and they stay.
    timeline = play("""
  - at: 1s
    do: [{backup: {to: one, rate: 128 KiB/s, through: [repo]}}]
  - at: 20s
    do: [{write: "----CCCC"}, {backup: {to: two, rate: 64 KiB/s, through: [repo]}}]
  - at: 30s
    do: [{delete: {backup: one}}]
""")
    (full,) = [move.end for move in timeline.moves if move.name == "two"]
    assert full is not None
    assert find_stored(timeline)["repo"] == (
        Level(1 * SECOND, Fraction(0)),
        Level(5 * SECOND, Fraction(256 * KIB)),
        Level(20 * SECOND, Fraction(256 * KIB)),
        Level(full, Fraction(448 * KIB)),
        Level(30 * SECOND, Fraction(448 * KIB)),
        Level(30 * SECOND, Fraction(192 * KIB)),
    )
