"""Checkpoints that are redefined: which of them is the parent of the next one, as on 9.0.0."""

import pytest

import simulator

HEAD = "scenario: x\nmodel: libvirt\ndisk: 8\ntimeline:\n  - at: T1\n    do:\n      - create: S1\n"


@pytest.mark.parametrize(
    ("steps", "parents"),
    [
        # None was current: the redefined one is.
        (["redefine A", "start B"], {"A": None, "B": "A"}),
        # Another one is current, and stays so.
        (["start A", "redefine B", "start C"], {"A": None, "B": None, "C": "A"}),
        (
            ["start A", "start B", "redefine C A", "start D"],
            {"A": None, "B": "A", "C": "A", "D": "B"},
        ),
        # The parent was current: the redefined one is, whether it was known or not.
        (["start A", "redefine B A", "start C"], {"A": None, "B": "A", "C": "B"}),
        (
            ["start A", "redefine B", "redefine B A", "start C"],
            {"A": None, "B": "A", "C": "B"},
        ),
        # The current one goes, and its parent is current; or there is none.
        (["start A", "redefine B", "delete A", "start C"], {"B": None, "C": None}),
        (["start A", "start B", "delete B", "start C"], {"A": None, "C": "A"}),
    ],
)
def test_a_redefined_checkpoint_is_the_current_one_only_on_top_of_that(
    steps: list[str], parents: dict[str, str | None]
) -> None:
    assert told(steps) == parents


def told(steps: list[str]) -> dict[str, str | None]:
    """Return the parent of each checkpoint after some steps."""
    done = ""
    for step in steps:
        verb, name, *parent = step.split()
        again = ", redefine: true" + "".join(f", parent: {each}" for each in parent)
        done += {
            "start": f"      - checkpoint: {name}\n",
            "redefine": f"      - checkpoint: {{name: {name}{again}}}\n",
            "delete": f"      - delete: {{checkpoint: {name}, metadata: true}}\n",
        }[verb]
    machine = simulator.loads(HEAD + done).run().timeline.last
    return {each.name: each.parent for each in machine.checkpoints}


def test_the_words_of_a_cycle_name_the_checkpoint_below_which_the_redefined_one_lies() -> None:
    steps = ["checkpoint: A", "checkpoint: B", "checkpoint: C"]
    done = "".join(f"      - {step}\n" for step in steps)
    text = HEAD + done + "      - checkpoint: {name: A, redefine: true, parent: C}\n"
    refusals = [e.refusal.text for e in simulator.loads(text).run().timeline.entries if e.refusal]
    assert refusals == ["invalid argument: parent B would create cycle to A"]
