"""The first file is validated with the keys that it has, and is told the same as any other."""

import pytest

from simulator.diagnostics import InputError, Problem
from simulator.scenario import load_text, validation

HEAD = "scenario: x\ndisk: 8\ntimeline:\n  - at: T1\n    do:\n"

WRONG = (
    "      - create: {image: S1, bitmap: 5}\n      - snapshot: {imag: S2}\n",
    "      - create: S1\n      - snapshto: S2\n      - {at: T2}\n",
    "      - {create: S1, expect: 5}\n      - {backup: {to: b}, ends: {}, allow: []}\n",
    "      - shutdown\n      - {crash: 5}\n      - {}\n",
    "      - create: S1\n      - backup: {from: x, cancel: {job: 5}}\n      - backup: b\n",
    "      - restore: {from: a, from_: b}\n      - resize: 5 x\n      - {qmp: 5, fails: {at: 5}}\n",
)


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as told:
        load_text(text, "x.yaml")
    return told.value.problems


def told_first_and_later(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold what the first file of a program is told against what a later one with it is told."""
    monkeypatch.setattr(validation, "_FIRST", {})
    monkeypatch.setattr(validation, "_WHOLE", {})
    first = problems_of(text)
    assert not validation._WHOLE
    none = {name: (frozenset[str](), made) for name, (_, made) in validation._FIRST.items()}
    monkeypatch.setattr(validation, "_FIRST", none)
    later = problems_of(text)
    assert validation._WHOLE
    assert first == later


@pytest.mark.parametrize("wrong", WRONG)
def test_a_first_file_is_told_the_same_as_a_later_one(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_first_and_later(HEAD + wrong, monkeypatch)


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
    told_first_and_later(top, monkeypatch)


def test_a_later_file_with_other_verbs_makes_all_of_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation, "_FIRST", {})
    monkeypatch.setattr(validation, "_WHOLE", {})
    for verbs in ("      - create: S1\n", "      - {create: {image: S1}}\n"):
        load_text(HEAD + verbs, "x.yaml")
    known, _ = validation._FIRST["Step"]
    assert known == {"create.", "create.image"}
    assert not validation._WHOLE
    for later in (
        "      - create: S1\n      - shutdown\n",
        "      - create: {image: S1, bitmap: B}\n",
    ):
        load_text(HEAD + later, "x.yaml")
    assert list(validation._WHOLE) == ["Step"]
    known, _ = validation._FIRST["Head"]
    assert known == {"scenario", "disk"}
