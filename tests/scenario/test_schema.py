"""The published JSON Schema: it is valid, takes good scenarios, and turns bad ones down."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from simulator.scenario import load_text
from simulator.scenario.schema import scenario_schema

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
      - backup: {since: {vda: C1}, to: own.bak}
      - backup: {since: {vda: null}, to: own2.bak}
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

TIMED = """\
scenario: what only a scenario with time has
clock: 2026-03-02T00:00 Europe/Berlin
seed: 7
disks: {vda: {size: 1 TiB}}
resources: {pool: 2 GiB/s, repo: {bandwidth: 400 MiB/s, capacity: 20 TiB}, box: {capacity: 1 TiB}}
faults: {crash: {mean: 30d}, backup: {fails: 2%}, store: {loses: 0.1 %}}
timeline:
  - at: 0s
    do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0, through: [pool, repo]}}]
  - guest: {until: 7d, workload: zipf, hours: {08-18: 200/s}, skew: 1.1, mix: {zero: 5%}}
  - guest: {until: 7d, workload: append-log, writes: 1/min, arrivals: poisson, region: [0, 1 GiB]}
  - every: 1h
    from: 1d
    until: 7d
    overlap: queue
    do:
      - backup: {since: c<n-1>, to: inc<n>.bak, checkpoint: c<n>, latency: 10s, cancel: +30m}
        else: [{backup: full<n>.bak}, crash, start]
  - {cron: 0 22 * * 1-5, until: 7d, at-change: once, do: [freeze, {thaw: {after: 10s}}]}
  - at: 2026-03-08T12:00
    do:
      - copy: {image: S1, to: a.bak, rate: 1 MiB/s, through: pool}
      - restore: {from: full.bak, rate: 1 MiB/s}
      - blockcopy: {to: S2, rate: 1 MiB/h, ends: never}
      - corrupt: {backup: full.bak, cells: X}
      - lose: full.bak
"""

BAD = {
    "a rate without a time": "{scenario: s, timeline: [], resources: {a: 5 MiB}}",
    "an unknown unit": "{scenario: s, timeline: [], resources: {a: 5 parsecs/s}}",
    "a resource with an unknown key": "{scenario: s, timeline: [], resources: {a: {capcity: 5}}}",
    "an unknown fault": "{scenario: s, timeline: [], faults: {bakup: {fails: 5%}}}",
    "a share that is none": "{scenario: s, timeline: [], faults: {backup: {fails: 0.5}}}",
    "a mean that is no time": "{scenario: s, timeline: [], faults: {crash: {mean: often}}}",
    "a rate of a job": "{scenario: s, timeline: [{at: 0s, do: [{backup: {to: a, rate: 5}}]}]}",
    "a latency": "{scenario: s, timeline: [{at: 0s, do: [{backup: {to: a, latency: soon}}]}]}",
    "no workload": "{scenario: s, timeline: [{guest: {writes: 1/s}}]}",
    "another workload": "{scenario: s, timeline: [{guest: {workload: zip, writes: 1/s}}]}",
    "a skew of 0": "{scenario: s, timeline: [{guest: {workload: zipf, writes: 1/s, skew: 0}}]}",
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
    assert complaints(TIMED) == []


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
