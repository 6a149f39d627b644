"""Rules about time: jobs that overlap, schedules that do not fit, guests that wait, full stores."""

import pytest

import simulator
from simulator.diagnostics import Finding

HEAD = """
scenario: time
model: libvirt
disk: 8
resources: {repo: {bandwidth: 64 KiB/s, capacity: 448 KiB}}
timeline:
  - at: 0s
    do: [{create: S1}, {write: AAAABBBB}]
"""


def found(steps: str, code: str, *, model: str = "libvirt") -> list[Finding]:
    run = simulator.loads(HEAD.replace("model: libvirt", f"model: {model}") + steps).run()
    return [finding for finding in run.findings if finding.code == code]


def nightly(rest: str, rate: str = "16 KiB/h") -> str:
    """A full backup a day for four days; at 16 KiB/h it takes 32 hours."""
    return f"""
  - every: 1d
    from: 1d
    until: 4d
    {rest}
    do: [{{backup: {{to: full<n>.bak, rate: {rate}}}}}]
"""


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("rate: 16 KiB/h", "b has run since 1d, and would until 2d8h at this rate"),
        (
            "rate: 64 KiB/h, ends: +30h",
            "b has run since 1d, has moved all at 1d8h, and does until 2d6h",
        ),
        (
            "rate: 64 KiB/h, ends: never",
            "b has run since 1d, has moved all at 1d8h, and nobody ends it",
        ),
        ("rate: 64 KiB/h, latency: 30h", "b has run since 1d, and has moved nothing yet"),
        ("ends: +30h", "b has run since 1d, and does until 2d6h"),
    ],
)
def test_a_request_that_a_job_keeps_out_is_told_its_window(ending: str, told: str) -> None:
    steps = f"""
  - {{at: 1d, do: [{{backup: {{to: b, {ending}}}}}]}}
  - {{at: 2d, do: [snapshot: S2]}}
"""
    (finding,) = found(steps, "BT211")
    assert told in finding.notes


@pytest.mark.parametrize(
    ("rest", "model", "fate"),
    [
        ("overlap: refuse", "libvirt", "the turn at 2d is refused"),
        ("overlap: skip", "libvirt", "the turn at 2d is left out"),
        ("overlap: queue", "libvirt", "the turn at 2d waits until 2d8h"),
        ("overlap: refuse", "qemu", "the turn at 2d begins beside it"),
    ],
)
def test_a_schedule_is_told_once_with_what_became_of_its_first_late_turn(
    rest: str, model: str, fate: str
) -> None:
    (finding,) = found(nightly(rest), "BT503", model=model)
    assert finding.message.endswith("1d after its own: it takes 1d8h")
    assert finding.at == "1d"
    assert finding.notes[0] == fate
    assert finding.notes[-1] == "it does not catch up"


def test_a_job_that_ends_at_the_very_tick_of_the_next_turn_is_in_time() -> None:
    assert not found(nightly("", "512 KiB/d"), "BT503")
    (finding,) = found(nightly("", "511 KiB/d"), "BT503")
    assert "2d" in finding.label


def test_a_schedule_that_is_in_step_again_is_told_so() -> None:
    # The client reads data only, of which there is less from the second night on.
    less = "  - {at: 1d12h, do: [{zero: --000000}]}\n"
    (finding,) = found(nightly("overlap: skip", "16 KiB/h, mode: pull") + less, "BT503")
    assert finding.notes == (
        "the turn at 2d is left out",
        "it catches up: the turn at 3d finds none, and is done in time",
    )


def test_a_job_that_nobody_ends_keeps_its_schedule_out() -> None:
    (finding,) = found(nightly("", "1 MiB/h, mode: pull, ends: never"), "BT503")
    assert finding.message.endswith("nobody ends it")
    assert "3 of 4 turns find one running" in finding.notes


@pytest.mark.parametrize(
    "step",
    ["copy: {image: S1, to: c<n>.img, rate: 12 KiB/h}",
     "restore: {from: full.bak, as: trial<n>, rate: 12 KiB/h}"],
)  # fmt: skip
def test_copies_and_restores_meet_their_next_turn_as_jobs_do(step: str) -> None:
    steps = f"""
  - {{at: 1h, do: [{{backup: {{to: full.bak}}}}]}}
  - {{every: 1d, from: 1d, until: 3d, do: [{{{step}}}]}}
"""
    (finding,) = found(steps, "BT503")
    assert finding.message.endswith("1d after its own: it takes 1d18h40m")
    assert finding.notes[:2] == ("the turn at 2d begins beside it", "2 of 3 turns find one running")


def test_other_schedules_and_steps_may_find_a_job_running() -> None:
    steps = """
  - {every: 7d, from: 1d, until: 8d, do: [{backup: {to: full<n>.bak, rate: 16 KiB/h}}]}
  - every: 1d
    from: 1d12h
    until: 4d
    do:
      - backup: {to: inc<n>.bak}
        allow: {rule: BT211, because: it has its own schedule}
"""
    assert not found(steps, "BT503")


PEACE = "  - {at: 1m, do: [freeze]}\n"


@pytest.mark.parametrize(
    "steps",
    [
        "  - {at: 2m, do: [{backup: a}, thaw]}\n",
        # A point in time that the guest need not be quiet for.
        "  - {at: 2m, do: [thaw]}\n",
        "  - {at: 2m, do: [thaw]}\n  - {at: 3m, do: [{restore: {from: b}}]}\n",
        "  - {at: 2m, do: [thaw]}\n  - {at: 3m1s, do: [{backup: a}]}\n",
        # Something was tried.
        "  - {at: 2m, do: [{snapshot: S1, expect: refused}, thaw, {backup: a}]}\n",
        # It ended otherwise.
        "  - {at: 2m, do: [crash, start, {backup: a}]}\n",
        "  - {at: 2m, do: [shutdown]}\n",
    ],
)
def test_a_freeze_with_a_reason_or_without_a_point_in_time_is_not_told(steps: str) -> None:
    assert not found(f"  - {{at: 30s, do: [{{backup: b}}]}}\n{PEACE}{steps}", "BT504")


def test_the_end_of_a_job_under_a_freeze_is_a_reason() -> None:
    steps = """
  - {at: 10s, do: [{blockcopy: {to: C1, rate: 64 KiB/s, ends: +1m}}]}
  - {at: 1m5s, do: [freeze]}
  - {at: 1m12s, do: [thaw]}
  - {at: 2m, do: [{backup: a}]}
"""
    assert not found(steps, "BT504")


def test_who_is_never_thawed_waits_until_the_end_of_the_run() -> None:
    guest = "  - guest: {workload: uniform, until: 1h, writes: 1/s}\n"
    (finding,) = found(PEACE + guest, "BT504")
    assert finding.notes == ("it waits 59m until the end of the run",)


def test_who_is_thawed_before_the_backup_of_the_same_step_has_waited_for_nothing() -> None:
    (finding,) = found("  - {at: 1m, do: [freeze, thaw, {backup: a}]}\n", "BT504")
    assert finding.notes[0] == "it waits 0s for nothing"
    assert [place.message for place in finding.related] == [
        "it thaws here",
        "the point in time is taken here",
    ]


def test_a_schedule_that_thaws_too_early_is_told_once() -> None:
    steps = "  - {every: 1h, until: 5h, do: [freeze, thaw, {backup: a<n>}]}\n"
    (finding,) = found(steps, "BT504")
    assert finding.notes[-1] == "5 more of this schedule's turns do so"


def test_a_job_that_fails_at_once_does_not_catch_up() -> None:
    steps = nightly("overlap: skip").replace("until: 4d", "until: 3d")
    (finding,) = found(steps + "  - {at: 3d1h, do: [crash]}\n", "BT503")
    assert finding.notes[-1] == "it does not catch up"


FULL = """
  - {at: 1m, do: [{write: AA--BB--}, {discard: --XX--XX}]}
  - {at: 2m, do: [{backup: {to: one, checkpoint: c0, through: [repo]}}]}
  - {at: 3m, do: [{write: C-------}, {backup: {to: inc, since: c0, through: [repo]}}]}
"""


def test_what_is_needed_for_the_newest_instant_may_not_go() -> None:
    steps = FULL + "  - {at: 4m, do: [{write: D-------}, {backup: {to: two, through: [repo]}}]}\n"
    (finding,) = found(steps, "BT505")
    assert finding.notes == ("repo keeps 448 KiB: one 256 KiB and inc 64 KiB",)
    assert finding.help == "give repo 576 KiB or more"


def test_what_the_help_deletes_is_enough_and_loses_what_it_says() -> None:
    more = "  - {at: 3m, do: [{write: D-------}, {backup: {to: two, through: [repo]}}]}\n"
    steps = FULL[: FULL.index("  - {at: 3m")] + "%s" + more
    (finding,) = found(steps % "", "BT505")
    assert finding.help.startswith("give repo")
    one = "  - {at: 2m30s, do: [{backup: other}]}\n"
    (finding,) = found(steps % one, "BT505")
    assert finding.help == "delete one: no instant is lost with it, or give repo 512 KiB or more"
    gone = one + "  - {at: 2m40s, do: [{delete: {backup: one}}]}\n"
    assert not found(steps % gone, "BT505")
    assert not found(steps % gone, "BT305")


def test_what_a_client_could_not_store_is_told_like_what_a_job_could_not() -> None:
    steps = """
  - {at: 1m, do: [{backup: {to: one, mode: pull, through: [repo]}}]}
"""
    (finding,) = found(steps, "BT505")
    assert finding.label == "512 KiB, and there is room for 448 KiB"
    assert finding.notes == ("repo keeps 448 KiB: nothing else",)


def test_a_job_that_fails_is_told_once() -> None:
    cut = "  - {at: 1m, do: [{backup: {to: a, checkpoint: c0, rate: 64 KiB/s, ends: +2s}}]}\n"
    after = "  - {at: 2m, do: [{write: C-------}, {backup: {to: b, since: c0}}]}\n"
    assert found(cut, "BT506")
    assert found(cut + after, "BT401")
    assert found(cut + after, "BT203")
    assert not found(cut + after, "BT506")


DISKS = """
scenario: two disks
model: libvirt
disks: {vda: 8, vdb: 8}
resources: {repo: {bandwidth: 64 KiB/s, capacity: 448 KiB}}
timeline:
  - at: 0s
    do:
      - create: {image: S1, disk: vda}
      - create: {image: W1, disk: vdb}
      - write: {disk: vda, cells: AAAA----}
      - write: {disk: vdb, cells: BBBB----}
"""


def test_a_backup_of_two_disks_that_does_not_fit_needs_room_for_both() -> None:
    text = DISKS + "  - {at: 1m, do: [{backup: {to: both, through: [repo]}}]}\n"
    (finding,) = [f for f in simulator.loads(text).run().findings if f.code == "BT505"]
    assert finding.label == "512 KiB, and there is room for 448 KiB"
    assert finding.help == "give repo 512 KiB or more"


def test_a_backup_of_two_disks_that_is_unfinished_is_told_once() -> None:
    text = DISKS + "  - {at: 1m, do: [{backup: {to: both, rate: 64 KiB/s, ends: +2s}}]}\n"
    (finding,) = [f for f in simulator.loads(text).run().findings if f.code == "BT506"]
    assert finding.notes == ("it had copied 128 KiB of 512 KiB by then",)
