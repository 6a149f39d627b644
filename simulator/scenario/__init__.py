"""Scenario files: YAML in, a script out, and every mistake with its place.

>>> script = load_text('''
... scenario: one write
... disk: 8
... timeline:
...   - at: T1
...     do: [{create: S1}]
...   - write: AAAA----
... ''', "one.yaml")
>>> [instant.label for instant in script.instants]
['T1', None]
"""

from simulator.scenario.loading import load_file, load_text
from simulator.scenario.models import place_of_host
from simulator.scenario.played.copied import check_copied
from simulator.scenario.played.moved import check_moved
from simulator.scenario.played.repeats import check_repeats

__all__ = [
    "check_copied",
    "check_moved",
    "check_repeats",
    "load_file",
    "load_text",
    "place_of_host",
]
