"""A key that nobody knows is told, with its place, whatever mapping it stands in."""

from collections.abc import Iterator

import pytest
import yaml

from simulator.diagnostics import InputError
from simulator.scenario import load_text
from simulator.scenario.shapes import keys_of
from simulator.scenario.steps import HostShape
from simulator.scenario.timed import Scenario
from simulator.scenario.verbs import BESIDE, VERBS

UNKNOWN = "zzz"


def mappings() -> Iterator[object]:
    """Yield values of a key that hold an unknown key, deeper and deeper."""
    yield {UNKNOWN: 1}
    yield [{UNKNOWN: 1}]
    yield {UNKNOWN: {UNKNOWN: [1]}}
    yield {"at": "T2", UNKNOWN: 1}


def steps() -> Iterator[dict[str, object]]:
    """Yield each verb with an unknown key in it, in each of its arguments, and beside it."""
    for name, verb in VERBS.items():
        yield {name: {UNKNOWN: 1}}
        for key in verb.keys:
            for value in mappings():
                yield {name: {key: value}}
        for key in BESIDE:
            for value in mappings():
                yield {name: {}, key: value}


def tops() -> Iterator[dict[str, object]]:
    """Yield each key of the top with an unknown key in it."""
    for key in (*keys_of(Scenario), UNKNOWN):
        for value in mappings():
            yield {key: value}
            yield {key: {"vda": value}}
    for key in keys_of(HostShape):
        yield {"host": {key: "10.0", UNKNOWN: "1"}}


def told(scenario: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(InputError) as error:
        load_text(yaml.safe_dump(scenario), "x.yaml")
    assert all(problem.span for problem in error.value.problems)
    return tuple(problem.message for problem in error.value.problems)


def test_an_unknown_key_in_a_step_is_told() -> None:
    for step in steps():
        timeline = [{"at": "T1", "do": [step]}, {"at": "T2", "do": []}]
        assert told({"scenario": "x", "disk": 8, "timeline": timeline}), step


def test_an_unknown_key_at_the_top_is_told() -> None:
    for top in tops():
        assert told({"scenario": "x", "disk": 8, "timeline": [], **top}), top


def test_the_known_keys_of_a_host_and_of_a_stopped_job_are_named() -> None:
    (host,) = told({"scenario": "x", "disk": 8, "timeline": [], "host": {"libvrt": "9.0"}})
    assert "unknown key libvrt in host" in host
    for verb, key in (("backup", "fails"), ("backup", "cancel"), ("commit", "cancel")):
        step = {verb: {key: {"at": "T2", "jub": 1}}}
        timeline = [{"at": "T1", "do": [step]}, {"at": "T2", "do": []}]
        messages = told({"scenario": "x", "disk": 8, "timeline": timeline})
        assert any(f"unknown key jub in {key}" in each for each in messages), messages
