"""Jobs whose bytes take time: when they end, what is in their targets, and who waits for them.

Each figure is worked out by hand beside its scenario.
"""

from fractions import Fraction

import pytest

import simulator
from simulator.measures.resources import find_uses
from simulator.model.machine import Status
from simulator.moves import Move
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline

HEAD = """
scenario: jobs that take time
model: libvirt
disk: 8
resources: {net: 128 KiB/s, wan: 64 KiB/s, repo: {capacity: 448 KiB}}
timeline:
  - at: 0s
    do: [{create: S1}, {write: AABB----}]
"""

PRIMITIVES = HEAD.replace("model: libvirt", "model: qemu")


def play(steps: str, head: str = HEAD) -> Timeline:
    """Play some steps after the head's."""
    return simulator.loads(head + steps).run().timeline


def move(timeline: Timeline, name: str) -> Move:
    """Return the one move of a name."""
    (found,) = [each for each in timeline.moves if each.name == name]
    return found


def span(timeline: Timeline, name: str) -> tuple[float, float | None]:
    """Return the seconds at which a job starts and ends."""
    found = move(timeline, name)
    return found.start / SECOND, found.end / SECOND if found.end is not None else None


def cells(timeline: Timeline, name: str) -> str:
    """Return what a backup of the last machine holds, a character a cluster."""
    (backup,) = timeline.last.backups_named(name)
    held = dict(backup.content.items())
    letters = ("-" if n not in held else chr(held[n] or ord("0")) for n in range(8))
    return "".join(letters)


def test_a_push_counts_every_cluster_of_the_disk_and_a_client_reads_data_only() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: push, rate: 64 KiB/s}}]
  - at: 1m
    do: [{backup: {to: pull, mode: pull, rate: 64 KiB/s}}]
""")
    assert span(timeline, "push") == (1, 9)
    assert span(timeline, "pull") == (60, 64)


def test_a_resource_carries_data_only() -> None:
    # 4 clusters of data at 64 KiB/s; the 4 that read as zeroes go through no net.
    timeline = play("""
  - at: 1s
    do: [{backup: {to: push, through: [wan]}}]
""")
    assert span(timeline, "push") == (1, 5)


def test_two_jobs_share_and_the_second_has_all_when_the_first_is_done() -> None:
    # Both have 64 KiB/s of the net until b, with 2 clusters to go, has moved them; a has 2 s left,
    # and does them in 1.
    timeline = play(
        """
  - at: 1s
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: b}}
  - at: 2s
    do: [{write: CC------}]
  - at: 10s
    do:
      - backup: {to: a, through: [net]}
      - backup: {to: b, bitmaps: [b], through: [net]}
""",
        PRIMITIVES,
    )
    assert span(timeline, "b") == (10, 12)
    assert span(timeline, "a") == (10, 13)
    paces = [(pace.tick // SECOND, pace.speeds.data) for pace in move(timeline, "a").paces]
    assert paces == [(10, Fraction(64 * 1024)), (12, Fraction(128 * 1024))]


def test_nothing_moves_before_the_latency_is_over() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, rate: 64 KiB/s, latency: 2s500ms}}]
  - at: 3s
    do: []
""")
    assert span(timeline, "full") == (1, 11.5)
    (progress,) = next(f for f in timeline.frames if f.label == "3s").progress
    assert (progress.moved, progress.until) == (0, None)
    assert progress.speed == 0


def test_a_write_to_what_is_still_on_its_way_to_a_slow_target_waits_until_it_is_there() -> None:
    # At 3.5 s the job has copied 2.5 clusters: C meets the one it is at, which has half a second
    # left; the D behind it waits for nothing, nor does the F where no data is. The E has to wait
    # for the cluster before it, too, and the second write to it for what is left then.
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, through: [wan]}}]
  - at: 3s500ms
    do: [{write: D-CE---F}]
  - at: 4s
    do: [{write: "---E----"}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (3, 3 * SECOND)
    assert span(timeline, "full") == (1, 5)
    assert cells(timeline, "full") == "AABB----"


@pytest.mark.parametrize(
    ("bounds", "waited"),
    [
        ("rate: 64 KiB/s", 2),
        ("rate: 32 KiB/s, through: [wan]", 6),
        ("rate: 128 KiB/s, through: [wan]", 2),
        ("rate: 3840 KiB/m", 2),
    ],
)
def test_a_write_waits_for_the_turn_of_its_cluster_whatever_bounds_the_job(
    bounds: str, waited: int
) -> None:
    # At 64 KiB/s, which is all that the wan has, the fourth cluster has been copied at 5 s, at
    # 32 KiB/s at 9 s.
    timeline = play(f"""
  - at: 1s
    do: [{{backup: {{to: full, {bounds}}}}}]
  - at: 3s
    do: [{{write: "---C----"}}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (1, waited * SECOND)
    assert cells(timeline, "full") == "AABB----"


def test_every_write_waits_that_comes_before_the_copy() -> None:
    # The last cluster has been copied at 9 s, the third at 4 s; zeroes count for the rate as well.
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, rate: 64 KiB/s}}]
  - at: 3s500ms
    do: [{write: D-C----E}]
  - at: 6s
    do: [{write: "--C----E"}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (3, (500 + 5500 + 3000) * 10**6)
    assert span(timeline, "full") == (1, 9)


def test_the_speed_of_qemu_lets_what_the_guest_overwrites_pass() -> None:
    backup = "arguments: {device: S1, target: t, sync: full, speed: 65536}"
    timeline = play(
        f"""
  - at: 1s
    do: [{{qmp: {{execute: blockdev-backup, {backup}}}}}]
  - at: 3s
    do: [{{write: "---C---D"}}, {{cancel: t}}]
""",
        PRIMITIVES,
    )
    assert move(timeline, "t").waited_writes == 0
    assert cells(timeline, "t") == "AA-B---0"


def test_a_write_of_several_clusters_is_one_that_waits_for_the_last_of_them() -> None:
    # Cluster n has been copied at 2 + n s. At 3.5 s the first one has, and the second is on its
    # way: the write to the first four waits for the fourth, 1.5 s. At 4.5 s the write to the next
    # four waits until 9 s, 4.5 s, and at 5.5 s the one to the first four for nothing.
    timeline = play("""
  - guest: {from: 2s500ms, until: 5s500ms, workload: sequential, writes: 1/s, length: 256 KiB}
  - at: 1s
    do: [{backup: {to: full, rate: 64 KiB/s}}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (2, 6 * SECOND)
    assert span(timeline, "full") == (1, 9)


def test_a_write_of_which_some_clusters_are_copied_waits_for_the_others() -> None:
    # Cluster n has been copied at 2 + n s, and no write begins with a cluster: at 3.5 s it is 0 and
    # 1, which have been; at 4.5 s 2 and 3, of which 3 takes half a second; at 5.5 s 3 and 4, of
    # which 4 does; at 6.5 s 5 and 6, which waits until 8 s.
    timeline = play("""
  - guest: {from: 2s500ms, until: 6s500ms, workload: sequential, writes: 1/s, length: 96 KiB,
            region: [32 KiB, 512 KiB]}
  - at: 1s
    do: [{backup: {to: full, rate: 64 KiB/s}}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (3, 2500 * 10**6)


def test_two_guests_that_write_at_one_tick_wait_each_for_its_own_clusters() -> None:
    # Each writes its four clusters at 3 s: they have been copied at 5 s and at 9 s.
    timeline = play("""
  - guest: {from: 2s, until: 3s, workload: sequential, writes: 1/s, length: 256 KiB,
            region: [0, 256 KiB]}
  - guest: {from: 2s, until: 3s, workload: sequential, writes: 1/s, length: 256 KiB,
            region: [256 KiB, 512 KiB]}
  - at: 1s
    do: [{backup: {to: full, rate: 64 KiB/s}}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (2, (2 + 6) * SECOND)


@pytest.mark.parametrize("bounds", ["rate: 64 KiB/s", "rate: 64 KiB/s, cancel: +4s"])
def test_a_write_of_several_clusters_before_the_first_byte_is_one(bounds: str) -> None:
    # The first byte moves at 4 s. Of the write to clusters 2 to 5 at 3 s the last one is copied at
    # 10 s, so it waits 7 s; where the job is cancelled at 5 s, it goes on then.
    timeline = play(f"""
  - at: 1s
    do: [{{backup: {{to: full, latency: 3s, {bounds}}}}}]
  - at: 3s
    do: [{{write: --CCCC--}}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (1, (2 if "cancel" in bounds else 7) * SECOND)


@pytest.mark.parametrize("clusters", [1, 100])
def test_a_write_waits_for_what_is_on_its_way_and_no_longer(clusters: int) -> None:
    # 1 s after its start the job has copied 32 MiB, and asked its target to take 64 more: what lies
    # beyond goes behind those, which takes 2 s, and a 512th of one for the cluster itself.
    head = HEAD.replace("disk: 8", "disk: {size: 256 MiB}").replace("128 KiB/s", "32 MiB/s")
    timeline = play(
        f"""
  - at: 1s
    do: [{{backup: {{to: full, through: [net]}}}}]
  - at: 2s
    do: [{{write: {{offset: 200 MiB, length: {clusters * 64} KiB, data: B}}}}]
""",
        head.replace("write: AABB----", "write: {offset: 0, length: 256 MiB, data: A}"),
    )
    job = move(timeline, "full")
    # However many clusters it touches, it is one write, which waits once.
    assert (job.waited_writes, job.waited) == (1, 2 * SECOND + 1_953_125)
    assert span(timeline, "full") == (1, 9)


SHARED = """
scenario: s
model: mail-2018
disks: {a: 8, b: 4}
resources: {pipe: RATE KiB/s}
timeline:
  - at: 0s
    do:
      - create: {image: A1, disk: a}
      - create: {image: B1, disk: b}
      - write: {disk: a, cells: AAAAAAAA}
      - write: {disk: b, cells: AAAA}
"""


def test_a_write_waits_longer_where_another_job_takes_a_share_meanwhile() -> None:
    # a.bak has a cluster a second until 2 s, half a cluster until b.bak is done at 10 s, and then a
    # whole one: cluster 6 is its seventh, at 12 s. Stopped at 9 s it has copied four and a half.
    steps = """
  - at: 1s
    do: [{backup: {to: a.bak, disks: [a], through: [pipe]BOUNDS}}]
  - at: 1500ms
    do: [write: {disk: a, cells: ------B-}]
  - at: 2s
    do: [{backup: {to: b.bak, disks: [b], through: [pipe]}}]
"""
    head = SHARED.replace("RATE", "64")
    timeline = play(steps.replace("BOUNDS", ""), head)
    job = move(timeline, "a.bak")
    assert (job.waited_writes, job.waited) == (1, 10_500 * 10**6)
    assert (span(timeline, "a.bak"), span(timeline, "b.bak")) == ((1, 13), (2, 10))
    stopped = play(steps.replace("BOUNDS", ", cancel: +8s"), head)
    job = move(stopped, "a.bak")
    assert (job.waited_writes, job.waited) == (1, 7_500 * 10**6)
    assert cells(stopped, "a.bak") == "AAAA----"


def test_a_write_waits_no_longer_than_for_its_turn_where_a_job_ends_meanwhile() -> None:
    # Each has a cluster a second until b.bak is done at 5 s, and a.bak two then: cluster 6 is its
    # seventh, at 6.5 s. The write to cluster 1 goes on at 3 s, before anything has changed.
    timeline = play(
        """
  - at: 1s
    do:
      - backup: {to: a.bak, disks: [a], through: [pipe]}
      - backup: {to: b.bak, disks: [b], through: [pipe]}
  - at: 2s
    do: [write: {disk: a, cells: -C----B-}]
""",
        SHARED.replace("RATE", "128"),
    )
    job = move(timeline, "a.bak")
    assert (job.waited_writes, job.waited) == (2, 5_500 * 10**6)
    assert (span(timeline, "a.bak"), span(timeline, "b.bak")) == ((1, 7), (1, 5))


def test_a_write_waits_for_what_is_left_of_what_was_on_its_way_at_another_speed() -> None:
    # At 2 s a.bak has copied 32 MiB at 32 MiB/s, and 64 more go before the cluster at 200 MiB. One
    # second later it has half the speed: what is left of them takes 2 s, and the cluster a 256th.
    head = SHARED.replace("a: 8", "a: {size: 256 MiB}").replace("b: 4", "b: {size: 256 MiB}")
    head = head.replace("cells: AAAAAAAA", "offset: 0, length: 256 MiB, data: A")
    head = head.replace("cells: AAAA", "offset: 0, length: 256 MiB, data: A")
    timeline = play(
        """
  - at: 1s
    do: [{backup: {to: a.bak, disks: [a], through: [pipe]}}]
  - at: 2s
    do: [write: {disk: a, offset: 200 MiB, length: 64 KiB, data: B}]
  - at: 3s
    do: [{backup: {to: b.bak, disks: [b], through: [pipe]}}]
""",
        head.replace("RATE", "32768"),
    )
    job = move(timeline, "a.bak")
    assert (job.waited_writes, job.waited) == (1, 3 * SECOND + 3_906_250)


def test_a_job_that_ends_before_its_first_byte_has_used_nothing() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, through: [net], latency: 4s, cancel: +1s}}]
""")
    assert move(timeline, "full").paces == ()
    use = find_uses(timeline)["net"]
    assert (use.size, use.busy) == (0, 0)


@pytest.mark.parametrize(
    "steps",
    [
        "write: CCCCCCCC}, {blockcopy: {to: S2, through: small}",
        "snapshot: S2}, {write: CCCCCCCC}, {snapshot: S3}, {commit: {top: S2, through: small}",
    ],
)
def test_a_store_keeps_backups_alone(steps: str) -> None:
    # A disk of 512 KiB goes through a store that has room for 128.
    head = HEAD.replace("wan: 64 KiB/s", "small: {bandwidth: 64 KiB/s, capacity: 128 KiB}")
    timeline = play(
        f"""
  - at: 1s
    do: [{{{steps}}}]
""",
        head,
    )
    (made,) = timeline.moves
    assert (made.status, made.store) == (Status.COMPLETED, None)
    assert made.end == 9 * SECOND


def test_a_write_before_the_first_byte_waits_for_that_too() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, through: [wan], latency: 1s}}]
  - at: 1s250ms
    do: [{write: "-C------"}]
""")
    job = move(timeline, "full")
    assert (job.waited_writes, job.waited) == (1, 2750 * 10**6)


@pytest.mark.parametrize("how", ["cancel", "fails"])
def test_a_push_that_is_stopped_leaves_what_it_had_copied(how: str) -> None:
    # 2.5 clusters by then; the write to the fourth waits until 5 s, for its turn.
    timeline = play(f"""
  - at: 1s
    do: [{{backup: {{to: full, rate: 64 KiB/s, {how}: +2s500ms}}}}]
  - at: 2s
    do: [{{write: "---C----"}}]
""")
    (backup,) = timeline.last.backups_named("full")
    assert backup.status is (Status.CANCELLED if how == "cancel" else Status.FAILED)
    assert cells(timeline, "full") == "AA------"
    assert span(timeline, "full") == (1, 3.5)


def test_a_crash_ends_a_job_where_it_is_and_a_client_has_nothing() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: push, rate: 64 KiB/s}}]
  - at: 4s
    do: [crash, start, {backup: {to: pull, mode: pull, rate: 64 KiB/s}}]
  - at: 6s
    do: [crash]
""")
    assert cells(timeline, "push") == "AAB-----"
    assert cells(timeline, "pull") == "--------"
    assert move(timeline, "pull").data_bytes == 2 * 65536


def test_under_always_a_job_that_is_stopped_has_cleared_what_it_had_copied() -> None:
    timeline = play(
        """
  - at: 1s
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: b}}
  - at: 2s
    do: [{write: CCCC----}]
  - at: 3s
    do:
      - qmp:
          execute: blockdev-backup
          arguments:
            {device: S1, target: t, sync: bitmap, bitmap: b, bitmap-mode: always, speed: 65536}
  - at: 5s500ms
    do: [{write: D------D}, {cancel: t}]
""",
        PRIMITIVES,
    )
    bitmap = timeline.last.disks[0].bitmap("S1", "b")
    assert bitmap is not None
    # The first two clusters were copied; the guest wrote to the first one, and to the last.
    assert sorted(bitmap.dirty) == [0, 2, 3, 7]


def test_what_the_guest_writes_behind_a_copy_of_its_disk_is_copied_once_more() -> None:
    # 8 s for the disk; at 5.5 s the first 4.5 clusters are done. Two of the three written are
    # behind the job: 2 s more.
    timeline = play("""
  - at: 1s
    do: [{blockcopy: {to: C1, rate: 64 KiB/s}}]
  - at: 5s500ms
    do: [{write: DD-----D}]
""")
    assert span(timeline, "C1") == (1, 11)
    assert [image.name for image in timeline.last.disks[0].chain] == ["C1"]


def test_commits_and_pulls_take_as_long_as_what_they_copy() -> None:
    timeline = play("""
  - at: 1s
    do: [{snapshot: S2}, {write: CC------}]
  - at: 2s
    do: [{snapshot: S3}]
  - at: 10s
    do: [{commit: {top: S2, base: S1, rate: 64 KiB/s}}]
  - at: 20s
    do: [{pull: {into: S3, rate: 64 KiB/s}}]
""")
    assert span(timeline, "commit-S2") == (10, 12)
    assert span(timeline, "pull-S3") == (20, 24)
    assert [image.name for image in timeline.last.disks[0].chain] == ["S3"]


def test_a_job_that_is_held_goes_on_and_one_that_is_ended_too_early_fails() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: held, rate: 64 KiB/s, ends: +30s}}]
  - at: 1m
    do: [{backup: {to: early, rate: 64 KiB/s, ends: +2s}}]
  - at: 2m
    do: [{backup: {to: never, rate: 64 KiB/s, ends: never}}]
""")
    assert span(timeline, "held") == (1, 31)
    assert move(timeline, "held").status is Status.COMPLETED
    assert move(timeline, "early").status is Status.FAILED
    assert move(timeline, "early").why == "it was ended before it had copied all"
    assert span(timeline, "never") == (120, None)


def test_a_backup_that_does_not_fit_fails_when_its_store_is_full() -> None:
    # The store has room for 7 clusters of data: the first takes 4, of the second the third is one
    # too many, 3 s after its start.
    timeline = play("""
  - at: 1s
    do: [{backup: {to: one, rate: 64 KiB/s, through: [repo]}}]
  - at: 20s
    do: [{write: "----CCCC"}, {backup: {to: two, rate: 64 KiB/s, through: [repo]}}]
""")
    assert move(timeline, "one").store == "repo"
    two = move(timeline, "two")
    assert (two.status, two.why) == (Status.FAILED, "repo is full")
    assert two.end is not None
    assert abs(two.end - 23 * SECOND) <= 100_000
    assert cells(timeline, "two") == "AAB-----"


def test_two_disks_that_fill_a_store_fail_together() -> None:
    # Two disks share 32 KiB/s each, so that 300 KiB are there when each has two clusters and a
    # part of the third; the turn of the one that the guest overwrote has not come.
    head = HEAD.replace("disk: 8", "disks: {a: 8, b: 8}").replace("448", "300")
    timeline = play(
        """
  - at: 1s
    do:
      - create: {image: U1, disk: b}
      - write: {disk: a, cells: AAAAAAAA}
      - write: {disk: b, cells: BBBBBBBB}
      - backup: {to: one, through: [wan, repo]}
  - write: {disk: a, cells: -----C--}
  - at: 2s
  - at: 60s
""",
        head.replace("create: S1", "create: {image: S1, disk: a}").replace(
            "write: AABB----", "write: {disk: a, cells: AABB----}"
        ),
    )
    last = timeline.frames[-1].machine
    assert [each.status for each in last.backups] == [Status.FAILED, Status.FAILED]
    assert sum(each.data_bytes for each in last.backups) == 4 * 65536


def test_a_restore_takes_as_long_as_the_data_of_all_that_is_stacked() -> None:
    timeline = play("""
  - at: 1s
    do: [{backup: {to: full, checkpoint: c0}}]
  - at: 2s
    do: [{write: C-------}, {backup: {to: inc, since: c0}}]
  - at: 10s
    do: [{restore: {from: [full, inc], as: back, rate: 64 KiB/s}}]
""")
    assert span(timeline, "back") == (10, 15)


@pytest.mark.parametrize("stop", ["{cancel: full}", "crash"])
def test_a_push_that_is_stopped_after_it_has_moved_all_leaves_all(stop: str) -> None:
    timeline = play(f"""
  - at: 1s
    do: [{{backup: {{to: full, rate: 64 KiB/s, ends: never}}}}]
  - at: 1m
    do: [{stop}]
""")
    assert (span(timeline, "full"), cells(timeline, "full")) == ((1, 60), "AABB----")
    (full,) = timeline.last.backups_named("full")
    assert full.complete  # It hides all below it, as one that completed.
    assert full.usable


def test_of_two_disks_the_one_that_was_copied_is_there_when_the_other_one_is_stopped() -> None:
    # The first has 2 clusters to move and the second 4, at a cluster a second each.
    timeline = play(
        """
  - at: 10s
    do: [{backup: {to: inc, since: c0, rate: 64 KiB/s, cancel: +3s}}]
""",
        """
scenario: s
disks: {vda: {clusters: 4}, vdb: {clusters: 4}}
timeline:
  - at: 0s
    do: [{create: {image: S1, disk: vda}}, {create: {image: W1, disk: vdb}}, checkpoint: c0]
  - at: 1s
    do: [{write: {disk: vda, cells: AA--}}, {write: {disk: vdb, cells: BBBB}}]
""",
    )
    held = {each.disk: len(each.content.clusters()) for each in timeline.last.backups_named("inc")}
    assert held == {"vda": 2, "vdb": 3}


def test_a_backup_that_fails_by_chance_leaves_what_it_had_copied() -> None:
    head = HEAD.replace("disk: 8", "faults: {backup: {fails: 100%}}\nseed: 2\ndisk: 8")
    timeline = play("  - {at: 1s, do: [{backup: {to: full, rate: 64 KiB/s}}]}\n", head)
    failed = move(timeline, "full")
    assert failed.end is not None
    whole = (failed.end - failed.start) // SECOND
    assert 0 < whole < 8
    assert cells(timeline, "full") == "AABB0000"[:whole] + "-" * (8 - whole)


@pytest.mark.parametrize(
    "writes",
    [
        "  - {at: 11s, do: [{write: -------C}]}\n",
        "  - guest: {from: 10s, until: 11s, workload: sequential, writes: 1/s, length: 64 KiB, "
        "region: [448 KiB, 512 KiB]}\n",
    ],
    ids=["step", "workload"],
)
def test_what_waited_for_a_thaw_is_written_at_its_tick_and_waits_for_the_copy_then(
    writes: str,
) -> None:
    # The last cluster is copied at 18 s, and the write to it comes with the thaw at 13 s.
    timeline = play(
        "  - {at: 10s, do: [freeze, {backup: {to: full, rate: 64 KiB/s}}]}\n"
        f"{writes}  - {{at: 13s, do: [thaw]}}\n  - {{at: 1m}}\n",
        HEAD.replace("AABB----", "AAAABBBB"),
    )
    waited = move(timeline, "full")
    assert (waited.waited_writes, waited.waited) == (1, 5 * SECOND)
    (late,) = [each.tick for each in timeline.entries[3:] if each.instant is None]
    assert late == 13 * SECOND


def test_what_waited_for_the_thaw_of_the_last_instant_has_a_frame_of_its_own() -> None:
    timeline = play("  - {at: 1s, do: [freeze, {write: CC------}, thaw]}\n")
    assert [frame.label for frame in timeline.frames] == ["0s", "1s", None]
    assert timeline.frames[1].machine.disks[0] != timeline.last.disks[0]


def test_equal_seeds_draw_equal_faults() -> None:
    steps = """
  - every: 1h
    from: 1h
    until: 20h
    do: [{backup: {to: full<n>, rate: 64 KiB/s}}]
"""

    def moves(seed: int) -> list[tuple[str, Status, int | None]]:
        faults = f"faults: {{backup: {{fails: 50%}}, crash: {{mean: 5h}}}}\nseed: {seed}\ndisk: 8"
        timeline = play(steps, HEAD.replace("disk: 8", faults))
        return [(each.name, each.status, each.end) for each in timeline.moves]

    assert moves(1) == moves(1) != moves(2)
    drawn = [status for seed in range(5) for _, status, _ in moves(seed)]
    assert 35 <= sum(status is Status.FAILED for status in drawn) <= 65


def test_what_is_lost_by_chance_is_gone_later() -> None:
    timeline = play(
        """
  - every: 1h
    from: 1h
    until: 20h
    do: [{backup: {to: full<n>}}]
""",
        HEAD.replace("disk: 8", "faults: {store: {loses: 50%}}\ndisk: 8"),
    )
    lost = [
        entry for entry in timeline.entries if entry.statement and entry.statement.verb == "lose"
    ]
    assert 4 <= len(lost) <= 16
    assert all(entry.refusal is None for entry in lost)
    assert len(timeline.last.backups) == 20 - len(lost)


def test_a_copy_that_does_not_fit_fails_when_its_store_is_full() -> None:
    # 4 of 7 clusters are taken: the copy's fourth is one too many, 3 s after its start.
    run = simulator.loads(
        HEAD
        + """
  - at: 1s
    do: [{backup: {to: one, rate: 64 KiB/s, through: [repo]}}]
  - at: 20s
    do: [shutdown, {copy: {image: S1, to: two, rate: 64 KiB/s, through: [repo]}}]
"""
    ).run()
    two = move(run.timeline, "two")
    assert (two.status, two.why, two.end) == (Status.FAILED, "repo is full", 23 * SECOND + 1)
    assert cells(run.timeline, "two") == "AAB-----"
    assert [b.status for _, b in run.timeline.made_backups] == [Status.COMPLETED, Status.FAILED]


def test_the_end_of_a_copy_is_an_instant_although_nothing_of_the_machine_changes() -> None:
    run = simulator.loads(
        HEAD
        + """
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, through: [wan]}}]
"""
    ).run()
    assert [frame.label for frame in run.timeline.frames] == ["0s", "1s", "5s"]
    assert "\n5s  S1.bak done\n" in run.text()
    assert run.timeline.frames[-1].progress == ()


def test_a_job_that_is_cancelled_at_the_tick_at_which_a_cluster_is_whole_has_it() -> None:
    """Three share 64 KiB/s: a third of it has no end, and three seconds of it are one cluster."""
    timeline = (
        simulator.loads("""
scenario: thirds
model: qemu
disk: {size: 128 KiB}
resources: {net: 64 KiB/s}
timeline:
  - at: 0s
    do: [{create: S1}, {write: AA}]
  - at: 1s
    do:
      - backup: {to: a, through: [net]}
      - backup: {to: b, through: [net]}
      - backup: {to: c, through: [net]}
  - at: 4s
    do: [{cancel: a}]
""")
        .run()
        .timeline
    )
    cancelled = timeline.last.backups[0]
    assert dict(cancelled.content.items()) == {0: ord("A")}
