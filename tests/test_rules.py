"""Every rule tests itself: its docstring has a bad and a good scenario, and both are played."""

import re
from typing import Any

import pytest

import simulator
from simulator.apis.base import Plan
from simulator.apis.libvirt import Libvirt
from simulator.checks import RULES, judge
from simulator.checks.rule import Rule
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import Fault, Refusal
from simulator.model.requests import Snapshot
from simulator.pipeline import Run
from tests.checkout import command

SECTIONS = ("What it does", "Why is this wrong?", "Example", "Use instead", "Source")


def examples(rule: Rule) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", rule.explanation, flags=re.DOTALL)


def codes(text: str) -> list[str]:
    run: Run = simulator.loads(text).run()
    return [f.code for f in judge(run.timeline) if f.allowed is None and not f.expected]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_example_gives_this_code_and_use_instead_gives_none(rule: Rule) -> None:
    bad, good = examples(rule)
    assert codes(bad) == [rule.code]
    assert codes(good) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_docstring_has_its_sections_in_order(rule: Rule) -> None:
    assert tuple(re.findall(r"^## (.*)$", rule.explanation, flags=re.MULTILINE)) == SECTIONS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_explain_prints_a_rule_by_code_and_by_name(rule: Rule) -> None:
    by_code, by_name = command("explain", rule.code.lower()), command("explain", rule.name)
    assert by_code.status == by_name.status == 0
    assert by_code.out == by_name.out
    assert rule.explanation in by_code.out


def test_codes_and_names_are_unique_and_in_order() -> None:
    assert [rule.code for rule in RULES] == sorted({rule.code for rule in RULES})
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("fault", [None, *Fault, "missing", True])
@pytest.mark.parametrize("step", ["snapshot: S2", "backup: {to: inc.bak, since: c0}"])
def test_whatever_a_model_says_of_a_refusal_it_is_one_finding(fault: Any, step: str) -> None:
    class Odd(Libvirt):
        def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
            return Refusal("no", fault=fault)

        def bitmaps_since(self, machine: Machine, disk: Disk, checkpoint: str) -> Refusal:
            return Refusal("no", fault=fault)

    text = (
        "scenario: s\nmodel: libvirt\ndisk: 8\ntimeline:\n"
        "  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}\n"
        f"  - {{at: T2, do: [{{{step}}}]}}\n"
    )
    findings = simulator.loads(text).run(Odd()).findings
    assert [finding.refused for finding in findings] == ["no"]
