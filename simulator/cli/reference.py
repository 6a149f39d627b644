"""Commands that tell about the program itself: its rules, models and schemas, and how to begin."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.cli.ends import UNUSABLE, give_up, told_unwritable
from simulator.cli.program.options import Format
from simulator.cli.reading import find_model
from simulator.cli.settings.force import settings
from simulator.diagnostics import printable


class SchemaName(StrEnum):
    """The published schemas."""

    SCENARIO = "scenario"
    RUN = "run"
    JSONL = "jsonl"
    REPORT = "report"


def explain(
    rule: Annotated[
        str, typer.Argument(metavar="CODE", help="Any code that is printed, or its name.")
    ],
) -> None:
    """Tell what a code stands for: what it finds, why, and what to do; of rules with scenarios."""
    from simulator.formats.codes import find_code, known_codes, nearest

    found = find_code(rule)
    if found is None:
        near = nearest(rule)
        if near:
            print(f"error: unknown rule {printable(rule)}", file=sys.stderr)
            print(f"  = help: did you mean {' or '.join(near)}?", file=sys.stderr)
            raise SystemExit(UNUSABLE)
        family = [code for code in known_codes() if code[:2] == rule[:2].upper()]
        give_up(f"unknown rule {rule}", known=family or list(known_codes()))
    severity = f" ({found.severity})" if found.severity is not None else ""
    name = f" {found.name}" if found.name != found.code else ""
    print(f"# {found.code}{name}{severity}\n\n{found.text}")


def rules() -> None:
    """List the rules: code, severity, name, and what each finds."""
    import textwrap

    from simulator import checks

    for each in checks.RULES:
        print(f"{each.code}  {each.severity.value:7}  {each.name}")
        print(textwrap.fill(each.summary, 72, initial_indent=" " * 7, subsequent_indent=" " * 7))


def models(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Just this one, or a proposal's file.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Another one: tell where they differ.")
    ] = None,
    changes: Annotated[
        str | None,
        typer.Option(
            metavar="FROM..TO", help="Tell what an upgrade changes: 9.0..12.8, or 7.2..11.1."
        ),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Tell the policies and primitives of proposals.")
    ] = False,
) -> None:
    """List the API models that give the verbs their meaning, or tell the policies of one."""
    from simulator.apis.telling.describe import describe

    if reference or changes is not None:
        if model is not None or against is not None or (reference and changes is not None):
            give_up("--reference and --changes are about no single model, and stand alone")
        _print_reference() if changes is None else _print_changes(changes)
        return
    chosen, other = find_model(model), find_model(against)
    if chosen is not None:
        print(describe(chosen, other))
    elif other is not None:
        give_up("--against needs a model to hold against it")
    else:
        _print_models()


def _print_models() -> None:
    """Print all models, and the releases that are known."""
    from simulator import apis
    from simulator.releases.hosts import HOST_DEFAULT, KNOWN, NAMES

    for each in apis.MODELS.values():
        default = " (default)" if each.id == apis.MODEL_DEFAULT else ""
        print(f"{each.id:11} {each.title}{default}")
    for half, releases in KNOWN.items():
        host = f"{NAMES[half]} {HOST_DEFAULT._asdict()[half]} if none is named"
        print(f"{NAMES[half]}: {', '.join(releases)}; {host}")


def _print_reference() -> None:
    from simulator.apis.telling.reference import write_reference

    print(write_reference(), end="")


def _print_changes(words: str) -> None:
    """Print what changed between two releases, or end with status 2."""
    from simulator.pipeline.upgrades import UnknownRange, read_range, tell_changes
    from simulator.releases.hosts import UnknownRelease

    try:
        print(tell_changes(read_range(words)), end="")
    except UnknownRelease as unknown:
        give_up(f"unknown release {unknown.word}; known are {', '.join(unknown.known)}")
    except UnknownRange as error:
        give_up(str(error))


def config(
    format: Annotated[Format, typer.Option("--format", "-f", help="Words, or data.")] = Format.TEXT,
) -> None:
    """Show the configuration that is in force, and from where each value is."""
    from simulator.settings.keys import KEYS

    found = settings()
    file = str(found.path) if found.path is not None else None
    if format is Format.JSON:
        values = {key: {"value": found.get(key), "from": found.origin(key)} for key in KEYS}
        print(json.dumps({"format": 1, "file": file, "values": values}, indent=1))
        return
    print(f"# {printable(file) if file else 'no configuration: all values are defaults'}")
    told = [(f"{key} = {_written(found.get(key))}", found.origin(key)) for key in KEYS]
    width = min(48, max(len(line) for line, _ in told))
    for line, origin in told:
        print(f"{printable(line).ljust(width)}  # {printable(origin)}")


def _written(value: Any) -> str:
    """Return a value as TOML has it; one that is not there as a pair of quotes."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(key)} = {_written(each)}" for key, each in value.items())
        return f"{{{', '.join(inner)}}}"
    return json.dumps(value if value is not None else "", ensure_ascii=False)


def schema(
    name: Annotated[
        SchemaName,
        typer.Argument(help="Of a scenario file, a run document, a line of one, or a report."),
    ],
) -> None:
    """Print a JSON Schema, for editors and for programs that read runs."""
    if name is SchemaName.SCENARIO:
        from simulator.scenario.schema import scenario_schema as made
    elif name is SchemaName.RUN:
        from simulator.render.document import run_schema as made
    elif name is SchemaName.REPORT:
        from simulator.render.reports.document import report_schema as made
    else:
        from simulator.render.lines import lines_schema as made
    print(json.dumps(made(), indent=1))


def new(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="File to write; - prints it.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Write a proposal for an API model instead: FILE.py."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Let it begin with what this model does."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", help="A policy whose present body is to be in it; repeatable."),
    ] = None,
) -> None:
    """Write a commented scenario, or a proposal for an API model, to start from."""
    from simulator.scenario.template import TEMPLATE
    from simulator.writing import write_text

    if (name is None) == (model is None):
        give_up("one of a scenario's NAME and --model NAME is needed")
    if model is None and (origin is not None or policy):
        give_up("--from and --policy are about a proposal: --model NAME is missing")
    word = name if model is None else model
    assert word is not None, "one of the two is there"
    suffix = ".yaml" if model is None else ".py"
    text = TEMPLATE if model is None else _proposal(word, origin, policy or [])
    if word == "-":
        print(text, end="")
        return
    suffixes = (".yaml", ".yml") if model is None else (".py",)
    path = Path(word if word.endswith(suffixes) else f"{word}{suffix}")
    with told_unwritable(path):
        write_text(path, text, fresh=True)
    shown = printable(str(path))
    then = f"run {shown}" if model is None else f"models ./{shown}"
    print(f"{shown} written; next: backup-timeline {then}")


def _proposal(word: str, origin: str | None, policies: list[str]) -> str:
    """Return a proposal to start from, or end with status 2 where something is not known."""
    from simulator.apis.proposals.template import write_proposal, write_proposal_from
    from simulator.apis.telling.describe import POLICIES

    if origin is None and not policies:
        return write_proposal(word)
    chosen = find_model(origin)
    if origin is None or chosen is None:
        give_up("--policy needs the model that it is taken from: --from MODEL")
    named = [each for words in policies for each in words.split(",")]
    for each in named:
        if each not in POLICIES:
            give_up(f"unknown policy {each}", each, POLICIES)
    if not named:
        give_up(f"--from {origin} needs --policy: which of its policies is to change?")
    return write_proposal_from(word, chosen, list(dict.fromkeys(named)))


def example(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Such as mail/2018; all, if none.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
) -> None:
    """List the scenarios that come with the program, or print one of them."""
    from simulator.pipeline.examples import UnknownExample, example_names, example_path
    from simulator.writing import write_text

    if name is None:
        if output is not None:
            give_up("--output needs the NAME of an example")
        print("\n".join(example_names()))
        return
    try:
        text = example_path(name).read_text()
    except UnknownExample as unknown:
        give_up(str(unknown))
    if output is None:
        print(text, end="")
        return
    with told_unwritable(output):
        write_text(output, text, fresh=True)
    print(f"{printable(str(output))} written; next: backup-timeline run {printable(str(output))}")


def demo() -> None:
    """Play the scenario of the mail of 2018, wherever the program is installed."""
    from simulator.cli.playing import run
    from simulator.pipeline.examples import example_path

    path = example_path("mail/2018")
    here = Path.cwd()
    run([str(path.relative_to(here) if path.is_relative_to(here) else path)])
