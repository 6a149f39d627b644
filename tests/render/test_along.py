"""The page of a timed run: the views along its time, to zoom into and to hover, in Chromium."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import simulator
from simulator.render.page.along import INSTANTS_MAX, chosen_frames
from tests.checkout import MAIL, ROOT
from tests.render.test_browser import Watched, browser, watched
from tests.render.test_page import page_of
from tests.render.test_scale import RATES, SOON, busy

__all__ = ["Browser", "browser", "watched"]


@pytest.fixture
def rates(tmp_path: Path) -> str:
    """The address of the page of two jobs that take time."""
    path = tmp_path / "rates.html"
    path.write_text(page_of(simulator.loads(RATES).run()))
    return path.as_uri()


JOB = 'polygon:has-text("slow.bak: full; 512 KiB in 8s")'


def test_a_part_of_the_time_is_shown_to_a_larger_scale(watched: Watched, rates: str) -> None:
    page = watched.page
    page.goto(rates)
    job = page.locator(JOB).first
    before = job.bounding_box()
    # Slow.bak runs from 20s to 28s of 40s.
    page.locator("#from").fill("400")
    page.locator("#until").fill("800")
    after = job.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] == pytest.approx(2.5 * before["width"], rel=0.02)
    assert page.locator("#from").get_attribute("aria-valuetext") != "0s"
    page.get_by_role("button", name="All", exact=True).click()
    again = job.bounding_box()
    assert again is not None
    assert again["width"] == pytest.approx(before["width"], rel=0.01)


def test_keys_and_wheel_zoom_and_what_is_pointed_at_is_told(watched: Watched, rates: str) -> None:
    page = watched.page
    page.goto(rates)
    job = page.locator(JOB).first
    job.hover()
    told = page.locator("#moment").text_content() or ""
    assert told.startswith("24s")
    assert "slow.bak: full; 512 KiB in 8s" in told
    before = page.locator("#span").text_content()
    page.locator(".timed").first.focus()
    page.keyboard.press("+")
    closer = page.locator("#span").text_content()
    assert closer != before
    page.keyboard.press("-")
    assert page.locator("#span").text_content() == before
    job.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function(
        "before => document.getElementById('span').textContent !== before", arg=before
    )


def test_a_click_goes_to_the_nearest_instant(watched: Watched, rates: str) -> None:
    page = watched.page
    page.goto(rates)
    page.locator(JOB).first.click(position={"x": 2, "y": 3})
    assert page.locator("#now").text_content() == "20s"


def test_a_finer_scale_has_finer_numbers(watched: Watched, rates: str) -> None:
    page = watched.page
    page.goto(rates)
    numbers = page.locator(".timed").first.locator("svg svg text[text-anchor=middle]:visible")
    before = numbers.all_text_contents()
    page.locator("#from").fill("500")
    page.locator("#until").fill("600")
    after = numbers.all_text_contents()
    assert "5s" in before
    assert any("ms" in each for each in after)


def test_a_page_of_named_instants_has_no_axis_of_time() -> None:
    text = page_of(simulator.load(MAIL).run())
    assert "id=along" not in text
    assert "MutationObserver" not in text


def test_a_figure_has_the_whole_width_where_there_are_no_findings(
    watched: Watched, tmp_path: Path
) -> None:
    path = tmp_path / "soon.html"
    path.write_text(page_of(simulator.loads(SOON).run()))
    page = watched.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path.as_uri())
    figure, findings = (page.locator(each).bounding_box() for each in (".instants", ".findings"))
    assert figure is not None
    assert findings is not None
    assert figure["width"] > 1100
    assert findings["y"] >= figure["y"] + figure["height"]


def test_every_timed_scenario_has_both_views_on_its_page() -> None:
    for path in sorted((ROOT / "scenarios" / "timed").glob("f*.yaml")):
        text = page_of(simulator.load(path).run())
        assert "time of the run" in text
        assert "load of the run" in text


def test_of_very_many_instants_those_of_findings_have_figures() -> None:
    run = busy()
    chosen = chosen_frames(run.timeline, run.findings)
    assert INSTANTS_MAX - 8 < len(chosen) <= INSTANTS_MAX
    labels = {run.timeline.frames[number].label for number in chosen}
    assert {finding.at for finding in run.findings} <= labels
    assert "3d6h10m" in labels
