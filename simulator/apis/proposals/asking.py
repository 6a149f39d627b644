"""Asking a proposal: whatever its code does, an answer comes in good time, or a reason why not.

A proposal is Python that the user chose to run, so this is no prison: it may still end the process
(``os._exit``), fork, or take all memory. It is against mistakes.
"""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

from simulator.diagnostics import InputError, Problem, Span
from simulator.values import NamedTuple

SECONDS_MAX = 5.0
"""A proposal that takes longer over one request never ends, as far as anybody can tell."""

SECONDS_AGAIN = 0.1
"""How long a proposal that was told to stop has for that."""

DEPTH_MAX = 10_000
"""Calls within calls. A frame takes memory, and five seconds are enough for all of it."""

A = TypeVar("A")


class Proposal(NamedTuple):
    """A file that models come from.

    Attributes:
        path: As the user named it; for an installed package, its module's file.
        source: Its text; empty where only Python knows it.
    """

    path: str
    source: str

    def unusable(self, message: str, span: Span | None = None, *, expected: str = "") -> InputError:
        """Return the error that this file cannot be used."""
        return InputError(self.path, self.source, [Problem(message, span, expected=expected)])

    def line(self, number: int | None) -> Span | None:
        """Return the span of a whole line, counted from 1 as Python does."""
        lines = self.source.split("\n")
        if number is None or not 1 <= number <= len(lines):
            return None
        text = lines[number - 1]
        return Span(number, len(text) - len(text.lstrip()) + 1, number, len(text.rstrip()) + 1)

    def ask(self, call: Callable[[], A], doing: str = "") -> A:
        """Return what a call of the proposal's code gives.

        What it prints goes to standard error, so that it is in nobody's way.

        Args:
            doing: What is asked of it, for the message.

        Raises:
            InputError: It raises, which is told at the line of this file that raised, or it gives
                no answer within :data:`SECONDS_MAX`.
        """

        def answer() -> tuple[A | None, InputError | None]:
            try:
                return call(), None
            except (NeverEnds, KeyboardInterrupt):
                raise
            except BaseException as error:  # a proposal may also try to end the program
                return None, self._told(error, doing)

        try:
            with contextlib.redirect_stdout(sys.stderr), _shallow():
                given, problem = limited(answer)
        except NeverEnds as late:
            place = late.within(self.path)
            told = f"no answer after {SECONDS_MAX:g} seconds"
            raise self._at(place, told, doing) from None
        if problem is not None:
            raise problem
        return given  # type: ignore[return-value]  # there is no problem, so it is an answer

    def _told(self, error: BaseException, doing: str) -> InputError:
        """Return an exception as an error of this file."""
        if isinstance(error, WrongAnswer):
            return self.unusable(error.message, self.line(error.line), expected=error.expected)
        name = name_of(type(error))
        try:
            told = f"{name}: {error}".rstrip(": ")
        except (NeverEnds, KeyboardInterrupt):
            raise
        except BaseException:
            told = f"{name}, which cannot be told"
        return self._at(_place_within(error.__traceback__, self.path), told, doing)

    def _at(self, place: "_Place | None", told: str, doing: str) -> InputError:
        inside = f" in {place.name}" if place is not None and place.name != "<module>" else ""
        before = f"{doing}: " if doing else ""
        span = self.line(place.line) if place is not None else None
        return self.unusable(f"{before}{told}{inside}", span)


class WrongAnswer(Exception):
    """A policy gave what is no answer to its question.

    Attributes:
        line: Where the policy is.
    """

    def __init__(self, message: str, line: int | None, expected: str) -> None:
        super().__init__(message)
        self.message, self.line, self.expected = message, line, expected


class _Place(NamedTuple):
    line: int
    name: str


class NeverEnds(BaseException):
    """A proposal took too long. It is no ``Exception``, so that few catch it by mistake.

    Attributes:
        places: What ran when the time was over, the innermost first, each with its file.
        caught: Whether it may be let go of.
    """

    def __init__(self, frame: FrameType | None, first: "NeverEnds | None" = None) -> None:
        super().__init__()
        self.places: tuple[tuple[str, _Place], ...] = (
            first.places if first is not None else tuple(_places(frame))
        )
        self.caught = first is None

    def __del__(self) -> None:
        """Stop who caught this and goes on, at the next line: it can catch no more there."""
        if not self.caught:
            # The frame that let go of it.
            sys._getframe(1).f_trace = self._again
            sys.settrace(self._again)

    def _again(self, frame: FrameType, event: str, given: Any) -> Any:
        raise NeverEnds(frame, self)

    def within(self, path: str) -> _Place | None:
        """Return the innermost place of a file that was running."""
        return next((place for file, place in self.places if file == path), None)


def _places(frame: FrameType | None) -> Iterator[tuple[str, _Place]]:
    while frame is not None:
        code = frame.f_code
        yield code.co_filename, _Place(frame.f_lineno, code.co_name)
        frame = frame.f_back


def name_of(kind: type) -> str:
    """Return the name of a class, whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name


def _place_within(trace: TracebackType | None, path: str) -> _Place | None:
    """Return the innermost place of a file in a traceback."""
    found = None
    while trace is not None:
        code: CodeType = trace.tb_frame.f_code
        if code.co_filename == path:
            found = _Place(trace.tb_lineno, code.co_name)
        trace = trace.tb_next
    return found


@contextlib.contextmanager
def _shallow() -> Iterator[None]:
    """Keep a proposal from allowing more calls within calls than there is memory for."""
    before, allow = sys.getrecursionlimit(), sys.setrecursionlimit
    sys.setrecursionlimit = lambda limit, /: allow(min(limit, DEPTH_MAX))
    try:
        yield
    finally:
        sys.setrecursionlimit = allow
        allow(before)


def limited(call: Callable[[], A]) -> A:
    """Return what a call gives.

    Raises:
        NeverEnds: It takes longer than :data:`SECONDS_MAX`.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and hasattr(signal, "setitimer"):
        return _by_alarm(call)
    return _by_trace(call)


def _by_alarm(call: Callable[[], A]) -> A:
    """Let the system's timer stop a call, again and again until it has stopped."""
    first: NeverEnds | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if frame is None or frame.f_code is _by_alarm.__code__:
            return  # The call is over.
        if first is None:
            first = NeverEnds(frame)
            raise first
        raise NeverEnds(frame, first)

    before, traced = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX, SECONDS_AGAIN)
    try:
        return call()
    except NeverEnds as late:
        late.caught = True
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(traced)


def _by_trace(call: Callable[[], A]) -> A:
    """Look at the clock before each line, where no timer of the system can stop a thread."""
    end = time.monotonic() + SECONDS_MAX

    def look(frame: FrameType, event: str, given: Any) -> Any:
        if time.monotonic() > end:
            raise NeverEnds(frame)
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        return call()
    finally:
        sys.settrace(before)
