"""The command line: the only printing, and the only exit codes."""

import contextlib
import gc
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simulator.apis.base import ApiModel
    from simulator.pipeline import Run

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
def check(files: Files, model: ModelOption = None) -> None:
    """Play scenarios and print only the findings; for CI."""
    _play_all(files, model, lambda each: each.findings_text(colour=_colour()))


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
    from simulator.apis.proposals import UnknownModel
    from simulator.render.report import write_input_error

    try:
        return pipeline.find_model(word)
    except UnknownModel as unknown:
        _give_up(f"unknown model {word}", word, unknown.known)
    except pipeline.InputError as error:
        print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None
    raise AssertionError("giving up does not return")


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
    from simulator.verify.peers import PEERS

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
            steps = f"{path}: {outcome.steps} steps"
            print(f"{steps} agree with {real.name} {outcome.version}", flush=True)
            continue
        status = max(status, FAILING)
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
    from simulator import pipeline
    from simulator.render.report import write_input_error
    from simulator.verify.peers import UnsupportedError, export_timeline

    chosen = _find_model(model)
    try:
        timeline = pipeline.load(file).run(chosen).timeline
    except pipeline.InputError as error:
        print(write_input_error(error, colour=_colour(sys.stderr)), file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None
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


@app.command(epilog="Example: backup-timeline explain BT201")
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Code or name: stale-bitmap.")],
) -> None:
    """Tell what a rule finds, with a bad and a good scenario."""
    from simulator import checks

    for each in checks.RULES:
        if rule.lower() in (each.code.lower(), each.name):
            models = f"Models: {', '.join(each.models) or 'all'}"
            print(f"# {each.code} {each.name} ({each.severity})\n\n{each.explanation}\n\n{models}")
            return
    words = [word for each in checks.RULES for word in (each.code, each.name)]
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
    from simulator.apis.template import write_proposal
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
