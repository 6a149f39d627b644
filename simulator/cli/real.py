"""Commands about the real thing: ``verify`` plays on it, ``export`` writes for it, ``inspect`` and
``doctor`` look at what is there."""

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import (
    FAILING,
    UNUSABLE,
    colour_of,
    give_up,
    refuse_input,
    told_unwritable,
)
from simulator.cli.progress import waiting
from simulator.cli.reading import (
    Files,
    HostOption,
    ModelOption,
    find_host,
    find_model,
    played,
)
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.diagnostics import Finding, Problem
    from simulator.releases.hosts import Host
    from simulator.timeline import Timeline
    from simulator.verify.peers import Peer as RealPeer
    from simulator.verify.playing import Verification


class Peer(StrEnum):
    """The real thing that ``verify`` holds a simulation against."""

    QEMU = "qemu"
    LIBVIRT = "libvirt"


class ScriptLanguage(StrEnum):
    """What ``export`` writes."""

    QMP = "qmp"
    SH = "sh"
    VIRSH = "virsh"


class InspectFormat(StrEnum):
    """What ``inspect`` and ``doctor`` print."""

    TEXT = "text"
    JSON = "json"
    SCENARIO = "scenario"


AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="RELEASE",
        help="Also tell where this release goes otherwise: 7.2, or qemu=11.1,libvirt=12.8.",
    ),
]


def verify(
    files: Files,
    peer: Annotated[Peer, typer.Option("--with", help="What to play them on.")] = Peer.QEMU,
    model: ModelOption = None,
    meant: AsOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that a step may take.")
    ] = 10.0,
) -> None:
    """Play scenarios on the real thing; show the first difference."""
    from simulator import pipeline
    from simulator.render.report import write_input_error
    from simulator.verify.peers import NOT_JUDGED, PEERS

    gc.freeze()
    gc.enable()
    chosen, real, status = find_model(model), PEERS[peer.value], 0
    asked = _meant(peer, model, meant) if meant is not None else chosen.host if chosen else None
    for path in files:
        try:
            timeline = pipeline.load(path).run(chosen).timeline
        except pipeline.InputError as error:
            print(write_input_error(error, colour=colour_of(sys.stderr)), file=sys.stderr)
            status = UNUSABLE
            continue
        if problem := real.refuse(timeline):
            print(f"error: {printable(path)}: {problem}", file=sys.stderr)
            status = UNUSABLE
            continue
        with waiting(f"playing {path} on a real {real.name}"):
            outcome = real.verify(timeline, timeout, asked)
        _print_outcome(outcome, real, timeline)
        if outcome.finding is not None:
            status = max(status, UNUSABLE if outcome.finding.rule in NOT_JUDGED else FAILING)
        if not outcome.version:
            break  # What is missing here is missing for the other files, too.
    if status:
        raise typer.Exit(status)


def _print_outcome(outcome: "Verification", real: "RealPeer", timeline: "Timeline") -> None:
    """Print what came of one scenario: how many steps agree, or the first difference."""
    from simulator.render.report import write_finding
    from simulator.verify.playing import summarise

    script = timeline.script
    if outcome.finding is None:
        print(f"{printable(script.path)}: {summarise(outcome, real.name)}", flush=True)
        return
    print(
        write_finding(outcome.finding, path=script.path, source=script.source, colour=colour_of())
    )
    if outcome.said:
        print("", f"{real.language} so far:", *map(printable, outcome.said), sep="\n")


def _meant(peer: Peer, model: str | None, word: str) -> "Host":
    """Return the host that --as means: one release is that of the peer."""
    from simulator.releases.hosts import read_host

    return read_host(find_host(model, word if "=" in word else f"{peer.value}={word}"))


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
    host: HostOption = None,
) -> None:
    """Write a scenario as a script for a real QEMU, or a real libvirt."""
    from simulator.export.languages import Language, UnsupportedError, export_timeline
    from simulator.writing import write_text

    if output is not None:
        refuse_input(output, file, model)
    timeline = played(file, model, host).timeline
    try:
        text = export_timeline(timeline, Language(to.value))
    except UnsupportedError as error:
        give_up(f"{file}: {error}")
    if output is None:
        print(text, end="")
        return
    with told_unwritable(output):
        write_text(output, text)
    print(f"{printable(str(output))} written")


def inspect(
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
    from simulator.inspect.document import write_json
    from simulator.inspect.inspection import inspect_images, scenario_of
    from simulator.inspect.text import summarise, write_text

    seen = inspect_images(images, cells=cells)
    _print_problems(seen.problems)
    found = _written(seen.findings)
    if format is InspectFormat.JSON:
        print(write_json(seen), end="")
    elif seen.disks and format is InspectFormat.SCENARIO:
        print("\n\n".join(found), end="\n" if found else "", file=sys.stderr)
        print(scenario_of(seen, cells=cells), end="")
    elif seen.disks:
        alone = len(seen.disks) == 1
        drawn = [write_text(disk, cells=cells, alone=alone) for disk in seen.disks]
        print("\n\n".join([*drawn, *found, summarise(seen)]))
    if seen.problems or seen.failing:
        raise typer.Exit(UNUSABLE if seen.problems else FAILING)


def doctor(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Folders of backups, images, libvirt's documents, JSON of QEMU; - reads stdin.",
        ),
    ],
    checkpoints: Annotated[
        str | None,
        typer.Option("--checkpoints", metavar="DIR", help="Documents of checkpoints."),
    ] = None,
    cells: Annotated[
        int, typer.Option("--cells", min=1, max=4096, help="Cells of a row, at most.")
    ] = 64,
    format: Annotated[
        InspectFormat,
        typer.Option("--format", "-f", help="Figures, data, or a scenario to go on from."),
    ] = InspectFormat.TEXT,
) -> None:
    """Tell what backups can be restored, what is broken, and what to do; all is only read."""
    from simulator.doctor.diagnosis import diagnose
    from simulator.doctor.document import write_json
    from simulator.doctor.scenario import NoFolderError, write_scenario
    from simulator.doctor.text import summarise, write_text

    read = diagnose(paths, checkpoints=checkpoints, cells=cells, stdin=sys.stdin.read)
    _print_problems(read.problems)
    found = _written(read.findings)
    if format is InspectFormat.JSON:
        print(write_json(read), end="")
    elif format is InspectFormat.SCENARIO:
        print("\n\n".join(found), end="\n" if found else "", file=sys.stderr)
        try:
            print(write_scenario(read, cells=cells), end="")
        except NoFolderError as error:
            give_up(str(error))
    elif not read.empty:
        print("\n\n".join([*write_text(read, cells=cells), *found, summarise(read)]))
    if read.problems or read.failing:
        raise typer.Exit(UNUSABLE if read.problems else FAILING)


def _print_problems(problems: "Sequence[tuple[str, Problem]]") -> None:
    """Print what cannot be used."""
    from simulator.diagnostics import InputError
    from simulator.inspect.image.seen import label
    from simulator.render.report import write_input_error

    for path, problem in problems:
        unusable = InputError(label(path), "", [problem])
        print(write_input_error(unusable, colour=colour_of(sys.stderr)), file=sys.stderr)


def _written(findings: "Sequence[tuple[str, Finding]]") -> list[str]:
    """Return findings about files as text."""
    from simulator.inspect.image.seen import label
    from simulator.render.report import write_finding

    return [
        write_finding(finding, path=label(path), source="", colour=colour_of())
        for path, finding in findings
    ]
