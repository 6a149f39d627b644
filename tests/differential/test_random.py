"""As many random timelines on a real QEMU as a test run has time for; the same ones each time."""

from pathlib import Path

import pytest

import simulator
from simulator.model.bitmap import DirtyBitmap
from tests.differential import exhaustive, on_libvirt, timelines
from tests.differential.drawing import flow
from tests.differential.tally import Tally
from tests.hosts.real import need_libvirt, need_qemu

EXAMPLES = 30
"""Timelines of up to 25 steps; ``make verify N=1000`` plays more of them."""

EXAMPLES_LIBVIRT = 3
"""The same on libvirt, whose start takes seconds; ``make verify N=100 WITH=libvirt``."""


def test_random_timelines_agree_with_qemu() -> None:
    need_qemu()
    timelines.play(EXAMPLES)


def test_random_timelines_agree_with_libvirt() -> None:
    need_libvirt()
    on_libvirt.play(EXAMPLES_LIBVIRT)


def test_every_single_step_of_the_small_alphabet_agrees_with_qemu() -> None:
    """``make verify ALL=4`` plays all of four."""
    need_qemu()
    told, tally = exhaustive.play(list(exhaustive.all_words(1)))
    assert told == []
    assert tally.timelines == len(exhaustive.ALPHABET)
    assert tally.unplayed == 0


def test_what_was_drawn_is_counted() -> None:
    text = exhaustive.scenario(("snapshot", "disable", "stream", "restart"))
    tally = Tally()
    tally.add(simulator.loads(text).run().timeline)
    assert tally.verbs["qmp block-stream"] == 1
    assert tally.pairs["shutdown", "start"] == 1
    assert tally.refusals == {"Dirty bitmap '...' not found": 1}
    twice = Tally()
    twice.join(tally)
    twice.join(tally)
    assert "        2 qmp block-stream" in list(twice.lines())


def test_a_wrong_line_in_the_model_is_caught_and_shrunk_to_a_scenario(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A guest write that marks no bitmap: the smallest timeline that shows it has one write."""
    need_qemu()
    monkeypatch.setattr(timelines, "DISAGREEMENT", tmp_path / "found.yaml")
    monkeypatch.setattr(DirtyBitmap, "mark", lambda self, granules: self)
    with pytest.raises(timelines.DisagreementError, match="dirty"):
        timelines.play(EXAMPLES)
    found = (tmp_path / "found.yaml").read_text()
    assert sum(found.count(f"  - {verb}:") for verb in ("write", "zero", "discard")) == 1
    assert found.count("- at:") == 1


def test_a_step_is_written_as_a_scenario_has_it() -> None:
    step = {"qmp": {"execute": "block-dirty-bitmap-add", "arguments": {"node": "S1", "n": 1}}}
    assert flow(step) == "{qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, n: 1}}}"
    assert flow({"cells": "|--|", "names": ["a", "1"]}) == '{cells: "|--|", names: [a, "1"]}'
