"""Expected measures: ``expect: {inc.bak: {ends: 25h0m4s}, loss: "<= 25h"}``."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from simulator.measures.asked import JOB, RESOURCE, RUN, OfJob, OfResource, OfRun, Unit
from simulator.model.machine import Status
from simulator.model.requests import Expect, ExpectedMeasure
from simulator.scenario.disks import Disks
from simulator.scenario.labels import Labels
from simulator.scenario.names import Names, Thing
from simulator.scenario.problems import FIRST, Problems, describe
from simulator.scenario.units import near_size, read_duration, read_rate, read_size
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

if TYPE_CHECKING:
    from simulator.flows.resources import Resource

RELATIONS = ("<=", ">=", "<", ">")

JOBS = (Thing.BACKUP, Thing.RESTORE, Thing.JOB, Thing.IMAGE)
"""What a job can have the name of."""

_COMPARED = re.compile(r"\s*(?P<relation>[^\w\s]*)\s*(?P<value>.*?)\s*", re.DOTALL)

_EXAMPLES = {
    Unit.MOMENT: "25h",
    Unit.TIME: "2h30m",
    Unit.SIZE: "225 MiB",
    Unit.RATE: "400 MiB/s",
    Unit.COUNT: "5",
    Unit.STATUS: Status.COMPLETED.value,
}


def measures_schema() -> dict[str, Any]:
    """Return what an editor is told of the mapping."""

    def told(keys: Mapping[str, OfJob] | Mapping[str, OfResource] | Mapping[str, OfRun]) -> Any:
        return {
            key: {
                "type": ["string", "integer"],
                "description": each.says,
                "examples": [_EXAMPLES[each.unit]],
            }
            for key, each in keys.items()
        }

    of_one = {
        "type": "object",
        "minProperties": 1,
        "properties": told(RESOURCE) | told(JOB),
        "additionalProperties": False,
        "description": "Measures of a job, or of a resource, by its name.",
    }
    of_run = {key: {"anyOf": [each, of_one]} for key, each in told(RUN).items()}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": of_run,
        "additionalProperties": of_one,
    }


class Measures:
    """Reads the measures of ``expect`` steps."""

    def __init__(
        self,
        names: Names,
        disks: Disks,
        labels: Labels,
        problems: Problems,
        resources: "Mapping[str, Resource]",
    ) -> None:
        self._names, self._disks, self._labels = names, disks, labels
        self._problems, self._resources = problems, resources

    def read(self, path: Path, told: Mapping[str, Any]) -> Expect | None:
        """Return the measures of a mapping, or None where some are a problem."""
        before = len(self._problems)
        if not told:
            self._problems.add(path, "expect has no measure", expected="{loss: TIME, ...}")
        measures: list[ExpectedMeasure] = []
        for name, value in told.items():
            if isinstance(value, dict) and (name not in RUN or self._known(name)):
                measures += self._of_one((*path, name), name, value)
            else:
                measures += self._of_run((*path, name), name, value)
        return Expect(measures=tuple(measures)) if len(self._problems) == before else None

    def _of_run(self, path: Path, key: str, value: object) -> list[ExpectedMeasure]:
        if key in RUN:
            return self._read(path, value, RUN[key].unit, None)
        if self._known(key):
            self._problems.add(
                path,
                f"{shorten(key)} is {describe(value)}",
                expected="{ends: TIME, copied: SIZE, ...}",
            )
            return []
        self._problems.add(
            path,
            f"unknown measure {shorten(key)}",
            expected=f"{alternatives(RUN)}, or the name of a job or a resource",
            help=nearest(key, [*RUN, *self._all_names()]),
            at_key=True,
        )
        return []

    def _of_one(self, path: Path, name: str, told: Mapping[str, Any]) -> list[ExpectedMeasure]:
        """Return the measures of a job or a resource."""
        resource, job = name in self._resources, self._is_job(name)
        if not resource and not job:
            self._problems.add(
                path,
                f"unknown job or resource {shorten(name)}",
                expected=alternatives(self._all_names()) or "a job that a step starts",
                help=nearest(name, self._all_names()),
                at_key=True,
            )
            return []
        if not told:
            self._problems.add(
                path, f"{shorten(name)} has no measure", expected="{ends: TIME, ...}"
            )
        keys: Mapping[str, OfJob] | Mapping[str, OfResource] = JOB if job else RESOURCE
        if resource and job:
            # Both have bytes that are stored; whatever else is asked tells which one is meant.
            keys = RESOURCE if told.keys() <= RESOURCE.keys() - JOB.keys() else JOB
        found: list[ExpectedMeasure] = []
        for key, value in told.items():
            if key in keys:
                read = self._read((*path, key), value, keys[key].unit, name)
                found += [each._replace(resource=keys is RESOURCE) for each in read]
                continue
            self._problems.add(
                (*path, key),
                f"unknown measure {shorten(key)} of {shorten(name)}",
                expected=alternatives(keys),
                help=nearest(key, keys),
                at_key=True,
            )
        return found

    def _all_names(self) -> list[str]:
        known = self._names.known
        return [*self._resources, *(name for thing in JOBS for name in known[thing])]

    def _known(self, name: str) -> bool:
        return name in self._resources or self._is_job(name)

    def _is_job(self, name: str) -> bool:
        whole, _, disk = name.rpartition("/")
        of_disk = whole if disk in self._disks.names else name
        return any(
            self._names.has(thing, each) for thing in JOBS for each in (name, of_disk) if each
        )

    def _read(
        self, path: Path, value: object, unit: Unit, subject: str | None
    ) -> list[ExpectedMeasure]:
        """Return the one measure that a value is, or nothing where that is a problem."""
        key, problems, first = str(path[-1]), self._problems, self._labels.named
        if unit.timed and first is not None:
            problems.add(
                path,
                f"{key} needs times, and {first} on {FIRST} is a name",
                expected="instants at times since the start, such as 0s and 2h30m",
                at_key=True,
                first=self._labels.path(first),
            )
            return []
        example = _EXAMPLES[unit]
        if isinstance(value, bool) or not isinstance(value, str | int):
            problems.add(path, f"{key} is {describe(value)}", expected=_expected(unit))
            return []
        match = _COMPARED.fullmatch(str(value))
        assert match is not None, "whatever follows is the value"
        relation, text = match["relation"], match["value"]
        allowed = RELATIONS if unit is not Unit.STATUS else ()
        if relation and relation not in allowed:
            turned = [each for each in allowed if sorted(each) == sorted(relation)]
            help_ = f"did you mean {turned[0]}?" if turned else ""
            problems.add(
                path,
                f"{shorten(relation)} is no comparison{'' if allowed else ' of a status'}",
                expected=alternatives(allowed) or f"{key}: {example}",
                help=f"write {key}: {shorten(text)} for just that"
                if set(relation) == {"="}
                else help_,
            )
            return []
        amount = self._amount(path, unit, text)
        if amount is None:
            return []
        return [ExpectedMeasure(subject, False, key, relation or "=", amount, str(value).strip())]

    def _amount(self, path: Path, unit: Unit, text: str) -> int | Fraction | str | None:
        """Return what a text measures; None where that is a problem."""
        key, problems = str(path[-1]), self._problems
        found: int | Fraction | str | None = None
        help_ = ""
        match unit:
            case Unit.MOMENT:
                before, dated = len(problems), self._labels.dated
                found = self._labels.read_time(path, text)
                self._labels.dated = dated  # What is expected names no instant.
                if len(problems) > before:
                    return None
            case Unit.TIME:
                time = read_duration(text)
                found = int(time) if time is not None and time.denominator == 1 else None
            case Unit.SIZE:
                found = read_size(text)
                help_ = f"did you mean {near}?" if (near := near_size(text)) else ""
            case Unit.RATE:
                found = read_rate(text)
            case Unit.COUNT:
                found = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
            case Unit.STATUS:
                words = [status.value for status in Status]
                found = text if text in words else None
                help_ = nearest(text, words)
        if found is None:
            problems.add(
                path, f"{key} is {shorten(text) or 'empty'}", expected=_expected(unit), help=help_
            )
        return found


def _expected(unit: Unit) -> str:
    example = _EXAMPLES[unit]
    if unit is Unit.STATUS:
        return alternatives(status.value for status in Status)
    return f'{unit.value} such as {example}, or a comparison such as "<= {example}"'
