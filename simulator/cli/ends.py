"""How a command ends: exit statuses, what is said on the way out, and whether in colour."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from simulator.diagnostics import how_to_install, printable

if TYPE_CHECKING:
    from simulator.diagnostics import InputError

UNUSABLE, FAILING = 2, 1
"""Exit status for input that cannot be used, and for findings that nobody expected."""


def give_up(message: str, word: str = "", known: Any = ()) -> NoReturn:
    """Print what is wrong with the command line, and end with status 2."""
    import difflib

    print(f"error: {printable(message)}", file=sys.stderr)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        print(f"  = help: did you mean {printable(near[0])}?", file=sys.stderr)
    elif known:
        print(f"  = expected one of {', '.join(map(printable, known))}", file=sys.stderr)
    raise SystemExit(UNUSABLE)


def give_up_without(what: str, missing: ModuleNotFoundError) -> NoReturn:
    """End with status 2: something needs a library that is not installed."""
    give_up(f"{what} needs {missing.name}: {how_to_install(missing.name or '')}")


@contextlib.contextmanager
def told_unwritable(output: Path) -> Iterator[None]:
    """End with status 2 where an output cannot be written, and tell why."""
    try:
        yield
    except FileExistsError:
        give_up(f"{output} exists, and is left as it is")
    except OSError as error:
        give_up(f"cannot write {output}: {error.strerror or error}")


def refuse_input(output: Path, *inputs: str | None) -> None:
    """End with status 2 where an output would be written over what the command reads."""
    from simulator.writing import is_same_file

    for each in inputs:
        if each is not None and is_same_file(output, each):
            give_up(f"{output} is what is read here, and is left as it is")


def refuse_in_ci(what: str, why: str = "changes files") -> None:
    """End where nobody is there to judge a change, or to end what goes on."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
        give_up(f"{what} {why}, and this is CI (CI={os.environ['CI']})")


def colour_of(stream: Any = None) -> bool:
    """Whether to paint: on a terminal, or where FORCE_COLOR says so; not where NO_COLOR does."""
    stream = stream or sys.stdout
    if stream is None or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "") not in ("", "0"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def tell_input_error(error: "InputError") -> None:
    """Print what makes a file unusable."""
    from simulator.render.report import write_input_error

    print(write_input_error(error, colour=colour_of(sys.stderr)), file=sys.stderr)


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """End with status 2 where input turns out to be unusable, and tell why."""
    from simulator.diagnostics import InputError

    try:
        yield
    except InputError as error:
        tell_input_error(error)
        raise SystemExit(UNUSABLE) from None
