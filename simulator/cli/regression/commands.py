"""Commands that tell what a change of semantics does: ``record`` and ``compat``."""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias

import typer

from simulator.cli.ends import FAILING, UNUSABLE, give_up, tell_input_error, told_unwritable, usable
from simulator.cli.output.options import ReportFormat, Wishes, reporting
from simulator.cli.output.telling import Own, Telling
from simulator.cli.program.options import Files, HostOption, ModelOption
from simulator.cli.progress import Track, waiting
from simulator.cli.reading import find_model, find_own_model, find_under, found_scenarios, load_all
from simulator.cli.settings.force import settings
from simulator.diagnostics import counted, printable

if TYPE_CHECKING:
    from pathlib import PurePath

    from simulator.compare.compat.kinds import Difference
    from simulator.pipeline import Scenario
    from simulator.pipeline.files import Named

    Sift: TypeAlias = Callable[
        [Sequence[Difference]], tuple[list[Difference], list[tuple[Difference, str]]]
    ]


class FailOn(StrEnum):
    """The least level of a difference at which ``compat`` fails."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


RootOption = Annotated[
    str | None,
    typer.Option(
        "--root", metavar="DIR", help="Folder that the paths in a baseline are relative to."
    ),
]


def record(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    files: Files = None,
    model: ModelOption = None,
    host: HostOption = None,
    root: RootOption = None,
) -> None:
    """Write run documents, as a baseline that can be committed and that compat reads."""
    from simulator.compare.compat.baselines import tell_record
    from simulator.pipeline.digests import recorded
    from simulator.writing import open_text

    output = Path(settings().names("baselines").get(str(output), output))
    chosen, status, written = find_under(model, host), 0, 0
    named = found_scenarios(files)
    keys = _keys(named, root)
    paths = _record_paths(keys, output)
    for each, scenario in zip(named, load_all(named), strict=True):
        if scenario is None:
            status = UNUSABLE
            continue
        with usable(), waiting(f"playing {each.path}"):
            played = chosen.run(scenario)
            model_ = chosen.model_for(each.path) or find_own_model(scenario)
            made_of = recorded(scenario.script, model_)
        path = paths[each.path]
        with told_unwritable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_text(path) as stream:
                stream.writelines(tell_record(played.tell_lines(), keys[each.path], made_of))
        written += 1
    print(f"{counted(written, 'run document')} written below {printable(str(output))}")
    raise SystemExit(status)


def _keys(named: "list[Named]", root: str | None) -> "dict[str, PurePath]":
    """Return the path of each file below the root of a baseline."""
    from simulator.compare.compat.baselines import OutsideError, key_of

    said = settings()
    if root is None and (settled := said.get("root")) is not None:
        root = said.place(settled)
    if root is not None and not Path(root).is_dir():
        give_up(f"--root {root}: there is no such folder")
    try:
        return {each.path: key_of(each.path, given=each.given, root=root) for each in named}
    except OutsideError as error:
        give_up(str(error))


def _record_paths(keys: "dict[str, PurePath]", folder: Path) -> dict[str, Path]:
    """Return where the run document of each scenario is written, each to a file of its own."""
    from simulator.compare.compat.baselines import record_path

    read = {path.resolve() for path in map(Path, keys)}
    written: dict[Path, str] = {}
    for file, key in keys.items():
        path = folder / record_path(key)
        if path in written:
            root = Path(written[path]).parent != Path(file).parent
            help = "; --root names a folder that both are below" if root else ""
            give_up(f"{written[path]} and {file} would both be written to {path}{help}")
        if path.resolve() in read:
            give_up(f"{path} is what is read here, and is left as it is")
        written[path] = file
    return {file: path for path, file in written.items()}


ExploreOption = Annotated[
    Path | None,
    typer.Option(
        "--explore",
        metavar="DIR",
        help="Also the shortest timelines on which two models differ; they are left there.",
    ),
]


@reporting("ignore")
def compat(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A model, or a recorded baseline.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NEW] FILE...",
            help="Another model, a proposal's file or a baseline; without it, each scenario's own "
            "model. Then scenarios, folders of them, or patterns.",
        ),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least level that makes the exit status 1.")
    ] = FailOn.ERR,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="FILE|KINDS",
            help="TOML: what is accepted, why, and until when; or kinds of differences.",
        ),
    ] = None,
    root: RootOption = None,
    explore: ExploreOption = None,
    *,
    wishes: Wishes,
) -> None:
    """Tell what a change of semantics does to scenarios: what is lost, wrong, or new."""
    accepted = [each for each in ignore or () if each.endswith(".toml") or Path(each).is_file()]
    wishes = wishes._replace(ignore=[each for each in ignore or () if each not in accepted])
    named_ones = settings().names("baselines")
    new, files = _new_and_files([named_ones.get(word, word) for word in words or []])
    old, named = named_ones.get(old, old), found_scenarios(files)
    inputs = [each.path for each in named]
    telling = Telling("compat", "scenario", wishes, inputs=inputs, silent=True)
    sift = _acceptance(accepted)
    if explore is not None and (more := _explored(old, new, explore)):
        named = [*named, *found_scenarios(more)]
    pairs, status = _played_both(old, new, named, load_all(named), root)
    if not pairs:
        raise SystemExit(status)
    _tell_differences(telling, pairs, sift, fail_on, status)


def _tell_differences(
    telling: Telling,
    pairs: list[tuple[Any, Any, tuple[str, str] | None]],
    sift: "Sift",
    fail_on: FailOn,
    status: int,
) -> NoReturn:
    """Tell what differs, and end with the status.

    Args:
        status: Where it is not 0, it stays.
    """
    from simulator.compare.compat.found import find_differences
    from simulator.pipeline.reports import report_differences

    counting: list[Difference] = []
    left_out: list[tuple[Difference, str]] = []
    track = Track(len(pairs))
    for pair in pairs:
        file = pair[0]["file"]
        with track.file(f"comparing {file}"):
            found, left = sift(find_differences(*pair))
        counting += telling.sifted(file, found)
        left_out += left
        telling.add(report_differences(file, found))
    failing = any(LEVELS.index(each.level) <= LEVELS.index(fail_on.value) for each in counting)
    status = status or (FAILING if failing and not telling.wishes.exit_zero else 0)
    reviews = _reviews(counting, left_out, len(pairs), quiet=telling.wishes.quiet)
    telling.end(own=reviews, status=status, alone=True)


LEVELS = [each.value for each in FailOn]
"""The levels of differences, the worst first."""


def _acceptance(paths: list[str]) -> "Sift":
    """Return what parts differences into those that count, and those that files accept."""
    import datetime

    from simulator.compare.compat import ignoring

    today = datetime.date.today()
    entries: list[ignoring.Ignored] = []
    with usable():
        for path in paths:
            found = ignoring.load_ignored(path)
            entries += found
            for entry in ignoring.expired(found, today):
                print(f"warning: {path}:{entry}", file=sys.stderr)
    return lambda differences: ignoring.sift(differences, entries, today)


def _reviews(
    counting: "list[Difference]",
    left_out: "list[tuple[Difference, str]]",
    scenarios: int,
    *,
    quiet: bool,
) -> "Mapping[ReportFormat, Own]":
    """Return how differences are told as a review, by format."""
    from simulator.compare.compat import writing

    def text(colour: bool) -> str:
        told = writing.write_review(counting, left_out, scenarios=scenarios)
        return told.rpartition("\n\n")[0] + "\n" if quiet and "\n\n" in told else told

    return {
        ReportFormat.TEXT: text,
        ReportFormat.JSON: lambda _: writing.write_json(counting, left_out),
        ReportFormat.MARKDOWN: lambda _: writing.write_markdown(
            counting, left_out, scenarios=scenarios
        ),
    }


def _new_and_files(words: list[str]) -> tuple[str | None, list[str] | None]:
    """Return the second of the two that are compared, if it is named, and the scenarios.

    What is neither a file nor a folder, and ends as no scenario does, is meant as a model.
    """
    from simulator.compare.compat.baselines import is_baseline
    from simulator.pipeline.files import SCENARIOS

    if not words:
        return None, None
    first, *rest = words
    file = Path(first).exists() or first.endswith(SCENARIOS) or set("*?[") & set(first)
    if is_baseline(first) or first.endswith(".py") or not (file or first == "-"):
        if not is_baseline(first):
            find_model(first)
        if not rest and not settings().get("paths"):
            give_up(f"no scenario is named to compare {first} on")
        return first, rest or None
    return None, words


def _explored(old: str, new: str | None, folder: Path) -> list[str]:
    """Write the shortest timelines on which two models differ, one of each kind; their files."""
    from simulator.apis import host_for
    from simulator.cli.exploring.counting import counting
    from simulator.exploring.differing import timelines_between
    from simulator.writing import write_text

    models = tuple(find_model(word) for word in (old, new) if word and not Path(word).is_dir())
    one, other = (*models, None, None)[:2]
    if one is None or other is None:
        give_up("--explore needs two models: baselines know only the scenarios that were recorded")
    if (one.id, host_for(one, None)) == (other.id, host_for(other, None)):
        give_up(f"--explore: both of the models are {one.id}")
    with usable(), counting("exploring") as report, contextlib.redirect_stdout(sys.stderr):
        texts = timelines_between(one, other, report)
    files = []
    for number, text in enumerate(texts, 1):
        path = folder / f"differs-{number}.yaml"
        with told_unwritable(path):
            folder.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        files.append(str(path))
    return files


def _played_both(
    old: str,
    new: str | None,
    named: "list[Named]",
    scenarios: "list[Scenario | None]",
    root: str | None,
) -> tuple[list[tuple[Any, Any, tuple[str, str] | None]], int]:
    """Return both run documents of each scenario with what to call them, and the status so far."""
    loaded = [(n, s) for n, s in zip(named, scenarios, strict=True) if s is not None]
    befores, afters = (_documents(word, loaded, root) for word in (old, new))
    names = {
        (True, False): ("baseline", "now"),
        (False, True): ("now", "baseline"),
        (True, True): (f"baseline {old}", f"baseline {new}"),
    }.get((Path(old).is_dir(), new is not None and Path(new).is_dir()))
    both = [
        (befores[each.path], afters[each.path], names)
        for each, _ in loaded
        if each.path in befores and each.path in afters
    ]
    if new is None:
        _tell_other_models(old, both)
    return both, 0 if len(both) == len(named) else UNUSABLE


def _tell_other_models(old: str, both: Sequence[tuple[Any, Any, tuple[str, str] | None]]) -> None:
    """Warn where a baseline was recorded under another model than the one that a scenario names."""
    others = [(before["model"], after["model"]) for before, after, _ in both]
    for before, after in dict.fromkeys(pair for pair in others if pair[0] != pair[1]):
        count = counted(others.count((before, after)), "scenario")
        told = f"{old} is of {before}, and {count} here of {after}: name {before} as NEW"
        if Path(old).is_dir():
            print(f"warning: {printable(told)}", file=sys.stderr)


def _documents(
    word: str | None, loaded: "list[tuple[Named, Scenario]]", root: str | None
) -> dict[str, Any]:
    """Return the run documents of scenarios by file: under a model, or those that were recorded.

    Args:
        word: None for the model that each scenario names.
    """
    from simulator.compare.compat.baselines import Wanted, load_baseline
    from simulator.pipeline.digests import scenario_digest
    from simulator.pipeline.reviews import play_under

    if word is not None and Path(word).is_dir():
        keys = _keys([each for each, _ in loaded], root)
        wanted = [
            Wanted(each.path, keys[each.path], s.script.title, scenario_digest(s.script))
            for each, s in loaded
        ]
        documents, wrong = load_baseline(word, wanted)
        for error in wrong:
            tell_input_error(error)
        return dict(documents)
    model = find_model(word)
    played = {}
    for each, scenario in loaded:
        with usable(), waiting(f"playing {each.path}"):
            chosen = model or find_own_model(scenario)
            played[each.path] = play_under(scenario, chosen)[0]
    return played
