"""What helps, `restores` and `compare` advise is followed, on random timelines of every model."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

import simulator
from tests.judging.advice import Advice
from tests.judging.drawing import FIRST_LINE, MODELS, Story, draw
from tests.judging.test_judging import CREATE, FULL, story
from tests.judging.trial import play

TIMELINES = 12
"""Of each model."""

KNOWN: Mapping[str, int] = {"BT402: delete": 1}
"""So many pieces of bad advice are known of each kind, over all models. It only shrinks."""


def test_advice_can_be_followed_and_helps() -> None:
    found: Counter[str] = Counter()
    told: dict[str, str] = {}
    helps = 0
    for model in MODELS:
        for number in range(TIMELINES):
            try:
                advice = Advice(drawn := draw(model, f"advice.{number}"), play)
            except simulator.InputError:
                continue
            helps += sum(bool(each["help"]) for each in advice.record.document["findings"])
            for verdict in advice.verdicts:
                found[verdict.what] += 1
                told[verdict.what] = (
                    f"{verdict.what} at {verdict.step}: {verdict.told}\n{drawn.text}"
                )
    assert helps > 100, "hardly any advice was given"
    worse = [what for what, count in found.items() if count > KNOWN.get(what, 0)]
    assert not worse, "\n\n".join(f"{found[what]} times {told[what]}" for what in worse)


TOLD = story(
    CREATE,
    {"write": {"cells": "AA--"}},
    FULL,
    {"write": {"cells": "-B--"}},
    {"backup": {"to": "inc", "since": "c0"}},
    {"restore": {"from": ["inc"], "as": "r", "of": "T5"}},
)
"""One restore is wrong here, and is told so."""


def judge_with(told: Story, number: int, *findings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with some findings at a step, in place of those that there are."""

    def play_with(story: Story) -> dict[str, Any]:
        there = {"line": number + FIRST_LINE - 1, "refused": None, "message": "", "code": "BT302"}
        added = [{**there, **finding} for finding in findings]
        return {**play(story), "findings": added if story.steps == told.steps else []}

    return [verdict.what for verdict in Advice(told, play_with).verdicts]


@pytest.mark.parametrize(
    ("help", "wrong"),
    [
        ("for T5 stack full <- inc", []),
        ("for T5 stack inc <- full", ["BT302: a stack"]),
        ("for T5 stack full <- gone", ["BT302: a stack"]),
        ("for T4 stack full", ["BT302: a stack"]),
        ("T5 is lost: no stack of the backups that are left gives it", ["BT302: is lost"]),
        ("T2 is lost; the newest is T3", ["BT302: is lost"]),
        ("the newest that can be had is T3, stack inc", ["BT302: a stack"]),
        ("stack it with care", []),
        ("no backup gives T5; copy S1, which still holds it", []),
        ("no backup gives T5; copy S1, which is still there, and lay inc over it", []),
        ("no backup gives T3; copy S1, which still holds it", ["BT302: copy images"]),
    ],
)
def test_a_help_that_is_not_so_is_found(help: str, wrong: list[str]) -> None:
    assert judge_with(TOLD, 6, {"help": help}) == wrong


def test_one_mistake_that_is_told_twice_is_found() -> None:
    twice = [{"code": code, "help": ""} for code in ("BT301", "BT302")]
    assert judge_with(TOLD, 6, *twice) == ["told twice"]


def test_helps_that_contradict_one_another_are_found() -> None:
    helps = ["for T5 stack full <- inc", "T5 is lost"]
    found = judge_with(TOLD, 6, *({"help": help} for help in helps))
    assert found == ["BT302: is lost", "told twice", "contradicts another"]


def test_a_step_that_is_advised_and_refused_is_found() -> None:
    off = story(CREATE, {"write": {"cells": "AA--"}}, {"shutdown": {}})
    (wrong,) = judge_with(off, 3, {"help": "take a full backup now"})
    assert wrong == "BT302: take a full backup"


def test_the_advice_of_a_good_finding_is_good() -> None:
    advice = Advice(TOLD, play)
    (finding,) = (each for each in advice.record.document["findings"] if "stack" in each["help"])
    assert (finding["help"], advice.verdicts) == ("for T5 stack full <- inc", [])
