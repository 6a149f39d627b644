"""How tests wait: for what they wait for, however slow the machine is, and never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""What has not come by then does not come; a machine that is busy gets that much."""

LOOK_SECONDS = 0.005


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so.

    Args:
        what: What is waited for, to be told where it never comes.
    """
    wait_for(condition, what)


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something, and return it.

    Args:
        look: Returns what is there by now, or nothing; may raise where it can never come.
        what: What is waited for, to be told where it never comes.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"{what} never came, in {PATIENCE_SECONDS:g} s")
