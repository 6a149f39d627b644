"""The record of changes: each differs where it says, by itself, and is told so."""

from pathlib import Path

import pytest

from simulator.pipeline import loads
from simulator.pipeline.upgrades import write_versions
from simulator.releases.change import Change
from simulator.releases.changes import CHANGES, semantics_of
from simulator.releases.hosts import HOST_DEFAULT
from simulator.releases.semantics import SEMANTICS_DEFAULT, SWITCHES
from simulator.upgrades import MET_BY, first_difference
from tests.checkout import command

PAGE = Path(__file__).parents[2] / "docs" / "versions.md"


def test_the_default_semantics_are_those_of_the_default_host() -> None:
    assert semantics_of(HOST_DEFAULT) == SEMANTICS_DEFAULT


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_the_scenario_of_a_change_differs_by_it_alone(change: Change) -> None:
    before, after = change.releases
    scenario = loads(f"scenario: {change.name}\n{change.shows}")
    old = scenario.run(host={change.of: before}).timeline
    new = scenario.run(host={change.of: after}).timeline
    found = first_difference(old, new.host)
    assert found is not None
    assert found.changes == (change,)
    assert first_difference(old, old.host) is None


def test_the_page_is_what_the_record_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_versions()


def test_changes_of_an_upgrade_are_told_with_their_figures() -> None:
    told = command("models", "--changes", "10.0..11.1")
    assert told.status == 0
    assert "zeroes-are-skipped: QEMU 11.1" in told.out
    assert "resize-says-why" not in told.out
    assert "    C1: |A-A-----|" in told.out
    assert command("models", "--changes", "9.0..9.0").out == "nothing that is known\n"
    for words in ("9.0", "9.0..11.1", "9.0..13.0"):
        assert command("models", "--changes", words).status == 2


def test_releases_are_told_apart_side_by_side() -> None:
    told = command(
        "compare", "--models", "libvirt@9.0,libvirt@12.8", "scenarios/valid/blockcopy.yaml"
    )
    assert told.status == 0
    assert "libvirt@9.0 and libvirt@12.8" in told.out


LEFT_OPEN = next(each for each in CHANGES if each.switch == "pull_leaves_open")
BREAKING = next(each for each in CHANGES if each.switch == "on_cbw_error")


@pytest.mark.parametrize(
    ("change", "release", "code"),
    [
        (LEFT_OPEN, "10.0", "BT901"),
        (BREAKING, "11.1", "BT210"),
        (BREAKING, "10.0", "BT901"),
        (next(each for each in CHANGES if each.switch == "reverts_external"), "9.0", "BT901"),
    ],
    ids=lambda each: each.name if isinstance(each, Change) else each,
)
def test_a_finding_that_is_so_by_a_change_names_it_and_the_pair(
    change: Change, release: str, code: str
) -> None:
    run = loads(f"scenario: {change.name}\n{change.shows}").run(host={change.of: release})
    (found,) = (each for each in run.document()["findings"] if each["code"] == code)
    assert found["host"] == run.timeline.host._asdict()
    assert found["changes"] == [change.name]
    word = "by" if change.holds(run.timeline.host) else "before"
    assert found["notes"][-1] == f"so on {run.timeline.host}, {word} {change.name}: {change.when()}"


def test_one_that_is_so_everywhere_names_none() -> None:
    text = LEFT_OPEN.shows.replace("[snapshot: S4]", "[snapshot: S4, crash, crash]")
    text = f"scenario: two\n{text}"
    told = {each["message"]: each for each in loads(text).run().document()["findings"]}
    (crash,) = (each for message, each in told.items() if "crash" in message)
    assert (crash["host"], crash["changes"]) == (None, [])


def test_each_switch_says_what_meets_it() -> None:
    assert MET_BY.keys() == SWITCHES
