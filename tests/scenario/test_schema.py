"""The published JSON Schema: it is valid, takes good scenarios, and turns bad ones down."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from simulator.scenario import load_text, scenario_schema

SCHEMA = scenario_schema()

GOOD = """\
scenario: every verb
about: and every short form
source: this test
model: mail-2018
disk: 8
allow: [{rule: BT401, because: short}]
seed: 5
timeline:
  - discard: X-------
  - at: T1
    do:
      - create: {image: S1, bitmap: B1}
      - write: {offset: 64 KiB, length: 65536, data: A}
      - zero: 00000000
        expect: [needless-copy]
      - snapshot: S2
      - snapshot: {images: {vda: S3}, outside: true}
      - checkpoint: C1
      - checkpoint: {name: C2, disks: [vda]}
      - backup: full.bak
      - backup: {since: C1, to: inc.bak, onto: full.bak, checkpoint: C3}
        expect: refused
        allow: {rule: BT302, because: on purpose}
      - backup: {bitmaps: B1, to: bits.bak, image: S1}
      - copy: {image: S1, to: S1.bak}
      - restore: {from: [full.bak, inc.bak], as: again, of: T1}
      - restore: full.bak
      - delete: {checkpoint: C1}
      - delete: {backup: inc.bak}
      - shutdown
      - start:
      - crash: {}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S3, name: b}}
      - qmp: [{execute: block-dirty-bitmap-clear, arguments: {node: S3, name: b}}]
      - expect: |
          S1: |--------| <- S2: |--------|
  - write: AAAA----
    allow: {rule: BT501, because: once}
"""

BAD = {
    "no title": "timeline: []",
    "no timeline": "scenario: s",
    "an unknown key": "{scenario: s, timeline: [], modle: qemu}",
    "an unknown model": "{scenario: s, timeline: [], model: xen}",
    "both disk and disks": "{scenario: s, timeline: [], disk: 8, disks: {vda: 8}}",
    "no clusters": "{scenario: s, timeline: [], disk: 0}",
    "an unknown verb": "{scenario: s, timeline: [{at: T1, do: [{snapshto: S2}]}]}",
    "two verbs": "{scenario: s, timeline: [{at: T1, do: [{backup: a, write: A}]}]}",
    "no verb": "{scenario: s, timeline: [{at: T1, do: [{}]}]}",
    "a verb alone that takes something": "{scenario: s, timeline: [{at: T1, do: [backup]}]}",
    "a verb outside an instant": "{scenario: s, timeline: [{backup: a}]}",
    "an unknown argument": "{scenario: s, timeline: [{at: T1, do: [{backup: {too: a}}]}]}",
    "a number for a name": "{scenario: s, timeline: [{at: T1, do: [{create: 2018}]}]}",
    "arguments for none": "{scenario: s, timeline: [{at: T1, do: [{crash: 5}]}]}",
    "nothing to delete": "{scenario: s, timeline: [{at: T1, do: [{delete: {}}]}]}",
    "no reason": "{scenario: s, timeline: [], allow: [{rule: BT201}]}",
}


def complaints(text: str) -> list[str]:
    """What the schema has against a scenario."""
    return [e.message for e in Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text))]


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Every mapping of a schema."""
    if isinstance(value, dict):
        yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from parts(each)


def test_the_schema_is_a_schema_of_the_dialect_that_it_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert "$id" not in SCHEMA
    assert SCHEMA["title"]


def test_nothing_in_the_schema_is_null() -> None:
    types = [part.get("type") for part in parts(SCHEMA)]
    assert "null" not in types
    assert not any("null" in each for each in types if isinstance(each, list))
    assert not any(part.get("const", "") is None for part in parts(SCHEMA))


def test_every_key_has_a_description() -> None:
    keys = {
        f"{name}.{key}": part
        for name, shape in {**SCHEMA["$defs"], "": SCHEMA}.items()
        for key, part in shape.get("properties", {}).items()
    }
    assert [name for name, part in keys.items() if not part.get("description")] == []


def test_a_good_scenario_fits_the_schema_and_loads() -> None:
    assert complaints(GOOD) == []
    assert load_text(GOOD, "good.yaml")


def test_the_examples_of_the_schema_fit_it_and_load() -> None:
    for example in SCHEMA["examples"]:
        text = yaml.safe_dump(example, sort_keys=False)
        assert complaints(text) == []
        assert load_text(text, "example.yaml")


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_scenario_does_not_fit_the_schema(text: str) -> None:
    assert complaints(text)


def test_the_schema_may_be_changed_by_whoever_asked_for_it() -> None:
    scenario_schema().clear()
    assert scenario_schema() == SCHEMA
