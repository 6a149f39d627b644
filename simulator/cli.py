"""The command line: the only printing, and the only exit codes."""

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel
    from simulator.checks.updating import Edit
    from simulator.pipeline import Run, Scenario

UNUSABLE, FAILING = 2, 1
"""Exit status for input that cannot be used, and for findings that nobody expected."""

app = typer.Typer(
    name="backup-timeline",
    help="Simulate and draw backup timelines of virtual machines.",
    epilog="Example: backup-timeline run scenarios/mail/2018.yaml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """What ``run`` prints."""

    TEXT = "text"
    JSON = "json"


class CompareFormat(StrEnum):
    """What ``compare`` prints."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class FailOn(StrEnum):
    """The least level of a difference at which ``compat`` fails."""

    ERR = "ERR"
    WARN = "WARN"
    INFO = "INFO"


class InspectFormat(StrEnum):
    """What ``inspect`` prints."""

    TEXT = "text"
    JSON = "json"
    SCENARIO = "scenario"


class Peer(StrEnum):
    """The real thing that ``verify`` holds a simulation against."""

    QEMU = "qemu"
    LIBVIRT = "libvirt"


class ScriptLanguage(StrEnum):
    """What ``export`` writes."""

    QMP = "qmp"
    SH = "sh"
    VIRSH = "virsh"


class SchemaName(StrEnum):
    """The two published schemas."""

    SCENARIO = "scenario"
    RUN = "run"


Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenarios; - reads stdin.")]
Scenarios = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Scenarios, or folders of them.")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="API model to run under, or a proposal's file."),
]


@app.command(epilog="Example: backup-timeline run scenarios/mail/2018.yaml --model libvirt")
def run(
    files: Files,
    model: ModelOption = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="Figures, or the run document.")
    ] = Format.TEXT,
) -> None:
    """Play scenarios: print each instant's figure, the backups, and the findings."""

    def show(each: "Run") -> str:
        return each.json() if format is Format.JSON else each.text(colour=_colour())

    _play_all(files, model, show)


@app.command(epilog="Example: backup-timeline check scenarios/flagged/*.yaml")
def check(
    files: Files,
    model: ModelOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="First rewrite expected figures to what comes out.")
    ] = False,
) -> None:
    """Play scenarios and print only the findings; for CI."""
    if update:
        _refuse_in_ci("--update")
        for path in files:
            edited = _edited(path, model)
            if edited is not None:
                _rewrite(path, *edited)
    _play_all(files, model, lambda each: each.findings_text(colour=_colour()))


@app.command(epilog="Example: backup-timeline review scenarios/mail/*.yaml")
def review(
    files: Files,
    model: ModelOption = None,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Rewrite every figure that changed.")
    ] = False,
    reject_all: Annotated[
        bool, typer.Option("--reject-all", help="Keep every figure: what changed is wrong.")
    ] = False,
) -> None:
    """Go through expected figures that changed, one by one: accept, reject, skip or quit."""
    from simulator.checks.updating import rewrite

    _refuse_in_ci("review")
    if accept_all and reject_all:
        _give_up("--accept-all and --reject-all are both there")
    if not (accept_all or reject_all or (sys.stdin.isatty() and sys.stdout.isatty())):
        _give_up("there is no terminal to ask at; give --accept-all or --reject-all")
    always = "a" if accept_all else "r" if reject_all else ""
    answers = {"a": 0, "r": 0, "s": 0}
    answer = ""
    for path in files:
        edited = _edited(path, model, tell=False)
        if edited is None:
            raise typer.Exit(UNUSABLE)
        source, _, edits = edited
        taken = []
        for edit in edits:
            # Whoever quits leaves the rest open; what was accepted by then is written.
            answer = answer if answer == "q" else always or _ask(path, edit)
            answers["s" if answer == "q" else answer] += 1
            taken += [edit] if answer == "a" else []
        if taken:
            _rewrite(path, source, rewrite(source, taken), taken)
    print(f"{answers['a']} accepted, {answers['r']} rejected, {answers['s']} skipped")
    if answers["r"] or answers["s"]:
        raise typer.Exit(FAILING)


@app.command(epilog="Example: backup-timeline lint proposal.md")
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Mails or documents.")],
    update: Annotated[
        bool, typer.Option("--update", help="Rewrite the rows that are not as they come out.")
    ] = False,
) -> None:
    """Hold the figures of a mail or a document against the scenarios in it."""
    from simulator import pipeline
    from simulator.diagnostics import InputError
    from simulator.documents.linting import correct
    from simulator.render.report import write_finding, write_input_error

    if update:
        _refuse_in_ci("--update")
    status = 0
    for path in files:
        text = _read_text(path)
        found = pipeline.lint_document(text, path)
        if update and found.corrections:
            fixed = correct(text, found.corrections)
            _rewrite(path, text, fixed, found.corrections)
            text, found = fixed, pipeline.lint_document(fixed, path)
        told = [
            write_finding(each, path=path, source=text, colour=_colour()) for each in found.findings
        ]
        counts = f"{path}: {found.scenarios} scenarios, {found.figures} figures"
        print("\n\n".join([*told, f"{counts}, {len(told)} wrong rows"]))
        if found.problems:
            error = InputError(path, text, found.problems)
            print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
        if not found.figures and not found.scenarios:
            print(f"error: {path} has neither figures nor scenarios", file=sys.stderr)
        unusable = found.problems or not (found.figures or found.scenarios)
        status = max(status, UNUSABLE if unusable else FAILING if told else 0)
    if status:
        raise typer.Exit(status)


def _refuse_in_ci(what: str) -> None:
    """End where nobody is there to judge a change."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
        _give_up(f"{what} changes files, and this is CI (CI={os.environ['CI']})")


def _edited(
    path: str, model: str | None, *, tell: bool = True
) -> "tuple[str, str, list[Edit]] | None":
    """Return a scenario's text, the text with its figures redrawn, and the edits.

    Args:
        tell: Whether a scenario that cannot be used is left for somebody else to tell; None then.
    """
    from simulator import pipeline
    from simulator.checks.updating import find_edits, rewrite

    if path == "-":
        _give_up("standard input cannot be rewritten")
    chosen = _find_model(model)
    try:
        timeline = pipeline.load(path).run(chosen).timeline
    except pipeline.InputError:
        if tell:
            return None
        with _usable():
            raise
    edits = list(find_edits(timeline))
    source = timeline.script.source
    return source, rewrite(source, edits), edits


def _ask(path: str, edit: "Edit") -> str:
    """Show a row that changed, and return what a person says: a, r, s or q."""
    print(f"\n{path}:{edit.line}: {edit.label}\n  expected |{edit.old}\n  found    |{edit.new}")
    width = max(len(edit.old), len(edit.new))
    pairs = zip(edit.old.ljust(width), edit.new.ljust(width), strict=True)
    print(f"            {''.join(' ' if a == b else '^' for a, b in pairs)}".rstrip())
    while True:
        try:
            said = input("accept, reject, skip, quit? [a/r/s/q] ").strip().lower()[:1]
        except EOFError:
            return "q"
        if said and said in "arsq":
            return said


def _read_text(path: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        _give_up(f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError as error:
        _give_up(f"{path} is no text in UTF-8: byte {error.start}")
    raise AssertionError("giving up does not return")


def _rewrite(path: str, old: str, new: str, changes: Sequence[object]) -> None:
    """Write a file anew, all or nothing, and show the change."""
    import difflib
    import tempfile

    if path == "-":
        _give_up("standard input cannot be rewritten")
    if not changes:
        return
    target = Path(path).resolve()
    try:
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=target.parent, delete=False
        ) as file:
            file.write(new)
        os.chmod(file.name, target.stat().st_mode)
        os.replace(file.name, target)
    except OSError as error:
        _give_up(f"cannot write {path}: {error.strerror}")
    shown = difflib.unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="", n=1)
    print("\n".join(shown), end="\n\n")


def _play_all(files: list[str], model: str | None, show: "Callable[[Run], str]") -> None:
    """Play every file, show each, and end with the worst status of them."""
    from simulator import pipeline
    from simulator.render.report import write_input_error

    # What has been loaded by now stays, so the collector need not look at it, file by file.
    gc.freeze()
    gc.enable()
    chosen = _find_model(model)
    status = 0
    between = ""
    for path in files:
        try:
            played = pipeline.load(path).run(chosen)
        except pipeline.InputError as error:
            print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
            status = UNUSABLE
            continue
        text = show(played)
        print(f"{between}{text}", end="")
        between = "" if text.startswith("{") else "\n"
        if played.failing:
            status = max(status, FAILING)
    if status:
        raise typer.Exit(status)


def _find_model(word: str | None) -> "ApiModel | None":
    """Return the model of an option, or end with status 2 where there is none that can be used."""
    if word is None:
        return None
    from simulator import pipeline
    from simulator.apis.proposals.loading import UnknownModel

    try:
        with _usable():
            return pipeline.find_model(word)
    except UnknownModel as unknown:
        _give_up(f"unknown model {word}", word, unknown.known)
    raise AssertionError("giving up does not return")


@app.command(
    epilog="Example: backup-timeline compare scenarios/mail/2018.yaml --models mail-2018,libvirt"
)
def compare(
    files: Scenarios,
    models: Annotated[
        str, typer.Option("--models", "-m", help="Two or more, with commas; or proposals' files.")
    ],
    format: Annotated[
        CompareFormat, typer.Option("--format", "-f", help="For a terminal, a program, a review.")
    ] = CompareFormat.TEXT,
) -> None:
    """Play scenarios under several models, and show where they differ."""
    from simulator import pipeline
    from simulator.compare import differences, writing

    chosen = [_find_model(word.strip()) for word in models.split(",") if word.strip()]
    ids = [model.id for model in chosen if model is not None]
    if len(ids) < 2:
        _give_up("--models names fewer than two models")
    for name in ids:
        if ids.count(name) > 1:
            _give_up(f"two of the models are called {name}")
    compared, status = [], 0
    for scenario in _load_all(files):
        if scenario is None:
            status = UNUSABLE
            continue
        with _usable():
            played = [pipeline.play_under(scenario, model) for model in chosen if model]
        compared.append(differences.compare_runs(*zip(*played, strict=True)))
    if not compared:
        raise typer.Exit(status)
    if format is CompareFormat.JSON:
        print(writing.write_json(compared), end="")
    elif format is CompareFormat.MARKDOWN:
        print(writing.write_markdown(compared), end="")
    else:
        print(writing.write_text(compared), end="")
    raise typer.Exit(status)


@app.command(epilog="Example: backup-timeline record scenarios/mail -o baselines/libvirt")
def record(
    files: Scenarios,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    model: ModelOption = None,
) -> None:
    """Write run documents, as a baseline that can be committed and that compat reads."""
    from simulator.compare.baselines import baseline_path, write_baseline

    chosen, status, written = _find_model(model), 0, 0
    for scenario in _load_all(files):
        if scenario is None:
            status = UNUSABLE
            continue
        with _usable():
            document = scenario.run(chosen).document()
        path = output / baseline_path(document["file"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(write_baseline(document), encoding="utf-8")
        except OSError as error:
            _give_up(f"cannot write {path}: {error.strerror}")
        written += 1
    print(f"{written} run documents written below {output}")
    raise typer.Exit(status)


@app.command(epilog="Example: backup-timeline compat baselines/libvirt mine.py scenarios/")
def compat(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A model, or a recorded baseline.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one, or a proposal's file.")],
    files: Scenarios,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least level that makes the exit status 1.")
    ] = FailOn.ERR,
    ignore: Annotated[
        str | None, typer.Option("--ignore", help="TOML: what is accepted, why, and until when.")
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="A review, or data.")
    ] = Format.TEXT,
) -> None:
    """Tell what a change of semantics does to scenarios: what is lost, wrong, or new."""
    import datetime

    from simulator.compare import compat as check
    from simulator.compare import ignoring

    with _usable():
        ignored = ignoring.load_ignored(ignore) if ignore is not None else ()
    scenarios = _load_all(files)
    befores, afters = (_documents(word, scenarios) for word in (old, new))
    found = [
        difference
        for before, after in zip(befores, afters, strict=True)
        for difference in check.find_differences(before, after)
    ]
    counted, left_out = ignoring.sift(found, ignored, datetime.date.today())
    for entry in ignoring.expired(ignored, datetime.date.today()):
        print(f"warning: {ignore}:{entry}", file=sys.stderr)
    if format is Format.JSON:
        print(check.write_json(counted, left_out), end="")
    else:
        print(check.write_review(counted, left_out, scenarios=len(befores)), end="")
    levels = list(check.Level)
    worst = levels.index(check.Level(fail_on.value))
    if None in scenarios:
        raise typer.Exit(UNUSABLE)
    if any(levels.index(each.level) <= worst for each in counted):
        raise typer.Exit(FAILING)


def _load_all(words: list[str]) -> "list[Scenario | None]":
    """Return the scenarios of files and folders; None for one that is told to be unusable."""
    from simulator import pipeline
    from simulator.render.report import write_input_error

    loaded: list[Scenario | None] = []
    files = pipeline.scenario_files(words)
    if not files:
        _give_up(f"no scenario in {', '.join(words)}")
    for path in files:
        try:
            loaded.append(pipeline.load(path))
        except pipeline.InputError as error:
            print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
            loaded.append(None)
    return loaded


def _documents(word: str, scenarios: "list[Scenario | None]") -> list[Any]:
    """Return the run documents of scenarios under a model, or those that were recorded."""
    from simulator import pipeline
    from simulator.compare.baselines import load_baseline

    usable = [each for each in scenarios if each is not None]
    if Path(word).is_dir():
        with _usable():
            recorded = load_baseline(word, [each.script.path for each in usable])
        return list(recorded.values())
    model = _find_model(word)
    assert model is not None, "a word was given"
    with _usable():
        return [pipeline.play_under(scenario, model)[0] for scenario in usable]


@contextlib.contextmanager
def _usable() -> Iterator[None]:
    """End with status 2 where input turns out to be unusable, and tell why."""
    from simulator.diagnostics import InputError
    from simulator.render.report import write_input_error

    try:
        yield
    except InputError as error:
        print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None


@app.command(epilog="Example: backup-timeline verify scenarios/mail/*.yaml --with qemu")
def verify(
    files: Files,
    peer: Annotated[Peer, typer.Option("--with", help="What to play them on.")] = Peer.QEMU,
    model: ModelOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that a step may take.")
    ] = 10.0,
) -> None:
    """Play scenarios on the real thing; show the first difference."""
    from simulator import pipeline
    from simulator.render.report import write_finding, write_input_error
    from simulator.verify.peers import NOT_THERE, PEERS

    gc.freeze()
    gc.enable()
    chosen, real = _find_model(model), PEERS[peer.value]
    status = 0
    for path in files:
        try:
            timeline = pipeline.load(path).run(chosen).timeline
        except pipeline.InputError as error:
            print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
            status = UNUSABLE
            continue
        if problem := real.refuse(timeline):
            print(f"error: {path}: {problem}", file=sys.stderr)
            status = UNUSABLE
            continue
        outcome = real.verify(timeline, timeout)
        if outcome.finding is None:
            agreed = f"{outcome.steps} steps agree with {real.name} {outcome.version}"
            print(f"{path}: {agreed}", flush=True)
            continue
        status = max(status, UNUSABLE if outcome.finding.rule in NOT_THERE else FAILING)
        source = timeline.script.source
        print(write_finding(outcome.finding, path=path, source=source, colour=_colour()))
        if outcome.said:
            print("", f"{real.language} so far:", *outcome.said, sep="\n")
        if not outcome.version:
            break  # What is missing here is missing for the other files, too.
    if status:
        raise typer.Exit(status)


@app.command(epilog="Example: backup-timeline export scenarios/mail/2018.yaml --to sh -o mail.sh")
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    to: Annotated[
        ScriptLanguage,
        typer.Option("--to", help="Lines of QMP, or a shell script: of QMP, of virsh."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
    model: ModelOption = None,
) -> None:
    """Write a scenario as a script for a real QEMU, or a real libvirt."""
    from simulator.verify.peers import UnsupportedError, export_timeline

    timeline = _played(file, model).timeline
    try:
        text = export_timeline(timeline, to.value)
    except UnsupportedError as error:
        _give_up(f"{file}: {error}")
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        _give_up(f"cannot write {output}: {error.strerror}")
    print(f"{output} written")


@app.command(epilog="Example: backup-timeline draw scenarios/mail/2018.yaml -o mail.svg")
def draw(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="File to write: svg, png, pdf, gif, txt or html; - prints text."
        ),
    ],
    view: Annotated[
        str, typer.Option("--view", help="film, chain, time, restore or tree.")
    ] = "film",
    at: Annotated[
        str | None, typer.Option("--at", help="The instant of a chain; the last one if left out.")
    ] = None,
    theme: Annotated[str, typer.Option("--theme", help="light or dark.")] = "light",
    animate: Annotated[
        bool, typer.Option("--animate", help="An svg that shows one instant after another.")
    ] = False,
    model: ModelOption = None,
) -> None:
    """Draw a scenario: as a film of its instants, or as another view of it."""
    from simulator.render.palette import Theme
    from simulator.render.pictures import PictureError, View, check_suffix, word_of

    try:
        printed = str(output) == "-"
        page = not printed and check_suffix(output) == ".html"
        word_of(View, view), word_of(Theme, theme)
        if page and (at or animate or view != "film" or theme != "light"):
            _give_up("a page has every instant in both themes: give no other option than -o and -m")
        picture = _played(file, model).draw(view, at=at, theme=theme)
        if printed and animate:
            _give_up("text shows one picture; only .svg and .gif are animated")
        if not printed:
            picture.save(output, animate=animate)
    except ModuleNotFoundError as error:
        _give_up_without(f"the view {view}", error)
    except PictureError as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"cannot write {output}: {error.strerror}")
    print(picture.text() if printed else f"{output} written\n", end="")


@app.command(epilog="Example: backup-timeline serve scenarios/mail/2018.yaml")
def serve(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario.")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")
    ] = 0,
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open it in a browser.")
    ] = True,
    model: ModelOption = None,
) -> None:
    """Show a scenario as a page that follows the file while it is edited; for this machine only."""
    import webbrowser

    from simulator import pipeline
    from simulator.render.server import make_server

    if not Path(file).is_file():
        _give_up(f"cannot serve {file}: there is no such file")
    chosen = _find_model(model)
    try:
        server = make_server(
            lambda: pipeline.live_page(file, chosen), lambda: pipeline.file_version(file), port
        )
    except OSError as error:
        _give_up(f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}")
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    print(f"{address} shows {file}; Ctrl-C ends it", flush=True)
    if show:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()


@app.command(epilog="Example: backup-timeline restores scenarios/mail/2018.yaml")
def restores(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    format: Annotated[
        Format, typer.Option("--format", "-f", help="A table, or data.")
    ] = Format.TEXT,
    model: ModelOption = None,
) -> None:
    """Tell which instants the backups give back, by which chain, and what may not be lost."""
    try:
        found = _played(file, model).restores()
    except ModuleNotFoundError as error:
        _give_up_without("restores", error)
    print(found.json() if format is Format.JSON else found.text(), end="")


def _give_up_without(what: str, missing: ModuleNotFoundError) -> None:
    """End with status 2: something needs a library that is not installed."""
    _give_up(f"{what} needs {missing.name}: pip install 'backup-timeline[pictures]'")


def _played(file: str, model: str | None) -> "Run":
    """Return the run of a scenario, or end with status 2 where it cannot be used."""
    from simulator import pipeline

    chosen = _find_model(model)
    with _usable():
        return pipeline.load(file).run(chosen)
    raise AssertionError("giving up does not return")


@app.command(epilog="Example: backup-timeline explain BT201")
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Code or name: stale-bitmap.")],
) -> None:
    """Tell what a rule finds, with a bad and a good scenario."""
    from simulator import checks
    from simulator.verify.inspect_health import IN_REAL_CHAINS

    for each in checks.RULES:
        if rule.lower() in (each.code.lower(), each.name):
            models = f"Models: {', '.join(each.models) or 'all'}"
            print(f"# {each.code} {each.name} ({each.severity})\n\n{each.explanation}\n\n{models}")
            if each.code in IN_REAL_CHAINS:
                print(f"\nFound by inspect, too:\n{IN_REAL_CHAINS[each.code][1]}.")
            return
    for code, (name, found) in IN_REAL_CHAINS.items():
        if rule.lower() in (code.lower(), name):
            print(f"# {code} {name}\n\nFound by inspect, in a real backing chain:\n{found}.")
            return
    words = [word for each in checks.RULES for word in (each.code, each.name)]
    words += [word for code, (name, _) in IN_REAL_CHAINS.items() for word in (code, name)]
    _give_up(f"unknown rule {rule}", rule, words)


@app.command(epilog="Example: backup-timeline rules")
def rules() -> None:
    """List the rules: code, severity, name, and what each finds."""
    import textwrap

    from simulator import checks

    for each in checks.RULES:
        print(f"{each.code}  {each.severity.value:7}  {each.name}")
        print(textwrap.fill(each.summary, 72, initial_indent=" " * 7, subsequent_indent=" " * 7))


@app.command(epilog="Example: backup-timeline models libvirt --against mail-2018")
def models(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Just this one, or a proposal's file.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Another one: tell where they differ.")
    ] = None,
) -> None:
    """List the API models that give the verbs their meaning, or tell the policies of one."""
    from simulator import apis
    from simulator.apis.describe import describe

    chosen, other = _find_model(model), _find_model(against)
    if chosen is not None:
        print(describe(chosen, other))
    elif other is not None:
        _give_up("--against needs a model to hold against it")
    else:
        for each in apis.MODELS.values():
            default = " (default)" if each.id == apis.MODEL_DEFAULT else ""
            print(f"{each.id:11} {each.title}{default}")


@app.command(epilog="Example: backup-timeline schema scenario > scenario.schema.json")
def schema(
    name: Annotated[SchemaName, typer.Argument(help="Of a scenario file, or a run document.")],
) -> None:
    """Print a JSON Schema, for editors and for programs that read runs."""
    import json

    if name is SchemaName.SCENARIO:
        from simulator.scenario import scenario_schema

        print(json.dumps(scenario_schema(), indent=1))
    else:
        from simulator.render.document import run_schema

        print(json.dumps(run_schema(), indent=1))


@app.command(epilog="Example: backup-timeline new monday")
def new(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="File to write; - prints it.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Write a proposal for an API model instead: FILE.py."),
    ] = None,
) -> None:
    """Write a commented scenario, or a proposal for an API model, to start from."""
    from simulator.apis.proposals.template import write_proposal
    from simulator.scenario.template import TEMPLATE

    if (name is None) == (model is None):
        _give_up("one of a scenario's NAME and --model NAME is needed")
    word = name if model is None else model
    assert word is not None, "one of the two is there"
    suffix = ".yaml" if model is None else ".py"
    text = TEMPLATE if model is None else write_proposal(word)
    if word == "-":
        print(text, end="")
        return
    suffixes = (".yaml", ".yml") if model is None else (".py",)
    path = Path(word if word.endswith(suffixes) else f"{word}{suffix}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _give_up(f"{path} exists, and is left as it is")
    except OSError as error:
        _give_up(f"cannot write {path}: {error.strerror}")
    then = f"run {path}" if model is None else f"models ./{path}"
    print(f"{path} written; next: backup-timeline {then}")


@app.command(name="inspect", epilog="Example: backup-timeline inspect vm.S2.qcow2 --cells 32")
def inspect_command(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Active images; what is below them is found."),
    ],
    cells: Annotated[
        int, typer.Option("--cells", min=1, max=4096, help="Cells of a row, at most.")
    ] = 64,
    format: Annotated[
        InspectFormat,
        typer.Option("--format", "-f", help="Figures, data, or a scenario to go on from."),
    ] = InspectFormat.TEXT,
) -> None:
    """Draw real qcow2 images, their backing chain and bitmaps; they are only read."""
    from simulator.diagnostics import InputError
    from simulator.render.report import write_finding, write_input_error
    from simulator.verify import inspect

    seen = inspect.inspect_images(images, cells=cells)
    for path, problem in seen.problems:
        unusable = InputError(inspect.label(path), "", [problem])
        print(write_input_error(unusable, colour=_colour(sys.stderr)), file=sys.stderr)
    found = [
        write_finding(finding, path=inspect.label(path), source="", colour=_colour())
        for path, finding in seen.findings
    ]
    if format is InspectFormat.JSON:
        print(inspect.write_json(seen), end="")
    elif seen.disks and format is InspectFormat.SCENARIO:
        print("\n\n".join(found), end="\n" if found else "", file=sys.stderr)
        print(inspect.scenario_of(seen, cells=cells), end="")
    elif seen.disks:
        alone = len(seen.disks) == 1
        drawn = [inspect.write_text(disk, cells=cells, alone=alone) for disk in seen.disks]
        print("\n\n".join([*drawn, *found, inspect.summarise(seen)]))
    if seen.problems or seen.failing:
        raise typer.Exit(UNUSABLE if seen.problems else FAILING)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"backup-timeline {version('backup-timeline')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Simulate and draw backup timelines of virtual machines."""


def _give_up(message: str, word: str = "", known: Any = ()) -> None:
    """Print what is wrong with the command line, and end with status 2."""
    import difflib

    print(f"error: {message}", file=sys.stderr)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        print(f"  = help: did you mean {near[0]}?", file=sys.stderr)
    elif known:
        print(f"  = expected one of {', '.join(known)}", file=sys.stderr)
    raise typer.Exit(UNUSABLE)


def _colour(stream: Any = None) -> bool:
    """Whether to paint: only on a terminal, and not where NO_COLOR says so."""
    stream = stream or sys.stdout
    if stream is None:
        return False
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return bool(stream.isatty()) and not plain


def main() -> None:
    """Run the command line. A closed pipe ends it quietly, Ctrl-C with status 130."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough, as in `backup-timeline run ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        with contextlib.suppress(OSError):
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNUSABLE)
