"""``python -m simulator`` is ``backup-timeline``."""

from simulator.cli import main

if __name__ == "__main__":
    main()
