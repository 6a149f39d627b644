"""Scripts for a real libvirt."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import simulator
from simulator.export.virsh import write_virsh
from tests.checkout import SCENARIOS
from tests.hosts.real import need_libvirt


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user may enter, as those of pytest may not be."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    "name", ["valid/pull-backup", "flagged/BT101-crash", "flagged/BT214-disabled-below-a-pull"]
)
def test_the_script_plays_the_scenario(name: str, open_folder: Path) -> None:
    need_libvirt()
    timeline = simulator.load(SCENARIOS / f"{name}.yaml").run().timeline
    script, folder = open_folder / "script.sh", open_folder / "made"
    script.write_text(write_virsh(timeline))
    ran = subprocess.run(
        ["sh", str(script), str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    made = {path.name for path in folder.iterdir()}
    wanted = {backup.name for backup in timeline.last.backups} | {"S1.qcow2"}
    assert wanted <= made
    assert not [file for file in made if file.endswith((".xml", ".sock"))]
