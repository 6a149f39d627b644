"""The command that looks at all timelines of a model: ``explore``."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import FAILING, give_up, told_unwritable, usable
from simulator.cli.exploring import options
from simulator.cli.exploring.counting import counting
from simulator.cli.program.options import Format
from simulator.cli.reading import find_model

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel
    from simulator.exploring.acts import Limits
    from simulator.exploring.looking import Looking
    from simulator.exploring.outcome import Outcome
    from simulator.exploring.searching.search import Asked, Told


def explore(
    model: options.ModelOption = None,
    models: options.ModelsOption = None,
    verbs: options.VerbsOption = None,
    clusters: options.ClustersOption = 2,
    depth: options.DepthOption = 6,
    images: options.ImagesOption = 3,
    bitmaps: options.BitmapsOption = 3,
    backups: options.BackupsOption = 2,
    disks: options.DisksOption = 1,
    all: options.AllOption = False,
    prove: options.ProveOption = False,
    find: options.FindOption = None,
    judged: options.JudgedOption = None,
    states: options.StatesOption = None,
    workers: options.WorkersOption = 1,
    resume: options.ResumeOption = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="Figures, or the exploration document.")
    ] = Format.TEXT,
    output: options.OutputOption = None,
) -> None:
    """Look at all timelines of a model, and show the shortest that goes wrong."""
    from simulator.exploring.acts import Limits

    if depth < 0:
        give_up(f"--depth {depth}: expected 1 or more, or 0 for no limit")
    limits = Limits(images, bitmaps, backups, clusters, disks, depth or None)
    if workers < 1:
        give_up(f"--workers {workers}: expected 1 or more")
    _check_limits(limits)
    chosen = _models(model, models)
    tried = _verbs(verbs, chosen[0], prove=prove)
    looking = _looking(chosen, limits, tried, prove=prove, find=find, states=states,
                       workers=workers, every=all, judged=judged)  # fmt: skip
    with usable(), _read_expression(find), counting("exploring") as report:
        outcome = _run(looking, report, resume)
    _show(outcome, format, output, every=all)
    raise SystemExit(FAILING if bool(outcome.found) is (find is None) else 0)


def _run(looking: "Looking", report: "Callable[[Told], None]", resume: Path | None) -> "Outcome":
    """Explore; where a file is named, go on from there, and leave how far it has come in it."""
    from simulator.exploring.searching.saving import WrongFile

    if resume is not None and resume.exists():
        try:
            looking.go_on(resume)
        except WrongFile as wrong:
            give_up(str(wrong))
    # What a proposal prints is in nobody's way.
    with contextlib.redirect_stdout(sys.stderr):
        outcome = looking.run(report)
    if resume is not None:
        with told_unwritable(resume):
            looking.save(resume)
    return outcome


def _looking(
    models: "tuple[ApiModel, ...]",
    limits: "Limits",
    verbs: tuple[str, ...],
    *,
    prove: bool,
    find: str | None,
    states: int | None,
    workers: int,
    every: bool,
    judged: int | None,
) -> "Looking":
    """Return the exploration that is asked for."""
    from simulator.exploring.looking import JUDGED_MAX, Looking, Wanted
    from simulator.exploring.proving import Proving
    from simulator.exploring.searching.search import Asked

    asked = Asked(limits, verbs, alarms=len(models) == 1, states_max=states, workers=workers)
    if prove:
        if find is not None:
            give_up("--prove and --find: give one of these options")
        return Proving(_alone(models, "--prove"), limits, verbs, workers)
    if find is not None:
        return _finding(_alone(models, "--find"), asked, find, judged)
    return Looking(models, asked, Wanted(every, JUDGED_MAX if judged is None else judged))


def _finding(model: "ApiModel", asked: "Asked", word: str, judged: int | None) -> "Looking":
    """Return a search for what a rule flags, or of which an expression is true."""
    from simulator.exploring.asking.finding import PLAYED_MAX, Finding

    with _read_expression(word):
        return Finding(model, asked, word, PLAYED_MAX if judged is None else judged)


@contextlib.contextmanager
def _read_expression(word: str | None) -> Iterator[None]:
    """End with status 2 where an expression cannot be worked out, and tell where."""
    if word is None:
        yield
        return
    from simulator.exploring.asking.expressions import WrongExpression

    try:
        yield
    except WrongExpression as wrong:
        give_up(f"--find {word}: column {wrong.column}: {wrong}", wrong.word, wrong.known)


def _check_limits(limits: "Limits") -> None:
    """End with status 2 where a limit leaves nothing to look at."""
    from simulator.exploring.searching.levels import CLUSTERS_MAX, DISKS_MAX

    most = {"clusters": CLUSTERS_MAX, "disks": DISKS_MAX, "images": 20, "bitmaps": 20, "backups": 8}
    least = {"bitmaps": 0, "backups": 0}
    for name, value in limits._asdict().items():
        low, high = least.get(name, 1), most.get(name)
        if value is not None and (value < low or (high is not None and value > high)):
            upto = f" to {high}" if high is not None else " or more"
            give_up(f"--{name} {value}: expected {low}{upto}")


def _models(model: str | None, models: str | None) -> "tuple[ApiModel, ...]":
    """Return the models that are explored."""
    from simulator.apis import MODEL_DEFAULT

    if models is None:
        words = [model or MODEL_DEFAULT]
    else:
        if model is not None:
            give_up("--model names one, and --models two: give one of these options")
        words = [word.strip() for word in models.split(",") if word.strip()]
        if len(words) != 2:
            give_up(f"--models names {len(words)} models: expected two, as in libvirt-6.0,libvirt")
    found = tuple(each for each in map(find_model, words) if each is not None)
    if len(found) == 2 and (found[0].id, found[0].host) == (found[1].id, found[1].host):
        give_up(f"both of the models are called {found[0].id}")
    return found


def _alone(models: "tuple[ApiModel, ...]", option: str) -> "ApiModel":
    """Return the model that an option is about."""
    if len(models) > 1:
        give_up(f"{option} is about one model: give --model, and not --models")
    return models[0]


def _verbs(words: str | None, model: "ApiModel", *, prove: bool) -> tuple[str, ...]:
    """Return the verbs that are tried, in the order in which the program has them."""
    from simulator.exploring.acts import VERBS, verbs_for
    from simulator.exploring.proving import VERBS_PROVED
    from simulator.exploring.witness import begin

    if words is None:
        return VERBS_PROVED if prove else verbs_for(model, begin(model, 1, 1))
    named = [word.strip() for word in words.split(",") if word.strip()]
    for word in named:
        if word not in VERBS:
            give_up(f"--verbs has {word}, and there is no such verb", word, VERBS)
    if not named:
        give_up("--verbs names none", "", VERBS)
    return tuple(verb for verb in VERBS if verb in named)


def _show(outcome: "Outcome", format: Format, output: Path | None, *, every: bool) -> None:
    """Print what was found, and write its scenarios."""
    from simulator.exploring.outcome import tell, write_json

    if output is not None:
        _save(outcome, output, every=every)
    if format is Format.JSON:
        print(write_json(outcome), end="")
    else:
        for line in tell(outcome):
            print(line)


def _save(outcome: "Outcome", output: Path, *, every: bool) -> None:
    """Write the scenarios of what was found: to a file, or each to its own in a folder."""
    from simulator.exploring.itf import SUFFIX, write_trace
    from simulator.writing import open_text

    if not every and output.is_dir():
        give_up(f"{output} is a folder; expected the name of a scenario file")
    names = [found.name for found in outcome.found]
    for place, found in enumerate(outcome.found):
        again = names[:place].count(found.name)
        name = f"{found.name}-{again + 1}" if again else found.name
        path = output / f"{name}.yaml" if every else output
        with told_unwritable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_text(path) as stream:
                stream.write(write_trace(found) if path.name.endswith(SUFFIX) else found.scenario)
