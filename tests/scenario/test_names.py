"""Names: who introduces one, when it is free again, and which ones a message offers."""

import pytest

import simulator
from simulator.apis import MODELS
from simulator.pipeline import Run

RESTARTS = next(model.id for model in MODELS.values() if model.restarts)


def run(steps: str, model: str = "libvirt") -> Run:
    """Play the instants of a scenario."""
    return simulator.loads(f"scenario: s\nmodel: {model}\ndisk: 8\ntimeline:\n{steps}").run()


def mistakes(steps: str, model: str = "libvirt") -> list[str]:
    """All that is wrong with a scenario as input."""
    with pytest.raises(simulator.InputError) as caught:
        run(steps, model)
    return [
        "|".join((f"{p.span.line}" if p.span else "", p.message, p.expected, p.help))
        for p in caught.value.problems
    ]


def refused(played: Run) -> list[str]:
    """The requests that the host turned down, each as its verb and its instant."""
    return [
        f"{entry.statement.verb} {entry.instant}"
        for entry in played.timeline.entries
        if entry.statement is not None and entry.refusal is not None
    ]


def test_a_step_that_was_refused_leaves_its_names_free() -> None:
    played = run(
        "  - {at: T1, do: [create: S1, checkpoint: v.0]}\n"
        "  - {at: T2, do: [delete: {checkpoint: v.0}]}\n"
        "  - {at: T3, do: [backup: {since: v.0, to: inc, checkpoint: v.1}]}\n"
        "  - {at: T4, do: [backup: {to: full, checkpoint: v.1}]}\n"
    )
    assert refused(played) == ["backup T3"]
    assert [finding.at for finding in played.findings if finding.failing] == ["T3"]
    assert list(played.document()["backups"]) == ["full"]


def test_a_target_that_was_never_made_may_be_made_later() -> None:
    played = run(
        "  - {at: T1, do: [create: S1, checkpoint: c0, delete: {checkpoint: c0}]}\n"
        "  - {at: T2, do: [backup: {since: c0, to: mon.bak}, backup: {to: mon.bak}]}\n"
    )
    assert refused(played) == ["backup T2"]


def test_a_name_that_is_there_is_introduced_twice() -> None:
    assert mistakes(
        "  - {at: T1, do: [create: S1, checkpoint: c0]}\n  - {at: T2, do: [checkpoint: c0]}\n"
    ) == [
        "6|the checkpoint c0 is introduced twice, first on line 5, column 43|a new name|"
        "if that is meant, say so beside the verb: expect: refused"
    ]


def test_what_is_there_twice_is_told_at_each_place_in_one_go() -> None:
    told = mistakes(
        "  - {at: T1, do: [create: S1, checkpoint: c0, backup: a]}\n"
        "  - {at: T2, do: [checkpoint: c0, backup: a, snapshot: S1]}\n"
        "  - {at: T3, do: [restore: {from: a, as: r}, restore: {from: a, as: r}, blockcopy: S1]}\n"
    )
    assert [each.partition(" is ")[0] for each in told] == [
        "6|the checkpoint c0",
        "6|the backup a",
        "6|the image S1",
        "7|the restored disk r",
        "7|the image S1",
    ]


def test_what_goes_with_a_checkpoint_is_free_again() -> None:
    played = run(
        "  - {at: T1, do: [create: S1, checkpoint: c0, checkpoint: c1]}\n"
        "  - {at: T2, do: [delete: {checkpoint: c0, children: true}]}\n"
        "  - {at: T3, do: [checkpoint: c0, checkpoint: c1]}\n"
    )
    assert refused(played) == []
    assert [each.name for each in played.timeline.frames[-1].machine.checkpoints] == ["c0", "c1"]


def test_a_backup_that_failed_may_be_tried_again_and_the_host_says_whether_it_can() -> None:
    played = run(
        "  - {at: T1, do: [create: S1, backup: {to: full.bak, fails: T2}]}\n"
        "  - {at: T2}\n"
        "  - {at: T3, do: [backup: full.bak]}\n"
    )
    assert "T3" in played.labels


def test_a_backup_that_still_runs_has_its_name() -> None:
    told = mistakes(
        "  - {at: T1, do: [create: S1, backup: {to: full.bak, ends: T3}]}\n"
        "  - {at: T2, do: [backup: full.bak]}\n"
        "  - {at: T3}\n"
    )
    assert [each.partition(" is ")[0] for each in told] == ["6|the backup full.bak"]


CLIENT = "mode: pull, outside: true"
"""A client that asks no host."""


def test_the_client_of_a_pull_may_write_over_a_backup_and_a_push_may_not() -> None:
    begun = "  - {at: T1, do: [create: S1, backup: {to: k, checkpoint: c0}]}\n"
    played = run(f"{begun}  - {{at: T2, do: [backup: {{to: k, since: c0, mode: pull}}]}}\n")
    assert refused(played) == []
    (told,) = mistakes(f"{begun}  - {{at: T2, do: [backup: {{to: k, since: c0}}]}}\n")
    assert "the backup k is introduced twice" in told


def test_a_client_that_found_nothing_to_read_leaves_its_name_free() -> None:
    played = run(
        f"  - {{at: T1, do: [create: S1, backup: {{to: k, {CLIENT}}}, backup: {{to: k}}]}}\n"
        f"  - {{at: T2, do: [shutdown, backup: {{to: i, {CLIENT}, bitmaps: [c0]}}]}}\n"
        f"  - {{at: T3, do: [start, checkpoint: c0, backup: {{to: i}}, restore: [i]]}}\n"
    )
    assert refused(played) == ["backup T1", "backup T2"]
    assert sorted(played.document()["backups"]) == ["i", "k"]


def test_a_client_writes_over_a_backup_of_the_same_disks_only() -> None:
    two = "disks: {vda: {clusters: 4}, vdb: {clusters: 4}}"
    text = (
        f"scenario: s\nmodel: libvirt\n{two}\ntimeline:\n  - at: T1\n    do:\n"
        "      - create: {image: S1, disk: vda}\n      - create: {image: U1, disk: vdb}\n"
        "      - backup: {to: k, disks: [vda]}\n"
        "      - backup: {to: k, disks: [%s], mode: pull}\n"
    )
    assert simulator.loads(text % "vda").run().document()["backups"]["k"]["mode"] == "pull"
    for disks in ("vdb", "vda, vdb"):
        with pytest.raises(simulator.InputError, match="the backup k is introduced twice"):
            simulator.loads(text % disks).run()


def test_a_checkpoint_that_only_redefine_introduces_may_be_used() -> None:
    played = run(
        "  - {at: T1, do: [create: S1, checkpoint: {name: a, redefine: true}]}\n"
        "  - {at: T2, do: [backup: {to: inc, since: a}]}\n"
    )
    assert refused(played) == ["backup T2"]


def test_whether_a_name_is_there_is_the_models_to_say() -> None:
    steps = (
        "  - {at: T1, do: [create: {image: S1, bitmap: B1}]}\n  - {at: T2, do: [checkpoint: B1]}\n"
    )
    assert refused(run(steps, RESTARTS)) == []
    assert len(mistakes(steps, "libvirt")) == 1


def test_under_another_model_what_the_host_turns_down_is_no_mistake_in_the_file() -> None:
    scenario = simulator.loads(
        f"scenario: s\nmodel: {RESTARTS}\ndisk: 8\ntimeline:\n"
        "  - {at: T1, do: [create: {image: S1, bitmap: B1}]}\n  - {at: T2, do: [checkpoint: B1]}\n"
    )
    assert refused(scenario.run("libvirt")) == ["checkpoint T2"]


@pytest.mark.parametrize(
    ("steps", "offered"),
    [
        ("backup: {to: x, since: mom}", "mon or wed"),
        ("backup: {to: x, since: mom, checkpoint: thu}", "mon or wed"),
        ("delete: {checkpoint: mom}", "mon or wed"),
    ],
)
def test_a_message_offers_the_names_that_are_there_by_then(steps: str, offered: str) -> None:
    (told,) = mistakes(
        "  - {at: T1, do: [create: S1, checkpoint: mon, checkpoint: tue, checkpoint: wed]}\n"
        "  - {at: T2, do: [delete: {checkpoint: tue}]}\n"
        f"  - {{at: T3, do: [{steps}]}}\n"
        "  - {at: T4, do: [checkpoint: fri]}\n"
    )
    assert told == f"7|unknown checkpoint mom|{offered}|did you mean mon?"


def test_a_name_that_only_a_later_step_makes_is_still_the_nearest() -> None:
    (told,) = mistakes(
        "  - {at: T1, do: [create: S1, backup: {to: x, since: frl}]}\n"
        "  - {at: T2, do: [checkpoint: fri]}\n"
    )
    assert told.endswith("|a checkpoint that a step makes|did you mean fri?")
