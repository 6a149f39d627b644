"""A long scenario from text to script, beside the YAML library's own reading of the same text."""

from collections.abc import Iterator

import yaml

from simulator.checks import RULE_NAMES
from simulator.scenario import load_text
from tests.benchmarks.figures import Figure, compare, show

STEPS = 10_000
LIMIT = 2.0
CLUSTERS = 32


def main() -> bool:
    """Measure and print; return whether the limit is kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    text = long_scenario(STEPS)
    script = load_text(text, "long.yaml", rules=RULE_NAMES)
    assert sum(len(instant.statements) for instant in script.instants) == STEPS
    yield compare(
        f"load_text of {STEPS:,} steps, yaml.load of the same text",
        lambda: load_text(text, "long.yaml", rules=RULE_NAMES),
        lambda: yaml.load(text, yaml.CSafeLoader),
        limit=LIMIT,
    )


def long_scenario(steps: int) -> str:
    """Return a scenario of so many steps: guest writes, and an incremental after every third."""
    lines = [
        "scenario: a long one",
        "model: mail-2018",
        f"disk: {CLUSTERS}",
        "timeline:",
        "  - at: T0",
        "    do:",
        "      - create: {image: S1, bitmap: B0}",
    ]
    for number in range(1, steps):
        if number % 4:
            lines.append(f"  - write: {picture(number)}")
            continue
        name = number // 4
        lines += [
            f"  - at: T{name}",
            "    do:",
            f"      - backup: {{since: B{name - 1}, to: B{name}.bak, checkpoint: B{name}}}",
        ]
    return "\n".join(lines) + "\n"


def picture(number: int) -> str:
    """Return a picture with a few letters that depend on a number."""
    first, letter = number * 7 % (CLUSTERS - 4), chr(ord("A") + number % 26)
    return "-" * first + letter * 4 + "-" * (CLUSTERS - 4 - first)
