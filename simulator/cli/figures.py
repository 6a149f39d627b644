"""Commands that hold files against what they expect, and rewrite their figures.

``check`` and ``review`` read scenarios, ``lint`` documents.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simulator.cli.ends import FAILING, UNUSABLE, give_up, refuse_in_ci, told_unwritable, usable
from simulator.cli.output.options import Wishes, reporting
from simulator.cli.output.telling import Telling
from simulator.cli.program.options import Files, HostOption, ModelOption
from simulator.cli.program.plain import keep_what_is_loaded
from simulator.cli.progress import Track
from simulator.cli.reading import (
    find_model,
    find_under,
    found_documents,
    found_scenarios,
    read_text,
)
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.checks.updating import Edit


@reporting()
def check(
    files: Files = None,
    model: ModelOption = None,
    host: HostOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="First rewrite expected figures to what comes out.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on: check again whatever is edited.")
    ] = False,
    *,
    wishes: Wishes,
) -> None:
    """Play scenarios and tell only the findings; for CI."""
    named = [each.path for each in found_scenarios(files)]
    if update:
        refuse_in_ci("--update")
        for path in named:
            edited = edited_scenario(path, model, host)
            if edited is not None:
                rewrite_file(path, *edited)
    keep_what_is_loaded()
    if watch:
        from simulator.cli.output.watching import watch_files

        refuse_in_ci("--watch", "goes on until somebody ends it")
        watch_files(files, model, lambda paths: _check(paths, model, host, wishes))
    _check(named, model, host, wishes)


def _check(paths: list[str], model: str | None, host: str | None, wishes: Wishes) -> NoReturn:
    """Play scenarios, tell the findings, and end with the status."""
    from simulator import pipeline
    from simulator.pipeline.reports import report_run, report_unusable

    telling = Telling(
        "check", "scenario", wishes, inputs=[*paths, model or ""], several=len(paths) > 1
    )
    chosen, track = find_under(model, host), Track(len(paths))
    for path in paths:
        try:
            with track.file(f"checking {path}"):
                found = report_run(chosen.run(pipeline.load(path)), flows=telling.flows)
        except pipeline.InputError as error:
            found = report_unusable(error)
        telling.add(found)
    telling.end()


def review(
    files: Files = None,
    model: ModelOption = None,
    host: HostOption = None,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Rewrite every figure that changed.")
    ] = False,
    reject_all: Annotated[
        bool, typer.Option("--reject-all", help="Keep every figure: what changed is wrong.")
    ] = False,
) -> None:
    """Go through expected figures that changed, one by one: accept, reject, skip or quit."""
    from simulator.checks.updating import rewrite

    refuse_in_ci("review")
    if accept_all and reject_all:
        give_up("--accept-all and --reject-all are both there")
    if not (accept_all or reject_all or (sys.stdin.isatty() and sys.stdout.isatty())):
        give_up("there is no terminal to ask at; give --accept-all or --reject-all")
    always = "a" if accept_all else "r" if reject_all else ""
    answers = {"a": 0, "r": 0, "s": 0}
    answer = ""
    for path, _ in found_scenarios(files):
        edited = edited_scenario(path, model, host, tell=False)
        if edited is None:
            raise SystemExit(UNUSABLE)
        source, _, edits = edited
        taken = []
        for edit in edits:
            # Whoever quits leaves the rest open; what was accepted by then is written.
            answer = answer if answer == "q" else always or _ask(path, edit)
            answers["s" if answer == "q" else answer] += 1
            taken += [edit] if answer == "a" else []
        if taken:
            rewrite_file(path, source, rewrite(source, taken), taken)
    print(f"{answers['a']} accepted, {answers['r']} rejected, {answers['s']} skipped")
    if answers["r"] or answers["s"]:
        raise SystemExit(FAILING)


@reporting()
def lint(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...", help="Mails or documents, folders of them, or patterns; - for stdin."
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Rewrite the rows that are not as they come out.")
    ] = False,
    model: ModelOption = None,
    *,
    wishes: Wishes,
) -> None:
    """Hold the figures of a mail or a document against the scenarios in it."""
    from simulator.documents.linting import correct
    from simulator.pipeline.reports import report_document
    from simulator.pipeline.reviews import lint_document

    if update:
        refuse_in_ci("--update")
    chosen, called = find_model(model), model or ""
    named = found_documents(files)
    paths = [each.path for each in named]
    telling = Telling("lint", "document", wishes, inputs=paths, several=len(paths) > 1)
    track = Track(len(paths))
    for path, given in named:
        text = read_text(path)
        with track.file(f"reading {path}"):
            found = lint_document(text, path, chosen, called)
        if update and found.corrections:
            fixed = correct(text, found.corrections)
            rewrite_file(path, text, fixed, found.corrections)
            text, found = fixed, lint_document(fixed, path, chosen, called)
        if path != given and not (found.figures or found.scenarios):
            continue  # Somebody named a folder, and not each document in it.
        telling.add(report_document(path, text, found))
    telling.end()


def edited_scenario(
    path: str, model: str | None, host: str | None, *, tell: bool = True
) -> "tuple[str, str, list[Edit]] | None":
    """Return a scenario's text, the text with its figures redrawn, and the edits.

    Args:
        tell: Whether a scenario that cannot be used is left for somebody else to tell; None then.
    """
    from simulator import pipeline
    from simulator.checks.updating import find_edits, rewrite

    if path == "-":
        give_up("standard input cannot be rewritten")
    chosen = find_under(model, host)
    try:
        timeline = chosen.run(pipeline.load(path)).timeline
    except pipeline.InputError:
        if tell:
            return None
        with usable():
            raise
    edits = list(find_edits(timeline))
    source = timeline.script.source
    return source, rewrite(source, edits), edits


def _ask(path: str, edit: "Edit") -> str:
    """Show a row that changed, and return what a person says: a, r, s or q."""
    print(f"\n{printable(path)}:{edit.line}: {printable(edit.label)}")
    print(f"  expected |{edit.old}\n  found    |{edit.new}")
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


def rewrite_file(path: str, old: str, new: str, changes: Sequence[object]) -> None:
    """Write a file anew, if nobody else has changed it meanwhile, and show the change."""
    import codecs
    import difflib

    from simulator.diagnostics import lines_of
    from simulator.writing import replace_if_unchanged

    if path == "-":
        give_up("standard input cannot be rewritten")
    if not changes:
        return
    with told_unwritable(Path(path)):
        # A mark of the byte order is no part of a scenario's text, and stays in its file.
        marked = Path(path).read_bytes().startswith(codecs.BOM_UTF8) and old[:1] != "\ufeff"
        mark = codecs.BOM_UTF8 if marked else b""
        replace_if_unchanged(path, mark + old.encode(), mark + new.encode())
    lines = lines_of(old), lines_of(new)
    shown = difflib.unified_diff(*lines, path, path, lineterm="", n=1)
    tabbed = ("\t".join(map(printable, line.split("\t"))) for line in shown)
    print("\n".join(tabbed), end="\n\n")
