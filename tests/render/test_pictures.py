"""Pictures as files: each suffix, and what cannot be drawn."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

import simulator
from simulator.render.drawing import width_of
from simulator.render.pictures import PictureError, View
from tests.checkout import ROOT, command
from tests.render.given import machine

MAIL = Path(__file__).parents[2] / "scenarios" / "mail" / "2018.yaml"


@pytest.mark.parametrize("view", View)
def test_each_view_is_told_of_in_the_documents_and_by_the_help(view: View) -> None:
    pages = [
        (ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/pictures.md")
    ]
    assert f"| `{view}` | " in pages[1], f"the table of docs/pictures.md has no {view}"
    assert f"`{view}`" in pages[0].partition("`--view ")[2].partition("|")[0] or (
        f"`--view {view}`" in pages[0]
    ), f"README.md has no {view} among the views of draw"
    assert view in command("draw", "--help").out, f"--view in cli/drawing.py has no {view}"


@pytest.mark.parametrize("view", View)
def test_every_view_is_written_in_every_way_and_always_alike(view: str, tmp_path: Path) -> None:
    for suffix in ("svg", "png", "pdf"):
        once, again = tmp_path / f"once.{suffix}", tmp_path / f"again.{suffix}"
        for path in (once, again):
            ended = command("draw", str(MAIL), "--view", view, "-o", str(path))
            assert (ended.status, ended.out) == (0, f"{path} written\n")
        assert once.read_bytes() == again.read_bytes()
    ElementTree.parse(tmp_path / "once.svg")
    with Image.open(tmp_path / "once.png") as image:
        image.load()
        assert len(set(image.convert("RGB").resize((64, 64)).tobytes())) > 8
    pdf = (tmp_path / "once.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/Font" in pdf


def test_a_gif_shows_every_instant(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    assert command("draw", str(MAIL), "-o", str(path)).status == 0
    with Image.open(path) as image:
        assert image.n_frames == 5  # type: ignore[attr-defined]  # of a GIF
        assert image.info["duration"] == 2000


def test_an_animated_svg_shows_one_instant_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "film.svg"
    assert command("draw", str(MAIL), "--animate", "-o", str(path)).status == 0
    text = path.read_text()
    assert text.count("<animate ") == 5
    assert text.count('<g visibility="visible">') == 1
    ElementTree.fromstring(text)


def test_text_is_text_in_an_svg(tmp_path: Path) -> None:
    root = ElementTree.fromstring(simulator.load(MAIL).run().draw("chain", at="T4").svg())
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"S1", "B3", "guest sees", "late.bak", "read-only"} <= {*texts}


def test_labels_are_no_wider_than_the_layout_takes_them_to_be() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from simulator.render.axes import figure_of

    for run in (simulator.load(MAIL).run(), machine(3, 3, 8, "japanese")):
        figure = figure_of(run.draw("film").drawing)
        canvas = FigureCanvasAgg(figure)
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib's own
        for text in figure.axes[0].texts:
            if any(ord(character) > 0x2FFF for character in text.get_text()):
                continue  # How wide they are depends on the fonts of the machine.
            width = text.get_window_extent(renderer).width * 72 / figure.dpi
            assert width <= width_of(text.get_text(), float(text.get_fontsize())) + 1.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--view", "flim", "-o", "a.svg"], "unknown view flim; there are film, chain, time, "),
        (["--view", "flim", "-o", "a.svg"], "did you mean film?"),
        (["--theme", "drak", "-o", "a.svg"], "unknown theme drak; there are light, dark; did you"),
        (
            ["-o", "a.jpg"],
            "a.jpg has the suffix .jpg; a picture is .svg, .png, .pdf, .gif, .txt, .html",
        ),
        (["-o", "a"], "a has no suffix; a picture is .svg"),
        (["-o", "nowhere/a.svg"], "cannot write nowhere/a.svg: No such file or directory"),
        (["-o", "/proc/a.png"], "cannot write /proc/a.png: "),
        (["--view", "chain", "--at", "T9", "-o", "a.svg"], "no instant T9; there are T1, T2, T3"),
        (["--at", "T2", "-o", "a.svg"], "the view film shows all instants; only chain takes one"),
        (["--view", "time", "-o", "a.gif"], "only the view film of a scenario with instants can"),
        (["--view", "film", "--animate", "-o", "a.png"], ".png shows one picture; only .svg and"),
    ],
)
def test_what_cannot_be_drawn_is_told(words: list[str], told: str) -> None:
    ended = command("draw", str(MAIL), *words)
    assert ended.status == 2
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_broken_scenario_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("scenario: x\ndisk: 8\ntimeline:\n  - at: T1\n    do: [creat: S1]\n")
    ended = command("draw", str(path), "-o", str(tmp_path / "a.svg"))
    assert ended.status == 2
    assert "broken.yaml:5:10" in ended.err
    assert not (tmp_path / "a.svg").exists()


def test_without_matplotlib_svg_and_html_are_drawn_and_a_png_says_what_is_missing(
    tmp_path: Path,
) -> None:
    code = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('matplotlib', 'PIL'):\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import importlib.util\n"
        "importlib.util.find_spec = lambda name: None\n"
        "from simulator.__main__ import main\n"
        f"sys.argv = ['backup-timeline', 'draw', {str(MAIL)!r}, *sys.argv[1:]]\n"
        "main()\n"
    )
    assert importlib.util.find_spec("matplotlib") is not None
    for suffix, status in ((".svg", 0), (".html", 0), (".png", 2)):
        path = tmp_path / f"a{suffix}"
        ended = subprocess.run(
            [sys.executable, "-c", code, "-o", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == status, ended.stderr
        assert path.exists() is (status == 0)
    assert re.search(r"\.png needs matplotlib: .*pip install .*matplotlib", ended.stderr)


def test_a_picture_of_a_notebook_is_svg() -> None:
    run = simulator.load(MAIL).run()
    assert "<svg" in run.draw("chain", at="T2")._repr_html_()
    with pytest.raises(PictureError, match="unknown view"):
        run.draw("chian")


def test_names_are_shown_and_never_run() -> None:
    run = machine(3, 4, 8, "script")
    for text in (run.draw("chain").svg(), run.draw("time").svg(), run.draw("tree").svg()):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
