"""Turns a way through the states into a scenario, plays it, and judges it as any other."""

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.apis import MODEL_DEFAULT, MODEL_IDS, host_for
from simulator.apis.base import ApiModel
from simulator.diagnostics import Finding, InputError, Severity
from simulator.engine import play
from simulator.exploring.acts import GUEST, Act, Fresh, Written, request_of, write_step
from simulator.exploring.judging import (
    GUEST_CHANGED,
    LOST_POINT,
    WRONG_BACKUP,
    Step,
    begun,
    changed_by,
    shown_by,
)
from simulator.exploring.noted import Noted, Snapshots
from simulator.model.clusters import ClusterMap, ClusterSet, map_of, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine
from simulator.model.operations import GuestDiscard, GuestWrite, Refusal
from simulator.model.requests import Create, Request
from simulator.model.transitions import apply_all
from simulator.pipeline import Run
from simulator.releases.changes import semantics_of
from simulator.restorable.graph import lay_over
from simulator.restorable.history import history_of
from simulator.script import DiskShape, Instant, Script, Statement
from simulator.timeline import Timeline
from simulator.values import NamedTuple

SILENT_RULES = frozenset({
    "BT107", "BT110", "BT201", "BT203", "BT204", "BT205", "BT206", "BT207", "BT209", "BT212",
    "BT214", "BT215", "BT301", "BT302", "BT303", "BT304", "BT305", "BT306", "BT402", "BT404",
    "BT406",
})  # fmt: skip
"""The rules of silent wrong data."""

IN_DOUBT = "in-doubt"
"""A backup through bitmaps of one name, right since the newest of them began: it may be meant to
hold what came before, and a rule may say that it does not."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

NAMES = ("vda", "vdb", "vdc", "vdd", "vde", "vdf", "vdg", "vdh")


class Stepped(NamedTuple):
    """One step of a way: an act, and the clusters of its disk that the guest writes."""

    act: Act
    clusters: tuple[int, ...] = ()


class Story(NamedTuple):
    """A way as a scenario.

    Attributes:
        steps: As a scenario has them, the first images left out.
        verb: That of the last act.
        requests: The same as requests.
        machines: The machine before each, and after the last.
        raised: What the model raised at the last step.
    """

    steps: tuple[Written, ...]
    requests: tuple[Request, ...]
    machines: tuple[Machine, ...]
    verb: str
    raised: str = ""


def begin(model: ApiModel, disks: int, clusters: int) -> Machine:
    """Return a machine whose disks have their first images."""
    machine = Machine(
        disks=tuple(Disk(name=NAMES[n], length=clusters) for n in range(disks)),
        semantics=semantics_of(host_for(model, None)),
    )
    for disk in machine.disks:
        plan = model.plan(machine, Create(image=_first(disk.name, disks), disk=disk.name))
        made = plan if isinstance(plan, Refusal) else apply_all(machine, plan)
        assert isinstance(made, Machine), "every model makes a first image"
        machine = made
    return machine


def _first(disk: str, disks: int) -> str:
    return "S1" if disks == 1 else f"S1{chr(97 + NAMES.index(disk))}"


def tell(model: ApiModel, disks: int, clusters: int, way: Sequence[Stepped]) -> Story:
    """Return a way as steps of a scenario, with names as people give them."""
    machine = begin(model, disks, clusters)
    steps: list[Written] = []
    requests: list[Request] = []
    machines = [machine]
    counts = {"S": 2, "B": 1, "b": 1, "letter": 0}
    for stepped in way:
        fresh = Fresh(f"S{counts['S']}", f"B{counts['B']}", f"b{counts['b']}.bak")
        data = _data(machine, stepped, LETTERS[counts["letter"] % len(LETTERS)])
        counts["letter"] += stepped.act.verb == "write"
        request = request_of(machine, stepped.act, fresh, data)
        cells = _picture(machine, stepped, data)
        steps.append(write_step(request, machine, cells))
        requests.append(request)
        told = repr(steps[-1])
        for kind, name in zip("SBb", fresh, strict=True):
            counts[kind] += name in told
        try:
            plan = model.plan(machine, request)
            after = plan if isinstance(plan, Refusal) else apply_all(machine, plan)
        except InputError as error:
            told = _problem(error)
            return Story(tuple(steps), tuple(requests), tuple(machines), way[-1].act.verb, told)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            return Story(tuple(steps), tuple(requests), tuple(machines), way[-1].act.verb, told)
        machine = after if isinstance(after, Machine) else machine
        machines.append(machine)
    return Story(tuple(steps), tuple(requests), tuple(machines), way[-1].act.verb)


def _problem(error: InputError) -> str:
    """Return what a proposal did, and where in its file."""
    problem = error.problems[0]
    line = f":{problem.span.line}" if problem.span is not None else ""
    return f"{error.path}{line}: {problem.message}"


def _data(machine: Machine, stepped: Stepped, letter: str) -> ClusterMap | ClusterSet | None:
    if stepped.act.verb not in GUEST:
        return None
    length = machine.disks[stepped.act.place].length
    if stepped.act.verb == "discard":
        return set_of(length, stepped.clusters)
    version = ord(letter) if stepped.act.verb == "write" else 0
    return map_of(length, dict.fromkeys(stepped.clusters, version))


def _picture(machine: Machine, stepped: Stepped, data: ClusterMap | ClusterSet | None) -> str:
    if data is None:
        return ""
    length = machine.disks[stepped.act.place].length
    if isinstance(data, ClusterSet):
        return "".join("X" if n in data else "-" for n in range(length))
    cells = (data.get(n) for n in range(length))
    return "".join("-" if c is None else "0" if c == 0 else chr(c) for c in cells)


class Told(NamedTuple):
    """What a scenario says beside its steps.

    Attributes:
        title: What it is called.
        model: The model that it is for; a scenario names none that a file has to be loaded for,
            and so the one that such a model is made from.
    """

    title: str
    model: ApiModel

    def lines(self) -> Iterator[str]:
        """Yield the head of the scenario file."""
        known = next((each for each in self.model.family if each in MODEL_IDS), MODEL_DEFAULT)
        yield f"scenario: {_scalar(self.title)}"
        if known != self.model.id:
            about = f"Found under {self.model.id}; play it with --model and its file."
            yield f"about: {_scalar(about)}"
        yield f"model: {_scalar(known)}"
        host = self.model.host
        if host is not None:
            yield f"host: {{qemu: {host.qemu}, libvirt: {host.libvirt}}}"


def write_scenario(
    told: Told, shape: tuple[int, int], steps: Sequence[Written], expects: dict[int, list[str]]
) -> str:
    """Return steps as a scenario file.

    Args:
        shape: How many disks there are, and how many clusters each has.
        expects: What must be found at steps, by their places; -1 is the first image.
    """
    disks, clusters = shape
    lines = [*told.lines()]
    if disks == 1:
        lines.append(f"disk: {clusters}")
    else:
        each = ", ".join(f"{NAMES[n]}: {{clusters: {clusters}}}" for n in range(disks))
        lines.append(f"disks: {{{each}}}")
    lines += ["timeline:", "  - at: T0", "    do:"]
    for n in range(disks):
        name = _first(NAMES[n], disks)
        made = name if disks == 1 else {"image": name, "disk": NAMES[n]}
        lines.append(f"      - create: {_scalar(made)}")
    for place, (verb, arguments) in enumerate(steps):
        lines += [f"  - at: T{place + 1}", "    do:"]
        written = verb if arguments is None else f"{verb}: {_scalar(arguments)}"
        lines.append(f"      - {written}")
        if place in expects:
            lines[-1] = (
                f"      - {verb}: {'' if arguments is None else _scalar(arguments)}".rstrip()
            )
            lines.append(f"        expect: [{', '.join(expects[place])}]")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, bool | int):
        return str(value).lower()
    text = str(value)
    plain = text.replace(".", "").replace("_", "").replace("-", "").replace(" ", "").isalnum()
    if plain and text[0].isalpha() and text.lower() not in _WORDS and ": " not in text:
        return text
    return "'" + text.replace("'", "''") + "'"


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


class Judged(NamedTuple):
    """A way that was played.

    Attributes:
        run: What happened.
        kinds: What is wrong with its last step, by content, or in doubt.
        said: The codes of the rules that say so, of the last step, errors first.
        warned: Those of all steps.
    """

    run: Run
    kinds: frozenset[str]
    said: tuple[str, ...]
    warned: tuple[str, ...]


def script_of(model: ApiModel, shape: tuple[int, int], story: Story) -> Script:
    """Return a way as a script; that is the same as the scenario, and sooner made.

    Args:
        shape: How many disks there are, and how many clusters each has.
    """
    disks, clusters = shape
    creates = tuple(
        Statement("create", Create(image=_first(NAMES[n], disks), disk=NAMES[n]))
        for n in range(disks)
    )
    instants = [Instant("T0", 1, creates)]
    instants += [
        Instant(f"T{n + 1}", n + 2, (Statement(verb, request),))
        for n, ((verb, _), request) in enumerate(zip(story.steps, story.requests, strict=True))
    ]
    shapes = tuple(DiskShape(NAMES[n], clusters) for n in range(disks))
    return Script(title="explored", model=model.id, disks=shapes, instants=tuple(instants))


def play_story(model: ApiModel, shape: tuple[int, int], story: Story) -> Judged:
    """Play a way, and judge its last step."""
    run = Run(play(script_of(model, shape, story), model))
    last = run.timeline.entries[-1].number
    spoken = [f for f in run.findings if f.code in SILENT_RULES]
    said = codes_of([f for f in spoken if f.entry == last])
    return Judged(run, frozenset(wrong_at(run)), said, codes_of(spoken))


def codes_of(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the codes of findings, each once, errors first."""
    ordered = sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, f.code))
    return tuple(dict.fromkeys(f.code for f in ordered))


def wrong_at(run: Run) -> set[str]:
    """Return what is wrong by content with the last step of a run."""
    timeline, found = run.timeline, set[str]()
    entry = timeline.entries[-1]
    history = history_of(timeline)
    for backup in entry.new_backups:
        place = history.place(backup)
        if place is None:
            continue
        graph = history.graphs[backup.disk]
        piece = graph.pieces[place]
        if piece.end is None or (piece.start is None and not piece.complete):
            continue
        ends, starts = {piece.end}, [piece.start or 0]
        if backup.kind is Kind.BITMAPS:
            moments = begun(entry.before, backup), min(w.start for w in backup.windows)
            ends.add(history.node(backup.disk, shown_by(entry.before, backup)) or 0)
            starts = [history.node(backup.disk, moment) or 0 for moment in moments]
        for kind, start in zip((WRONG_BACKUP, IN_DOUBT), starts, strict=False):
            below = graph.states[start]
            given = lay_over(below.view, below.length, piece)
            meant = [graph.states[end] for end in ends]
            if not any(piece.length == m.length and given.reads_like(m.view) for m in meant):
                found.add(kind)
    if _is_changed(run):
        found.add(GUEST_CHANGED)
    if len(timeline.entries) > 1 and entry.after.backups is not entry.before.backups:
        found |= _lost(run)
    return found


def _is_changed(run: Run) -> bool:
    """Say whether a guest sees something else than it should after the last step."""
    timeline, entry = run.timeline, run.timeline.entries[-1]
    if entry.request is None or isinstance(entry.request, GuestWrite | GuestDiscard | Create):
        return False
    made = _made(timeline)
    views = {
        disk.name: {
            at: view
            for (name, _), at in made.items()
            for view in [timeline.view_at(name, at)]
            if name == disk.name and view is not None
        }
        for disk in entry.before.disks
    }
    step = Step(entry.request, (), entry.before, entry.after, Noted(views, {}, made))
    return any(bool(places) for _, places in changed_by(step))


def _made(timeline: Timeline) -> Snapshots:
    """Return the moment at which each overlay was first put onto its disk."""
    made: Snapshots = {}
    for entry in timeline.entries:
        for disk in entry.after.disks:
            old = entry.before.disk(disk.name)
            for image in disk.chain[1:]:
                if old.image(image.name) is None:
                    made.setdefault((disk.name, image.name), disk.moment)
    return made


def _lost(run: Run) -> set[str]:
    """Say whether the last step took an instant away that it was not asked to give up."""
    timeline = run.timeline
    history, entry = history_of(timeline), timeline.entries[-1]
    before = history.at(timeline.entries[-2], entry.before)
    after = history.at(entry)
    names = {backup.name for backup in entry.after.backups}
    own = set()
    for backup in entry.before.backups:
        if backup.name not in names:
            own |= {(backup.disk, node) for node in history.ends_of(backup)}
    for label in before.lost(after):
        goals = history.goals[label].items()
        if not all((disk, node) in own for disk, node in goals):
            return {LOST_POINT}
    return set()
