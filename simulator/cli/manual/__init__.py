"""The manual page and the words that shells complete, made from the commands themselves."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

NAME = "backup-timeline"

STATUS = (
    ("0", "Nothing to report."),
    ("1", "A finding of severity error that nobody expected, or an expectation that failed."),
    ("2", "Input that cannot be used, or a QEMU or libvirt that is missing or did not hold out."),
)


def write_manual() -> str:
    """Return the manual page, as roff for man(1)."""
    from typer.main import get_command

    from simulator.cli.program.app import COMMANDS, make_app

    program: Any = get_command(make_app())
    return "\n".join([*_head(program), *_commands(program.commands, COMMANDS), *_end()]) + "\n"


def _head(program: Any) -> Iterator[str]:
    yield f'.TH {NAME.upper()} 1 "" "{NAME}" "User Commands"'
    yield ".SH NAME"
    yield rf"{NAME} \- simulate and draw backup timelines of virtual machines"
    yield ".SH SYNOPSIS"
    yield rf".B {NAME}" + "\n" + r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]..."
    yield ".SH DESCRIPTION"
    yield _escape(
        "Scenario files say what a guest writes and when snapshots, checkpoints, backups, crashes "
        "and restores happen. The program evolves qcow2 images and dirty bitmaps under the "
        "semantics of an API, draws each instant, and flags what is invalid."
    )
    yield ".SH OPTIONS"
    yield from _parameters(program)


def _commands(commands: Any, examples: Any) -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, command in commands.items():
        arguments = " ".join(
            rf"\fI{_escape(each.metavar or each.name.upper())}\fR"
            for each in command.params
            if each.param_type_name == "argument"
        )
        yield f".SS {NAME} {name} {arguments}".rstrip()
        yield _escape(" ".join((command.help or "").split()))
        yield from _parameters(command)
        yield ".PP"
        yield rf"Example: \fB{NAME} {_escape(f'{name} {examples[name][1]}'.rstrip())}\fR"


def _parameters(command: Any) -> Iterator[str]:
    for each in command.params:
        if each.param_type_name == "argument":
            words = rf"\fI{_escape(each.metavar or each.name.upper())}\fR"
        else:
            names = ", ".join(rf"\fB{_escape(o)}\fR" for o in (*each.opts, *each.secondary_opts))
            value = "" if each.is_flag else f" \\fI{_escape(each.metavar or each.name.upper())}\\fR"
            words = f"{names}{value}"
        yield ".TP"
        yield words
        yield _escape(" ".join((each.help or "").split()) or "What the command is about.")


def _end() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for status, meaning in STATUS:
        yield f".TP\n.B {status}\n{_escape(meaning)}"
    yield ".SH SEE ALSO"
    yield r"\fBqemu-img\fR(1), \fBqemu-storage-daemon\fR(1), \fBvirsh\fR(1)"


def _escape(text: str) -> str:
    """Return a text as roff has it: no hyphen is a dash, and no line is a request."""
    plain = re.sub(r"\\", r"\\e", text).replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def write_completion(shell: str) -> str:
    """Return what a shell reads to complete the program's words; they come from the program.

    Args:
        shell: ``bash``, ``zsh`` or ``fish``.
    """
    from typer._completion_shared import get_completion_script

    variable = f"_{NAME.replace('-', '_').upper()}_COMPLETE"
    return get_completion_script(prog_name=NAME, complete_var=variable, shell=shell) + "\n"


FILES: Mapping[str, Callable[[], str]] = {
    "share/man/man1/backup-timeline.1": write_manual,
    "share/bash-completion/completions/backup-timeline": partial(write_completion, "bash"),
    "share/zsh/site-functions/_backup-timeline": partial(write_completion, "zsh"),
    "share/fish/vendor_completions.d/backup-timeline.fish": partial(write_completion, "fish"),
}
"""Where each of them is, in the checkout as in what is installed."""
