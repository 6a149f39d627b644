"""Follows what helps say: stacks are laid, steps are taken, and both must do what was promised.

It reads helps as text, as a user would.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import simulator
from simulator.compare.restorable import restorable
from tests.judging.drawing import FIRST_LINE, Step, Story
from tests.judging.judge import READ, STACKS, Judge, Verdict, lay
from tests.judging.record import Made, Record

NAME = r"[\w.-]+(?:/\w+)?"
STACK = rf"{NAME}(?: <- {NAME})*"
LABEL = r"T\d+"

IMAGES = re.compile(
    rf"no backup gives ({LABEL}); copy (.+), which "
    rf"(?:still holds? it|(?:is|are) still there, and lay ({STACK}) over (?:it|them))"
)
"""Images that are to be copied, and what is to be laid over them."""

FULL = re.compile(r"(?:^|[:;,] |or |and )take a full backup(?: now)?(?! of it)(?! after)")
"""A full backup that is to be taken then and there."""


class Advice:
    """Looks at all helps of one story."""

    def __init__(self, story: Story, play: Callable[[Story], dict[str, Any]]) -> None:
        self.story, self.play = story, play
        self.record = Record(story, play)
        self.judge = Judge(self.record)
        self.verdicts = list(self._verdicts())

    def _verdicts(self) -> Iterator[Verdict]:
        yield from self._of_restores()
        for number in range(self.record.count):
            found = self._said(number)
            for finding in found:
                yield from self._of_stacks(number, finding["code"], finding["help"])
                yield from self._of_images(number, finding["code"], finding["help"])
            yield from self._once(number, found)
        for finding, number in self._executable():
            yield from self._of_steps(number, finding)

    def _said(self, number: int) -> list[Mapping[str, Any]]:
        line = number + FIRST_LINE
        return [each for each in self.record.document["findings"] if each["line"] == line]

    def _verdict(self, what: str, number: int, told: str) -> Verdict:
        return Verdict("advice", what, self.story.steps[number].label, told)

    # Stacks.

    def _of_stacks(self, number: int, code: str, help: str) -> Iterator[Verdict]:
        """Yield stacks that do not give what a help says that they give."""
        for label, told in re.findall(rf"(?:for |had is )({LABEL}),? stack ([^;]+)", help):
            for stack in told.split(", "):
                if not self._gives(number, label, stack.split(" <- ")):
                    yield self._verdict(f"{code}: a stack", number, help)
        lost = set(re.findall(rf"({LABEL}) is lost", help))
        if any(self.record.number[each] in self.judge.restorable(number) for each in lost):
            yield self._verdict(f"{code}: is lost", number, help)
        for above, below in re.findall(rf"stack ({NAME}) on ({NAME})", help):
            if not self._carries(number, below, above):
                yield self._verdict(f"{code}: stack on", number, help)
        for below in re.findall(rf"put it onto ({NAME})", help):
            if not self._carries(number, below, None):
                yield self._verdict(f"{code}: put it onto", number, help)
        if "lies below" in help:
            there = {m.name for m in self.record.made
                     if m.sound and m.done <= number < m.gone and m.begun < number}  # fmt: skip
            if any(self._carries(number, name, None) for name in there):
                yield self._verdict(f"{code}: lies below", number, help)

    def _of_images(self, number: int, code: str, help: str) -> Iterator[Verdict]:
        """Yield copies of images, with a stack over them, that do not give what is promised."""
        told = IMAGES.fullmatch(help)
        if told is None:
            return
        label, names, over = told.groups()
        images = re.split(", | and ", names)
        verbs = [{"copy": {"image": name, "to": f"of-{name}"}} for name in images]
        rows = [f"of-{name}" for name in images] + (over.split(" <- ") if over else [])
        record = self._with(number, [*verbs, {"restore": {"from": rows, "as": "again"}}])
        given = [(r["disk"], r["cells"]) for r in record.document["restores"] if r["as"] == "again"]
        if not given or any(
            cells != record.view(record.number[label], disk) for disk, cells in given
        ):
            yield self._verdict(f"{code}: copy images", number, help)

    def _there(self, number: int, row: str) -> list[Made]:
        """Return the backups of a row, or of a name, that are there after a step: one a disk."""
        name, _, disk = row.partition("/")
        return [
            made
            for made in self.record.held
            if made.name == name and disk in ("", made.disk) and made.done <= number < made.gone
        ]

    def _gives(self, number: int, label: str, rows: Sequence[str]) -> bool:
        """Whether a stack gives the state of an instant, of each disk that it holds."""
        content: dict[str, str] = {}
        for row in rows:
            there = self._there(number, row)
            if not there:
                return False
            content |= {made.disk: lay(content.get(made.disk, ""), made) for made in there}
        then = self.record.number[label]
        # Where there was no disk yet, nothing is meant.
        return all(self.record.view(then, disk) in ("", told) for disk, told in content.items())

    def _carries(self, number: int, below: str, above: str | None) -> bool:
        """Whether a backup, or that of the step itself, is right on what another one stands for."""
        bases = {base.disk: base for base in self._there(number, below)}
        tops = [
            made
            for made in self.record.made
            if made.begun == number and made.kind != "full" and above in (None, made.name)
            if made.disk in bases
        ]
        return bool(tops) and all(
            lay(self.record.view(bases[top.disk].begun, top.disk), top)
            == self.record.view(top.begun, top.disk)
            for top in tops
        )

    def _once(self, number: int, found: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
        """Yield where one mistake is told twice, and helps that contradict one another."""
        label = self.story.steps[number].label
        rows = [each for each in self.record.document["restores"] if each["at"] == label]
        stacks = [each for each in found if each["code"] in STACKS]
        if rows and len(stacks) > len(rows):
            yield self._verdict("told twice", number, ", ".join(f["code"] for f in stacks))
        helps = " ; ".join(each["help"] for each in found)
        lost = set(re.findall(rf"({LABEL}) is lost", helps))
        if len(rows) == 1 and lost & set(re.findall(rf"for ({LABEL}) stack", helps)):
            yield self._verdict("contradicts another", number, helps)

    # Tables.

    def _of_restores(self) -> Iterator[Verdict]:
        """Yield where the tables of `restores` and `compare` say what is not so."""
        last = self.record.count - 1
        run = simulator.loads(self.story.text).run()
        table = run.restores()
        compared = tuple(restorable(run.document()))
        meant = sorted(self.judge.restorable(last) - self._bare())
        labels = tuple(self.story.steps[n].label for n in meant)
        if tuple(table.restorable) != labels:
            yield self._verdict("restores", last, f"{table.restorable} for {labels}")
        if compared != labels:
            yield self._verdict("compare", last, f"{compared} for {labels}")
        for disk in table.disks:
            for chain in disk.chains:
                rows = chain.backups
                if rows and not self._gives(last, chain.at, rows):
                    yield self._verdict("restores: a stack", last, f"{chain.at}: {rows}")

    def _bare(self) -> set[int]:
        """Return the steps after which the machine had no disk yet."""
        frames = self.record.frames[: self.record.count]
        return {n for n, f in enumerate(frames) if not any(d["chain"] for d in f.values())}

    # Steps.

    def _executable(self) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Yield findings whose help is a step, one for each code."""
        codes: set[str] = set()
        for number in range(self.record.count):
            for finding in self._said(number):
                if finding["help"] and finding["code"] not in codes:
                    codes.add(finding["code"])
                    yield finding, number

    def _of_steps(self, number: int, finding: Mapping[str, Any]) -> Iterator[Verdict]:
        """Yield steps that are advised, and are refused or do not cure."""
        code, help = finding["code"], finding["help"]
        if FULL.search(help):
            cured, told = self._after(number, self._full())
            if not cured:
                yield self._verdict(f"{code}: take a full backup", number, told)
        merge = re.search(r"copy the merge of ([\w, -]+) and call it", help)
        if merge is not None:
            disk = next((m.disk for m in self.record.made if m.begun == number), "vda")
            names = merge[1].split(", ")
            taken = [{"backup": {"to": "fresh", "bitmaps": names, "disks": [disk]}}]
            cured, told = self._after(number, taken)
            if not cured:
                yield self._verdict(f"{code}: copy the merge", number, f"{help}: {told}")
        deleted = re.search(r"delete (c[^ ]+(?:(?:, | and )c[^ ]+)*) and take a full", help)
        if deleted is not None:
            names = re.split(", | and ", deleted[1])
            gone = [{"delete": {"checkpoint": name}} for name in names]
            cured, told = self._after(number, [*gone, *self._full()])
            if not cured:
                yield self._verdict(f"{code}: delete", number, f"{help}: {told}")

    def _full(self) -> list[dict[str, Any]]:
        """Return what a full backup is to be good for: another one on top, where there are any."""
        if self.story.model == "qemu":
            return [{"backup": {"to": "fresh"}}]
        active = self.record.frames[-1]
        (disk, *_) = [name for name, state in active.items() if state["chain"]]
        return [
            {"backup": {"to": "fresh", "checkpoint": "start"}},
            {"write": {"disk": disk, "offset": 0, "length": 65536, "data": "Q"}},
            {"backup": {"to": "next", "since": "start"}},
        ]

    def _with(self, number: int, verbs: Sequence[Mapping[str, Any]]) -> Record:
        """Take some steps after one, when the jobs have ended that run."""
        whole = self.story.cut(number + 1)
        last = whole.steps[-1].label
        added = [Step(f"{last}x{n}", verb) for n, verb in enumerate(verbs, start=1)]
        return Record(whole._replace(steps=[*whole.steps, *added]), self.play)

    def _after(self, number: int, verbs: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
        """Take some steps after one, when the jobs have ended that run; return how that goes.

        Returns:
            Whether all were accepted, none was flagged, and the last state can be restored; and
            what was said instead.
        """
        record = self._with(number, verbs)
        judge = Judge(record)
        added = record.story.steps[-len(verbs) :]
        first = record.count - len(verbs)
        said = [
            f"{each['code']} {each['message']}"
            for each in record.document["findings"]
            if (each["line"] or 0) >= FIRST_LINE + first
            if each["refused"] is not None or each["code"] in READ
        ]
        wrong = [v.told for v in judge.verdicts if v.step in {step.label for step in added}]
        increment = any("bitmaps" in verb.get("backup", ()) for verb in verbs)
        given = increment or record.count - 1 in judge.restorable(record.count - 1)
        return not said and not wrong and given, "; ".join([*said, *wrong]) or "not restorable"
