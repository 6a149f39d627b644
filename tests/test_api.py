"""What a notebook user would guess: load, run, at, figure, findings."""

import re

import pytest

import simulator
from simulator.diagnostics import InputError
from tests.checkout import MAIL

FIGURE = """\
S1: |AAAA----| <- S2: |---BBB--|
B1: |XXXX----|    B2: |---XXX--|
                  B3: |--------|+
guest sees: |AAABBB--|"""


def test_a_timeline_shows_its_figure_at_an_instant() -> None:
    run = simulator.load(str(MAIL)).run()
    assert run.at("T3").figure() == FIGURE
    assert repr(run.at("T3").figure()) == FIGURE
    assert FIGURE in repr(run.at("T3"))


def test_a_path_object_is_as_good_as_text() -> None:
    assert simulator.load(MAIL).run().labels == ("T1", "T2", "T3", "T4", "T5")


def test_findings_carry_code_place_and_instant() -> None:
    findings = simulator.load(str(MAIL)).run().findings
    assert [(f.code, f.rule, f.at, f.expected) for f in findings] == [
        ("BT201", "stale-bitmap", "T4", True),
        ("BT301", "unseen-state", "T5", True),
    ]


def test_a_notebook_shows_figures_and_names_as_text_and_never_runs_them() -> None:
    text = "scenario: '<script>'\ndisk: 2\ntimeline: [{at: T1, do: [create: '<b>']}]\n"
    run = simulator.loads(text).run()
    assert "<script>" not in run._repr_html_()
    assert "&lt;b&gt;: |--|" in run.at("T1").figure()._repr_html_()
    assert "&lt;b&gt;" in run.at("T1")._repr_html_()


def test_another_model_gives_another_run_of_the_same_scenario() -> None:
    scenario = simulator.load(str(MAIL))
    assert "S2.B1: |X--XXXX-|+" in scenario.run(model="libvirt").at("T4").figure()
    assert "S2.B1" not in scenario.run().at("T4").figure()


def test_an_unknown_instant_or_model_is_named_beside_the_known_ones() -> None:
    scenario = simulator.load(str(MAIL))
    with pytest.raises(KeyError, match="no instant T9; there are T1"):
        scenario.run().at("T9")
    with pytest.raises(ValueError, match="unknown model nope; there are mail-2018"):
        scenario.run(model="nope")


def test_a_text_that_cannot_be_used_tells_every_problem() -> None:
    with pytest.raises(InputError) as caught:
        simulator.loads("scenario: x\ndisk: 8\ntimeline: [{wirte: AAAA----}, {zreo: A-------}]\n")
    assert [p.span.line for p in caught.value.problems if p.span] == [3, 3]


def test_all_states_of_a_disk_that_grows_are_drawn_to_one_scale() -> None:
    run = simulator.loads(
        "scenario: s\ndisk: 100\ntimeline:\n"
        "  - {at: T1, do: [{create: S1}]}\n"
        "  - write: {offset: 0, length: 2 MiB, data: A}\n"
        "  - {at: T2, do: [{snapshot: S2}, {resize: 200}, {backup: full.bak}]}\n"
    ).run()
    told = run.text()
    assert "one cell of vda is 8 clusters (512 KiB)" in told
    rows = re.findall(r"(S1|S2|guest sees|full.bak|writes):? +(\|[^|]*\|)", told)
    assert [(label, len(cells) - 2) for label, cells in rows] == [
        ("S1", 13),
        ("guest sees", 13),
        ("writes", 13),
        ("S1", 13),
        ("S2", 25),
        ("guest sees", 25),
        ("full.bak", 25),
    ]
