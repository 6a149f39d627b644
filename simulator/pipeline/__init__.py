"""The stages wired together: a file becomes a scenario, a scenario a run, a run text or data.

This is also what a notebook works with, through :func:`simulator.load`.
"""

from simulator.diagnostics import InputError
from simulator.pipeline.runs import FigureText, Moment, Run, UnknownInstant
from simulator.pipeline.scenarios import Scenario, find_model, load, loads

__all__ = [
    "FigureText",
    "InputError",
    "Moment",
    "Run",
    "Scenario",
    "UnknownInstant",
    "find_model",
    "load",
    "loads",
]
