"""A notebook in a real JupyterLab, in a real Chromium: run from the first to the last cell."""

import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.checkout import ROOT
from tests.render.test_browser import PATIENCE_MS
from tests.render.test_browser import browser as browser  # the fixture
from tests.waiting import PATIENCE_SECONDS, wait_for

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
            yield wait_for(lambda: _address(log, server), "JupyterLab")
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def _address(log: Path, server: "subprocess.Popen[bytes]") -> str | None:
    """Return the server's address if it answers by now, which may be later than it says so."""
    assert server.poll() is None, log.read_text()
    told = [word for word in log.read_text().split() if word.startswith("http://127.0.0.1:")]
    if not told:
        return None
    address = told[0].partition("/lab")[0]
    try:
        with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=PATIENCE_SECONDS):
            return address
    except urllib.error.URLError:
        return None


def test_the_first_notebook_runs_in_jupyterlab(browser: Browser, lab: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    elsewhere: list[str] = []
    page.on("request", lambda each: elsewhere.append(each.url) if _leaves(each.url, lab) else None)
    # JupyterLab asks which kernel a notebook is to have that was never run, sooner or later.
    page.add_locator_handler(page.locator(".jp-Dialog .jp-mod-accept"), lambda each: each.click())
    page.goto(f"{lab}/lab/tree/notebooks/1-the-mail.ipynb?token={TOKEN}")
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible()
    # What is run before there is a kernel is not run.
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    notebook = page.locator(".jp-Notebook")
    expect(notebook).to_contain_text("guest sees: |DAABBDD-|")
    expect(notebook.locator(".jp-OutputArea-output svg").first).to_be_attached()
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    page.close()
    assert elsewhere == []


def _leaves(address: str, lab: str) -> bool:
    local = (lab, lab.replace("http", "ws"), "data:", "blob:", "about:")
    return not address.startswith(local)
