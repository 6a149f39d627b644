"""What reviews ask for: a scenario under a model that is not its own, and documents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

from simulator.apis import host_for
from simulator.apis.base import ApiModel
from simulator.diagnostics import Finding, InputError
from simulator.pipeline.scenarios import Scenario, find_model, load, loads
from simulator.timeline import Timeline

if TYPE_CHECKING:
    from simulator.documents.linting import Linted


Unmet: TypeAlias = list[Finding]
"""Expectations of a scenario that are not met."""


def play_under(scenario: Scenario, model: ApiModel) -> tuple[Any, str | None]:
    """Return a scenario's run document under a model, and why it cannot be played, if it cannot.

    Raises:
        InputError: The model is a proposal that cannot be used.
    """
    from simulator.render.document import run_document

    script = scenario.script
    try:
        played = scenario.run(model)
    except InputError as error:
        if error.path != script.path:
            raise
        host = host_for(model, script.host)
        head = {"file": script.path, "scenario": script.title, "model": model.id}
        empty = {**head, "host": host._asdict()}
        return {**empty, "frames": [], "backups": {}, "restores": [], "findings": []}, str(error)
    return run_document(played.timeline, played.findings), None


def lint_document(text: str, path: str, model: ApiModel | None = None, called: str = "") -> Linted:
    """Return what is wrong with the figures of a document, held against its scenarios.

    Args:
        path: What findings call it; files that it names are looked for beside it.
        model: What its scenarios are played under; None for their own.
        called: What the user called that: a document may call it so, too.
    """
    from simulator.checks.expectations import UNMET_FIGURE, UNMET_FINDING, compare_row
    from simulator.checks.measured import UNMET_MEASURE
    from simulator.checks.updating import redraw
    from simulator.documents.blocks import ScenarioFile, ScenarioText
    from simulator.documents.linting import Tools, lint

    beside = os.path.dirname(path)
    known: dict[str, ApiModel] = {}

    def play(source: ScenarioText | ScenarioFile, under: str | None) -> tuple[Timeline, Unmet]:
        if isinstance(source, ScenarioFile):
            scenario = load(_beside(beside, source.path))
        else:
            scenario = loads(source.text, path)
        chosen = known[under] if under is not None else model
        played = scenario.run(chosen) if chosen is not None else scenario.run()
        unmet = (UNMET_FIGURE[0], UNMET_FINDING[0], UNMET_MEASURE[0])
        # What a scenario expects is about its own model.
        met = [] if chosen is not None else [e for e in played.findings if e.code in unmet]
        return played.timeline, met

    def named(word: str) -> str | None:
        if model is not None and word in _names(model, called):
            known[word] = model
        if word not in known:
            known.update(_model_named(word, beside))
        return word if word in known else None

    return lint(text, Tools(play=play, model=named, compare=compare_row, redraw=redraw))


def _beside(folder: str, name: str) -> str:
    """Return a file that a document names: beside it, else from where the program is run."""
    there = os.path.join(folder, name)
    return there if os.path.exists(there) or not os.path.exists(name) else name


def _names(model: ApiModel, called: str) -> tuple[str, ...]:
    """Return what a document may call a model: its id, and a proposal's file with or without .py.

    >>> from simulator.apis import MODELS
    >>> _names(MODELS["libvirt"], "ideas/mine.py")
    ('libvirt', 'mine.py', 'mine')
    """
    file = os.path.basename(called)
    return model.id, file, file.removesuffix(".py")


def _model_named(word: str, beside: str) -> dict[str, ApiModel]:
    """Return the model that a word of a document names, by that word; nothing for other words.

    Raises:
        InputError: It is a proposal's file that cannot be used.
    """
    from simulator.apis.proposals.loading import UnknownModel

    try:
        return {word: find_model(_beside(beside, word) if word.endswith(".py") else word)}
    except (UnknownModel, ValueError):
        return {}
