"""Every scenario that is shipped is a test: it does what it expects, under a valid schema.

A flagged one has its printed findings beside it, as ``NAME.out``; ``make outs`` writes them anew,
and the difference is for a reader to judge.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import simulator
from simulator import checks
from simulator.render.document import run_schema
from simulator.scenario.schema import scenario_schema
from tests.checkout import ROOT, command, name_of, scenario_files

FLAGGED = scenario_files("flagged")


class Core(yaml.CSafeLoader):
    """YAML 1.2 as an editor reads it, which has no dates."""


Core.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def schemas() -> dict[str, jsonschema.Draft202012Validator]:
    return {"scenario": validator(scenario_schema()), "run": validator(run_schema())}


@pytest.mark.parametrize("path", scenario_files(), ids=name_of)
def test_a_shipped_scenario_does_what_it_expects(path: Path) -> None:
    outcome = command("run", name_of(path))
    assert outcome.status == 0, outcome.out + outcome.err


@pytest.mark.parametrize("path", scenario_files(), ids=name_of)
def test_a_shipped_scenario_and_its_run_document_are_valid(
    path: Path, schemas: dict[str, jsonschema.Draft202012Validator]
) -> None:
    schemas["scenario"].validate(yaml.load(path.read_text(), Core))
    schemas["run"].validate(json.loads(simulator.load(str(path)).run().json()))


@pytest.mark.parametrize("path", scenario_files(), ids=name_of)
def test_text_is_seven_bit_and_fits_72_columns_and_is_the_same_each_time(path: Path) -> None:
    first = command("run", name_of(path)).out
    assert first.isascii()
    frames = simulator.load(path).run().timeline.frames
    images = max((len(disk.chain) for f in frames for disk in f.machine.disks), default=0)
    # What fits is a chain of two; one of five images of eight cells cannot.
    wide = [line for line in first.splitlines() if len(line) > 72 * max(images, 2) / 2]
    assert not wide
    assert command("run", name_of(path)).out == first
    assert "\x1b" not in first


def test_every_rule_has_two_flagged_scenarios() -> None:
    for rule in checks.RULES:
        named = [path for path in FLAGGED if path.name.startswith(f"{rule.code}-")]
        assert len(named) >= 2, f"{rule.code} has {len(named)}"


@pytest.mark.parametrize("path", FLAGGED, ids=name_of)
def test_a_flagged_scenario_is_flagged_by_the_rule_it_is_named_for(path: Path) -> None:
    findings = simulator.load(str(path)).run().findings
    code = path.name.partition("-")[0]
    assert any(finding.code == code and finding.expected for finding in findings)


@pytest.mark.parametrize("path", scenario_files("valid"), ids=name_of)
def test_a_valid_scenario_has_no_findings(path: Path) -> None:
    assert simulator.load(str(path)).run().findings == ()


@pytest.mark.parametrize("path", FLAGGED, ids=name_of)
def test_the_findings_print_as_recorded(path: Path) -> None:
    recorded = (ROOT / path).with_suffix(".out").read_text()
    assert command("check", name_of(path)).out == recorded
