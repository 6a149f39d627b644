"""A scenario that memory does not hold is told so before it starts, and no other one is."""

from pathlib import Path

import pytest

from simulator.diagnostics import InputError
from simulator.scenario import load_text
from simulator.scenario.guests import memory
from simulator.scenario.guests.memory import DRAWN_BYTES, KEPT_BYTES, free_bytes, need_of
from simulator.script import Script
from tests.checkout import command

GIB = 1 << 30

WEEK = """\
scenario: a week of a terabyte
model: libvirt
disks: {vda: {size: 1 TiB}}
timeline:
  - {at: 0s, do: [{create: S1}]}
  - guest: {until: 7d, workload: uniform, writes: 200/s}
"""

HOURLY = WEEK + "  - {every: 1h, until: 7d, do: [{checkpoint: c<n>}]}\n"


def load(text: str, free: int, monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr("simulator.scenario.workloads.free_bytes", lambda: free)
    return load_text(text, "week.yaml")


@pytest.mark.parametrize("text", [WEEK, HOURLY])
def test_a_week_of_200_writes_a_second_is_taken_where_there_are_16_gb(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (guest,) = load(text, 16 * 10**9, monkeypatch).guests
    assert guest.writes == 120_960_000


def test_who_looks_often_needs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(HOURLY, 2 * GIB, monkeypatch)
    with pytest.raises(InputError):
        load(WEEK, 2 * GIB, monkeypatch)


def test_what_memory_does_not_hold_is_told_with_its_place_and_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "  - guest: {until: 7d, workload: uniform, writes: 20/s}\n"
    with pytest.raises(InputError) as raised:
        load(WEEK + other, 4 * GIB, monkeypatch)
    (problem,) = raised.value.problems
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (6, 12)
    assert problem.message == (
        "its 120,960,000 writes take 4.8 GiB of memory at least of the 5.4 GiB "
        "that all workloads take"
    )
    assert problem.expected == "at most the 4 GiB that are free"


def test_it_ends_with_status_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.scenario.workloads.free_bytes", lambda: GIB)
    file = tmp_path / "week.yaml"
    file.write_text(WEEK)
    outcome = command("run", str(file))
    assert (outcome.status, outcome.out) == (2, "")
    assert "week.yaml:6:12" in outcome.err


def test_nobody_refuses_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.scenario.workloads.free_bytes", lambda: None)
    assert load_text(WEEK, "week.yaml")


def test_a_small_region_keeps_no_more_clusters_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    small = HOURLY.replace("200/s", "200/s, region: [0, 64 MiB]")
    (guest,) = load(small, 16 * GIB, monkeypatch).guests
    ticks = [3600 * 10**9 * hour for hour in range(169)]
    # 168 stretches of 720,000 writes to 1,024 clusters.
    assert need_of(guest, ticks) == KEPT_BYTES * 168 * 1026 + DRAWN_BYTES * 720_000


MEMINFO = "MemTotal: 16000 kB\nMemAvailable: 8000 kB\nSwapFree: 1000 kB\n"


def root(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


CGROUP = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 9000 << 10),
        ({"proc/self/cgroup": "0::/\n"}, 9000 << 10),
        (
            {
                "proc/self/cgroup": "0::/box/own\n",
                f"{CGROUP}/box/own/memory.max": "max\n",
                f"{CGROUP}/box/own/memory.current": "1000\n",
                f"{CGROUP}/box/memory.max": "5000000\n",
                f"{CGROUP}/box/memory.current": "2000000\n",
                f"{CGROUP}/box/memory.stat": "anon 5\ninactive_file 500000\n",
            },
            3_500_000,
        ),
        (
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/box\n",
                f"{CGROUP}/memory/box/memory.limit_in_bytes": "3000000\n",
                f"{CGROUP}/memory/box/memory.usage_in_bytes": "1000000\n",
                f"{CGROUP}/memory/box/memory.stat": "inactive_file 1\ntotal_inactive_file 300000\n",
            },
            2_300_000,
        ),
        ({"proc/meminfo": ""}, None),
    ],
)
def test_free_is_what_the_system_and_the_container_leave(
    files: dict[str, str], free: int | None, tmp_path: Path
) -> None:
    assert free_bytes(root(tmp_path, files)) == free


def test_this_system_says_something() -> None:
    free = free_bytes()
    assert free is None or free > memory.SMALL_BYTES // 8
