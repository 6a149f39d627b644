"""Writes the manual page and the completions into a folder: ``python -m simulator.cli.manual .``"""

import sys
from pathlib import Path

from simulator.cli.manual import FILES
from simulator.writing import write_text

for name, write in FILES.items():
    path = Path(sys.argv[1]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, write())
