"""Scenarios that come with the program: in the checkout, or in what is installed of it."""

from difflib import get_close_matches
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

PLACES = (PACKAGE / "shipped" / "scenarios", PACKAGE.parent / "scenarios")
"""Where they are: beside the modules of a wheel, beside them in the checkout."""

SUFFIX = ".yaml"


class UnknownExample(ValueError):
    """A name that no example has.

    Attributes:
        near: The nearest ones.
    """

    def __init__(self, name: str) -> None:
        known = example_names()
        self.near = tuple(get_close_matches(name, known, n=3, cutoff=0.5))
        self.near += tuple(each for each in known if each.endswith(f"/{name}"))
        hint = f"; did you mean {' or '.join(dict.fromkeys(self.near))}?" if self.near else ""
        super().__init__(f"there is no example {name}{hint}")


def example_names() -> tuple[str, ...]:
    """Return the names of all examples: ``mail/2018``."""
    root = _root()
    found = (path.relative_to(root).with_suffix("") for path in root.rglob(f"*{SUFFIX}"))
    return tuple(sorted(name.as_posix() for name in found))


def example_path(name: str) -> Path:
    """Return the file of an example.

    Args:
        name: ``mail/2018``, with or without its suffix; or another file that comes with them.

    Raises:
        UnknownExample: There is none of that name.
    """
    root = _root().resolve()
    for suffix in ("", SUFFIX):
        path = (root / f"{name}{suffix}").resolve()
        if path.is_file() and path.is_relative_to(root):
            return path
    raise UnknownExample(name)


def _root() -> Path:
    return next((place for place in PLACES if place.is_dir()), PLACES[0])
