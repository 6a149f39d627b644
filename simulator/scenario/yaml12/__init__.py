"""YAML 1.2 as plain values, and where they stand in the file.

A file is read once for its values; a second time, and only if there is something to complain of,
for the places of what is wrong.
"""

from simulator.scenario.yaml12.finding import Found, find_places
from simulator.scenario.yaml12.places import Path, Place, place_at, span_of
from simulator.scenario.yaml12.reading import PROBLEMS_NOTED_MAX, Document, read_yaml
from simulator.scenario.yaml12.scalars import resolve_plain

__all__ = [
    "PROBLEMS_NOTED_MAX",
    "Document",
    "Found",
    "Path",
    "Place",
    "find_places",
    "place_at",
    "read_yaml",
    "resolve_plain",
    "span_of",
]
