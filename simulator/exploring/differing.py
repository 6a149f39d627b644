"""The timelines on which two models differ, for a regression check without anybody's scenarios."""

from simulator.apis.base import ApiModel
from simulator.exploring.acts import VERBS_DEFAULT, Limits
from simulator.exploring.looking import Looking, Report, Wanted
from simulator.exploring.searching.search import Asked

LIMITS = Limits(images=2, bitmaps=2, backups=2, clusters=2, disks=1, depth=5)
"""Small enough that a check takes a few seconds; ``explore --models`` goes as far as is asked."""


def timelines_between(one: ApiModel, other: ApiModel, report: Report) -> tuple[str, ...]:
    """Return the shortest timelines on which two models differ, one of each kind, as scenarios."""
    asked = Asked(LIMITS, VERBS_DEFAULT, alarms=False, states_max=None)
    outcome = Looking((one, other), asked, Wanted(every=True)).run(report)
    return tuple(each.scenario for each in outcome.found)
