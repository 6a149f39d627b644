"""The times that a cron expression names, in the zone of a clock. The only door to cronsim."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from simulator.schedule.clock import CalendarError, Clock, change_at

FIELDS = 5
CRON_EXPECTED = 'minute, hour, day of month, month and day of week such as "0 22 * * 1-5"'


def cron_ticks(expression: str, clock: Clock, first: int, last: int) -> Iterator[int]:
    """Yield the ticks that an expression names, ascending, both ends included.

    As Debian's cron has it: an expression with fixed hours goes by the clock on the wall, so a time
    that the clock skips is made up for as soon as it has, and one that it shows twice counts once.
    One whose minute or hour begins with ``*`` goes by the time that passes.

    Args:
        expression: Five fields.
        clock: What 0s is, and the zone.
        first, last: Ticks.

    Raises:
        CalendarError: It is no cron expression.
    """
    times = read_cron(expression, clock.local(first))
    try:
        for moment in times:
            tick = clock.tick_at(moment)
            if tick > last:
                return
            if tick >= first:
                yield tick
    except OverflowError:
        return


def read_cron(expression: str, start: datetime) -> Iterator[datetime]:
    """Return the times that an expression names, from one on.

    Raises:
        CalendarError: It is no cron expression.
    """
    if len(expression.split()) != FIELDS:
        raise CalendarError(f"the cron expression is {expression[:60]}", CRON_EXPECTED)
    try:
        return CronSim(expression, start - timedelta(seconds=1))
    except CronSimError as error:
        told = str(error).removeprefix("Bad ").lower()
        raise CalendarError(f"the cron expression has a bad {told}", CRON_EXPECTED) from error


def first_change(expression: str, clock: Clock, first: int, last: int) -> tuple[str, str] | None:
    """Return the first time of an expression that the zone's clock skips or doubles.

    Args:
        expression: One that :func:`cron_ticks` takes.

    Returns:
        ``skips`` or ``doubles``, and the time on the wall; None where there is none.
    """
    minute, hour, *_ = expression.split()
    if minute.startswith("*") or hour.startswith("*"):
        return None
    begin, end = (_on_the_wall(clock, tick) for tick in (first, last))
    for moment in CronSim(expression, begin - timedelta(seconds=1)):
        if moment > end:
            return None
        change = change_at(moment, clock.zone)
        if change:
            return change, f"{moment:%Y-%m-%dT%H:%M}"
    return None


def _on_the_wall(clock: Clock, tick: int) -> datetime:
    return clock.local(tick).replace(tzinfo=None, fold=0)
