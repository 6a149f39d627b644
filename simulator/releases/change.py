"""What an entry of the record of changes tells."""

from simulator.releases.hosts import KNOWN, NAMES, QEMU, Host, numbers_of
from simulator.values import NamedTuple


class Change(NamedTuple):
    """Something that a release does otherwise than those before it.

    Attributes:
        switch: Its name in :class:`~simulator.releases.semantics.Semantics`; one that is not there
            is told as a command is read.
        of: ``qemu`` or ``libvirt``.
        since: The oldest known release that does it.
        first: What is known of the very first version; empty where it was not looked for.
        word: What a command says that is read otherwise; empty where a switch tells.
        title: What is different, in one line.
        before, after: What the older and the newer releases do.
        concerns: Who has to know.
        advice: What to do.
        shows: The smallest scenario that differs, but for its title.
    """

    switch: str
    of: str
    since: str
    title: str
    before: str
    after: str
    concerns: str
    advice: str
    shows: str
    first: str = ""
    word: str = ""

    @property
    def name(self) -> str:
        """What findings and tables call it."""
        return self.switch.replace("_", "-")

    @property
    def releases(self) -> tuple[str, str]:
        """The newest known release that does not do it, and the oldest that does."""
        known = KNOWN[self.of]
        return known[known.index(self.since) - 1], self.since

    def holds(self, host: Host) -> bool:
        """Whether a host does it."""
        return numbers_of(host.qemu if self.of == QEMU else host.libvirt) >= numbers_of(self.since)

    def when(self) -> str:
        """Return when it came, in words: ``QEMU 10.0; not in 7.2``."""
        before, since = self.releases
        return f"{NAMES[self.of]} {self.first or since}; not in {before}"


READERS = "whoever reads the words of refusals by program"
BY_CLASS = "look at the class of an error and not at its words"
"""Whom other words concern, and what to do."""
