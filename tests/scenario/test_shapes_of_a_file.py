"""The first file is validated with the verbs that it has, and is told the same as any other."""

import pytest

from simulator.diagnostics import InputError, Problem
from simulator.scenario import load_text, validation

HEAD = "scenario: x\ndisk: 8\ntimeline:\n  - at: T1\n    do:\n"

WRONG = (
    "      - create: {image: S1, bitmap: 5}\n      - snapshot: {imag: S2}\n",
    "      - create: S1\n      - snapshto: S2\n      - {at: T2}\n",
    "      - {create: S1, expect: 5}\n      - {backup: {to: b}, ends: {}, allow: []}\n",
    "      - shutdown\n      - {crash: 5}\n      - {}\n",
)


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as told:
        load_text(text, "x.yaml")
    return told.value.problems


@pytest.mark.parametrize("steps", WRONG)
def test_a_first_file_is_told_the_same_as_a_later_one(
    steps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_MADE", {})
    first = problems_of(HEAD + steps)
    (known,) = validation._MADE
    assert known < validation.KEYS_OF_STEP
    monkeypatch.setattr(validation, "_MADE", {frozenset(): validation._steps(frozenset())})
    later = problems_of(HEAD + steps)
    assert list(validation._MADE) == [frozenset(), validation.KEYS_OF_STEP]
    assert first == later


def test_a_later_file_with_other_verbs_makes_all_of_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation, "_MADE", {})
    for verbs in ("      - create: S1\n", "      - {create: S1}\n      - snapshot: S2\n"):
        load_text(HEAD + verbs, "x.yaml")
    load_text(HEAD + "      - create: S1\n      - shutdown\n", "x.yaml")
    assert list(validation._MADE) == [frozenset({"create"}), validation.KEYS_OF_STEP]
