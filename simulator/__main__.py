"""``python -m simulator`` is ``backup-timeline``; both start here."""

import gc
import os


def main() -> None:
    """Run the command line.

    Nothing that modules make while they load is garbage, and looking for it there takes a tenth
    of a small run: the collector waits until a command has loaded what it needs.
    """
    gc.disable()
    # No plugin of pydantic has a say in scenarios, and looking for one in every installed package
    # takes as long as reading the mail's scenario.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from simulator.cli import main as run

    run()


if __name__ == "__main__":
    main()
