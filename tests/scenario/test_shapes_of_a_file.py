"""The first file is validated with the keys that it has, and is told the same as any other."""

import pytest

from simulator.diagnostics import InputError, Problem
from simulator.scenario import load_text, steps, validation

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


@pytest.mark.parametrize("wrong", WRONG)
def test_a_first_file_is_told_the_same_as_a_later_one(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_MADE", {})
    first = problems_of(HEAD + wrong)
    (known,) = validation._MADE["Step"]
    assert known < validation.KEYS_OF_STEP
    none = validation._steps(frozenset())
    monkeypatch.setattr(validation, "_MADE", {"Step": {frozenset(): none}})
    later = problems_of(HEAD + wrong)
    assert list(validation._MADE["Step"]) == [frozenset(), validation.KEYS_OF_STEP]
    assert first == later


TOPS = (
    "scenario: x\ndisk: no\nmodl: qemu\nallow: 5\ntimeline: []\n",
    "disk: 8\nhost: {qemu: [], libvrt: 9.0}\nseed: x\ntimeline: []\n",
    "scenario: x\ndisks: {vda: {clusters: 0}, vdb: {}}\nresources: {net: {bandwidth: no}}\n"
    "clock: 5\ntimeline: []\n",
)


@pytest.mark.parametrize("top", TOPS)
def test_a_first_top_is_told_the_same_as_a_later_one(
    top: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_MADE", {})
    first = problems_of(top)
    ((name, made),) = ((name, made) for name, made in validation._MADE.items() if "Head" in name)
    (known,) = made
    none = validation._made(steps.Head, frozenset())
    monkeypatch.setattr(validation, "_MADE", {name: {frozenset(): none}})
    later = problems_of(top)
    assert len(validation._MADE[name]) == 2
    assert known < max(validation._MADE[name], key=len)
    assert first == later


def test_a_later_file_with_other_verbs_makes_all_of_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation, "_MADE", {})
    for verbs in ("      - create: S1\n", "      - {create: S1}\n      - snapshot: S2\n"):
        load_text(HEAD + verbs, "x.yaml")
    load_text(HEAD + "      - create: S1\n      - shutdown\n", "x.yaml")
    assert list(validation._MADE["Step"]) == [frozenset({"create"}), validation.KEYS_OF_STEP]
    assert list(validation._MADE["Head"]) == [frozenset({"scenario", "disk"})]
