"""API models from elsewhere: proposals in files of their own, and those of installed packages.

A proposal is Python, so reading it runs it. What is wrong with it is told apart from findings about
a scenario: as an :class:`~simulator.diagnostics.InputError` of the proposal's own file.
"""

import ast
import builtins
import contextlib
import difflib
import inspect
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, get_args

from simulator.apis import MODELS
from simulator.apis.base import ApiModel, Plan
from simulator.diagnostics import InputError, Problem, Span
from simulator.model.machine import Machine
from simulator.model.operations import Operation, Refusal
from simulator.model.requests import Request
from simulator.model.transitions import apply_all

SECONDS_MAX = 5.0
"""A proposal that takes longer over one request never ends, as far as anybody can tell."""

ENTRY_POINTS = "backup_timeline.models"
"""The group of entry points in which an installed package names its models."""

NEEDED = {
    "bitmaps_since": "def bitmaps_since(self, machine, disk, checkpoint)",
    "delete": "def delete(self, machine, name)",
}
"""Policies that the base class leaves to each model."""

TEXTS = ("id", "title", "source")
"""What a model says of itself."""


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
            with _told(word, ""), _kept_quiet():
                kind = point.load()
            return _checked(kind, inspect.getsourcefile(kind) or word, "")
    raise UnknownModel(word, (*MODELS, *(point.name for point in installed)))


def load_proposal(path: str) -> ApiModel:
    """Return the model that a file holds.

    Raises:
        InputError: The file cannot be read, is no Python, or holds no model, or more than one.
    """
    source = _read(path)
    code = _compile(path, source)
    space: dict[str, Any] = {"__name__": f"proposal:{path}", "__file__": path}
    with _told(path, source), _kept_quiet(), _limited():
        exec(code, space)
    kinds = [
        each
        for each in space.values()
        if isinstance(each, type)
        and issubclass(each, ApiModel)
        and each.__module__ == space["__name__"]
    ]
    leaves = [
        each for each in kinds if not any(o is not each and issubclass(o, each) for o in kinds)
    ]
    if not leaves:
        raise _unusable(path, source, "there is no model here", expected="class NAME(ApiModel)")
    if len(leaves) > 1:
        names = " and ".join(each.__name__ for each in leaves)
        span = _place(source, leaves[1].__name__)
        raise _unusable(path, source, f"{names} are two models", span, expected="one model a file")
    return _checked(leaves[0], path, source)


class Guarded(ApiModel):
    """A model from elsewhere, whose mistakes are told as mistakes of its file."""

    def __init__(self, inner: ApiModel, path: str, source: str) -> None:
        self.inner = inner
        self.path = path
        self._source = source

    @property
    def id(self) -> str:  # type: ignore[override]  # the model's own
        """What the model calls itself."""
        return self.inner.id

    @property
    def title(self) -> str:  # type: ignore[override]  # the model's own
        """One line about it."""
        return self.inner.title

    @property
    def source(self) -> str:  # type: ignore[override]  # the model's own
        """Where its behaviour is known from."""
        return self.inner.source

    @property
    def draws_zeroes(self) -> bool:  # type: ignore[override]  # the model's own
        """Whether a full backup is drawn with explicit zeroes for all that reads so."""
        return self.inner.draws_zeroes

    def plan(self, machine: Machine, request: Request) -> Plan:
        """Return what a request stands for, if that is something that can be done.

        Raises:
            InputError: The model raised, never ended, or gave what is no plan.
        """
        with _told(self.path, self._source, f"asked for {_verb(request)}"), _kept_quiet():
            with _limited():
                plan = self.inner.plan(machine, request)
            self._check(plan, request)
            if not isinstance(plan, Refusal):
                apply_all(machine, plan)
        return plan

    def _check(self, plan: Any, request: Request) -> None:
        """Hold a plan against what a plan is.

        Raises:
            InputError: It is none.
        """
        if isinstance(plan, Refusal):
            return
        wrong = None
        if not isinstance(plan, tuple):
            wrong = plan
        else:
            wrong = next((each for each in plan if not isinstance(each, get_args(Operation))), None)
            if wrong is None:
                return
        raise _unusable(
            self.path,
            self._source,
            f"asked for {_verb(request)}, {type(self.inner).__name__} gives "
            f"{type(wrong).__name__}: {_short(wrong)}",
            _place(self._source, type(self.inner).__name__),
            expected="a tuple of primitives, or a Refusal",
        )


def _checked(kind: Any, path: str, source: str) -> Guarded:
    """Return an instance of a model's class, if it is one that can be asked.

    Raises:
        InputError: It is not; it tells everything that is missing.
    """
    if not (isinstance(kind, type) and issubclass(kind, ApiModel)):
        raise _unusable(path, source, f"{kind!r} is no model", expected="a class of ApiModel")
    span = _place(source, kind.__name__)
    problems = [
        Problem(f"{kind.__name__} has no {name}", span, expected=f'{name} = "…"')
        if not hasattr(kind, name)
        else Problem(
            f"{name} of {kind.__name__} is no text: {_short(getattr(kind, name))}",
            _place(source, kind.__name__, name),
        )
        for name in TEXTS
        if not isinstance(getattr(kind, name, None), str)
    ]
    if getattr(kind, "id", None) in MODELS:
        problems.append(
            Problem(
                f"{kind.id} is the id of a model that there is already",
                _place(source, kind.__name__, "id"),
                expected="an id of its own",
            )
        )
    for name, signature in NEEDED.items():
        if getattr(kind, name) is getattr(ApiModel, name):
            problems.append(Problem(f"{kind.__name__} has no {name}", span, expected=signature))
    problems += _check_policies(kind, source)
    if problems:
        raise InputError(path, source, problems)
    with _told(path, source), _kept_quiet(), _limited():
        inner = kind()
    return Guarded(inner, path, source)


def _check_policies(kind: type[ApiModel], source: str) -> Iterator[Problem]:
    """Yield what is wrong with the methods that a class adds or overrides."""
    policies = {name for name, each in vars(ApiModel).items() if callable(each) and name[0] != "_"}
    for owner in kind.__mro__[: kind.__mro__.index(ApiModel)]:
        if owner.__module__ != kind.__module__:
            continue
        for name, each in vars(owner).items():
            if name[0] == "_" or name in TEXTS:
                continue
            base = next((getattr(b, name) for b in owner.__mro__[1:] if hasattr(b, name)), None)
            place = _place(source, owner.__name__, name)
            if base is None:
                near = difflib.get_close_matches(name, policies, n=1, cutoff=0.8)
                if near and callable(each):
                    yield Problem(f"{name} is no policy", place, help=f"did you mean {near[0]}?")
            elif name in policies and not callable(each):
                yield Problem(f"{name} is no method", place, expected="a policy")
            elif callable(each) and callable(base):
                takes, asked = _parameters(each), _parameters(base)
                if len(takes) != len(asked) and "*" not in takes:
                    yield Problem(
                        f"{name} takes {', '.join(takes)}", place, expected=", ".join(asked)
                    )


def _parameters(method: Any) -> list[str]:
    """Return the names of a method's parameters; ``*`` for any number of them."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        "*" if each.kind in variable else each.name
        for each in inspect.signature(method).parameters.values()
    ]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise _unusable(path, "", f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unusable(path, "", f"{path} is not text in UTF-8") from None


def _compile(path: str, source: str) -> CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        line, column = error.lineno or 1, max(1, error.offset or 1)
        span = Span(line, column, line, max(column + 1, error.end_offset or 0))
        raise _unusable(path, source, f"no Python: {error.msg}", span) from None
    except ValueError as error:
        raise _unusable(path, source, f"no Python: {error}") from None


@contextlib.contextmanager
def _told(path: str, source: str, doing: str = "") -> Iterator[None]:
    """Turn what a proposal raises into an error of its file, at the line that raised."""
    try:
        yield
    except InputError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a proposal may also try to end the program
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == path), None)
        where = next((f.name for f in reversed(frames) if f.filename == path), "")
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        inside = f" in {where}" if where and where != "<module>" else ""
        before = f"{doing}: " if doing else ""
        raise _unusable(path, source, f"{before}{told}{inside}", _line(source, line)) from None


class _NeverEnds(Exception):
    """A proposal took too long."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """End what takes too long, where the system can: in the main thread of a Unix process."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise _NeverEnds(f"no answer after {SECONDS_MAX:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _kept_quiet() -> contextlib.AbstractContextManager[Any]:
    """Send what a proposal prints to standard error, so that it is in nobody's way."""
    return contextlib.redirect_stdout(sys.stderr)


def _place(source: str, name: str, member: str | None = None) -> Span | None:
    """Return where a class, or a member of it, is defined in a proposal."""
    for node in ast.walk(ast.parse(source)) if source else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            for each in node.body if member is not None else ():
                targets = each.targets if isinstance(each, ast.Assign) else ()
                named = [t.id for t in targets if isinstance(t, ast.Name)]
                if getattr(each, "name", None) == member or member in named:
                    return _line(source, each.lineno)
            return _line(source, node.lineno)
    return None


def _line(source: str, number: int | None) -> Span | None:
    """Return the span of a whole line."""
    lines = source.splitlines()
    if number is None or not 1 <= number <= len(lines):
        return None
    text = lines[number - 1]
    return Span(number, len(text) - len(text.lstrip()) + 1, number, len(text.rstrip()) + 1)


def _unusable(
    path: str, source: str, message: str, span: Span | None = None, *, expected: str = ""
) -> InputError:
    return InputError(path, source, [Problem(message, span, expected=expected)])


def _short(value: Any) -> str:
    text = builtins.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _verb(request: Request) -> str:
    """Return the name of a kind of request, in words: ``take backup``."""
    name = type(request).__name__
    return "".join(f" {c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(name))
