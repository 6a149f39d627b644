"""The command line: the only printing, and the only exit codes."""

import contextlib
import os
import sys

from simulator.cli.ends import UNUSABLE
from simulator.cli.program.plain import plain_files, play_all
from simulator.cli.settings.force import choose


def main() -> None:
    """Run the command line. A closed pipe ends it quietly, Ctrl-C with status 130.

    To run some files with no option there is nothing to parse, and typer takes longer to load than
    a small run does.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            if files := plain_files(sys.argv[1:]):
                choose(None, isolated=False)
                play_all(files)
            else:
                from simulator.cli.program.app import make_app

                make_app(*sys.argv[1:2])()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever reads has seen enough, as in `backup-timeline run ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        with contextlib.suppress(OSError):
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNUSABLE)
