"""Names and numbers in the sentences of findings."""

from collections.abc import Sequence

from simulator.inspect.image.seen import label

NAMES_TOLD = 6


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """Return names in a sentence; of many, the first ones and their number.

    >>> listed(["a", "b", "c"]), listed(["a", "b"], "or"), listed(["a"])
    ('a, b and c', 'a or b', 'a')
    """
    shown = [label(name) for name in names]
    if len(shown) > NAMES_TOLD:
        more = f"{len(shown) - NAMES_TOLD:,} more"
        return f"{', '.join(shown[:NAMES_TOLD])} {conjunction} {more}"
    return f" {conjunction} ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def verb_of(names: Sequence[str], *, past: bool = False) -> str:
    """Return ``is`` or ``are``, or ``was`` or ``were``."""
    if past:
        return "were" if len(names) > 1 else "was"
    return "are" if len(names) > 1 else "is"


def placeholder(names: Sequence[str]) -> str:
    """Return what a command names: the only name, or that one is to be put there."""
    return label(names[0]) if len(names) == 1 else "NAME"


def clusters(number: int) -> str:
    """Return a number of clusters.

    >>> clusters(1), clusters(2000)
    ('1 cluster', '2,000 clusters')
    """
    return f"{number:,} cluster" if number == 1 else f"{number:,} clusters"
