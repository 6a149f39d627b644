"""Holds a scenario against its shape, and says what does not fit in a user's words."""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache, partial
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from simulator.scenario.later import KEYS_LATER, VERBS_LATER, tell_later
from simulator.scenario.problems import WRITTEN, Problems, describe
from simulator.scenario.shapes import A_NAME, Allowed, Disk, Stop, keys_of, part_of
from simulator.scenario.steps import ALL, Head, HostShape, step_of
from simulator.scenario.units import NEAR_MEASURES, near_measure, near_size
from simulator.scenario.verbs import BESIDE, VERBS
from simulator.scenario.words import NAME_EXPECTED, alternatives, name_fault, nearest, shorten
from simulator.scenario.yaml12 import Path, Place
from simulator.values import NamedTuple

CHUNK = 512
"""Steps that are validated in one go. One bad step makes its chunk slow, not the whole file."""


KEY_OF_MAPPING = "[key]"
"""What pydantic ends a path with, if a key is to blame."""

STEPS = ("timeline", "do", "else")
"""Keys that hold steps."""

CANCEL_BESIDE = "cancel of a job"
"""How the argument ``cancel`` of a verb is called; there is a verb of this name."""

TIMED_KEYS = ("clock", "resources", "faults")
"""Keys of the top that only a scenario with time has."""


@cache
def _keys() -> Mapping[str, Mapping[str, str]]:
    """Return the keys of each mapping that has a fixed set, each with what it takes.

    They are for messages; to read a file without a mistake, the shapes of time are not needed.
    """
    from simulator.scenario.guests.shapes import GuestShape, Mix
    from simulator.scenario.moving import (
        BackupShape,
        CrashShape,
        FaultsShape,
        ResourceShape,
        StoreShape,
    )
    from simulator.scenario.timed import Scenario, Step

    return {
        **{verb.name: verb.keys for verb in VERBS.values()},
        "": keys_of(Scenario),
        "step": {**keys_of(Step), **{verb.name: verb.form for verb in VERBS.values()}},
        "allow": keys_of(Allowed),
        "disk": keys_of(Disk),
        "host": keys_of(HostShape),
        "fails": keys_of(Stop),
        CANCEL_BESIDE: keys_of(Stop),
        "resource": keys_of(ResourceShape),
        "faults": keys_of(FaultsShape),
        "faults crash": keys_of(CrashShape),
        "faults backup": keys_of(BackupShape),
        "faults store": keys_of(StoreShape),
        "guest": keys_of(GuestShape),
        "mix": keys_of(Mix),
    }


class RawStep(NamedTuple):
    """A step as the file has it.

    Attributes:
        path: Where it stands.
        raw: The mapping of the file, or one made of a verb that stands alone.
        place: The place of a verb that stands alone.
        origin: The mapping of the file, where *raw* is one with the names of a repetition.
        tick: The time of its moment.
        otherwise: Whether it is done only where the step before it is refused.
    """

    path: Path
    raw: dict[str, object]
    place: Place | None
    origin: dict[str, object] | None = None
    tick: int = 0
    otherwise: bool = False


def check_head(
    head: dict[str, object], problems: Problems
) -> tuple[dict[str, Any], frozenset[str | int]]:
    """Return the top of a scenario in its long form without what does not fit, and where that is.

    The second value are the keys of the top that have such faults, in themselves or further in.
    """
    shape = _head(head)
    try:
        return dict(shape.validate_python(head)), frozenset()
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        _tell(problems, detail, (), detail["loc"], head)
    wrong = frozenset(detail["loc"][0] for detail in details)
    # The rest of a disk may have faults of its own: they are to be told in the same go.
    rest = dict(head)
    for detail in details:
        _leave_out(rest, detail["loc"])
    try:
        return dict(shape.validate_python({"scenario": "?", **rest})), wrong
    except ValidationError:
        sound = {key: value for key, value in head.items() if key not in wrong}
        return dict(shape.validate_python({"scenario": "?", **sound})), wrong


def _leave_out(head: dict[str, object], loc: Path) -> None:
    """Take what does not fit out of the top of a scenario, and no more than need be."""
    key, *names = loc
    value = head.get(str(key))
    match names:
        case [argument] if key == "disk" and isinstance(value, dict):
            head["disk"] = {k: v for k, v in value.items() if k != argument}
        case [name, argument] if key == "disks" and isinstance(value, dict):
            disk = value.get(name)
            if isinstance(disk, dict):
                kept = {k: v for k, v in disk.items() if k != argument}
                head["disks"] = {**value, name: kept}
        case [name, *_] if key in ("resources", "faults") and isinstance(value, dict):
            head[str(key)] = {k: v for k, v in value.items() if k != name}
        case _:
            head.pop(str(key), None)


def check_guest(
    path: Path, arguments: object, problems: Problems
) -> tuple[dict[str, Any], frozenset[str | int]] | None:
    """Return the arguments of a workload in their long form, and which were left out as unfit.

    Args:
        path: Where they stand.

    Returns:
        None where nothing fits.
    """
    entry = {"guest": arguments}
    try:
        checked: dict[str, Any] = _guest().validate_python(entry)["guest"]
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return checked, frozenset()
    for detail in details:
        _tell(problems, detail, path[:-1], detail["loc"], entry)
    if not isinstance(arguments, dict):
        return None
    wrong = frozenset(detail["loc"][1] for detail in details if len(detail["loc"]) > 1)
    rest = {key: value for key, value in arguments.items() if key not in wrong}
    rest.setdefault("workload", "uniform")
    try:
        return dict(_guest().validate_python({"guest": rest})["guest"]), wrong
    except ValidationError:
        return None


@cache
def _guest() -> TypeAdapter[Any]:
    """Return what validates a workload; made at its first use."""
    from simulator.scenario.timed import GuestEntry

    return TypeAdapter(GuestEntry)


def check_steps(steps: Sequence[RawStep], problems: Problems) -> list[dict[str, Any] | None]:
    """Return each step in its long form, or None where it does not fit.

    Args:
        steps: As the file has them.
        problems: Takes what does not fit.
    """
    checked: list[dict[str, Any] | None] = []
    shape = _steps(steps)
    for start in range(0, len(steps), CHUNK):
        chunk = steps[start : start + CHUNK]
        try:
            checked.extend(shape.validate_python([step.raw for step in chunk]))
        except ValidationError:
            checked.extend(_check_step(step.path, step.raw, shape, problems) for step in chunk)
    return checked


def _check_step(
    path: Path, step: dict[str, object], shape: TypeAdapter[Any], problems: Problems
) -> dict[str, Any] | None:
    try:
        (checked,) = shape.validate_python([step])
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            _tell(problems, detail, path, detail["loc"][1:], step)
    else:
        return dict(checked)
    # The rest of the step may have faults of its own: they are to be told in the same go.
    rest = _without_surplus(step, details)
    try:
        (checked,) = shape.validate_python([rest])
    except ValidationError:
        return None
    return dict(checked)


def _without_surplus(step: dict[str, object], details: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Return a step without the arguments that nobody knows, and a broken expect or allow.

    What an argument is left out of still means what it says, unless nothing else is there.
    """
    rest: dict[str, Any] = dict(step)
    for detail in details:
        _, key, *inner = detail["loc"]
        arguments = rest.get(str(key))
        if key in BESIDE:
            rest.pop(str(key), None)
        elif detail["type"] == "extra_forbidden" and inner and isinstance(arguments, dict):
            rest[str(key)] = {k: v for k, v in arguments.items() if k != inner[0]} or None
    return rest


def _head(head: Mapping[str, object]) -> TypeAdapter[Any]:
    """Return what validates the top, with time where there is any."""
    shape: Any = Head
    if any(key in head for key in TIMED_KEYS):
        from simulator.scenario.timed import TimedHead

        shape = TimedHead
    keys = frozenset(filter(shape.__annotations__.__contains__, head))
    return _made(shape.__name__, keys, partial(part_of, shape, keys), lambda: shape)


def _steps(steps: Sequence[RawStep]) -> TypeAdapter[Any]:
    """Return what validates a list of steps."""
    used: dict[str, set[str]] = {}
    for step in steps:
        for key, value in step.raw.items():
            if key in ALL:
                found = used.setdefault(key, set())
                found.update(VERBS[key].used(value) if key in VERBS else ())
    keys = {f"{key}.{argument}" for key, found in used.items() for argument in ("", *found)}
    listed = list.__class_getitem__
    return _made("Step", keys, lambda: listed(step_of(used)), lambda: listed(step_of(ALL)))


def _made(
    name: str, used: Set[str], part: Callable[[], Any], whole: Callable[[], Any]
) -> TypeAdapter[Any]:
    """Return what validates a shape, or a part of it that has what a file uses.

    It takes as long to make as a small run. So the first file gets one of the keys that it has,
    which tells the same of them; only where another file has others all are made.

    Args:
        name: What the shape is called.
        used: What the file has of it.
        part: Returns the type that knows just that.
        whole: Returns the type that knows all.
    """
    if name not in _FIRST:
        _FIRST[name] = used, TypeAdapter(part())
    known, made = _FIRST[name]
    if used <= known:
        return made
    if name not in _WHOLE:
        _WHOLE[name] = TypeAdapter(whole())
    return _WHOLE[name]


_FIRST: dict[str, tuple[Set[str], TypeAdapter[Any]]] = {}
"""What validates parts of shapes, and what they know: that which the first file has."""

_WHOLE: dict[str, TypeAdapter[Any]] = {}
"""What validates whole shapes."""


def _tell(
    problems: Problems, detail: ErrorDetails, base: Path, loc: Path, around: dict[str, object]
) -> None:
    """Note what pydantic complains of, in a user's words.

    Args:
        problems: Takes it.
        detail: The complaint.
        base: Where *around* stands.
        loc: What the complaint is about, from there.
        around: The step, or the top of the scenario.
    """
    path = (*base, *loc)
    if path[-1] == KEY_OF_MAPPING:
        name = str(detail["input"])
        fault = f"the name {shorten(name)} {name_fault(name)}"
        problems.add(path[:-1], fault, expected=NAME_EXPECTED, at_key=True)
    elif detail["type"] == "extra_forbidden":
        _tell_unknown_key(problems, path, around)
    elif detail["type"] == "missing":
        key = str(path[-1])
        within = _container(path)
        problems.add(
            path,
            f"{within} has no {key}" if within else f"there is no {key}",
            expected=f"{key}: {_form(path)}",
        )
    else:
        _tell_unfit_value(problems, detail, base, loc, around)


def _tell_unknown_key(problems: Problems, path: Path, around: dict[str, object]) -> None:
    key, within = str(path[-1]), _container(path)
    if within == "step":
        _tell_unknown_verb(problems, path, key, around)
        return
    if key in KEYS_LATER.get(within, ()):
        tell_later(problems, path, f"the argument {key} of {within}" if within else key)
        return
    known = _keys()[within]
    problems.add(
        path,
        f"unknown key {shorten(key)}{f' in {within}' if within else ''}",
        expected=alternatives(known, limit=len(known)) if known else "nothing",
        help=nearest(key, known),
        at_key=True,
    )


def _tell_unknown_verb(problems: Problems, path: Path, key: str, around: dict[str, object]) -> None:
    if key in VERBS_LATER:
        tell_later(problems, path, f"the verb {key}")
        return
    owners = [verb for verb in around if key in _keys().get(verb, ())]
    help_ = nearest(key, _keys()["step"])
    if owners:
        help_ = f"indent it further, below {owners[0]}"
    elif key in ("at", "do"):
        help_ = "an instant is an entry of timeline, and no step"
    problems.add(
        path,
        f"unknown verb {shorten(key)}",
        expected=alternatives(VERBS, limit=len(VERBS)),
        help=help_,
        at_key=True,
    )


def _tell_unfit_value(
    problems: Problems, detail: ErrorDetails, base: Path, loc: Path, around: dict[str, object]
) -> None:
    value, kind = detail["input"], detail["type"]
    path, what = (*base, *loc), _subject(around, loc)
    expected, help_ = _form(path), ""
    if kind == "string_type" and isinstance(value, bool | int | float):
        help_ = f'quote it: "{WRITTEN}"'
    if kind == "size" and (near := near_size(value)):
        help_ = f"did you mean {near}?"
    if kind in NEAR_MEASURES:
        help_ = near_measure(value, kind)
    if kind == "literal_error":
        words = re.findall("'([^']*)'", detail["ctx"]["expected"])
        expected, help_ = alternatives(words), nearest(str(value), words)
    if kind == "string_too_short":
        problems.add(path, f"{what} is empty", expected=expected)
    elif kind in ("string_too_long", "string_pattern_mismatch") and _form(path) == A_NAME:
        fault = name_fault(value) or f"is {shorten(value)}"
        problems.add(path, f"{what} {fault}", expected=NAME_EXPECTED)
    else:
        problems.add(path, f"{what} is {describe(value)}", expected=expected, help=help_)


def _subject(around: dict[str, object], loc: Path) -> str:
    """Return what a complaint is about, as the file has it: ``create: 5`` has no key image."""
    value: object = around
    subject = ""
    for part in loc:
        if isinstance(value, dict) and part in value:
            value, subject = value[part], str(part)
        elif isinstance(value, list) and isinstance(part, int):
            value, subject = value[part], f"an entry of {subject}"
        elif not (isinstance(value, dict) and isinstance(part, int)):
            break
    return subject


def _container(path: Path) -> str:
    """Return the key of the mapping that a key stands in: empty at the top, else ``step``."""
    keys = [part for part in path[:-1] if isinstance(part, str)]
    if not keys:
        return ""
    if keys[-1] in STEPS:
        return "step"
    if keys[0] == "faults":
        return " ".join(keys)  # Here a backup is no step.
    if keys[-1] == "cancel" and keys[-2] not in STEPS:
        return CANCEL_BESIDE  # What stops a job of another verb.
    return {"disks": "disk", "resources": "resource"}.get(keys[0], keys[-1])


def _form(path: Path) -> str:
    """Return what is expected where a path leads."""
    while isinstance(path[-1], int):
        path = path[:-1]
    if path[0] == "disks" and len(path) == 2:
        return _keys()[""]["disk"]
    if path[0] == "resources" and len(path) == 2:
        return "a rate such as 400 MiB/s, or {bandwidth, capacity}"
    if path[-2:-1] == ("hours",):
        return "how often in a time, such as 200/s"
    return _keys().get(_container(path), {}).get(str(path[-1]), A_NAME)
