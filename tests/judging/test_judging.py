"""What is said of random timelines is held against a judge, who is held against hand-made ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.judging.drawing import FIRST_LINE, MODELS, Step, Story, draw
from tests.judging.judge import Judge
from tests.judging.record import Record
from tests.judging.trial import Kind, explain, judge_many, play

TIMELINES = 40
"""Of each model; ``make judge N=10000`` judges more of them."""


def test_of_what_is_wrong_something_is_said_and_of_what_is_right_nothing() -> None:
    found: Counter[Kind] = Counter()
    shown: dict[Kind, Story] = {}
    judged: Counter[str] = Counter()
    for model in MODELS:
        tally = judge_many(model, "test", range(TIMELINES))
        judged += tally.judged
        for kind, stories in tally.disagreements.items():
            found[kind] += len(stories)
            shown[kind] = tally.smallest(kind)
    assert judged["backups"] > 1000, "hardly anything was drawn"
    assert judged["restores"] > 200, "hardly anything was drawn"
    told = [f"{n} of this kind\n{explain(kind, shown[kind])}" for kind, n in found.items()]
    assert not told, "\n\n".join(told)


def story(*steps: Mapping[str, Any], model: str = "libvirt", **disks: int) -> Story:
    """Return a story of some steps, each at an instant of its own: T1, T2 …"""
    told = [
        Step(f"T{number}", dict([*step.items()][:1]), dict([*step.items()][1:]))
        for number, step in enumerate(steps, start=1)
    ]
    return Story(model, disks or {"vda": 4}, told)


def qmp(execute: str, **arguments: Any) -> dict[str, Any]:
    """Return a command of QEMU's."""
    told = {name.replace("_", "-"): each for name, each in arguments.items()}
    return {"qmp": {"execute": execute, "arguments": told}}


def kinds(told: Story, *, said: Sequence[tuple[str, int]] = ()) -> list[tuple[str, str, str]]:
    """Return what the judge finds where nothing is said but refusals and some codes at steps."""

    def play_silently(story: Story) -> dict[str, Any]:
        document = play(story)
        refused = [each for each in document["findings"] if each["refused"] is not None]
        lines = [(code, number + FIRST_LINE - 1) for code, number in said]
        slander = [{"code": code, "line": line, "refused": None} for code, line in lines]
        return {**document, "findings": [*refused, *slander]}

    return [(v.kind, v.what, v.step) for v in Judge(Record(told, play_silently)).verdicts]


CREATE = {"create": {"image": "S1", "disk": "vda"}}
FULL = {"backup": {"to": "full", "checkpoint": "c0"}}
INC = {"backup": {"to": "inc", "since": "c0"}}
THROUGH = qmp("blockdev-backup", device="S1", target="k", sync="incremental", bitmap="c0")
ALWAYS = qmp("blockdev-backup", device="S1", target="part", sync="bitmap", bitmap="c0",
             bitmap_mode="always")  # fmt: skip
HALF = [
    {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
    {"backup": {"to": "full"}},
    {"write": {"cells": "AB--"}},
    {**ALWAYS, "fails": {"at": "T5", "copied": "50%"}},
    {"write": {"cells": "---C"}},
    THROUGH,
]
"""A job is stopped when it had copied one of two clusters, and the next one copies the other."""

WRONG = {
    "the base is deleted": (
        story(
            CREATE,
            {"write": {"cells": "AA--"}},
            FULL,
            {"write": {"cells": "-B--"}},
            INC,
            {"delete": {"backup": "full"}},
        ),
        ("delete takes others' restore points", "T6"),
    ),
    "an overlay that nobody tracks": (
        story(
            {"create": {"image": "S1", "bitmap": "c0"}},
            {"snapshot": {"images": {"vda": "S2"}, "outside": True}},
            {"write": {"cells": "-B--"}},
            {"backup": {"to": "inc", "since": "c0"}},
            model="mail-2018",
        ),
        ("backup incremental", "T4"),
    ),
    "and the act that began it": (
        story(
            {"create": {"image": "S1", "bitmap": "c0"}},
            {"snapshot": {"images": {"vda": "S2"}, "outside": True}},
            {"write": {"cells": "-B--"}},
            {"backup": {"to": "inc", "since": "c0"}},
            model="mail-2018",
        ),
        ("snapshot breaks increments", "T4"),
    ),
    "a bitmap is left out between two": (
        story(
            {"create": {"image": "S1", "bitmap": "c0"}},
            {"checkpoint": {"name": "c1"}},
            {"write": {"cells": "-B--"}},
            {"checkpoint": {"name": "c2"}},
            {"backup": {"to": "k", "bitmaps": ["c0", "c2"]}},
            model="mail-2018",
        ),
        ("backup bitmaps", "T5"),
    ),
    "one is cleared by hand": (
        story(
            CREATE,
            FULL,
            {"write": {"cells": "-B--"}},
            qmp("blockdev-backup", device="S1", target="k", sync="incremental", bitmap="c0"),
            INC,
        ),
        ("backup incremental", "T5"),
    ),
    "an increment is put onto another base": (
        story(
            CREATE,
            {"backup": {"to": "old"}},
            {"write": {"cells": "A---"}},
            FULL,
            {"write": {"cells": "-B--"}},
            {"backup": {"to": "inc", "since": "c0", "onto": "old"}},
        ),
        ("onto", "T6"),
    ),
    "an increment is restored alone": (
        story(
            CREATE,
            {"write": {"cells": "AA--"}},
            FULL,
            INC,
            {"restore": {"from": ["inc"], "as": "r"}},
        ),
        ("restore", "T5"),
    ),
    "the guest writes while its image is copied": (
        story(CREATE, {"write": {"cells": "AA--"}}, {"copy": {"image": "S1", "to": "spare"}}),
        ("torn copy", "T3"),
    ),
    "another instant is restored": (
        story(
            CREATE,
            {"write": {"cells": "AA--"}},
            FULL,
            {"restore": {"from": ["full"], "as": "r", "of": "T1"}},
        ),
        ("restore", "T4"),
    ),
    "the disks of a restore belong to two instants": (
        story(
            CREATE,
            {"create": {"image": "U1", "disk": "vdb"}},
            {"backup": {"to": "one", "disks": ["vda"]}},
            {"write": {"disk": "vda", "cells": "A---"}},
            {"write": {"disk": "vdb", "cells": "B---"}},
            {"backup": {"to": "two", "disks": ["vdb"]}},
            {"restore": {"from": ["one", "two"], "as": "r"}},
            vda=4,
            vdb=4,
        ),
        ("restore of a machine", "T7"),
    ),
    "what was copied in part is deleted, and was the way to what was copied later": (
        story(*HALF, {"delete": {"backup": "part"}}, model="qemu"),
        ("delete takes others' restore points", "T7"),
    ),
    "a job that was stopped has cleared what it had copied": (
        story(*HALF, model="qemu"),
        ("backup bitmaps", "T6"),
    ),
    "and that is told where it began": (
        story(*HALF, model="qemu"),
        ("blockdev-backup breaks increments", "T6"),
    ),
    "what was copied in part is restored as if it were whole": (
        story(*HALF, {"restore": {"from": ["full", "part"], "as": "r"}}, model="qemu"),
        ("restore", "T7"),
    ),
    "an increment is put onto what was copied in part": (
        story(
            CREATE,
            {"write": {"cells": "AB--"}},
            {"backup": {"to": "part", "fails": {"at": "T4", "copied": "25%"}}},
            {"checkpoint": {"name": "c0"}},
            {"write": {"cells": "---C"}},
            {"backup": {"to": "inc", "since": "c0", "onto": "part"}},
        ),
        ("onto", "T6"),
    ),
    "a kept state loses what lies below it": (
        story(
            CREATE,
            {"write": {"cells": "AAAA"}},
            {"snapshot": {"images": {"vda": "S2"}}},
            {"write": {"cells": "BB--"}},
            qmp("blockdev-snapshot-internal-sync", device="S2", name="i1"),
            qmp("block-stream", device="S2"),
            {"revert": {"snapshot": "i1"}},
            model="qemu",
        ),
        ("revert changes the guest", "T7"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_judge_finds_what_nobody_told(name: str) -> None:
    told, (what, step) = WRONG[name]
    assert ("silence", what, step) in kinds(told)


RIGHT = story(
    CREATE,
    {"write": {"cells": "AA--"}},
    FULL,
    {"write": {"cells": "-B--"}},
    INC,
    {"snapshot": {"images": {"vda": "S2"}}},
    {"copy": {"image": "S1", "to": "spare"}},
    {"restore": {"from": ["full", "inc"], "as": "r", "of": "T4"}},
    {"delete": {"backup": "spare"}},
)
"""Nothing is wrong here."""

LENIENT = {
    "who has no checkpoint before it is deleted into none": story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"backup": {"to": "full", "checkpoint": "c1"}},
        {"write": {"cells": "-BB-"}},
        {"backup": {"to": "again", "checkpoint": "c2"}},
        {"checkpoint": {"name": "c3"}},
        {"delete": {"checkpoint": "c0"}},
        qmp("blockdev-backup", device="S1", target="k", sync="incremental", bitmap="c2"),
        model="mail-2018",
    ),
    "what was copied in part is deleted, and gives by luck what it was to": story(
        CREATE,
        {"write": {"cells": "-A--"}},
        {"backup": {"to": "part", "ends": "T5"}},
        {"cancel": {"job": "part", "copied": "50%"}},
        {"delete": {"backup": "part"}},
    ),
    "a job that was cancelled when it had copied all clears no bitmap on success": story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"write": {"cells": "-A--"}},
        {**THROUGH, "ends": "T5"},
        {"cancel": {"job": "k"}},
        {"delete": {"backup": "k"}},
        {"backup": {"to": "l", "bitmaps": ["c0"]}},
        model="qemu",
    ),
    "who begins anew leaves out what recorded nothing": story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        qmp("block-dirty-bitmap-disable", node="S1", name="c0"),
        {"write": {"cells": "-A--"}},
        {"snapshot": {"images": {"vda": "S2"}, "bitmap": "c0"}},
        {"backup": {"to": "k", "bitmaps": ["c0"]}},
        model="qemu-single",
    ),
    "what is added to an image that nobody writes stands for nothing": story(
        CREATE,
        {"snapshot": {"images": {"vda": "S2"}, "outside": True}},
        qmp("block-dirty-bitmap-add", node="S1", name="c0"),
        {"write": {"cells": "-A--"}},
        {"backup": {"to": "full", "checkpoint": "c1"}},
        {"backup": {"to": "k", "bitmaps": ["c0", "c1"]}},
    ),
    "what is committed into an image is in its enabled bitmaps": story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"snapshot": {"images": {"vda": "S2"}, "bitmap": "c1"}},
        {"write": {"cells": "---A"}},
        {"snapshot": {"images": {"vda": "S3"}, "bitmap": "c3"}},
        {"commit": {"top": "S2", "base": "S1"}},
        {"revert": {"snapshot": "S3", "image": "S2"}},
        {"write": {"cells": "B---"}},
        {"backup": {"to": "k", "bitmaps": ["c0"]}},
        model="qemu-single",
    ),
    "a job clears the bitmap of an image below, which is as it froze": story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"snapshot": {"images": {"vda": "S2"}, "bitmap": "c1"}},
        {"write": {"cells": "---A"}},
        qmp("blockdev-backup", device="S1", target="k", sync="incremental", bitmap="c0"),
        {"revert": {"snapshot": "S2", "image": "S3"}},
        {"commit": {"top": "S3", "base": "S1"}},
        qmp("blockdev-backup", device="S1", target="l", sync="incremental", bitmap="c0"),
        model="qemu",
    ),
    "a bitmap that was added by hand takes nothing in from a checkpoint that is deleted": story(
        CREATE,
        qmp("block-dirty-bitmap-add", node="S1", name="c0"),
        {"backup": {"to": "full", "checkpoint": "c1"}},
        {"write": {"cells": "---A"}},
        {"delete": {"checkpoint": "c1"}},
        {"backup": {"to": "k", "bitmaps": ["c0"], "checkpoint": "c1"}},
        model="libvirt-6.0",
    ),
    "an image that was cut off hides what is longer below it": story(
        CREATE,
        {"write": {"cells": "--AA"}},
        {"snapshot": {"images": {"vda": "S2"}}},
        {"resize": {"disk": "vda", "clusters": 3}},
        {"snapshot": {"images": {"vda": "S3"}}},
        qmp("blockdev-backup", device="S2", target="k", sync="top"),
        model="qemu",
    ),
    "a clear beside a copy of that disk, whatever another one has": story(
        {"create": {"image": "S1", "disk": "vda"}},
        {"create": {"image": "U1", "disk": "vdb"}},
        {"snapshot": {"images": {"vda": "S2", "vdb": "U2"}, "bitmap": "c0"}},
        {"write": {"disk": "vdb", "cells": "-B--"}},
        {"write": {"disk": "vda", "cells": "-A--"}},
        qmp("block-dirty-bitmap-clear", node="U2", name="c0"),
        {"backup": {"to": "k", "image": "U2", "disks": ["vdb"], "checkpoint": "c1"}},
        {"backup": {"to": "l", "since": "c0", "disks": ["vdb"]}},
        model="qemu-single",
        vda=4,
        vdb=4,
    ),
    "an image below may be longer than the disk": story(
        CREATE,
        {"snapshot": {"images": {"vda": "S2"}}},
        {"write": {"cells": "---B"}},
        {"write": {"cells": "-A--"}},
        {"resize": {"disk": "vda", "clusters": 3}},
        {"snapshot": {"images": {"vda": "S3"}}},
        {"commit": {"top": "S2", "base": "S1"}},
        qmp("blockdev-backup", device="S1", target="k", sync="full"),
        model="qemu",
    ),
}
"""Here nobody need say anything."""


@pytest.mark.parametrize("name", LENIENT)
def test_the_judge_asks_no_more_than_what_was_meant(name: str) -> None:
    assert kinds(LENIENT[name]) == []


def test_the_judge_knows_what_a_job_holds_back_from_its_bitmap() -> None:
    told = story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {**THROUGH, "ends": "T4"},
        {"write": {"cells": "A---"}},
        qmp("block-dirty-bitmap-clear", node="S1", name="c0"),
        model="qemu",
    )
    assert kinds(told, said=[("BT215", 4)]) == []


def test_the_judge_knows_what_a_job_holds_back_where_it_ends_with_an_overlay() -> None:
    told = story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {**THROUGH, "ends": "T4"},
        {"write": {"cells": "--B-"}},
        {"snapshot": {"images": {"vda": "S2"}, "bitmap": "c0"}},
        {"backup": {"to": "l", "since": "c0"}},
        model="qemu-single",
    )
    assert kinds(told, said=[("BT107", 4)]) == []


def test_the_judge_lays_a_backup_on_what_a_whole_base_holds() -> None:
    told = story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"backup": {"to": "full"}},
        {"write": {"cells": "-BB-"}},
        {"backup": {"to": "inc", "since": "c0"}},
        qmp("blockdev-backup", device="S1", target="full", sync="incremental", bitmap="c0"),
        {"backup": {"to": "again", "checkpoint": "c2"}},
        {"backup": {"to": "last", "since": "c2", "onto": "full"}},
        model="qemu-single",
    )
    assert ("silence", "onto", "T7") in kinds(told)
    assert kinds(told, said=[("BT207", 5), ("BT304", 7)]) == []


def test_the_judge_knows_that_a_consumers_namesakes_below_stay_as_they_are() -> None:
    told = story(
        {"create": {"image": "S1", "disk": "vda"}},
        {"backup": {"to": "full", "checkpoint": "c0"}},
        {"write": {"cells": "-AA-"}},
        {"snapshot": {"images": {"vda": "S2"}}},
        {"write": {"cells": "-BB-"}},
        {"backup": {"to": "later", "checkpoint": "c0"}},
        {"write": {"cells": "A---"}},
        qmp("block-dirty-bitmap-remove", node="S2", name="c0"),
        {"backup": {"to": "k", "bitmaps": ["c0"]}},
        model="qemu-single",
    )
    assert ("silence", "backup bitmaps", "T9") in kinds(told)


def test_to_the_judge_a_bitmap_added_by_hand_is_no_new_beginning_when_a_job_clears_it() -> None:
    told = story(
        CREATE,
        FULL,
        {"snapshot": {"images": {"vda": "S2"}}},
        {"write": {"cells": "BB--"}},
        qmp("block-dirty-bitmap-add", node="S2", name="c0"),
        qmp("blockdev-backup", device="S2", target="k", sync="incremental", bitmap="c0"),
        {"backup": {"to": "l", "bitmaps": ["c0"]}},
        model="qemu-single",
    )
    assert kinds(told, said=[("BT107", 3), ("BT214", 7)]) == []


def test_to_the_judge_who_loses_its_base_is_hurt_by_a_delete() -> None:
    told = story(
        {"create": {"image": "S1", "disk": "vda", "bitmap": "c0"}},
        {"write": {"cells": "-BB-"}},
        qmp("blockdev-backup", device="S1", target="k", sync="incremental", bitmap="c0"),
        {"write": {"cells": "-CC-"}},
        {"backup": {"to": "l", "bitmaps": ["c0"]}},
        {"backup": {"to": "full"}},
        {"delete": {"backup": "k"}},
        {"delete": {"backup": "l"}},
        model="qemu",
    )
    assert kinds(told, said=[("BT305", 8)]) == [("false alarm", "BT305", "T8")]


def test_of_two_disks_that_are_wrong_the_judge_asks_for_two_findings() -> None:
    told = story(
        CREATE,
        {"create": {"image": "U1", "disk": "vdb"}},
        FULL,
        {"snapshot": {"images": {"vda": "S2", "vdb": "U2"}, "outside": True}},
        {"write": {"disk": "vda", "cells": "A---"}},
        {"write": {"disk": "vdb", "cells": "A---"}},
        INC,
        model="nir-2018",
        vda=4,
        vdb=4,
    )
    said = [("BT107", 4), ("BT201", 7)]
    assert kinds(told, said=said) == [("silence", "backup incremental", "T7")]
    assert kinds(told, said=[*said, ("BT201", 7)]) == []


def test_to_the_judge_what_is_as_old_and_shorter_is_not_as_new() -> None:
    told = story(
        CREATE,
        {"backup": {"to": "full"}},
        {"snapshot": {"images": {"vda": "S2"}, "bitmap": "c0"}},
        {"resize": {"disk": "vda", "clusters": 5}},
        qmp("blockdev-backup", device="S2", target="inc", sync="incremental", bitmap="c0"),
        qmp("blockdev-backup", device="S1", target="top", sync="top"),
        {"restore": {"from": ["full", "inc", "top"], "as": "r"}},
        model="qemu",
    )
    assert kinds(told, said=[("BT303", 7)]) == []


FALSE = [
    *(("BT107", 6), ("BT201", 5), ("BT203", 5), ("BT204", 5), ("BT207", 5), ("BT209", 5)),
    *(("BT214", 5), ("BT301", 8), ("BT302", 8), ("BT304", 8), ("BT305", 9), ("BT306", 8)),
    *(("BT215", 6), ("BT402", 5), ("BT205", 7), ("BT206", 8), ("BT207", 9), ("BT212", 5)),
    *(("BT402", 8), ("BT402", 9), ("BT110", 9)),
]


def test_of_what_is_right_the_judge_says_nothing() -> None:
    assert kinds(RIGHT) == []


@pytest.mark.parametrize(("code", "number"), FALSE)
def test_the_judge_finds_what_was_told_without_a_reason(code: str, number: int) -> None:
    assert kinds(RIGHT, said=[(code, number)]) == [("false alarm", code, f"T{number}")]


def test_what_a_stopped_job_clears_is_told_where_it_began() -> None:
    told = story(*HALF, {"restore": {"from": ["full", "part", "k"], "as": "r"}}, model="qemu")
    assert kinds(told, said=[("BT215", 4), ("BT214", 6)]) == []
    assert kinds(told, said=[("BT215", 3)])[0] == ("false alarm", "BT215", "T3")


def test_jobs_are_stopped_when_they_had_copied_a_part() -> None:
    texts = [draw(model, f"{n}").text for model in MODELS for n in range(20)]
    for told in ("fails: {at: ", "cancel: {job: ", "copied: X"):
        assert any(told in text for text in texts), told


def test_equal_seeds_give_equal_timelines_and_others_give_others() -> None:
    drawn = {model: [draw(model, f"{n}").text for n in range(5)] for model in MODELS}
    assert drawn == {model: [draw(model, f"{n}").text for n in range(5)] for model in MODELS}
    assert len({text for texts in drawn.values() for text in texts}) == 5 * len(MODELS)


def test_who_turns_down_every_revert_is_asked_for_none() -> None:
    asked = {m: sum("revert" in draw(m, f"{n}").text for n in range(40)) for m in MODELS}
    assert {model for model, count in asked.items() if not count} == {"libvirt", "libvirt-6.0"}


def test_a_disagreement_is_shrunk_to_the_steps_that_show_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With every finding but refusals kept back, a restore is left with what makes it wrong."""
    loud = play
    monkeypatch.setattr(
        "tests.judging.trial.play",
        lambda story: {
            **(document := loud(story)),
            "findings": [each for each in document["findings"] if each["refused"] is not None],
        },
    )
    tally = judge_many("libvirt", "shrink", range(30))
    kind = ("silence", "restore")
    text = explain(kind, tally.smallest(kind))
    assert all(f"[{{{verb}: " in text for verb in ("create", "write", "backup", "restore"))
    assert text.count(", do: ") <= 6, "one more than is needed for some"


def test_of_one_name_on_two_disks_the_job_that_failed_is_told() -> None:
    """Found by a random timeline, which ended in a crash."""
    told = story(
        CREATE,
        {"create": {"image": "U1", "disk": "vdb"}},
        qmp("blockdev-backup", device="S1", target="k", sync="full"),
        {**qmp("blockdev-backup", device="U1", target="k", sync="full"), "fails": "T5"},
        {},
        {"restore": {"from": ["k"], "as": "r"}},
        model="qemu",
        vda=4,
        vdb=4,
    )
    (finding,) = (each for each in play(told)["findings"] if each["line"] == FIRST_LINE + 5)
    assert finding["refused"] == "backup k is not complete: its job failed"
