"""The verbs of the language, a module a family. A new verb is an entry in one of them, and here."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from simulator.scenario.shapes import ENDINGS_BESIDE, GUEST_VERBS
from simulator.scenario.verb import Verb

FAMILIES: Mapping[str, str] = {
    "write": "guest",
    "zero": "guest",
    "discard": "guest",
    "expect": "guest",
    "create": "chain",
    "snapshot": "chain",
    "checkpoint": "bitmaps",
    "backup": "backups",
    "copy": "backups",
    "convert": "backups",
    "restore": "backups",
    "delete": "bitmaps",
    "commit": "chain",
    "pull": "chain",
    "rebase": "chain",
    "bitmap": "bitmaps",
    "blockcopy": "jobs",
    "revert": "chain",
    "resize": "power",
    "cancel": "jobs",
    "attach": "power",
    "detach": "power",
    "undefine": "power",
    "migrate": "power",
    "shutdown": "power",
    "start": "power",
    "crash": "power",
    "freeze": "peace",
    "thaw": "peace",
    "lose": "losses",
    "corrupt": "losses",
    "qmp": "primitives",
}
"""Each verb, in the order of documents, and the module that has it under its name."""


class _Verbs(Mapping[str, Verb]):
    """The verbs by name, each loaded with its family when it is asked for.

    A file uses few of them, and to load all takes as long as to read a small one.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Verb] = {}

    def __getitem__(self, name: str) -> Verb:
        verb = self._loaded.get(name)
        if verb is None:
            family = import_module(f"{__name__}.{FAMILIES[name]}")
            verb = self._loaded[name] = getattr(family, name.upper())
        return verb

    def __contains__(self, name: object) -> bool:
        return name in FAMILIES

    def __iter__(self) -> Iterator[str]:
        return iter(FAMILIES)

    def __len__(self) -> int:
        return len(FAMILIES)


VERBS: Mapping[str, Verb] = _Verbs()
"""All of them, in the order of documents."""

VERBS_ALONE = ("undefine", "migrate", "shutdown", "start", "crash", "freeze", "thaw")
"""Verbs that may take nothing, so that a step may be just the word."""

BESIDE = ("expect", "allow", *ENDINGS_BESIDE)
"""Keys of a step that stand beside its verb; the first is a verb too, where it stands alone."""

VERBS_HOST = tuple(name for name in VERBS if name not in (*GUEST_VERBS, "expect"))
"""Verbs that can only be steps of an instant."""


def verb_table() -> str:
    """Return the verbs as a table in Markdown, for documents."""
    rows = (
        f"| `{verb.name}` | {verb.written_keys()} | {' '.join((verb.says, verb.more)).strip()} |"
        for verb in VERBS.values()
    )
    return "\n".join(("| verb | takes | means |", "| --- | --- | --- |", *rows))
