"""What clients may read, and whether anybody may use a node at all."""

from typing import TypeAlias

from simulator.values import NamedTuple


class ExportNode(NamedTuple):
    """Let clients read a node (QEMU: ``block-export-add``).

    Attributes:
        id, name: What commands call the export, and what clients do.
        node: An image, or the target of a job that runs.
        bitmaps: What clients are told beside it; without a node, from this node down.
    """

    id: str
    name: str
    node: str
    writable: bool = False
    bitmaps: tuple[tuple[str | None, str], ...] = ()


class UnexportNode(NamedTuple):
    """Take an export from its clients (QEMU: ``block-export-del``)."""

    id: str


class SetActive(NamedTuple):
    """Let go of a node, or take it up again (QEMU: ``blockdev-set-active``).

    Attributes:
        node: An image, or the target of a job that runs; None for all.
        active: Whether it may be used from here on.
    """

    node: str | None
    active: bool


ExportOperation: TypeAlias = ExportNode | UnexportNode | SetActive
