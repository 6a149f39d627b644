"""The command ``compare``: the same scenarios under several models."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import (
    UNUSABLE,
    give_up,
    refuse_input,
    told_unwritable,
    usable,
)
from simulator.cli.program.options import Files
from simulator.cli.progress import waiting
from simulator.cli.reading import find_model, found_scenarios, load_all
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel


class CompareFormat(StrEnum):
    """What ``compare`` prints."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def compare(
    models: Annotated[
        str, typer.Option("--models", "-m", help="Two or more, with commas; or proposals' files.")
    ],
    files: Files = None,
    format: Annotated[
        CompareFormat, typer.Option("--format", "-f", help="For a terminal, a program, a review.")
    ] = CompareFormat.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw them side by side instead: svg, png, pdf, txt."),
    ] = None,
    theme: Annotated[str, typer.Option("--theme", help="light or dark.")] = "light",
) -> None:
    """Play scenarios under several models, and show where they differ."""
    from simulator.compare import differences, writing
    from simulator.pipeline.reviews import play_under

    chosen = _several_models(models)
    if output is not None:
        _draw_beside(files, chosen, output, theme)
        return
    compared, status = [], 0
    for scenario in load_all(found_scenarios(files)):
        if scenario is None:
            status = UNUSABLE
            continue
        with usable(), waiting(f"comparing {scenario.script.path}"):
            played = [play_under(scenario, model) for model in chosen if model]
            compared.append(differences.compare_runs(*zip(*played, strict=True)))
    if not compared:
        raise SystemExit(status)
    if format is CompareFormat.JSON:
        print(writing.write_json(compared), end="")
    elif format is CompareFormat.MARKDOWN:
        print(writing.write_markdown(compared), end="")
    else:
        print(writing.write_text(compared), end="")
    raise SystemExit(status)


def _several_models(words: str) -> "list[ApiModel | None]":
    """Return the models that an option names, or end with status 2 where two of them are one."""
    chosen = [find_model(word.strip()) for word in words.split(",") if word.strip()]
    ids = [(model.id, model.host) for model in chosen if model is not None]
    if len(ids) < 2:
        give_up("--models names fewer than two models")
    for each in ids:
        if ids.count(each) > 1:
            give_up(f"two of the models are called {each[0]}")
    return chosen


def _draw_beside(
    files: list[str] | None, models: "list[ApiModel | None]", output: Path, theme: str
) -> None:
    """Draw one scenario under several models."""
    from simulator.render.palette import Theme
    from simulator.render.pictures import PictureError, check_suffix, draw_beside, word_of

    found = found_scenarios(files)
    if len(found) != 1:
        give_up("a picture is of one scenario")
    try:
        if str(output) != "-":
            check_suffix(output)
            refuse_input(output, found[0].path)
        shade = word_of(Theme, theme)
        (scenario,) = load_all(found)
        if scenario is None:
            raise SystemExit(UNUSABLE)
        with usable(), waiting(f"drawing {scenario.script.path}"):
            runs = [(m.id, scenario.run(m).timeline) for m in models if m is not None]
            picture = draw_beside(runs, theme=shade)
        if str(output) == "-":
            print(picture.text(), end="")
            return
        with told_unwritable(output):
            picture.save(output)
    except PictureError as error:
        give_up(str(error))
    print(f"{printable(str(output))} written")
