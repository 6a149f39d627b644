"""What commands read: scenarios and models, with the arguments and options that name them."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

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

HostOption = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="HOST", help="Releases to run on, such as qemu=11.1,libvirt=12.8."
    ),
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


class Under(NamedTuple):
    """What scenarios are played under, as options have it; None is what each scenario says."""

    model: "ApiModel | None"
    host: Mapping[str, str] | None

    def run(self, scenario: "Scenario") -> "Run":
        """Return the run of a scenario.

        Raises:
            InputError: It cannot be used.
        """
        return scenario.run(self.model, host=self.host)


def find_under(model: str | None, host: str | None) -> Under:
    """Return what options name, or end with status 2 where there is none that can be used."""
    return Under(find_model(model), find_host(model, host) if host is not None else None)


@contextlib.contextmanager
def known_releases() -> Iterator[None]:
    """End with status 2 where a release is named that nobody recorded, or that cannot be."""
    from simulator.releases.hosts import MismatchedHost, UnknownRelease

    try:
        yield
    except UnknownRelease as unknown:
        give_up(f"{unknown}; known are {', '.join(unknown.known)}")
    except MismatchedHost as mismatched:
        give_up(f"{mismatched}; expected {mismatched.expected}")


def find_model(word: str | None) -> "ApiModel | None":
    """Return the model of an option, or end with status 2 where there is none that can be used."""
    if word is None:
        return None
    from simulator import pipeline
    from simulator.apis.proposals.loading import UnknownModel

    try:
        with usable(), known_releases():
            return pipeline.find_model(word)
    except UnknownModel as unknown:
        give_up(f"unknown model {unknown.word}", unknown.word, unknown.known)


def find_host(model: str | None, word: str) -> dict[str, str]:
    """Return the releases of an option, or end with status 2 where they are not known."""
    from simulator.apis import host_of

    if model is not None and "@" in model:
        give_up(f"--model {model} and --host {word} both name a release: give one of them")
    halves: dict[str, str] = {}
    for part in word.split(","):
        half, equals, release = part.strip().partition("=")
        if not equals or half in halves:
            give_up(f"--host {word}: expected qemu=VERSION,libvirt=VERSION, or one of them")
        halves[half] = release
    with known_releases():
        host_of(model or "", halves)
    return halves


def played(file: str, model: str | None, host: str | None = None) -> "Run":
    """Return the run of a scenario, or end with status 2 where it cannot be used."""
    from simulator import pipeline

    chosen = find_under(model, host)
    with usable(), waiting(f"playing {file}"):
        return chosen.run(pipeline.load(file))


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
