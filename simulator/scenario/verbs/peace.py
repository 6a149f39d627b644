"""The verbs of a guest's peace: its file systems are quiet for a while."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from simulator.model.operations import FreezeGuest, ThawGuest
from simulator.model.requests import Request
from simulator.scenario.problems import FIRST
from simulator.scenario.shapes import STRICT, Duration, NoArguments, nothing
from simulator.scenario.verb import Around, Short, Verb
from simulator.scenario.yaml12 import Path


@with_config(STRICT)
class Thaw(TypedDict):
    """The end of the peace."""

    after: NotRequired[
        Annotated[Duration, Field(description="How long after this step; default at once.")]
    ]


def _read_thaw(around: Around, path: Path, arguments: Mapping[str, Any]) -> Request:
    labels = around.labels
    if "after" in arguments and labels.named is not None:
        around.problems.add(
            (*path, "after"),
            f"after needs times, and {labels.named} on {FIRST} is a name",
            expected="thaw at a later instant",
            at_key=True,
            first=labels.path(labels.named),
        )
    return ThawGuest(arguments.get("after", 0))


FREEZE = Verb(
    name="freeze",
    says="The guest's file systems are quiet.",
    more="Its writes wait until `thaw`.",
    shape=NoArguments,
    form="nothing",
    takes="nothing",
    read=lambda around, path, arguments: FreezeGuest(),
)

THAW = Verb(
    name="thaw",
    says="The guest's file systems write again.",
    more="What waited is written after the instant; `after: 10s`: by itself, so long after.",
    shape=Thaw,
    short=Short(nothing, None, "nothing"),
    form="nothing, or {after: TIME}",
    examples=({"after": "10s"},),
    read=_read_thaw,
)
