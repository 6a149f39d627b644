"""The program as typer is told of it: its own options, and its commands."""

import importlib
from typing import Annotated

import typer

COMMANDS = {
    "run": ("playing", "scenarios/mail/2018.yaml --model libvirt"),
    "check": ("figures", "scenarios/flagged/*.yaml"),
    "review": ("figures", "scenarios/mail/*.yaml"),
    "lint": ("figures", "proposal.md"),
    "compare": ("comparing", "scenarios/mail/2018.yaml --models mail-2018,libvirt"),
    "record": ("regression.commands", "scenarios/mail -o baselines/libvirt"),
    "compat": ("regression.commands", "baselines/libvirt mine.py scenarios/"),
    "explore": ("exploring", "--model mail-2018 --verbs write,checkpoint,read"),
    "verify": ("real", "scenarios/mail/*.yaml --with qemu"),
    "export": ("real", "scenarios/mail/2018.yaml --to sh -o mail.sh"),
    "draw": ("drawing", "scenarios/mail/2018.yaml -o mail.svg"),
    "serve": ("drawing", "scenarios/mail/2018.yaml"),
    "restores": ("drawing", "scenarios/mail/2018.yaml"),
    "report": ("drawing", "scenarios/timed/week.yaml"),
    "config": ("reference", ""),
    "explain": ("reference", "BT201"),
    "rules": ("reference", ""),
    "models": ("reference", "libvirt --against mail-2018"),
    "schema": ("reference", "scenario > scenario.schema.json"),
    "new": ("reference", "monday"),
    "example": ("reference", "mail/2018"),
    "demo": ("reference", ""),
    "inspect": ("real", "vm.S2.qcow2 --cells 32"),
    "doctor": ("real", "backups/vm vm.qcow2"),
}
"""Each command, the module whose function of that name it is, and the arguments of an example."""


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"backup-timeline {version('backup-timeline')}")
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
    configuration: Annotated[
        str | None,
        typer.Option("--config", metavar="FILE", help="A configuration instead of the nearest."),
    ] = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="No configuration, whatever files there are.")
    ] = False,
) -> None:
    """Simulate and draw backup timelines of virtual machines."""
    from simulator.cli.settings.force import choose

    choose(configuration, isolated=isolated)


def make_app(word: str = "") -> typer.Typer:
    """Return the program, with just the command that is asked for, if it is one.

    Loading the others takes as long as a small run does.

    Args:
        word: The first argument.
    """
    app = typer.Typer(
        name="backup-timeline",
        help="Simulate and draw backup timelines of virtual machines.",
        epilog="Example: backup-timeline run scenarios/mail/2018.yaml",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in [word] if word in COMMANDS else COMMANDS:
        module, arguments = COMMANDS[name]
        function = getattr(importlib.import_module(f"simulator.cli.{module}"), name)
        example = f"Example: backup-timeline {name} {arguments}".rstrip()
        app.command(name=name, epilog=example)(function)
    return app
