"""The verbs of the language, a module a family. A new verb is an entry in one of them, and here."""

from collections.abc import Mapping

from simulator.scenario.shapes import ENDINGS_BESIDE, GUEST_VERBS
from simulator.scenario.verb import Verb
from simulator.scenario.verbs.backups import BACKUP, CONVERT, COPY, RESTORE
from simulator.scenario.verbs.bitmaps import BITMAP, CHECKPOINT, DELETE
from simulator.scenario.verbs.chain import COMMIT, CREATE, PULL, REBASE, REVERT, SNAPSHOT
from simulator.scenario.verbs.guest import DISCARD, EXPECT, WRITE, ZERO
from simulator.scenario.verbs.jobs import BLOCKCOPY, CANCEL
from simulator.scenario.verbs.losses import CORRUPT, LOSE
from simulator.scenario.verbs.peace import FREEZE, THAW
from simulator.scenario.verbs.power import (
    ATTACH,
    CRASH,
    DETACH,
    MIGRATE,
    RESIZE,
    SHUTDOWN,
    START,
    UNDEFINE,
)
from simulator.scenario.verbs.primitives import QMP

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        WRITE,
        ZERO,
        DISCARD,
        EXPECT,
        CREATE,
        SNAPSHOT,
        CHECKPOINT,
        BACKUP,
        COPY,
        CONVERT,
        RESTORE,
        DELETE,
        COMMIT,
        PULL,
        REBASE,
        BITMAP,
        BLOCKCOPY,
        REVERT,
        RESIZE,
        CANCEL,
        ATTACH,
        DETACH,
        UNDEFINE,
        MIGRATE,
        SHUTDOWN,
        START,
        CRASH,
        FREEZE,
        THAW,
        LOSE,
        CORRUPT,
        QMP,
    )
}
"""All of them, in the order of documents."""

VERBS_ALONE = tuple(verb.name for verb in VERBS.values() if verb.alone)
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
