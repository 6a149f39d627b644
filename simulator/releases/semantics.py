"""What a host does, as switches; each is off as in the oldest releases that are known."""

from simulator.values import NamedTuple


class Semantics(NamedTuple):
    """What one pair of QEMU and libvirt does where releases differ.

    Each switch has the name of its change in the record, where it is told what it means. ``qemu``
    is the release by which commands are read.
    """

    resize_says_why: bool = True
    pull_leaves_open: bool = True
    force_closes_base: bool = True
    zeroes_are_skipped: bool = False
    persistent_needs_writable: bool = False
    raw_copy_stays_recorded: bool = True
    offline_snapshots_named: bool = True
    reverts_external: bool = True
    newest_lies_on_top: bool = True
    preserves_domain: bool = False
    missing_source_named: bool = False
    qemu: str = "10.0"


SEMANTICS_DEFAULT = Semantics()
"""Those of the hosts that most people run today; ``hosts`` says which."""

SWITCHES = frozenset(Semantics._fields) - {"qemu"}
