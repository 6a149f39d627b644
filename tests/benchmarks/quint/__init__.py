"""The mail's images and bitmaps as Quint is told of them, and how long its simulator takes.

Its simulator of TypeScript comes from npm as a whole; the one of Rust and the model checkers are
downloaded when they are first asked for, from a place of their own, and are not measured here.
"""

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent

STEPS, SAMPLES = 10, 4000
"""How long its ways are, and how many, when it is timed."""


class Quint:
    """Quint's simulator, set up in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def length(self, seed: int) -> int:
        """Return the steps of the way on which it meets a late read."""
        path = self.folder / "found.itf.json"
        self._run(f"--invariant=right --seed={seed} --max-samples=100000 --out-itf={path}", found=1)
        states: list[object] = json.loads(path.read_text(encoding="utf-8"))["states"]
        return len(states) - 1

    def rate(self) -> float:
        """Return the states that it comes to in a second of a processor, its start left out."""
        begun = self._seconds(1)
        return (SAMPLES - 1) * (STEPS + 1) / (self._seconds(SAMPLES) - begun)

    def _seconds(self, samples: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._run(f"--invariant=true --seed=1 --max-steps={STEPS} --max-samples={samples}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _run(self, options: str, *, found: int = 0) -> None:
        quint = ["npx", "--no-install", "quint", "run", str(HERE / "late_read.qnt")]
        command = [*quint, "--backend=typescript", *options.split()]
        ended = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert ended.returncode == found, ended.stdout + ended.stderr


@contextmanager
def quint() -> Iterator[Quint | None]:
    """Set Quint up in a folder of its own; None where there is no npm."""
    if shutil.which("npm") is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("package.json", "package-lock.json"):
            shutil.copy(HERE / each, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=folder, check=True)
        yield Quint(folder)
