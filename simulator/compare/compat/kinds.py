"""The kinds of differences that a change of semantics makes, by level."""

from enum import StrEnum

from simulator.values import NamedTuple


class Level(StrEnum):
    """How bad a difference is, the worst first."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


KINDS: dict[str, tuple[Level, str]] = {
    "refused-now": (Level.ERR, "a step that was accepted is refused"),
    "other-data": (Level.ERR, "a backup holds other data, and does not give back what it did"),
    "lost-backup": (Level.ERR, "a backup that was complete is not there, or holds nothing"),
    "lost-base": (Level.ERR, "a backup is as it was, and has nothing left to stand on"),
    "lost-restore": (Level.ERR, "an instant that could be restored cannot be any more"),
    "other-restore": (Level.ERR, "a restored disk is not the instant that it was"),
    "guest-changed": (Level.ERR, "the guest itself sees other data"),
    "wrong-now": (Level.ERR, "a step that was refused, or right, is silently wrong"),
    "not-playable": (Level.ERR, "the scenario cannot be played any more"),
    "more-copied": (Level.WARN, "a backup copies more data for the same instant"),
    "longer-restore": (Level.WARN, "a restore stacks more backups for the same instant"),
    "other-words": (Level.WARN, "a refusal has another text"),
    "new-warning": (Level.WARN, "a step has a warning that it had not"),
    "new-ability": (Level.INFO, "a step that was refused is accepted, or a backup is there now"),
    "new-restore": (Level.INFO, "an instant can be restored that could not be"),
    "shorter-restore": (Level.INFO, "a restore stacks fewer backups for the same instant"),
    "less-copied": (Level.INFO, "a backup copies less data for the same instant"),
    "other-clusters": (Level.INFO, "a backup holds other clusters, and gives back all it did"),
    "finding-less": (Level.INFO, "a finding is gone"),
    "new-note": (Level.INFO, "a step has a note that it had not"),
}
"""Every kind of difference: its level, and what it means."""


class Difference(NamedTuple):
    """What a change does to one scenario.

    Attributes:
        file: The scenario's.
        line: Of the step that it is about; 0 where it is about an instant or a whole scenario.
        at: Label of the instant.
        notes: Evidence, figures among it, one line each.
        consequences: What would not differ but for this.
    """

    kind: str
    file: str
    line: int
    at: str | None
    message: str
    notes: tuple[str, ...] = ()
    consequences: "tuple[Difference, ...]" = ()

    @property
    def level(self) -> Level:
        """How bad it is."""
        return KINDS[self.kind][0]


class Candidate(NamedTuple):
    """A difference before it is known what it follows from.

    Attributes:
        breaks: Names of what is not there with it, or not as it was: backups, checkpoints, images.
        needs: Names of what it stands on.
    """

    difference: Difference
    breaks: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def fold(candidates: list[Candidate]) -> list[Difference]:
    """Return the causes, each with what follows from it.

    Args:
        candidates: A cause stands before what follows from it.
    """
    causes: list[tuple[Difference, set[str], list[Difference]]] = []
    for each in candidates:
        for _, broken, followed in causes:
            if broken & each.needs:
                followed.append(each.difference)
                broken |= each.breaks
                break
        else:
            causes.append((each.difference, set(each.breaks), []))
    return [cause._replace(consequences=tuple(followed)) for cause, _, followed in causes]
