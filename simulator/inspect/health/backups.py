"""Push backups that still lie over the live image."""

from collections.abc import Iterator

from simulator.diagnostics import Finding, Severity
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.codes import flag
from simulator.inspect.image.seen import label


def find_backups(disk: SeenDisk) -> Iterator[Finding]:
    """Yield files that are no part of the chain, but backups of it that show what it shows now."""
    live = label(disk.chain.active.name)
    for backup in disk.chain.backups:
        name = label(backup.image.name)
        yield flag(
            "BT206",
            f"{name} is likely a push backup, and lies over the live image {live}",
            severity=Severity.WARNING,
            notes=(
                f"likely since {backup.evidence}",
                f"as it is, it shows what {live} holds by now wherever it holds nothing itself: "
                "no state that the guest ever saw",
                f"{live} and what is below it are judged without it",
            ),
            help="put it onto the backup before it: "
            f"qemu-img rebase -u -b PREVIOUS_BACKUP -F qcow2 {backup.image.path}; "
            f"not so if the machine runs on {name}, which lacks its bitmaps then (BT101)",
        )
