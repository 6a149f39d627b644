"""Words for messages: what is near, what there is to choose from, what is wrong with a name."""

import difflib
import unicodedata
from collections.abc import Iterable
from itertools import islice

from simulator.model.bitmap import NAME_BYTES_MAX

FOUND_LENGTH_MAX = 60
"""Characters of the file that a message repeats."""

NEAR = 0.5
"""How much of two words must be alike: a half, since many names are two characters long."""

COMPARED_MAX = 300
"""Words that a word is compared with."""

WORD_LENGTH_MAX = 100
"""Characters of a word that are compared."""

NAME_EXPECTED = "a name of 1 to 1023 bytes, without bars, slashes or control characters"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a question after the nearest known word, or nothing where none is near.

    Comparing words takes its time: of very many, those that begin alike are compared.

    >>> nearest("snapshto", ["shutdown", "snapshot"])
    'did you mean snapshot?'
    """
    first = word[:1].casefold()
    listed = list(known)
    if len(listed) > COMPARED_MAX:
        listed = [each for each in listed if each[:1].casefold() == first][:COMPARED_MAX]
    folded = {each.casefold()[:WORD_LENGTH_MAX]: each for each in reversed(listed)}
    near = difflib.get_close_matches(word.casefold()[:WORD_LENGTH_MAX], folded, n=1, cutoff=NEAR)
    return f"did you mean {folded[near[0]]}?" if near else ""


def alternatives(words: Iterable[str], limit: int = 12) -> str:
    """Return words as a list to choose from: ``a, b or c``.

    >>> alternatives(["write", "zero", "discard"])
    'write, zero or discard'
    """
    listed = list(dict.fromkeys(islice(words, limit + 1)))
    if len(listed) > limit:
        return f"{', '.join(listed[:limit])} …"
    return " or ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def shorten(text: str) -> str:
    """Return a text on one line, the end of a long one left out."""
    cut = text if len(text) <= FOUND_LENGTH_MAX else f"{text[: FOUND_LENGTH_MAX - 1]}…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cut)


def name_fault(name: str, forbidden: str = "|/") -> str:
    """Return what is wrong with a name, as what follows it in a sentence; nothing if all is well.

    Args:
        name: Any text.
        forbidden: Characters that it may not have.
    """
    if not name:
        return "is empty"
    if len(name.encode()) > NAME_BYTES_MAX:
        return f"is {len(name.encode()):,} bytes long"
    if name != name.strip():
        return "begins or ends with a blank"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has a control character"
    wrong = next((character for character in name if character in forbidden), "")
    return f"has the character {wrong}" if wrong else ""
