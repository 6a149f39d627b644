"""A notebook in a real JupyterLab, in a real Chromium: run from the first to the last cell."""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.checkout import ROOT
from tests.render.test_browser import browser as browser  # the fixture

TOKEN = "only-for-this-test"


@pytest.fixture
def lab() -> Iterator[str]:
    """The address of a JupyterLab on the loopback interface, with copies of the course."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("notebooks", "scenarios"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        log = Path(folder) / "log"
        words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        words += [
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--IdentityProvider.token={TOKEN}",
        ]
        words += [f"--ServerApp.root_dir={folder}", "--LabApp.check_for_updates_class="]
        words += ["--LabApp.news_url=", "--ServerApp.port_retries=0"]
        words[-3:] = ["--LabApp.extension_manager=readonly"]
        environment = {"HOME": folder, "PATH": str(Path(sys.executable).parent)}
        with log.open("w") as output:
            server = subprocess.Popen(words, stderr=output, stdout=output, env=environment)
        try:
            yield _address(log, server)
        finally:
            server.terminate()
            server.wait(20)


def _address(log: Path, server: "subprocess.Popen[bytes]") -> str:
    """Wait for the server, and return its address."""
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        found = [word for word in log.read_text().split() if word.startswith("http://127.0.0.1:")]
        if found:
            address = found[0].partition("/lab")[0]
            with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=10):
                return address
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_the_first_notebook_runs_in_jupyterlab(browser: Browser, lab: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    elsewhere: list[str] = []
    page.on("request", lambda each: elsewhere.append(each.url) if _leaves(each.url, lab) else None)
    page.goto(f"{lab}/lab/tree/notebooks/1-the-mail.ipynb?token={TOKEN}")
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=60_000)
    _take_the_kernel(page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    _take_the_kernel(page)
    notebook = page.locator(".jp-Notebook")
    expect(notebook).to_contain_text("guest sees: |DAABBDD-|", timeout=60_000)
    expect(notebook.locator(".jp-OutputArea-output svg").first).to_be_attached(timeout=60_000)
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    page.close()
    assert elsewhere == []


def _take_the_kernel(page: Page) -> None:
    """Take the kernel that JupyterLab offers for a notebook that was never run, if it asks."""
    offered = page.locator(".jp-Dialog .jp-mod-accept")
    for _ in range(4):
        try:
            offered.click(timeout=4_000)
        except TimeoutError:
            return


def _leaves(address: str, lab: str) -> bool:
    local = (lab, lab.replace("http", "ws"), "data:", "blob:", "about:")
    return not address.startswith(local)
