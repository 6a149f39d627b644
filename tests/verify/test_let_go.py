"""Nodes that are to be let go (``blockdev-set-active``): what QEMU says, and what it does then."""

import pytest

import simulator
from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu, timeline_of

STORY = """\
scenario: images are to be let go
model: qemu
disk: 8
timeline:
  - at: T1
    do: [{create: S1}, {snapshot: S2}]
  - write: AA------
  - at: T2
    do:
      - BEGIN
      - qmp: {execute: blockdev-set-active, arguments: {ARGUMENTS}}
  - write: -B------
  - at: T3
    do: [crash, start]
"""
BACKUP = "backup: {to: k1, ends: T3}"
PULL = "backup: {to: k1, mode: pull, ends: T3}"
MIRROR = """\
{qmp: {execute: blockdev-mirror, arguments: {job-id: j1, device: S2, target: C1, sync: full}},
         ends: T3}"""
BITMAP = "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: B1, persistent: true}}"
TEMPORARY = BITMAP.replace(", persistent: true", "")
NOT_PERMITTED = "Failed to inactivate node: Operation not permitted"
PARENT = "Node has active parent node"
WORDS = {
    "below": (TEMPORARY, "node-name: S1, active: false", PARENT),
    "under the guest": (TEMPORARY, "node-name: S2, active: false", NOT_PERMITTED),
    "all": (
        TEMPORARY,
        "active: false",
        "Failed to inactivate all nodes: Operation not permitted",
    ),
    "taken up": (BITMAP, "node-name: S2, active: true", ""),
    "all taken up": (BITMAP, "active: true", ""),
    "unknown": (
        BITMAP,
        "node-name: nope, active: true",
        "Failed to find node with node-name='nope'",
    ),
    "source of a backup": (BACKUP, "node-name: S2, active: false", PARENT),
    "target of a backup": (BACKUP, "node-name: k1, active: false", PARENT),
    "target taken up": (BACKUP, "node-name: k1, active: true", ""),
    "scratch of a pull": (PULL, "node-name: k1, active: false", PARENT),
    "source of a mirror": (MIRROR, "node-name: S2, active: false", PARENT),
    "nothing told": (BITMAP, "node-name: S2", "Parameter 'active' is missing"),
    "ill-typed": (
        BITMAP,
        "node-name: S2, active: 3",
        "Invalid parameter type for 'active', expected: boolean",
    ),
}


def story(begin: str, arguments: str, release: str = "10.0") -> str:
    """Return a scenario that lets a node go behind something else."""
    text = STORY.replace("BEGIN", begin).replace("{ARGUMENTS}", f"{{{arguments}}}")
    return text.replace("disk:", f"host: {{qemu: {release}}}\ndisk:", 1)


@pytest.mark.parametrize("name", WORDS)
def test_what_qemu_says_of_a_node_that_is_to_be_let_go(name: str) -> None:
    begin, arguments, words = WORDS[name]
    for release, wanted in (
        ("7.2", "The command blockdev-set-active has not been found"),
        ("10.0", words),
        ("11.1", words),
    ):
        run = simulator.loads(story(begin, arguments, release)).run()
        refused = [each.refusal.text for each in run.timeline.entries if each.refusal is not None]
        assert refused == ([wanted] if wanted else []), release


@pytest.mark.parametrize("name", WORDS)
def test_it_goes_so_on_what_is_installed(name: str) -> None:
    need_qemu()
    begin, arguments, _ = WORDS[name]
    outcome = verify(timeline_of(story(begin, arguments)))
    assert outcome.finding is None, outcome.finding
    assert outcome.unplayed == ()


EXPORTED = TEMPORARY.replace("}}", ", persistent: true, disabled: true}}") + (
    "\n      - qmp: {execute: block-export-add, arguments: "
    "{type: nbd, id: e1, node-name: S2, bitmaps: [B1]}}"
)
HARM = {
    "stored bitmaps": (BITMAP, "node-name: S2, active: false", "lets go of its stored bitmaps"),
    "of the first disk": (BITMAP, "active: false", "lets go of its stored bitmaps"),
    "an exported one": (EXPORTED, "node-name: S2, active: false", "QEMU dies of it"),
    "a mirror's target": (MIRROR, "node-name: C1, active: false", "dies with the guest's next"),
}


@pytest.mark.parametrize("name", HARM)
def test_what_it_does_all_the_same_is_told_and_not_played(name: str) -> None:
    begin, arguments, told = HARM[name]
    run = simulator.loads(story(begin, arguments)).run()
    (refused,) = [each for each in run.findings if each.refused is not None]
    assert told in "".join(refused.notes)
    need_qemu()
    outcome = verify(timeline_of(story(begin, arguments, "11.1")))
    assert outcome.finding is None, outcome.finding
    assert len(outcome.unplayed) <= 1
