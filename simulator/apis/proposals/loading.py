"""API models from elsewhere: proposals in files of their own, and those of installed packages.

A proposal is Python, so reading it runs it. What is wrong with it is told apart from findings about
a scenario: as an :class:`~simulator.diagnostics.InputError` of the proposal's own file.
"""

import importlib.util
import inspect
from importlib.metadata import EntryPoint
from pathlib import Path
from types import CodeType
from typing import Any

from simulator.apis import MODELS
from simulator.apis.base import ApiModel
from simulator.apis.proposals.asking import Proposal, name_of
from simulator.apis.proposals.checking import check_model
from simulator.apis.proposals.guarded import Guarded
from simulator.apis.proposals.places import line_of
from simulator.diagnostics import Span

ENTRY_POINTS = "backup_timeline.models"
"""The group of entry points in which an installed package names its models."""

FILE_BYTES_MAX = 16 * 2**20
"""A file that is longer is no proposal."""


class UnknownModel(ValueError):
    """There is no such model.

    Attributes:
        word: What was asked for.
        known: Ids that could have been meant.
    """

    def __init__(self, word: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown model {word}; there are {', '.join(known)}")
        self.word = word
        self.known = known


def find_model(word: str) -> ApiModel:
    """Return the model that a word means: an id, a file, or the name of an entry point.

    Raises:
        UnknownModel: There is none.
        InputError: There is one, and it cannot be used.
    """
    known = MODELS.get(word)
    if known is not None:
        return known
    if word.endswith(".py") or "/" in word:
        return load_proposal(word)
    from importlib.metadata import entry_points

    installed = entry_points(group=ENTRY_POINTS)
    for point in installed:
        if point.name == word:
            return _load_installed(point)
    raise UnknownModel(word, (*MODELS, *(point.name for point in installed)))


def _load_installed(point: EntryPoint) -> ApiModel:
    """Return the model that an installed package names.

    Raises:
        InputError: Its module cannot be loaded, or it is no model.
    """

    def load() -> tuple[Any, str]:
        kind = point.load()
        try:
            return kind, inspect.getsourcefile(kind) or point.name
        except TypeError:
            return kind, point.name

    kind, file = Proposal(point.name, "").ask(load)
    return _made(kind, Proposal(file, ""))


def load_proposal(path: str) -> ApiModel:
    """Return the model that a file holds.

    Raises:
        InputError: The file cannot be read, is no Python, or holds no model, or more than one.
    """
    proposal, code = _read(path)
    space: dict[str, Any] = {"__name__": f"proposal:{path}", "__file__": path}

    def find() -> list[type[ApiModel]]:
        exec(code, space)
        kinds = [
            each
            for each in space.values()
            if isinstance(each, type)
            and issubclass(each, ApiModel)
            and each.__module__ == space["__name__"]
        ]
        return [
            each for each in kinds if not any(o is not each and issubclass(o, each) for o in kinds)
        ]

    leaves = proposal.ask(find)
    if not leaves:
        raise proposal.unusable("there is no model here", expected="class NAME(ApiModel)")
    if len(leaves) > 1:
        names = [name_of(each) for each in leaves]
        span = proposal.line(line_of(proposal.source, names[1]))
        message = f"{' and '.join(names)} are two models"
        raise proposal.unusable(message, span, expected="one model a file")
    return _made(leaves[0], proposal)


def _made(kind: Any, proposal: Proposal) -> Guarded:
    """Return the model of a class.

    Raises:
        InputError: It is none that can be asked.
    """
    check_model(kind, proposal)
    return Guarded(proposal.ask(kind), proposal)


def _read(path: str) -> tuple[Proposal, CodeType]:
    """Return a file's text and its code, read as Python reads a file.

    Raises:
        InputError: It cannot be read, or is no Python.
    """
    nothing = Proposal(path, "")
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise nothing.unusable(f"cannot read {path}: {told}") from None
    if len(content) > FILE_BYTES_MAX:
        raise nothing.unusable(f"{path} is longer than {FILE_BYTES_MAX // 2**20} MiB")
    try:
        proposal = Proposal(path, importlib.util.decode_source(content))
    except SyntaxError as error:
        raise nothing.unusable(f"no Python: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise nothing.unusable(f"{path} is not text in {error.encoding.upper()}") from None
    return proposal, _compile(proposal)


def _compile(proposal: Proposal) -> CodeType:
    try:
        return compile(proposal.source, proposal.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        line, column = error.lineno or 1, max(1, error.offset or 1)
        span = Span(line, column, line, max(column + 1, error.end_offset or 0))
        raise proposal.unusable(f"no Python: {error.msg}", span) from None
    except (ValueError, RecursionError, MemoryError) as error:
        told = str(error) or "too much within each other"
        raise proposal.unusable(f"no Python: {told}") from None
