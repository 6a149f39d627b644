"""The course: every notebook runs from its first cell to its last, and has no logic of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from simulator.render.report import WIDTH
from tests.checkout import ROOT
from tests.test_api import FIGURE
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FOLDER = ROOT / "notebooks"
COURSE = (
    "1-the-mail",
    "2-three-words",
    "3-while-the-job-runs",
    "4-bitmaps-across-a-chain",
    "5-how-it-goes-wrong",
    "6-three-apis",
    "7-what-can-be-restored",
    "8-is-it-true",
    "9-how-long-how-much-how-often",
)
CELLS_MAX = 24
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.For,
    ast.While,
    ast.If,
    ast.IfExp,
    ast.Try,
    ast.With,
    ast.comprehension,
)
"""What a notebook leaves to the program."""

Notebook = Any
Cell = Any


def read(name: str) -> Notebook:
    """Read a notebook of the course, and hold it against the format."""
    path = FOLDER / f"{name}.ipynb"
    notebook = nbformat.read(path, nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]  # untyped
    nbformat.validate(notebook)
    return notebook


def code(notebook: Notebook) -> list[Cell]:
    """Return the cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run(name: str) -> Notebook:
    """Run a notebook in its folder, with the kernel of this environment."""
    notebook = read(name)
    place = {"metadata": {"path": str(FOLDER)}}
    limit = int(PATIENCE_SECONDS)
    client = NotebookClient(
        notebook, timeout=limit, startup_timeout=limit, kernel_name="python3", resources=place
    )
    client.execute()
    return notebook


def shown(notebook: Notebook) -> Iterator[str]:
    """Yield what each cell shows, as text."""
    for cell in code(notebook):
        for output in cell.outputs:
            yield output.text if output.output_type == "stream" else output.data["text/plain"]


def quizzes(notebook: Notebook) -> int:
    """Return how many quizzes there are."""
    return sum(cell.source.count("simulator.quiz(") for cell in code(notebook))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a kernel leaves behind out of the user's folders."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def test_the_course_is_these_nine() -> None:
    assert tuple(sorted(path.stem for path in FOLDER.glob("*.ipynb"))) == COURSE


@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_is_short_and_stored_without_what_came_of_it(name: str) -> None:
    notebook = read(name)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len(notebook.cells) <= CELLS_MAX
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_has_no_logic_of_its_own_and_imports_nothing_else(name: str) -> None:
    for cell in code(read(name)):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, LOGIC), cell.source
            if isinstance(node, ast.Import):
                assert [alias.name for alias in node.names] == ["simulator"]
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] == "simulator"


@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_says_one_thing_a_line_and_keeps_calm(name: str) -> None:
    for cell in read(name).cells:
        if cell.cell_type == "markdown":
            assert "!" not in cell.source
            assert max(map(len, cell.source.splitlines())) <= 100


@pytest.mark.parametrize("name", COURSE)
def test_a_notebook_runs_and_shows_why_each_first_answer_is_wrong(name: str) -> None:
    texts = list(shown(run(name)))
    asked = quizzes(read(name))
    assert 2 <= asked <= 3
    assert sum("Answer: quiz.answer('|" in text for text in texts) == asked
    answers = [text for text in texts if text.startswith("yours: |")]
    assert len(answers) == asked
    for text in answers:
        assert "\ncluster" in text
        assert max(map(len, text.splitlines())) <= WIDTH
    unheld = [text for text in texts if "not held against QEMU" in text]
    if unheld:
        pytest.skip(unheld[0])


def test_the_first_notebook_shows_the_figure_of_the_mail() -> None:
    texts = list(shown(run("1-the-mail")))
    assert FIGURE in texts
    assert any("right: |---XXX--|" in text for text in texts)


def test_the_last_notebook_says_in_a_sentence_where_qemu_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = [text for text in shown(run("8-is-it-true")) if "held against QEMU" in text]
    assert len(said) == 4
    assert all("\n" not in text and "; install them" in text for text in said)
