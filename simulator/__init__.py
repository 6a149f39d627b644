"""Simulates and draws the backup timelines of virtual machines.

>>> import simulator
>>> run = simulator.load("scenarios/mail/2018.yaml").run()
>>> print(run.at("T2").figure())
S1: |AAAA----| <- S2: |--------|
B1: |XXXX----|    B2: |--------|+
guest sees: |AAAA----|
"""

from os import PathLike
from typing import TYPE_CHECKING

from simulator.diagnostics import InputError

if TYPE_CHECKING:
    from simulator.pipeline import Run, Scenario
    from simulator.teaching.quiz import Quiz
    from simulator.teaching.stills import Stills
    from simulator.teaching.widget import Slider

__all__ = ["InputError", "example", "example_path", "explore", "load", "loads", "quiz"]


def load(path: "str | PathLike[str]") -> "Scenario":
    """Return the scenario of a file; ``-`` reads standard input.

    Raises:
        simulator.diagnostics.InputError: The file cannot be used; it tells every problem.
    """
    from simulator.pipeline import load as load_scenario

    return load_scenario(str(path))


def loads(text: str, path: str = "<text>") -> "Scenario":
    """Return the scenario that a text is, such as a cell of a notebook.

    Args:
        path: What findings call it.

    Raises:
        simulator.diagnostics.InputError: The text cannot be used; it tells every problem.
    """
    from simulator.pipeline import loads as load_text

    return load_text(text, path)


def example(name: str) -> "Scenario":
    """Return a scenario that comes with the program, such as ``mail/2018``.

    Raises:
        ValueError: There is none of that name; the nearest ones are told.
    """
    return load(example_path(name))


def example_path(name: str) -> str:
    """Return the path of a scenario that comes with the program, or of a file beside them.

    Raises:
        ValueError: There is none of that name; the nearest ones are told.
    """
    from simulator.pipeline.examples import example_path as path_of

    return str(path_of(name))


def quiz(run: "Run", at: str, row: str) -> "Quiz":
    """Return the figure of an instant with a row left out, to be predicted.

    Args:
        at: The instant.
        row: An image, a bitmap (``NAME`` or ``NODE.NAME``), ``guest sees``, a backup or a
            restored disk (``NAME`` or ``NAME/DISK``).

    Raises:
        ValueError: There is no such instant or row, or the row is too long to be answered.
    """
    from simulator.teaching.quiz import ask

    return ask(run, at, row)


def explore(run: "Run") -> "Slider | Stills":
    """Return a slider over the instants of a run, or all of them where there are no widgets."""
    try:
        from simulator.teaching.widget import Slider
    except ImportError:
        from simulator.teaching.stills import Stills

        return Stills(run)
    return Slider(run)
