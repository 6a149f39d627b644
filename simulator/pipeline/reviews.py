"""What reviews ask for: a scenario under a model that is not its own, and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.apis import host_for
from simulator.apis.base import ApiModel
from simulator.diagnostics import Finding, InputError
from simulator.pipeline.scenarios import Scenario, loads
from simulator.timeline import Timeline

if TYPE_CHECKING:
    from simulator.documents.linting import Linted


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


def lint_document(text: str, path: str) -> Linted:
    """Return what is wrong with the figures of a document, held against its own scenarios.

    Args:
        path: What findings call it.
    """
    from simulator.checks.expectations import UNMET_FIGURE, UNMET_FINDING, compare_row
    from simulator.checks.measured import UNMET_MEASURE
    from simulator.checks.updating import redraw
    from simulator.documents.linting import Tools, lint

    def play_text(scenario: str) -> tuple[Timeline, list[Finding]]:
        played = loads(scenario, path).run()
        unmet = (UNMET_FIGURE[0], UNMET_FINDING[0], UNMET_MEASURE[0])
        return played.timeline, [each for each in played.findings if each.code in unmet]

    return lint(text, Tools(play=play_text, compare=compare_row, redraw=redraw))
