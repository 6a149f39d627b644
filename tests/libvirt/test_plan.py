"""What a real libvirt is asked for."""

import pytest

import simulator
from simulator.libvirt.actions import Virsh
from simulator.libvirt.plan import make_libvirt_plan
from tests.checkout import SCENARIOS
from tests.hosts.real import CHAIN, HEAD, timeline_of


def test_a_running_backup_keeps_out_what_libvirt_waits_half_a_minute_for() -> None:
    """A real libvirt 9.0 says so after 30 seconds each, so it is not asked here."""
    story = """\
  - at: T1
    do: [create: S1, snapshot: S2]
  - at: T2
    do:
      - backup: {to: full.bak, mode: pull, ends: T3}
      - {backup: {to: other.bak}, expect: refused}
      - {snapshot: S3, expect: refused}
      - {delete: {snapshot: S2}, expect: refused}
  - at: T3
""".replace("[create: S1, snapshot: S2]", "[{create: S1}, {snapshot: S2}]")
    entries = timeline_of(HEAD + story).entries
    said = [entry.refusal.text for entry in entries if entry.refusal is not None]
    assert (
        said
        == [
            "Timed out during operation: cannot acquire state change lock "
            "(held by monitor=remoteDispatchDomainBackupBegin)"
        ]
        * 3
    )


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("detach: vda", "detach cannot be verified"),
        ("backup: {to: x.bak, fails: T5}", "a push backup that lasts cannot be verified"),
        ("backup: {to: x.bak, bitmaps: [B1]}", "through bitmaps that the user names"),
        ("snapshot: {image: S4, outside: true}", "made outside of libvirt cannot be verified"),
        ("qmp: {execute: block-commit, arguments: {device: S3}}", "qmp: block-commit cannot"),
    ],
)
def test_a_verb_that_is_not_supported_is_a_finding_and_no_agreement(step: str, told: str) -> None:
    timeline = timeline_of(f"{HEAD}{CHAIN}      - {step}\n  - at: T5\n")
    unsupported = [s.unsupported for s in make_libvirt_plan(timeline).steps if s.unsupported]
    assert unsupported
    assert f"{unsupported[0]} cannot be verified".find(told) >= 0


def test_a_pull_that_is_refused_is_begun_and_not_read() -> None:
    text = HEAD + (
        "  - {at: T1, do: [{create: S1}, {checkpoint: c1}, crash, start]}\n"
        "  - {at: T2, do: [{backup: {since: c1, to: inc.bak, mode: pull}}]}\n"
    )
    (action,) = make_libvirt_plan(simulator.loads(text).run().timeline).steps[-1].actions
    assert isinstance(action, Virsh)
    assert action.words[0] == "backup-begin"


def test_a_backup_of_two_disks_is_one_document_and_one_command() -> None:
    timeline = simulator.load(SCENARIOS / "valid" / "two-disks.yaml").run().timeline
    steps = make_libvirt_plan(timeline).steps
    backup = next(s for s in steps if s.entry.statement and s.entry.statement.verb == "backup")
    begin = backup.actions[0]
    assert isinstance(begin, Virsh)
    assert begin.words == (
        "backup-begin",
        "machine",
        "@folder@/backup-1.xml",
        "@folder@/checkpoint-1.xml",
    )
    text = dict(begin.documents)["backup-1.xml"]
    assert '<target file="@folder@/full.bak-vda"/>' in text
    assert '<target file="@folder@/full.bak-vdb"/>' in text
