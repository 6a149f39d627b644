"""Decides by content what is wrong in a run, and holds it against what was said of it.

It has no rule: it asks what a backup was meant to give, lays it where it was meant to lie, and
looks. Of everything that is wrong something must be said where it happens; of what is right, no
rule of silent wrong data may say anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from tests.judging.record import Made, Record, Window

SILENT = {"BT107", "BT110", "BT201", "BT203", "BT204", "BT205", "BT206", "BT207", "BT209", "BT212",
          "BT214", "BT215", "BT301", "BT302", "BT303", "BT304", "BT305", "BT306",
          "BT402"}  # fmt: skip
"""The rules of silent wrong data; BT202 is told of what is right by luck."""

READ = SILENT - {"BT107", "BT110", "BT215", "BT305"}
"""Those that speak of what a step made; the others speak of what it does to older things."""

BREAKS = {"BT107", "BT108", "BT110", "BT215", "BT402"}
"""What may be said of an act after which increments lack something."""

STACKS = {"BT301", "BT302", "BT303", "BT304", "BT306", "BT402"}
"""What may be wrong with a stack: one of them is told."""

HARMFUL = (
    "block-dirty-bitmap-clear", "block-dirty-bitmap-disable", "block-dirty-bitmap-remove",
    "snapshot", "revert", "commit", "pull", "delete", "crash", "blockdev-backup",
    "block-dirty-bitmap-enable", "block-dirty-bitmap-merge", "block-dirty-bitmap-add",
)  # fmt: skip
"""What may break increments, the likeliest first."""

STARTING = {"create": "bitmap", "snapshot": "bitmap", "checkpoint": "name", "backup": "checkpoint",
            "block-dirty-bitmap-add": "name"}  # fmt: skip
"""The argument by which each verb starts a consumer's tracking."""


class Verdict(NamedTuple):
    """One disagreement.

    Attributes:
        kind: ``silence`` or ``false alarm``.
        what: The rule that spoke, or what nothing was said of.
        step: The label of the step.
        told: Why.
    """

    kind: str
    what: str
    step: str
    told: str


class Judge:
    """Judges one run.

    Attributes:
        judged: How many of each kind of thing were looked at, and how often each rule spoke.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.view, self.verb, self.said = record.view, record.verb, record.said
        self.judged: Counter[str] = Counter()
        self.verdicts = list(self._verdicts())

    def _verdicts(self) -> Iterator[Verdict]:
        for number in range(self.record.count):
            made = [each for each in self.record.made if each.begun == number]
            yield from self._of_backups(number, made)
            yield from self._of_restores(number)
            yield from self._of_acts(number)
            for code in sorted(self.said[number] & SILENT):
                self.judged[code] += 1
                if not self._is_fair(code, number, made):
                    yield self._verdict("false alarm", code, number, "right by content")

    def _verdict(self, kind: str, what: str, number: int, told: str) -> Verdict:
        return Verdict(kind, what, self.record.story.steps[number].label, told)

    # Backups.

    def _of_backups(self, number: int, made: list[Made]) -> Iterator[Verdict]:
        # Each disk that is wrong has a finding of its own.
        left = sum(code in READ for code in self.record.codes[number])
        for each in made:
            flagged = self.said[number] & READ
            if not each.sound and not flagged:
                yield self._verdict("silence", "torn copy", number, each.name)
            if each.kind in ("copy", "none"):
                continue
            self.judged["backups"] += 1
            # Named bitmaps claim nothing: right on what it is put onto is right.
            based = each.kind == "bitmaps" and self._base(each) is not None
            right = based and not self._wrong_onto(each, torn=True)
            wrong = "" if right else self._wrong(each)
            left -= bool(wrong)
            if wrong and left < 0:
                yield self._verdict("silence", f"backup {each.kind}", number, wrong)
            start = self._start(each)
            over = any(old.gone == number and old.name == each.name for old in self.record.made)
            over = over or (each.name, each.disk, number) in self.record.left
            # What another consumer has copied, or a resize did, is told where it is missed.
            other = bool({"BT204", "BT209"} & self.said[number])
            other = over or other or "bitmaps" in each.step or self._is_late(each)
            if wrong and start is not None and not other:
                if self._wrong(each, strict=True):
                    # That a clear begins anew is no more than a leave: it asks for nothing.
                    start = self._start(each, strict=True) or start
                if not self._recorded(each, start):
                    continue  # Nothing was there that an act could have broken.
                since = range(self._stopped(each, start), number)
                if not any(self.said[n] & BREAKS for n in since):
                    acts = {self.verb(n)[0] for n in since}
                    what = next((verb for verb in HARMFUL if verb in acts), "act")
                    yield self._verdict("silence", f"{what} breaks increments", number, wrong)
            onto = self._wrong_onto(each)
            if onto and not flagged:
                yield self._verdict("silence", "onto", number, onto)

    def _is_late(self, made: Made) -> bool:
        """Whether a job read a bitmap that had stopped where another began, or that was merged with
        what had: no act is wrong there."""
        name = made.step.get("bitmap")
        acts = [self.verb(number) for number in range(made.begun)]
        merged = any(v == "block-dirty-bitmap-merge" and t["target"] == name for v, t in acts)
        live = [self._recording(number, made.disk) for number in range(made.begun)]
        return merged or any(name in old - new and new - old for old, new in pairwise(live))

    def _recorded(self, made: Made, start: int) -> bool:
        """Whether the bitmap of a backup recorded at a start, or ever before."""
        name = made.step.get("since", made.step.get("bitmap"))
        return any(name in self._recording(n, made.disk) for n in range(start + 1))

    def _stopped(self, made: Made, start: int) -> int:
        """Return the step after a start, or before it that at which the bitmap had stopped."""
        name = made.step.get("since", made.step.get("bitmap"))
        while start and name not in self._recording(start, made.disk):
            start -= 1
        return start + 1

    def _recording(self, number: int, disk: str) -> set[str]:
        """Return the bitmaps that record what the guest writes to a disk after a step."""
        state = self.record.frames[number][disk]
        return {b["name"] for b in state["bitmaps"]
                if b["recording"] and b["node"] in state["chain"][-1:]}  # fmt: skip

    def _wrong(self, made: Made, *, strict: bool = False) -> str:
        """Return how a backup is not what it was meant to be, or nothing."""
        start = self._start(made, strict=strict)
        if made.kind != "full" and start is None and not self._alone(made):
            return ""
        return self._lacks(made, self.view(start, made.disk) if start is not None else "")

    def _lacks(self, made: Made, below: str) -> str:
        """Return how a backup on top of a disk is nothing that it may stand for, or nothing."""
        got = lay(below, made)
        meant = [self.view(end, made.disk) for end in self._ends(made)]
        if made.kind == "bitmaps" or self._lower(made):  # Then it claims no length of the disk.
            meant = [each.rstrip("-").ljust(len(got), "-") for each in meant]
        return "" if got in meant else f"{made.name}: |{got}| where |{meant[-1]}| was meant"

    def _alone(self, made: Made) -> bool:
        """Whether a backup copied what is in an image that lies on nothing: that is all of it."""
        chain = self.record.frames[made.begun][made.disk]["chain"]
        return made.kind == "top" and chain[:1] == [self._image(made)]

    def _lower(self, made: Made) -> bool:
        """Whether a backup read another image than the active one."""
        active = str(self.record.frames[made.begun][made.disk]["chain"][-1])
        return self._image(made) != active

    def _through(self, made: Made) -> list[Any]:
        """Return the stretches of the bitmaps that a backup read through by their names.

        What was added to an image that nobody writes stands for no stretch at all. A consumer that
        has begun anew leaves out what names nothing under its name before.
        """
        names = made.step.get("bitmaps", [made.step.get("since", made.step.get("bitmap"))])
        node = made.step.get("device")
        found, anew = [], []
        for bitmap in self.record.frames[made.begun - 1][made.disk]["bitmaps"]:
            on, name = bitmap["node"], bitmap["name"]
            window = self.record.windows[made.begun][made.disk, on, name]
            if name not in names or node not in (None, on) or window.void:
                continue
            found.append((name, window, _bits([bitmap])))
            if self.verb(self._came(made, on, name))[0] != "block-dirty-bitmap-add":
                anew.append((name, window.start))
        return [
            window
            for name, window, bits in found
            if window.end is None
            or bits
            or not any(name == other and start > window.end for other, start in anew)
        ]

    def _came(self, made: Made, node: str, name: str) -> int:
        """Return the step at which a bitmap came that a backup was read through."""
        number = made.begun
        while number and any(
            (b["node"], b["name"]) == (node, name)
            for b in self.record.frames[number - 1][made.disk]["bitmaps"]
        ):
            number -= 1
        return number

    def _start(self, made: Made, *, strict: bool = False) -> int | None:
        """Return the step whose state a backup was meant to lie on; None for none or unknown.

        Args:
            strict: Whether a consumer's tracking begins anew with its own backups only.
        """
        if made.kind == "full":
            return None
        if made.kind == "top":
            if self._alone(made):
                return None
            return self.record.born[made.begun].get((made.disk, self._image(made)))
        since = made.step.get("since")
        if since is not None and self.record.story.model == "qemu-single":
            return self._consumed(made, since, strict=strict)
        if since is not None:
            return self.record.points[made.begun - 1].get(since)
        return min((window.start for window in self._through(made)), default=None)

    def _consumed(self, made: Made, name: str, *, strict: bool) -> int | None:
        """Return where a consumer's last backup, or its tracking, began.

        What others do to its bitmap is nothing that it knows of.
        """
        begun = [
            each.begun
            for each in self.record.made
            if each.disk == made.disk
            and each.done <= made.begun
            and each.begun < made.begun
            and each.step.get("since") == name
            and each.step.get("mode") != "pull"
        ]
        for number in range(made.begun):
            verb, told = self.verb(number)
            here = made.disk in told.get("disks", told.get("images", [told.get("disk", made.disk)]))
            if here and told.get(STARTING.get(verb, "")) == name:
                begun.append(number)
            # As beside a full backup: what is cleared is there already, or by then.
            cleared = verb == "block-dirty-bitmap-clear" and told["name"] == name
            if (
                cleared
                and not strict
                and any(
                    self.view(number, made.disk) in self._reached(n, made.disk, before=False)
                    for n in (number, made.begun - 1)
                )
            ):
                begun.append(number)
        return max(begun, default=None)

    def _ends(self, made: Made) -> list[int]:
        """Return the steps whose state a backup may stand for: that which the image showed that it
        was read from, and the one that was meant last."""
        shown = self.record.shown(made.begun, made.disk, self._image(made))
        if made.kind != "bitmaps":
            return [shown]
        ends = [window.end for window in self._through(made)]
        meant = max((end for end in ends if end is not None), default=shown)
        return [shown, made.begun, shown if None in ends else meant]

    def _image(self, made: Made, *, read: bool = False) -> str:
        """Return the image that a backup was read from.

        A model may read it where its bitmaps are.

        Args:
            read: Whether one since a checkpoint is meant to be read there, too, and not as now.
        """
        names = made.step.get("bitmaps", self._since(made) if read and "since" in made.step else ())
        nodes = {on for (disk, on, name) in self.record.windows[made.begun]
                 if disk == made.disk and name in names}  # fmt: skip
        if self.record.story.model == "nir-2018" and len(nodes) == 1:
            return nodes.pop()
        active = self.record.frames[made.begun][made.disk]["chain"][-1]
        return str(made.step.get("image", made.step.get("device", active)))

    def _since(self, made: Made) -> list[str]:
        """Return the checkpoint that a backup starts at, and all newer ones: what is merged."""
        points = self.record.points[made.begun - 1]
        first = points.get(made.step["since"]) or 0
        return [name for name, at in points.items() if at is not None and at >= first]

    def _end(self, made: Made) -> int:
        """Return the step whose state a backup is meant to give."""
        return self._ends(made)[-1]

    def _wrong_onto(self, made: Made, *, torn: bool = False) -> str:
        """Return how a backup does not give what the guest saw on the one that it was put onto.

        Args:
            torn: Whether a base is looked at, too, whose content is not to be relied on.
        """
        base = self._base(made)
        if base is None or not (base.sound or torn) or made.kind == "full":
            return ""
        below = lay("", base) if base.whole else self.view(self._end(base), made.disk)
        if base.partly:
            start = self._start(base)
            below = lay("" if start is None else self.view(start, base.disk), base)
        return self._lacks(made, below)

    def _base(self, made: Made) -> Made | None:
        """Return the backup that another one was put onto, as far as it is there."""
        named = [m for m in self.record.held
                 if (m.name, m.disk) == (made.step.get("onto"), made.disk)
                 and m.begun < made.begun <= m.gone]  # fmt: skip
        return named[-1] if named else None

    # Restores.

    def _restored(self, number: int) -> list[Mapping[str, Any]]:
        label = self.record.story.steps[number].label
        return [each for each in self.record.document["restores"] if each["at"] == label]

    def _of_restores(self, number: int) -> Iterator[Verdict]:
        restored = self._restored(number)
        self.judged["restores"] += len(restored)
        if self.said[number] & READ:
            return
        for each in restored:
            if each["of"] is None and self._known_bad(number, each):
                continue  # It is a state that the guest saw, and nobody said which it is to be.
            meant = self._meant(number, each)
            if meant and each["cells"] not in meant:
                told = f"{each['as']}: |{each['cells']}| where |{meant[-1]}| was meant"
                yield self._verdict("silence", "restore", number, told)
        if self._mixed(number):
            yield self._verdict("silence", "restore of a machine", number, "no common instant")

    def _known_bad(self, number: int, restored: Mapping[str, Any]) -> bool:
        """Whether a restored disk was seen, and something was said of a backup in its stack."""
        names = {row.split("/")[0] for row in restored["from"]}
        sources = [m for m in self.record.held if m.name in names and m.done <= number <= m.gone]
        flagged = any(self.said[made.begun] & READ for made in sources)
        return flagged and bool(self._instants(number, restored["disk"], restored["cells"]))

    def _mixed(self, number: int) -> bool:
        """Whether a machine's restored disks were each seen, and never at one time."""
        seen = [self._instants(number, r["disk"], r["cells"]) for r in self._restored(number)]
        return bool(seen) and all(seen) and not set.intersection(*seen)

    def _meant(self, number: int, restored: Mapping[str, Any], *, free: bool = True) -> list[str]:
        """Return what a restored disk may be: that of ``of``, or of its newest backup.

        Args:
            free: Whether a backup through bitmaps, which claims nothing, may give whatever the
                guest saw.
        """
        disk = restored["disk"]
        if restored["of"] is not None:
            view = self.view(self.record.number[restored["of"]], disk)
            return [view] if view else []
        names = [row.split("/")[0] for row in restored["from"]]
        there = [m for m in self.record.held
                 if m.name in names and m.disk == disk and m.done <= number <= m.gone]  # fmt: skip
        newest = max((self._end(each) for each in there), default=0)
        length = len(self.view(newest, disk))
        last = [
            each
            for each in there
            if not self._written(disk, self._end(each), newest)
            and len(self.view(self._end(each), disk)) == length
        ]
        ends = {end for each in last for end in self._ends(each)}
        if free and any(each.kind == "bitmaps" for each in last):
            ends |= set(range(number + 1))
        return [self.view(end, disk) for end in sorted(ends)]

    def _instants(self, number: int, disk: str, view: str) -> set[int]:
        """Return the steps up to one after which a disk was as given."""
        return {n for n in range(number + 1) if self.view(n, disk) == view}

    # Acts.

    def _of_acts(self, number: int) -> Iterator[Verdict]:
        verb, _ = self.verb(number)
        said = self.said[number]
        lost = self.lost(number)
        # Who deletes a backup means to lose what it stands for, and nothing else (DECISIONS.md).
        others = lost - self._own(number)
        if others and not said & {"BT305", "BT207"}:
            told = ", ".join(self.record.story.steps[n].label for n in sorted(others))
            yield self._verdict("silence", f"{verb} takes others' restore points", number, told)
        free = ("write", "zero", "discard", "resize", "create", "attach")
        wrong = self._changed(number) if number and verb not in free else ""
        if wrong and not said & SILENT:
            yield self._verdict("silence", f"{verb} changes the guest", number, wrong)

    def restorable(self, number: int, *, before: bool = False) -> set[int]:
        """Return the steps whose state can be restored from what is there after a step.

        Args:
            before: Whether it is asked before the step, when jobs that end there have ended.
        """
        steps = set(range(number + 1))
        for disk in self.record.frames[number]:
            reached = self._reached(number, disk, before=before)
            steps = {n for n in steps if self.view(n, disk) in reached}
        return steps

    def _there(self, number: int, disk: str, *, before: bool) -> list[Made]:
        return [
            made
            for made in self.record.held
            if made.disk == disk and made.sound and made.done <= number
            if (made.begun < number <= made.gone if before else number < made.gone)
        ]

    def _reached(self, number: int, disk: str, *, before: bool) -> set[str]:
        """Return what a disk was seen as up to a step and can be restored to.

        The way may lead over what a backup gives that was copied in part, and nobody saw.
        """
        there = self._there(number, disk, before=before)
        seen = {self.view(n, disk) for n in range(number + 1)}
        reached = {view for view in seen if not view.strip("-")}
        waiting = ["", *reached]
        while waiting:
            below = waiting.pop()
            laid = [(lay(below, each), each.partly) for each in there]
            found = {view for view, partly in laid if partly or view in seen} - reached
            reached |= found
            waiting += found
        return reached & seen

    def _orphaned(self, number: int) -> bool:
        """Whether a backup is left that gave a state of the guest's, and does not any more."""
        for disk in self.record.frames[number]:
            then = self._reached(number, disk, before=True)
            now = self._reached(number, disk, before=False)
            for made in self._there(number, disk, before=False):
                if self._is_good_on(made, then) and not self._is_good_on(made, now):
                    return True
        return False

    def _is_good_on(self, made: Made, views: set[str]) -> bool:
        """Whether a backup gives one of some states, on nothing or on another of them."""
        return any(lay(below, made) in views - {below} for below in ("", *views))

    def lost(self, number: int) -> set[int]:
        """Return the steps whose state cannot be restored any more after a step."""
        if not any(made.gone == number for made in self.record.held):
            return set()
        lost = self.restorable(number, before=True) - self.restorable(number)
        return lost - {number}

    def _own(self, number: int) -> set[int]:
        """Return the steps whose state the backups stand for that go at a step."""
        gone = [made for made in self.record.held if made.gone == number]
        return {
            n
            for made in gone
            for n in range(number)
            if self.view(n, made.disk) in (self.view(self._end(made), made.disk), lay("", made))
        }

    def _changed(self, number: int) -> str:
        """Return how the guest does not see what it saw before an act, or at the snapshot."""
        verb, told = self.verb(number)
        for disk, state in self.record.frames[number - 1].items():
            point: int | None = number - 1
            if verb == "revert":
                point = self.record.born[number - 1].get((disk, told["snapshot"]))
                if point is None:
                    point = self._kept_inside(number, told["snapshot"], state["chain"])
            if point is not None:
                meant, got = self.view(point, disk), self.view(number, disk)
                if meant != got:
                    return f"{disk}: |{got}| where |{meant}| was meant"
        return ""

    def _kept_inside(self, number: int, name: str, chain: list[str]) -> int | None:
        """Return the step that kept a state inside the active image, or None."""
        for before in reversed(range(number)):
            verb, told = self.verb(before)
            here = told.get("device") == chain[-1] if chain else False
            if verb == "blockdev-snapshot-internal-sync" and told["name"] == name and here:
                return before
        return None

    # What was said.

    def _is_fair(self, code: str, number: int, made: list[Made]) -> bool:
        """Whether what a rule says of silent wrong data is so, or would be but for luck."""
        restored = self._restored(number)
        wrong = any(self._wrong(each) or self._wrong(each, strict=True) for each in made)
        onto = any(self._wrong_onto(each, torn=True) for each in made)
        if restored and code in STACKS | {"BT206"}:
            return any(self._is_wrong(code, number, each) for each in restored)
        match code:
            case "BT201":
                return wrong
            case "BT204" | "BT214":
                return wrong or onto
            case "BT402":
                return wrong or onto or self.verb(number)[0] == "revert"
            case "BT203":
                return number not in self.restorable(number) or any(map(self._hole_before, made))
            case "BT205":
                return any(not m.sound for m in made)
            case "BT207":
                over = self.verb(number)[0] != "delete"
                left = any((m.name, m.disk, number) in self.record.left for m in made)
                over_left = left and (wrong or onto)
                return over_left or (over and any(m.gone == number for m in self.record.made))
            case "BT209":
                return wrong and self._happened("resize", number)
            case "BT212":
                return self._split(number)
            case "BT305":
                lost = self.lost(number)
                return bool(lost - self._own(number)) or self._orphaned(number)
            case "BT304":
                return onto
            case "BT306":
                return bool(self._changed(number))
            case "BT107":
                return self._begun_anew(number) or self._untracked(number) or self._broken(number)
            case "BT110":
                return self._untracked(number) or self._broken(number)
            case "BT215":
                # A job clears what it had copied when it is stopped, and is told where it began.
                ends = [part.done for part in self.record.parts if part.begun == number]
                return any(self._discarded(n) or self._broken(n) for n in (number, *ends))
        return False

    def _split(self, number: int) -> bool:
        """Whether a step takes another disk than an earlier one did, and the machine was never as
        both took it."""
        now = self._taken(number)
        for then in map(self._taken, range(number)):
            both = {**then, **now}
            if (
                then
                and now.keys() - then
                and not any(
                    all(self.view(n, disk) == view for disk, view in both.items())
                    for n in range(number + 1)
                )
            ):
                return True
        return False

    def _taken(self, number: int) -> dict[str, str]:
        """Return the disks that a step took, or marked, each as it was then."""
        verb, told = self.verb(number)
        marked = told.get("disks", self.record.frames[number]) if verb == "checkpoint" else ()
        # Through bitmaps that have stopped, data is read all the same.
        read = {m.disk: self.record.shown(number, m.disk, self._image(m, read=True))
                for m in self.record.made if m.begun == number}  # fmt: skip
        ends = {**dict.fromkeys(marked, number), **read}
        return {disk: self.view(end, disk) for disk, end in ends.items()}

    def _hole_before(self, made: Made) -> bool:
        """Whether something was written between the last good backup and a backup's start."""
        # A consumer's own start: it need not know of a clear by another's hand.
        start = self._start(made, strict=True) or 0
        good = [self._end(m) for m in self.record.made
                if m.disk == made.disk and m.sound and m.begun <= start
                # One in whose stretch nothing was written holds nothing.
                and ((begun := self._start(m)) is None
                     or self._written(m.disk, begun, self._end(m)))]  # fmt: skip
        return bool(self._written(made.disk, max(good, default=0), start))

    def _written(self, disk: str, after: int, until: int) -> set[int]:
        return {
            cluster
            for number in range(after + 1, until + 1)
            for cluster in self.record.touched(number, disk)
        }

    def _is_wrong(self, code: str, number: int, restored: Mapping[str, Any]) -> bool:
        cells, disk = restored["cells"], restored["disk"]
        if code == "BT301":
            return not self._instants(number, disk, cells) or self._mixed(number)
        return cells not in self._meant(number, restored, free=False)

    def _happened(self, verb: str, number: int) -> bool:
        return any(self.verb(n)[0] == verb for n in range(number + 1))

    def _untracked(self, number: int) -> bool:
        """Whether a bitmap stops at a step and none goes on, and something is lost by that: what is
        written until one records again, or what it names and no backup copies."""
        for disk, state in self.record.frames[number - 1].items():
            stops = self._recording(number - 1, disk)
            if not stops or self._recording(number, disk):
                continue
            later = range(number + 1, self.record.count)
            again = next((n for n in later if self._recording(n, disk)), self.record.count)
            after = self.record.frames[number][disk]  # When the jobs that end here have ended.
            named = _bits(b for b in (*state["bitmaps"], *after["bitmaps"]) if b["name"] in stops)
            uncopied = [each for each in named if not self._copies(number, disk, each)]
            if uncopied or any(self.record.touched(n, disk) for n in range(number + 1, again)):
                return True
        return False

    def _begun_anew(self, number: int) -> bool:
        """Whether a namesake begins on another image, and no backup gets what the old one names."""
        for disk, state in self.record.frames[number - 1].items():
            after = self.record.frames[number][disk]
            for bitmap in state["bitmaps"]:
                anew = [b for b in after["bitmaps"] if b["name"] == bitmap["name"]
                        and b["recording"] and [b["node"]] == after["chain"][-1:]]  # fmt: skip
                if bitmap["recording"] and anew and bitmap["node"] != anew[0]["node"]:
                    # When the jobs that end here have ended.
                    key = bitmap["node"], bitmap["name"]
                    left = [b for b in after["bitmaps"] if (b["node"], b["name"]) == key]
                    lost = _bits([bitmap, *left]) - _bits(anew)
                    if not all(self._copies(number, disk, cluster) for cluster in lost):
                        return True
        return False

    def _copies(self, number: int, disk: str, cluster: int) -> list[Made]:
        """Return the backups that hold a cluster as it was last written before a step, and that are
        there then or later."""
        touched = [n for n in range(number) if cluster in self.record.touched(n, disk)]
        return [
            made
            for made in self.record.made
            if made.disk == disk and made.sound and number < made.gone
            if (self._end(made) if self._lower(made) else made.begun) >= max(touched, default=0)
            if made.cells[cluster : cluster + 1] not in ("", "-")
        ]

    def _broken(self, number: int) -> bool:
        """Whether a bitmap stops, goes or loses bits, and a later backup of changes is wrong."""
        for made in self.record.made:
            if made.begun > number and (self._wrong(made) or self._wrong(made, strict=True)):
                stops = self._recording(number - 1, made.disk) - self._recording(number, made.disk)
                if stops or self._gone(number, made.disk):
                    return True
        return False

    def _gone(self, number: int, disk: str) -> list[tuple[str, int]]:
        """Return the bits that go at a step: the names of their bitmaps, and the clusters.

        What is written while a job runs is in its bitmap, and seen there when it has ended.
        """
        verb, told = self.verb(number)
        hand = ("block-dirty-bitmap-clear", "block-dirty-bitmap-remove")
        cleared = told["name"] if verb in hand else None
        windows = self.record.windows[number]
        after = {(b["node"], b["name"]): b for b in self.record.frames[number][disk]["bitmaps"]}
        return [
            (bitmap["name"], cluster)
            for bitmap in self.record.frames[number - 1][disk]["bitmaps"]
            for left in [after.get((bitmap["node"], bitmap["name"]))]
            for start, end, _ in [
                windows.get((disk, bitmap["node"], bitmap["name"]), Window(number, 0))
            ]
            for late in [bitmap["name"] == cleared and end is None]
            for bits in [self._written(disk, start, number - 1) if late else set()]
            for cluster in (_bits([bitmap]) | bits) - _bits([left] if left else [])
        ]

    def _discarded(self, number: int) -> bool:
        """Whether bits went that no backup copied since they were set.

        Another bitmap that names the cluster helps, but not who goes on by the name of one that
        was cleared.
        """
        verb, _ = self.verb(number)
        for disk, after in self.record.frames[number].items():
            names = self._recording(number, disk) if verb != "block-dirty-bitmap-clear" else set()
            # What has stopped recording says nothing of what came after.
            left = _bits([b for b in after["bitmaps"] if b["name"] in names])
            for _, cluster in self._gone(number, disk):
                if cluster not in left and not any(
                    m.done <= number < m.gone
                    and m.cells[cluster].replace("0", "-")
                    == self.view(number, disk)[cluster : cluster + 1]
                    for m in self._copies(number, disk, cluster)
                ):
                    return True
        return False


def lay(below: str, made: Made) -> str:
    """Return what a backup on top of a disk reads as; a full one hides all that is below."""
    length = len(made.cells)
    under = "-" * length if made.whole else below[:length].ljust(length, "-")
    cells = (new if new != "-" else old for new, old in zip(made.cells, under, strict=True))
    return "".join(cells).replace("0", "-")


def _bits(bitmaps: Iterable[Mapping[str, Any]]) -> set[int]:
    return {n for b in bitmaps for n, cell in enumerate(b["cells"]) if cell != "-"}
