"""The table of verbs: what documents, schema and template say of them comes from one place."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from simulator.scenario import load_text
from simulator.scenario.schema import scenario_schema
from simulator.scenario.shapes import GUEST_VERBS
from simulator.scenario.template import TEMPLATE
from simulator.scenario.verb import Verb
from simulator.scenario.verbs import VERBS, VERBS_ALONE, VERBS_HOST, verb_table

ROOT = Path(__file__).parents[2]

KEYED = [verb for verb in VERBS.values() if verb.name not in ("zero", "discard", "qmp")]
"""Verbs whose documents name all keys: two of the guest's take no data, qmp is QEMU's to tell."""

EXAMPLES = [(verb, example) for verb in VERBS.values() for example in verb.examples]


def test_the_documents_have_the_table_as_the_code_makes_it() -> None:
    document = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert verb_table() in document, verb_table()


def test_each_verb_goes_by_its_name_and_is_the_guests_or_the_hosts() -> None:
    assert [verb.name for verb in VERBS.values()] == list(VERBS)
    assert {*GUEST_VERBS, *VERBS_HOST, "expect"} == set(VERBS)


@pytest.mark.parametrize("verb", KEYED, ids=[verb.name for verb in KEYED])
def test_what_documents_say_that_a_verb_takes_names_each_of_its_keys(verb: Verb) -> None:
    written = set(re.findall(r"[\w-]+", verb.written_keys()))
    assert verb.keys.keys() - written == set()


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_each_verb_says_what_it_does_in_one_line(verb: Verb) -> None:
    assert verb.says.endswith(".")
    assert "\n" not in verb.says
    assert verb.form


@pytest.mark.parametrize(
    ("verb", "example"), EXAMPLES, ids=[f"{verb.name}-{example}" for verb, example in EXAMPLES]
)
def test_each_example_of_a_verb_fits_the_schema(verb: Verb, example: Any) -> None:
    step = {verb.name: example}
    entry = step if verb.name in GUEST_VERBS else {"at": "T1", "do": [step]}
    scenario = {"scenario": "an example", "disk": 8, "timeline": [entry]}
    assert [*Draft202012Validator(scenario_schema()).iter_errors(scenario)] == []


def test_the_template_loads_and_names_each_verb_of_the_host() -> None:
    assert load_text(TEMPLATE, "new.yaml")
    words = set(re.findall(r"\w+", TEMPLATE))
    assert set(VERBS_HOST) - words == set()


@pytest.mark.parametrize("verb", VERBS_ALONE)
def test_a_verb_that_may_stand_alone_may_have_a_colon_and_nothing_behind_it(verb: str) -> None:
    for step in (verb, {verb: None}):
        scenario = {"scenario": "s", "disk": 8, "timeline": [{"at": "T1", "do": [step]}]}
        assert [*Draft202012Validator(scenario_schema()).iter_errors(scenario)] == []
        assert load_text(yaml.safe_dump(scenario), "s.yaml").instants


def test_the_template_points_an_editor_at_the_schema() -> None:
    assert re.search(r"^# yaml-language-server: \$schema=\S+$", TEMPLATE, re.MULTILINE)
    assert yaml.safe_load(TEMPLATE)["scenario"]
