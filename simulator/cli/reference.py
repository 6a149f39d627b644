"""Commands that tell about the program itself: its rules, models and schemas, and how to begin."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.ends import give_up, told_unwritable
from simulator.cli.reading import find_model
from simulator.diagnostics import printable


class SchemaName(StrEnum):
    """The published schemas."""

    SCENARIO = "scenario"
    RUN = "run"
    JSONL = "jsonl"
    REPORT = "report"


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Code or name: stale-bitmap.")],
) -> None:
    """Tell what a rule finds, with a bad and a good scenario."""
    from simulator import checks
    from simulator.inspect.health.codes import IN_REAL_CHAINS, OF_FILES

    for each in checks.RULES:
        if rule.lower() in (each.code.lower(), each.name):
            models = f"Models: {', '.join(each.models) or 'all'}"
            print(f"# {each.code} {each.name} ({each.severity})\n\n{each.explanation}\n\n{models}")
            if each.code in IN_REAL_CHAINS:
                print(f"\nFound by inspect, too:\n{IN_REAL_CHAINS[each.code][1]}.")
            return
    seen = {**IN_REAL_CHAINS, **OF_FILES}
    for code, (name, found) in seen.items():
        if rule.lower() in (code.lower(), name):
            print(f"# {code} {name}\n\nFound by inspect, in a real backing chain:\n{found}.")
            return
    words = [word for each in checks.RULES for word in (each.code, each.name)]
    words += [word for code, (name, _) in seen.items() for word in (code, name)]
    give_up(f"unknown rule {rule}", rule, words)


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
) -> None:
    """List the API models that give the verbs their meaning, or tell the policies of one."""
    from simulator import apis
    from simulator.apis.describe import describe

    if changes is not None:
        if model is not None or against is not None:
            give_up("--changes is about releases, and not about a model")
        _print_changes(changes)
        return
    from simulator.releases.hosts import HOST_DEFAULT, KNOWN, NAMES

    chosen, other = find_model(model), find_model(against)
    if chosen is not None:
        print(describe(chosen, other))
    elif other is not None:
        give_up("--against needs a model to hold against it")
    else:
        for each in apis.MODELS.values():
            default = " (default)" if each.id == apis.MODEL_DEFAULT else ""
            print(f"{each.id:11} {each.title}{default}")
        for half, releases in KNOWN.items():
            host = f"{NAMES[half]} {HOST_DEFAULT._asdict()[half]} if none is named"
            print(f"{NAMES[half]}: {', '.join(releases)}; {host}")


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


def schema(
    name: Annotated[
        SchemaName,
        typer.Argument(help="Of a scenario file, a run document, a line of one, or a report."),
    ],
) -> None:
    """Print a JSON Schema, for editors and for programs that read runs."""
    import json

    if name is SchemaName.SCENARIO:
        from simulator.scenario import scenario_schema as made
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
) -> None:
    """Write a commented scenario, or a proposal for an API model, to start from."""
    from simulator.apis.proposals.template import write_proposal
    from simulator.scenario.template import TEMPLATE
    from simulator.writing import write_text

    if (name is None) == (model is None):
        give_up("one of a scenario's NAME and --model NAME is needed")
    word = name if model is None else model
    assert word is not None, "one of the two is there"
    suffix = ".yaml" if model is None else ".py"
    text = TEMPLATE if model is None else write_proposal(word)
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
