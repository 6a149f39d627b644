"""A backup that outlives a guest which powers off: ``preserve-domain``.

Source: libvirt 12.8.0 with QEMU 11.1.3; ``facts/LIBVIRT.md``, section 10.5.
"""

import pytest

import simulator
from simulator.libvirt.actions import Virsh
from simulator.libvirt.plan import make_libvirt_plan
from simulator.model.bitmap import Kept
from simulator.model.machine import Machine, Power, Status
from simulator.qemu.plan import make_plan
from simulator.timeline import Timeline

HEAD = """\
scenario: x
model: libvirt
host: {libvirt: 12.8, qemu: 11.1}
disk: 8
timeline:
  - at: T1
    do: [{create: S1}, {checkpoint: c1}]
  - write: AAAA----
"""
BEGUN = """\
  - at: T2
    do: [{backup: {to: k1, mode: MODE, checkpoint: c2, preserve-domain: KEPTENDS}}]
  - write: -B------
  - at: T3
    do: [shutdown]
"""


def play(text: str, *, mode: str = "pull", kept: str = "true", ends: str = "ends: T5") -> Timeline:
    """Return the run of a backup under which the guest powers off, and of what is behind it."""
    begun = (
        BEGUN.replace("MODE", mode)
        .replace("KEPT", kept)
        .replace("ENDS", f", {ends}" if ends else "")
    )
    return simulator.loads(HEAD + begun + text).run().timeline


def state(timeline: Timeline, label: str) -> Machine:
    """Return the machine at an instant."""
    return next(frame.machine for frame in timeline.frames if frame.label == label)


def status(machine: Machine) -> Status:
    """Return how far the one backup is."""
    (backup,) = machine.backups
    return backup.status


@pytest.mark.parametrize("mode", ["push", "pull"])
@pytest.mark.parametrize(
    ("ends", "how"),
    [
        ("ends: T5", Status.COMPLETED),
        ("fails: T5", Status.FAILED),
        ("cancel: T5", Status.CANCELLED),
    ],
)
def test_the_machine_is_off_when_the_job_ends(mode: str, ends: str, how: Status) -> None:
    timeline = play("  - {at: T4}\n  - {at: T5}\n", mode=mode, ends=ends)
    for label in ("T3", "T4"):
        machine = state(timeline, label)
        assert (machine.power, machine.ending, status(machine)) == (
            Power.RUNNING,
            True,
            Status.RUNNING,
        )
    machine = state(timeline, "T5")
    assert (machine.power, machine.ending, machine.jobs) == (Power.OFF, False, ())
    assert status(machine) is how
    kept = {bitmap.name: bitmap.kept for bitmap in machine.disks[0].bitmaps}
    assert kept == {"c1": Kept.STORED, "c2": Kept.STORED}


def test_without_the_option_the_job_goes_with_the_machine() -> None:
    machine = state(play("  - {at: T5}\n", kept="false"), "T3")
    assert (machine.power, machine.ending) == (Power.OFF, False)
    assert status(machine) is Status.CANCELLED


def test_a_backup_that_is_over_keeps_nothing() -> None:
    timeline = play("  - {at: T5}\n", ends="")
    assert state(timeline, "T3").power is Power.OFF


def test_no_guest_writes_meanwhile() -> None:
    timeline = play("  - write: ----C---\n  - {at: T4}\n  - {at: T5}\n")
    refused = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    assert refused == ["no guest is running: it has powered off"]
    assert state(timeline, "T4").disks == state(timeline, "T3").disks


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("start", "Domain is already active"),
        ("shutdown", "Requested operation is not valid: domain is not running"),
        ("{backup: k2}", "cannot acquire state change lock"),
        ("{snapshot: S2}", "cannot acquire state change lock"),
        ("{delete: {checkpoint: c1}}", ""),
        ("crash", ""),
    ],
)
def test_what_is_taken_meanwhile(step: str, words: str) -> None:
    timeline = play(f"  - {{at: T4, do: [{step}]}}\n  - {{at: T5}}\n")
    refused = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    assert [words in text for text in refused] == ([True] if words else [])


def test_a_crash_ends_all_as_ever() -> None:
    machine = state(play("  - {at: T4, do: [crash]}\n  - {at: T5}\n"), "T4")
    assert (machine.power, machine.ending, status(machine)) == (
        Power.CRASHED,
        False,
        Status.FAILED,
    )


def test_a_job_by_its_rate_ends_by_itself_and_takes_the_machine_along() -> None:
    told = HEAD + BEGUN.replace("MODE", "push").replace("KEPT", "true")
    told = told.replace("ENDS", ", rate: 64 KiB/s").replace("T1", "0s").replace("T2", "10s")
    timeline = simulator.loads(told.replace("T3", "12s") + "  - {at: 30s}\n").run().timeline
    assert state(timeline, "12s").ending
    assert timeline.last.power is Power.OFF
    assert status(timeline.last) is Status.COMPLETED


@pytest.mark.parametrize(
    ("model", "host", "words"),
    [
        ("libvirt", "{libvirt: 9.0}", "doesn't support option --preserve-domain-on-shutdown"),
        ("libvirt", "{libvirt: 11.3}", "doesn't support option --preserve-domain-on-shutdown"),
        ("libvirt-6.0", "{qemu: 11.1}", "doesn't support option --preserve-domain-on-shutdown"),
        ("qemu", "{qemu: 11.1}", "QEMU has no such argument"),
        ("qemu-single", "{qemu: 11.1}", "QEMU has no such argument"),
        ("mail-2018", "{qemu: 11.1}", "QEMU has no such argument"),
        ("nir-2018", "{qemu: 11.1}", "QEMU has no such argument"),
    ],
)
def test_hosts_and_models_that_do_not_have_it_say_so(model: str, host: str, words: str) -> None:
    head = HEAD.replace("model: libvirt", f"model: {model}")
    head = head.replace("{libvirt: 12.8, qemu: 11.1}", host).replace(", {checkpoint: c1}", "")
    step = "  - {at: T2, do: [{backup: {to: k1, preserve-domain: true}}]}\n"
    (found,) = simulator.loads(head + step).run().findings
    assert words in (found.refused or "")


def test_the_option_is_passed_on_and_no_guest_is_played_that_powers_off() -> None:
    timeline = play("  - {at: T5}\n")
    steps = make_libvirt_plan(timeline).steps
    begun = [a for s in steps for a in s.actions if isinstance(a, Virsh)]
    assert [a.words[-1] for a in begun if a.words[0] == "backup-begin"] == [
        "--preserve-domain-on-shutdown"
    ]
    for plan in (make_libvirt_plan(timeline), make_plan(timeline)):
        assert ["powers off" in step.unsupported for step in plan.steps].count(True) == 1
