"""The page in a real Chromium: slider, keys, hover, findings, reload, and no request elsewhere."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import simulator
from tests.render.given import machine
from tests.render.test_page import MAIL, page_of, served
from tests.waiting import PATIENCE_SECONDS

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

PATIENCE_MS = PATIENCE_SECONDS * 1000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    if program is None:
        message = "chromium is missing; install it (Debian: apt-get install chromium)"
        if os.environ.get("REQUIRE_REAL"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=FLAGS, timeout=PATIENCE_MS
        )
        yield chromium
        chromium.close()


class Watched:
    """A page of which everything that goes wrong is noted."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda each: self.wrong.append(f"{each.type}: {each.text}"))
        self.page.on("pageerror", lambda each: self.wrong.append(str(each)))
        self.page.on("request", lambda each: self.requests.append(each.url))


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page, of which nothing may have gone wrong at the end."""
    page = Watched(browser)
    yield page
    page.context.close()
    assert page.wrong == []
    local = ("file:", "data:", "http://127.0.0.1:")
    assert [each for each in page.requests if not each.startswith(local)] == []


@pytest.fixture
def mail(tmp_path: Path) -> str:
    """The address of the page of the mail, as a file."""
    path = tmp_path / "mail.html"
    path.write_text(page_of(simulator.load(MAIL).run()))
    return path.as_uri()


def shown(page: Page) -> list[str]:
    """The labels of the instants that are seen."""
    return [str(each.get_attribute("data-label")) for each in page.locator("section:visible").all()]


def test_slider_keys_links_and_buttons_go_through_the_instants(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(mail)
    assert shown(page) == ["T5"]
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["T4"]
    page.keyboard.press("Home")
    assert shown(page) == ["T1"]
    page.locator("#slider").fill("2")
    assert shown(page) == ["T3"]
    assert page.locator("#slider").get_attribute("aria-valuetext") == "T3"
    page.locator("#slider").press("ArrowRight")
    assert shown(page) == ["T4"]
    page.get_by_role("button", name="the instant before").click()
    assert shown(page) == ["T3"]
    page.get_by_role("link", name="T2", exact=True).click()
    assert shown(page) == ["T2"]
    assert page.url.endswith("#T2")


def test_play_goes_through_all_instants(watched: Watched, mail: str) -> None:
    page = watched.page
    page.clock.install()
    page.goto(mail)
    page.get_by_role("button", name="Play").click()
    seen = shown(page)
    for _ in range(4):
        page.clock.run_for(1500)
        seen += shown(page)
    assert seen == ["T1", "T2", "T3", "T4", "T5"]


def test_a_link_to_an_instant_opens_it(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(f"{mail}#T3")
    assert shown(page) == ["T3"]
    page.evaluate("location.hash = '#T2'")
    expect(page.locator("section[data-label=T2]")).to_be_visible()
    page.get_by_role("link", name="T4", exact=True).click()
    assert page.get_by_role("link", name="T4", exact=True).get_attribute("href") == "#T4"
    page.goto(f"{mail}#nowhere")
    assert len(shown(page)) == 1


def test_a_cell_tells_who_wrote_it(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(f"{mail}#T4")
    page.locator("section:visible rect[data-cell='0']").first.hover()
    assert page.inner_text("#told") == (
        "cluster 0 of S1: A, written between T1 and T2; S2 hides it from the guest"
    )


def test_an_empty_cell_tells_so_and_keys_go_on_after_a_click(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(f"{mail}#T4")
    page.locator("section:visible rect[data-row=S2][data-cell='1']").click()
    assert page.inner_text("#told") == "cluster 1 of S2: nothing; S1 below it shows through"
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["T3"]


def test_instants_of_every_name_have_an_address(watched: Watched, tmp_path: Path) -> None:
    labels = ["ä/ö?#%", "<b>", "afterwards", "T 1"]
    entries = "".join(f"  - at: '{label}'\n" for label in labels)
    text = (
        "scenario: names\ndisk: 8\ntimeline:\n  - {at: T0, do: [create: S1]}\n"
        f"{entries}  - write: A-------\n"
    )
    path = tmp_path / "names.html"
    path.write_text(page_of(simulator.loads(text).run()))
    page = watched.page
    page.goto(path.as_uri())
    assert shown(page) == ["after the last instant"]
    for label in labels:
        page.get_by_role("link", name=label, exact=True).click()
        assert shown(page) == [label]
        page.reload()
        assert shown(page) == [label]
    page.evaluate("location.hash = '#ä/ö?#%'")
    expect(page.locator("section:visible")).to_have_attribute("data-label", "ä/ö?#%")


def test_a_wide_figure_is_printed_whole(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "wide.html"
    path.write_text(page_of(machine(2, 2, 128)))
    page = watched.page
    page.set_viewport_size({"width": 720, "height": 900})
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    widths = page.evaluate(
        "[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().right)"
    )
    assert max(widths) <= 720


def test_a_finding_leads_to_its_instant_and_marks_its_cells(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(f"{mail}#T1")
    page.get_by_role("link", name="at T4", exact=True).click()
    assert shown(page) == ["T4"]
    marked = page.locator("section:visible rect.mark")
    found = [(m.get_attribute("data-row"), m.get_attribute("data-cell")) for m in marked.all()]
    assert found == [("late.bak", "5")]
    assert page.locator(".findings li.here").count() == 1


def test_it_is_usable_on_a_narrow_screen(browser: Browser, mail: str) -> None:
    watched = Watched(browser, viewport={"width": 360, "height": 740}, has_touch=True)
    page = watched.page
    page.goto(f"{mail}#T4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 36
    page.get_by_role("button", name="the next instant").tap()
    assert shown(page) == ["T5"]
    page.locator("section:visible rect[data-cell='1']").first.tap()
    assert "cluster 1 of S1" in page.inner_text("#told")
    watched.context.close()
    assert watched.wrong == []


def test_all_instants_are_printed(watched: Watched, mail: str) -> None:
    page = watched.page
    page.goto(mail)
    page.emulate_media(media="print")
    assert shown(page) == ["T1", "T2", "T3", "T4", "T5"]
    assert not page.locator(".controls").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, mail: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # so it is

    # Axe is put into the page, which the page's own policy does not allow.
    watched = Watched(browser, color_scheme=scheme, bypass_csp=True)
    watched.page.goto(f"{mail}#T4")
    found = Axe().run(watched.page).response["violations"]
    serious = [
        (each["id"], each["nodes"][0]["html"][:120])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    watched.context.close()


def test_names_with_markup_are_shown_and_never_run(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "script.html"
    path.write_text(page_of(machine(3, 4, 8, "script")))
    alerts: list[str] = []
    watched.page.on("dialog", lambda each: alerts.append(each.message))
    watched.page.goto(path.as_uri())
    assert alerts == []
    assert "<script>alert(1)" in watched.page.inner_text("section:visible")


def test_the_live_page_follows_the_file(browser: Browser) -> None:
    watched = Watched(browser)
    page = watched.page
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mail.yaml"
        path.write_text(MAIL.read_text())
        with served(path) as address:
            page.goto(f"{address}/#T3")
            assert shown(page) == ["T3"]
            path.write_text(MAIL.read_text().replace("write: AAAA----", "write: AAAE----"))
            expect(page.locator("section:visible svg")).to_contain_text("E")
            assert shown(page) == ["T3"]
            path.write_text(MAIL.read_text().replace("write: AAAA----", "write: AAAA---?"))
            expect(page.locator("body > pre")).to_contain_text("cell 8 of the picture")
            path.write_text(MAIL.read_text())
            expect(page.locator("section[data-label=T3]")).to_be_visible(timeout=10_000)
            page.goto("about:blank")
    watched.context.close()
    assert watched.wrong == []
    assert all(each.startswith((address, "data:", "about:")) for each in watched.requests)
