"""What commands read: scenarios and models, by the words that name them."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.cli.ends import give_up, tell_input_error, usable
from simulator.cli.progress import waiting
from simulator.cli.settings.force import settings
from simulator.diagnostics import printable
from simulator.values import NamedTuple

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel
    from simulator.pipeline import Run, Scenario
    from simulator.pipeline.files import Named


class Under(NamedTuple):
    """What scenarios are played under, as options and the configuration have it.

    Attributes:
        model: None for what each scenario says.
        host: None for the same.
        per_file: Models of files that fit a pattern, where no option names one.
    """

    model: "ApiModel | None"
    host: Mapping[str, str] | None
    per_file: "Sequence[tuple[str, ApiModel]]" = ()

    def model_for(self, path: str) -> "ApiModel | None":
        """Return the model that a scenario's file is played under; None for its own."""
        if not self.per_file:
            return self.model
        from simulator.formats.selecting import fits

        return next((each for word, each in self.per_file if fits(path, word)), self.model)

    def run(self, scenario: "Scenario") -> "Run":
        """Return the run of a scenario.

        Raises:
            InputError: It cannot be used.
        """
        return scenario.run(self.model_for(scenario.script.path), host=self.host)


def find_under(model: str | None, host: str | None) -> Under:
    """Return what options name, or end with status 2 where there is none that can be used."""
    per_file: list[tuple[str, ApiModel]] = []
    if model is None:
        said = settings()
        model, host = _settled_model(said.get("model")), host or said.get("host")
        for pattern, table in said.get("per-file").items():
            found = find_model(_settled_model(table.get("model")))
            per_file += [(pattern, found)] if found is not None else []
    return Under(find_model(model), find_host(model, host) if host is not None else None, per_file)


def _settled_model(word: str | None) -> str | None:
    """Return the model of a configuration; a proposal's file lies where that says."""
    is_file = word is not None and word.endswith(".py")
    return settings().place(word) if word is not None and is_file else word


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

    named = settings().names("models")
    try:
        with usable(), known_releases():
            return pipeline.find_model(named.get(word, word))
    except UnknownModel as unknown:
        give_up(f"unknown model {unknown.word}", unknown.word, (*unknown.known, *named))


def find_own_model(scenario: "Scenario") -> "ApiModel":
    """Return the model that a scenario names."""
    model = find_model(scenario.script.model)
    assert model is not None, "a scenario has a model"
    return model


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


def found_scenarios(words: list[str] | None) -> "list[Named]":
    """Return the scenario files that words lead to, or end with status 2.

    Args:
        words: None for those of the configuration.
    """
    from simulator.pipeline.files import find_scenarios

    with something_found():
        return find_scenarios(words or settled("paths"))


def found_documents(words: list[str] | None) -> "list[Named]":
    """Return the mails and documents that words lead to, or end with status 2.

    Args:
        words: None for those of the configuration.
    """
    from simulator.pipeline.files import find_documents

    with something_found():
        return find_documents(words or settled("documents"))


def settled(key: str) -> list[str]:
    """Return the paths that the configuration names, or end with status 2 where it names none."""
    said = settings()
    paths = [said.place(word) for word in said.get(key)]
    if not paths:
        give_up(f"no FILE is named, and no {key} in a configuration")
    return paths


@contextlib.contextmanager
def something_found() -> Iterator[None]:
    """End with status 2 where words lead to no file, and tell which."""
    from simulator.pipeline.files import NothingFound

    try:
        yield
    except NothingFound as nothing:
        *most, last = nothing.messages
        for message in most:
            print(f"error: {printable(message)}", file=sys.stderr)
        give_up(last)


def load_all(files: "list[Named]") -> "list[Scenario | None]":
    """Return the scenarios of files; None for one that is told to be unusable."""
    from simulator import pipeline

    loaded: list[Scenario | None] = []
    for path, _ in files:
        try:
            with waiting(f"reading {path}"):
                loaded.append(pipeline.load(path))
        except pipeline.InputError as error:
            tell_input_error(error)
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
