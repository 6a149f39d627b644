"""Commands that hold runs against each other: ``compare``, ``record`` and ``compat``."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.ends import FAILING, UNUSABLE, give_up, told_unwritable
from simulator.cli.progress import waiting
from simulator.cli.reading import (
    Format,
    HostOption,
    ModelOption,
    Scenarios,
    find_model,
    find_under,
    load_all,
    usable,
)
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.pipeline import Scenario


class CompareFormat(StrEnum):
    """What ``compare`` prints."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class FailOn(StrEnum):
    """The least level of a difference at which ``compat`` fails."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


def compare(
    files: Scenarios,
    models: Annotated[
        str, typer.Option("--models", "-m", help="Two or more, with commas; or proposals' files.")
    ],
    format: Annotated[
        CompareFormat, typer.Option("--format", "-f", help="For a terminal, a program, a review.")
    ] = CompareFormat.TEXT,
) -> None:
    """Play scenarios under several models, and show where they differ."""
    from simulator import pipeline
    from simulator.compare import differences, writing

    chosen = [find_model(word.strip()) for word in models.split(",") if word.strip()]
    ids = [(model.id, model.host) for model in chosen if model is not None]
    if len(ids) < 2:
        give_up("--models names fewer than two models")
    for each in ids:
        if ids.count(each) > 1:
            give_up(f"two of the models are called {each[0]}")
    compared, status = [], 0
    for scenario in load_all(files):
        if scenario is None:
            status = UNUSABLE
            continue
        with usable(), waiting(f"comparing {scenario.script.path}"):
            played = [pipeline.play_under(scenario, model) for model in chosen if model]
            compared.append(differences.compare_runs(*zip(*played, strict=True)))
    if not compared:
        raise typer.Exit(status)
    if format is CompareFormat.JSON:
        print(writing.write_json(compared), end="")
    elif format is CompareFormat.MARKDOWN:
        print(writing.write_markdown(compared), end="")
    else:
        print(writing.write_text(compared), end="")
    raise typer.Exit(status)


def record(
    files: Scenarios,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Write run documents, as a baseline that can be committed and that compat reads."""
    from simulator.writing import open_text

    chosen, status, written = find_under(model, host), 0, 0
    scenarios = load_all(files)
    paths = _baseline_paths([each.script.path for each in scenarios if each is not None], output)
    for scenario in scenarios:
        if scenario is None:
            status = UNUSABLE
            continue
        with usable(), waiting(f"playing {scenario.script.path}"):
            played = chosen.run(scenario)
        path = paths[scenario.script.path]
        with told_unwritable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_text(path) as stream:
                stream.writelines(played.tell_lines())
        written += 1
    print(f"{written} run documents written below {printable(str(output))}")
    raise typer.Exit(status)


def _baseline_paths(files: list[str], folder: Path) -> dict[str, Path]:
    """Return where the run document of each scenario is written, each to a file of its own."""
    from simulator.compare.baselines import baseline_path

    read = {path.resolve() for path in map(Path, files)}
    written: dict[Path, str] = {}
    for file in files:
        path = folder / baseline_path(file)
        if path in written:
            give_up(f"{written[path]} and {file} would both be written to {path}")
        if path.resolve() in read:
            give_up(f"{path} is what is read here, and is left as it is")
        written[path] = file
    return {file: path for path, file in written.items()}


def compat(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A model, or a recorded baseline.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one, or a proposal's file.")],
    files: Scenarios,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least level that makes the exit status 1.")
    ] = FailOn.ERR,
    ignore: Annotated[
        str | None, typer.Option("--ignore", help="TOML: what is accepted, why, and until when.")
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="A review, or data.")
    ] = Format.TEXT,
) -> None:
    """Tell what a change of semantics does to scenarios: what is lost, wrong, or new."""
    import datetime

    from simulator.compare import compat as check
    from simulator.compare import ignoring

    with usable():
        ignored = ignoring.load_ignored(ignore) if ignore is not None else ()
    scenarios = load_all(files)
    befores, afters = (_documents(word, scenarios) for word in (old, new))
    with waiting("comparing"):
        found = [
            difference
            for before, after in zip(befores, afters, strict=True)
            for difference in check.find_differences(before, after)
        ]
    counted, left_out = ignoring.sift(found, ignored, datetime.date.today())
    for entry in ignoring.expired(ignored, datetime.date.today()):
        print(f"warning: {ignore}:{entry}", file=sys.stderr)
    if format is Format.JSON:
        print(check.write_json(counted, left_out), end="")
    else:
        print(check.write_review(counted, left_out, scenarios=len(befores)), end="")
    levels = list(check.Level)
    worst = levels.index(check.Level(fail_on.value))
    if None in scenarios:
        raise typer.Exit(UNUSABLE)
    if any(levels.index(each.level) <= worst for each in counted):
        raise typer.Exit(FAILING)


def _documents(word: str, scenarios: "list[Scenario | None]") -> list[Any]:
    """Return the run documents of scenarios under a model, or those that were recorded."""
    from simulator import pipeline
    from simulator.compare.baselines import load_baseline

    loaded = [each for each in scenarios if each is not None]
    if Path(word).is_dir():
        with usable():
            recorded = load_baseline(word, [each.script.path for each in loaded])
        return list(recorded.values())
    model = find_model(word)
    assert model is not None, "a word was given"
    with usable(), waiting(f"playing under {model.id}"):
        return [pipeline.play_under(scenario, model)[0] for scenario in loaded]
