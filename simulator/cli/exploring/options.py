"""The options of ``explore``."""

from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="A model, or a proposal's file.")
]
ModelsOption = Annotated[
    str | None, typer.Option("--models", help="Two, with a comma: where do they differ?")
]
VerbsOption = Annotated[
    str | None, typer.Option("--verbs", help="Which requests are tried, with commas.")
]
ClustersOption = Annotated[int, typer.Option("--clusters", help="Clusters of each disk.")]
DepthOption = Annotated[int, typer.Option("--depth", help="The most steps; 0 for no limit.")]
ImagesOption = Annotated[int, typer.Option("--images", help="The most images of a chain.")]
BitmapsOption = Annotated[int, typer.Option("--bitmaps", help="The most names of bitmaps.")]
BackupsOption = Annotated[
    int, typer.Option("--backups", help="The most backups that are kept, to be deleted.")
]
DisksOption = Annotated[int, typer.Option("--disks", help="How many disks.")]
AllOption = Annotated[
    bool, typer.Option("--all", help="One timeline of each kind, not just the shortest.")
]
FindOption = Annotated[
    str | None,
    typer.Option("--find", metavar="RULE|EXPR", help="The shortest that a rule flags, or like it."),
]
ProveOption = Annotated[
    bool, typer.Option("--prove", help="Prove for disks of any size, or show why it is not so.")
]
JudgedOption = Annotated[
    int | None, typer.Option("--judged", help="How many timelines the rules are asked about.")
]
StatesOption = Annotated[
    int | None, typer.Option("--max-states", help="Stop when so many states were seen.")
]
WorkersOption = Annotated[int, typer.Option("--workers", help="How many processes ask the model.")]
ResumeOption = Annotated[
    Path | None,
    typer.Option("--resume", help="Go on from this file, if it is there, and leave it up to date."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="A scenario, or FILE.itf.json; with --all a folder."),
]
