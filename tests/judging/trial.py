"""Plays a timeline, has it judged, and shrinks what does not agree to a few lines."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias

import simulator
from tests.judging.drawing import FIRST_LINE, Step, Story, draw
from tests.judging.judge import Judge, Verdict
from tests.judging.record import Record

Kind: TypeAlias = tuple[str, str]
"""What makes two disagreements the same: silence or a false alarm, and of what."""


class Trial(NamedTuple):
    """A timeline and what is wrong with what was said of it.

    Attributes:
        judged: How many of each kind of thing were looked at.
    """

    story: Story
    verdicts: list[Verdict]
    judged: Counter[str]


def play(story: Story) -> dict[str, Any]:
    """Return the run document of a story.

    Raises:
        simulator.InputError: It is no scenario.
    """
    return dict(simulator.loads(story.text).run().document())


def judge(story: Story) -> Trial:
    """Play a story and judge it.

    Raises:
        simulator.InputError: It is no scenario.
    """
    try:
        record = Record(story, play)
        judged = Judge(record)
    except simulator.InputError:
        raise
    except Exception as error:
        crash = Verdict("crash", type(error).__name__, story.steps[-1].label, str(error))
        return Trial(story, [crash], Counter())
    return Trial(story, [*judged.verdicts, *compare_joined(record)], judged.judged)


def compare_joined(record: Record) -> Iterator[Verdict]:
    """Yield where another thing is said of a story with several steps at one instant.

    To delete a chain as a whole, at one instant, is no mistake.
    """
    story = record.story
    text, lines = story.joined()
    apart = _codes(record.document, [FIRST_LINE + n for n in range(len(story.steps))])
    joined = _codes(dict(simulator.loads(text).run().document()), lines)
    for step, one, other in zip(story.steps, apart, joined, strict=True):
        whole = {"BT305"} if "delete" in step.verb else set()
        for code in sorted((one - other - whole) | (other - one)):
            told = "said of steps apart" if code in one else "said of steps at one instant"
            yield Verdict("joined", code, step.label, told)


def _codes(document: Mapping[str, Any], lines: Sequence[int]) -> list[set[str]]:
    """Return the codes found at each of some lines."""
    return [{f["code"] for f in document["findings"] if f["line"] == line} for line in lines]


def try_seed(model: str, seed: str) -> tuple[Trial, int]:
    """Draw a timeline of a model until it is a scenario, and judge it.

    Returns:
        The trial, and how many were drawn in vain.
    """
    for again in range(100):
        try:
            return judge(draw(model, f"{seed}.{again}")), again
        except simulator.InputError:
            continue
    raise AssertionError(f"no scenario comes of {model} {seed}")


class Shown(NamedTuple):
    """A timeline that shows a disagreement, by the number that it was drawn with."""

    number: int
    story: Story


@dataclass
class Tally:
    """What became of many timelines of one model.

    Attributes:
        vain: How many drawn ones were no scenarios.
        judged: How many of each kind of thing were looked at, and how often each rule spoke.
        disagreements: The timelines that show each kind.
    """

    model: str
    timelines: int = 0
    vain: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    disagreements: dict[Kind, list[Shown]] = field(default_factory=dict)

    def __add__(self, other: Self) -> "Tally":
        kinds = [*self.disagreements, *other.disagreements]
        merged = {
            kind: self.disagreements.get(kind, []) + other.disagreements.get(kind, [])
            for kind in kinds
        }
        return Tally(
            self.model,
            self.timelines + other.timelines,
            self.vain + other.vain,
            self.judged + other.judged,
            merged,
        )

    def counted(self, kind: str) -> int:
        """Return how many disagreements there are of a kind."""
        return sum(len(each) for (of, _), each in self.disagreements.items() if of == kind)

    def smallest(self, kind: Kind) -> Story:
        """Return the story with the fewest steps that shows a disagreement."""
        shown = min(self.disagreements[kind], key=lambda each: len(each.story.steps))
        return shown.story


def judge_many(model: str, seed: str, numbers: Iterable[int]) -> Tally:
    """Judge the timelines of a model that a seed and some numbers stand for."""
    tally = Tally(model)
    for number in numbers:
        trial, vain = try_seed(model, f"{seed}.{number}")
        tally.timelines += 1
        tally.vain += vain
        tally.judged += trial.judged
        for verdict in trial.verdicts:
            shown = tally.disagreements.setdefault((verdict.kind, verdict.what), [])
            shown.append(Shown(number, trial.story))
    return tally


def explain(kind: Kind, story: Story) -> str:
    """Return a disagreement as text: why, the smallest scenario that shows it, what is said."""
    small = shrink(story, kind)
    verdict = next(v for v in judge(small).verdicts if (v.kind, v.what) == kind)
    said = (
        []
        if kind[0] == "crash"
        else [
            f"  line {each['line']} {each['code']} {each['message']}"
            for each in play(small)["findings"]
        ]
    )
    head = f"{verdict.kind}: {verdict.what} at {verdict.step}: {verdict.told}"
    text = small.joined()[0] if verdict.kind == "joined" else small.text
    return "\n".join([head, text.rstrip(), "said:", *(said or ["  nothing"])])


def shrink(story: Story, kind: Kind) -> Story:
    """Return the story with as few steps as show the same kind of disagreement."""
    smaller = True
    while smaller:
        smaller = False
        for place in reversed(range(len(story.steps))):
            step = story.steps[place]
            for kept in ([], [Step(step.label, {})]) if step.verb else ([],):
                steps = [*story.steps[:place], *kept, *story.steps[place + 1 :]]
                fewer = story._replace(steps=steps)
                if _shows(fewer, kind):
                    story, smaller = fewer, True
                    break
    return story


def _shows(story: Story, kind: Kind) -> bool:
    if not story.steps:
        return False
    try:
        found = judge(story).verdicts
    except simulator.InputError:
        return False
    return any((each.kind, each.what) == kind for each in found)
