"""Resources that jobs share, how a job moves its bytes, and what fails by chance."""

from fractions import Fraction

from simulator.values import NamedTuple


class Resource(NamedTuple):
    """Something that data goes through.

    Attributes:
        bandwidth: Bytes a second; None where only its capacity is told.
        capacity: Bytes that it keeps; None where it keeps none, or any number.
    """

    name: str
    bandwidth: Fraction | None = None
    capacity: int | None = None


class Moving(NamedTuple):
    """How a job moves its bytes.

    Attributes:
        rate: Bytes a second at most; None for no bound of its own.
        through: Names of the resources that they go through.
        latency: Ticks before the first byte.
        held: Whether it goes on until something ends it, although it has moved all.
        lets_pass: Whether its rate is QEMU's ``speed``, which holds back the job and not what it
            copies because the guest writes there.
    """

    rate: Fraction | None = None
    through: tuple[str, ...] = ()
    latency: int = 0
    held: bool = False
    lets_pass: bool = False


class Faults(NamedTuple):
    """What fails by chance.

    Attributes:
        crash: Ticks between two crashes on average; None for none.
        backup: The share of backups whose job fails.
        store: The share of stored backups that are lost.
    """

    crash: int | None = None
    backup: Fraction = Fraction(0)
    store: Fraction = Fraction(0)
