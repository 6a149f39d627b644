"""What commands read: scenarios and models, with the arguments and options that name them."""

import contextlib
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import UNUSABLE, colour_of, give_up
from simulator.cli.progress import waiting

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel
    from simulator.pipeline import Run, Scenario

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenarios; - reads stdin.")]
Scenarios = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Scenarios, or folders of them.")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="API model to run under, or a proposal's file."),
]


WholeOption = Annotated[
    bool, typer.Option("--all", help="Also rows that did not change, where there are many.")
]


class Format(StrEnum):
    """Words for people, or data."""

    TEXT = "text"
    JSON = "json"


class RunFormat(StrEnum):
    """What ``run`` prints."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """End with status 2 where input turns out to be unusable, and tell why."""
    from simulator.diagnostics import InputError
    from simulator.render.report import write_input_error

    try:
        yield
    except InputError as error:
        print(write_input_error(error, colour=colour_of(sys.stderr)), file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None


def find_model(word: str | None) -> "ApiModel | None":
    """Return the model of an option, or end with status 2 where there is none that can be used."""
    if word is None:
        return None
    from simulator import pipeline
    from simulator.apis.proposals.loading import UnknownModel

    try:
        with usable():
            return pipeline.find_model(word)
    except UnknownModel as unknown:
        give_up(f"unknown model {word}", word, unknown.known)


def played(file: str, model: str | None) -> "Run":
    """Return the run of a scenario, or end with status 2 where it cannot be used."""
    from simulator import pipeline

    chosen = find_model(model)
    with usable(), waiting(f"playing {file}"):
        return pipeline.load(file).run(chosen)


def load_all(words: list[str]) -> "list[Scenario | None]":
    """Return the scenarios of files and folders; None for one that is told to be unusable."""
    from simulator import pipeline
    from simulator.render.report import write_input_error

    loaded: list[Scenario | None] = []
    files = pipeline.scenario_files(words)
    if not files:
        give_up(f"no scenario in {', '.join(words)}")
    for path in files:
        try:
            with waiting(f"reading {path}"):
                loaded.append(pipeline.load(path))
        except pipeline.InputError as error:
            print(write_input_error(error, colour=colour_of(sys.stderr)), file=sys.stderr)
            loaded.append(None)
    return loaded


def read_text(path: str) -> str:
    """Return the text of a file; ``-`` reads standard input."""
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        give_up(f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError as error:
        give_up(f"{path} is no text in UTF-8: byte {error.start}")
