"""What releases differ in, on the QEMU and the libvirt that are installed, whichever they are."""

from operator import attrgetter

import pytest

import simulator
from simulator.hosts.installed import installed_host
from simulator.notation import write_bits, write_clusters
from simulator.pipeline import Run
from simulator.qemu.plan import make_plan
from simulator.releases.change import Change
from simulator.releases.changes import CHANGES
from simulator.releases.hosts import QEMU
from simulator.verify.on_libvirt import verify as on_libvirt
from simulator.verify.on_qemu import verify as on_qemu
from tests.hosts.real import need_libvirt, need_qemu, timeline_of

NAME_OF = attrgetter("name")

CANCELLED = """\
scenario: a commit that is ready is cancelled
model: qemu
disk: 8
timeline:
  - at: T1
    do:
      - create: S1
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {node: S1, name: B1, persistent: true}
  - write: AA------
  - at: T2
    do: [snapshot: S2]
  - write: -B------
  - at: T3
    do:
      - qmp: {execute: block-commit, arguments: {job-id: j1, device: S2}}
        ends: T6
  - write: ---C----
  - at: T4
    do: [{qmp: COMMAND}]
  - at: T5
    do: [{qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}}]
  - at: T6
    do: [crash, start]
"""
CANCELS = (
    "{execute: job-cancel, arguments: {id: j1}}",
    "{execute: block-job-cancel, arguments: {device: j1}}",
    "{execute: block-job-cancel, arguments: {device: j1, force: true}}",
)


@pytest.mark.parametrize("change", [each for each in CHANGES if each.of == QEMU], ids=NAME_OF)
def test_the_smallest_scenario_of_a_change_goes_as_on_the_qemu_that_is_installed(
    change: Change,
) -> None:
    need_qemu()
    assert agrees(f"scenario: {change.name}\n{change.shows}")


@pytest.mark.parametrize("change", [each for each in CHANGES if each.of != QEMU], ids=NAME_OF)
def test_and_so_does_that_of_libvirt(change: Change) -> None:
    need_libvirt()
    verification = on_libvirt(timeline_of(f"scenario: {change.name}\n{change.shows}"))
    assert verification.finding is None


@pytest.mark.parametrize("command", CANCELS)
def test_the_base_of_a_commit_that_is_cancelled_closes_by_force_alone(command: str) -> None:
    need_qemu()
    assert agrees(CANCELLED.replace("COMMAND", command))


@pytest.mark.parametrize("command", CANCELS)
def test_it_closes_since_10(command: str) -> None:
    closed = "closed" if "force" in command or "id:" in command else "open"
    for release, wanted in (("7.2", "open"), ("10.0", closed)):
        text = CANCELLED.replace("COMMAND", command)
        run = simulator.loads(text.replace("disk: 8", f"host: {{qemu: {release}}}\ndisk: 8")).run()
        bitmap = run.timeline.last.disks[0].bitmap("S1", "B1")
        assert bitmap is not None
        assert bitmap.inconsistent == (wanted == "open"), release


def agrees(text: str) -> bool:
    """Whether a scenario is verified on what is installed, to its end."""
    installed = installed_host()
    assert installed is not None
    verification = on_qemu(timeline_of(text))
    assert verification.finding is None, verification.finding
    return bool(verification.steps)


RAW = """\
scenario: a copy of a raw image that nobody wrote at its start
model: qemu
disk: {clusters: 32, cluster_size: 4096}
timeline:
  - at: T1
    do: [{create: {image: S1, format: raw}}, {snapshot: S2}]
  - write: ----------------------A---------
  - at: T2
    do: [MIRROR]
  - write: ---------------------------B----
  - zero: ------XX------------------------
  - at: T3
"""
MIRRORS = (
    "blockcopy: {to: C1, ends: T3}",
    "{qmp: {execute: blockdev-mirror, arguments: "
    "{job-id: j1, device: S2, target: C1, sync: full, granularity: 32768}}, ends: T3}",
)


@pytest.mark.parametrize("mirror", MIRRORS)
def test_what_a_mirror_copies_of_a_raw_image(mirror: str) -> None:
    need_qemu()
    assert agrees(RAW.replace("MIRROR", mirror))


COPIES = ("0---------------------A----B----", "00000000--------000000A0000B0000")


@pytest.mark.parametrize(("mirror", "copied"), list(zip(MIRRORS, COPIES, strict=True)))
def test_a_newer_one_copies_its_first_block_and_whole_granules(mirror: str, copied: str) -> None:
    text = RAW.replace("MIRROR", mirror).replace("disk:", "host: {qemu: 11.1}\ndisk:", 1)
    (disk,) = simulator.loads(text).run().timeline.last.disks
    assert write_clusters(disk.active.content, disk.length) == copied


FEATURES = {
    "discard-source, full": ("sync: full, discard-source: true", "zzzz----", "XXXXXXXX"),
    "discard-source, top": ("sync: top, discard-source: true", "zzzz----", "XXXX-X--"),
    "discard-source, bitmap": (
        "sync: bitmap, bitmap: B1, bitmap-mode: on-success, discard-source: true",
        "zzzz----",
        "XXXX-X--",
    ),
    "discard-source, none": ("sync: none, discard-source: true", "AABB----", "XXXX-X--"),
    "min-cluster-size": (
        "sync: bitmap, bitmap: B1, bitmap-mode: never, x-perf: {min-cluster-size: 131072}",
        "AABB----",
        "XXXX-X--",
    ),
    "min-cluster-size, none": ("sync: none, x-perf: {min-cluster-size: 131072}", "AABB----", ""),
    "min-cluster-size, no power of two": (
        "sync: full, x-perf: {min-cluster-size: 1000}",
        "AABB----",
        "",
    ),
    "on-cbw-error": ("sync: full, on-cbw-error: break-snapshot", "AABB----", ""),
}
FEATURE = """\
scenario: what newer releases add
model: qemu
disk: 8
timeline:
  - at: T1
    do:
      - create: S1
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}
  - write: AABB----
  - at: T2
    do:
      - {qmp: {execute: blockdev-backup, arguments: {device: S1, target: k1, MORE}}, ends: T3}
  - write: -----E--
  - {at: T3}
"""


@pytest.mark.parametrize("name", FEATURES)
def test_what_newer_releases_add_goes_as_on_what_is_installed(name: str) -> None:
    need_qemu()
    assert agrees(FEATURE.replace("MORE", FEATURES[name][0]))


@pytest.mark.parametrize("name", [name for name, story in FEATURES.items() if story[2]])
def test_it_does_so_from_10_on(name: str) -> None:
    told, cells, bits = FEATURES[name]
    text = FEATURE.replace("MORE", told).replace("disk:", "host: {qemu: 10.0}\ndisk:", 1)
    (disk,) = simulator.loads(text).run().timeline.last.disks
    image = f"{cells[:5]}E{cells[6:]}".replace("z", "0")
    assert write_clusters(disk.active.content, disk.length) == image
    (bitmap,) = disk.bitmaps
    assert write_bits(bitmap.dirty, bitmap.length) == bits


FULL = """\
scenario: the scratch is full
model: qemu
host: {qemu: 11.1}
disk: 8
timeline:
  - at: T1
    do: [create: S1]
  - write: AAAA----
  - at: T2
    do: [{backup: {to: k1, mode: pull, scratch: 64 KiB, on-cbw-error: WHO, ends: T3}}]
  - write: B-------
  - write: -CC-----
  - write: ---D----
  - {at: T3}
"""


def test_who_is_harmed_by_a_full_scratch() -> None:
    harmed = simulator.loads(FULL.replace("WHO", "break-guest-write")).run()
    assert [f.code for f in harmed.findings] == ["BT210", "BT210"]
    assert cells(harmed) == "AAAA----"
    broken = simulator.loads(FULL.replace("WHO", "break-snapshot")).run()
    (finding,) = broken.findings
    assert finding.code == "BT210"
    assert "two points in time" in finding.message
    assert any("QEMU 11.1" in note for note in finding.notes)
    assert cells(broken) == "ACCD----"


def test_a_real_scratch_has_room_so_the_mixture_is_not_looked_at() -> None:
    for who, looked in (("break-guest-write", True), ("break-snapshot", False)):
        plan = make_plan(simulator.loads(FULL.replace("WHO", who)).run().timeline)
        assert any(step.backups for step in plan.steps) == looked, who


def test_older_ones_and_libvirt_do_not_know_who_is_to_be_harmed() -> None:
    text = FULL.replace("WHO", "break-snapshot")
    for old, new, words in (
        ("qemu: 11.1", "qemu: 10.0", "Parameter 'on-cbw-error' is unexpected"),
        ("model: qemu", "model: libvirt", "libvirt does not pass on-cbw-error on to QEMU"),
    ):
        findings = simulator.loads(text.replace(old, new)).run().findings
        assert [f.refused for f in findings] == [words]


def cells(run: Run) -> str:
    """Return what the backup holds."""
    (backup,) = run.timeline.last.backups
    return write_clusters(backup.content, backup.length)
