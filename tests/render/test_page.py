"""The page as a text, and the server; what only a browser can tell is in test_browser."""

import base64
import hashlib
import html
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

import simulator
from simulator import pipeline
from simulator.pipeline.live import file_version, live_page
from simulator.render.page import write_page
from simulator.render.server import make_server
from tests.checkout import command
from tests.render.given import NAMES, machine
from tests.waiting import PATIENCE_SECONDS

MAIL = Path(__file__).parents[2] / "scenarios" / "mail" / "2018.yaml"


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element."""
        self.found.append((tag, dict(attrs)))


def page_of(run: pipeline.Run) -> str:
    """The page of a run."""
    return write_page(run.timeline, run.findings)


def test_the_page_of_the_mail_is_small_and_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mail.html"
    assert command("draw", str(MAIL), "-o", str(path)).status == 0
    text = path.read_text()
    assert len(text.encode()) < 150_000
    for tag, attributes in Elements(text).found:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in text


def test_style_and_script_are_those_that_the_policy_names() -> None:
    text = page_of(simulator.load(MAIL).run())
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    for kind in ("style", "script"):
        (inner,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("names", NAMES)
def test_names_are_text_on_a_page(names: str) -> None:
    text = page_of(machine(3, 4, 8, names))
    tags = [tag for tag, _ in Elements(text).found]
    assert tags.count("script") == 1
    assert "<script>alert" not in text


def test_a_page_of_no_instant_and_of_two_hundred() -> None:
    nothing = simulator.loads("scenario: nothing\ndisk: 8\ntimeline: []\n").run()
    assert "<section" not in page_of(nothing)
    entries = "".join(f"  - at: T{n}\n" for n in range(200))
    many = simulator.loads(
        f"scenario: many\ndisk: 8\ntimeline:\n  - {{at: T, do: [create: S1]}}\n{entries}"
    ).run()
    assert page_of(many).count("<section") == 201


def test_every_cell_tells_who_wrote_it() -> None:
    text = page_of(simulator.load(MAIL).run())
    assert "cluster 0 of S1: A, written between T1 and T2; S2 hides it from the guest" in text
    assert "the guest reads cluster 4: B, written between T2 and T3, through S2" in text
    assert "cluster 1 of S2: nothing; S1 below it shows through" in text
    assert "cluster 5 of late.bak: D, written between T3 and T4" in text


def test_a_finding_marks_the_cells_below_its_carets() -> None:
    text = page_of(simulator.load(MAIL).run())
    marks = html.escape('[["late.bak", 5]]')
    assert f'<li class="error" data-place="3" data-marks="{marks}">' in text


def test_a_cell_is_dated_by_the_image_that_took_it_and_hidden_by_one_that_ends_before_it() -> None:
    text = page_of(
        simulator.loads(
            "scenario: the same letter\ndisk: 8\ntimeline:\n  - {at: T1, do: [create: S1]}\n"
            "  - write: A------B\n  - {at: T2, do: [snapshot: S2]}\n  - write: B-------\n"
            "  - {at: T3}\n  - write: A-------\n  - {at: T4, do: [resize: 4]}\n"
            "  - {at: T5, do: [snapshot: S3, resize: 8]}\n".replace(
                "[snapshot: S3, resize: 8]", "[{snapshot: S3}, {resize: 8}]"
            )
        ).run()
    )
    assert text.count("cluster 0 of S1: A, written between T1 and T2; S2 hides it") == 3
    assert "cluster 0 of S2: A, written between T3 and T4; the guest sees it" in text
    assert "cluster 7 of S1: B, written between T1 and T2; S2, which ends before it, hides" in text


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a server of a file, which is ended."""
    server = make_server(lambda: live_page(str(path)), lambda: file_version(str(path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(address: str, **headers: str) -> tuple[int, str]:
    """The status and text of an answer."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_server_shows_the_file_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "mail.yaml"
    path.write_text(MAIL.read_text())
    with served(path) as address:
        status, page = fetch(f"{address}/")
        _, version = fetch(f"{address}/version")
        assert (status, f'data-version="{version}"' in page) == (200, True)
        path.write_text(MAIL.read_text().replace("write: AAAA----", "write: AAAA---?"))
        _, other = fetch(f"{address}/version")
        _, broken = fetch(f"{address}/")
        assert other != version
        assert "cell 8 of the picture is ?" in broken
        assert f'data-version="{other}"' in broken
        path.unlink()
        assert "there is no such file" in fetch(f"{address}/")[1]


def test_the_server_answers_this_machine_only_and_nothing_but_the_page() -> None:
    with served(MAIL) as address:
        assert address.startswith("http://127.0.0.1:")
        assert fetch(f"{address}/", Host="evil.example")[0] == 403
        assert fetch(f"{address}/", Host="evil.example:80")[0] == 403
        assert fetch(f"{address}/../../etc/passwd")[0] == 404


def test_what_cannot_be_served_is_told() -> None:
    ended = command("serve", "nowhere.yaml", "--no-open")
    assert (ended.status, ended.err) == (
        2,
        "error: cannot serve nowhere.yaml: there is no such file\n",
    )
    with served(MAIL) as address:
        port = address.rpartition(":")[2]
        ended = command("serve", str(MAIL), "--no-open", "--port", port)
    assert ended.status == 2
    assert ended.err == f"error: cannot listen on port {port}: address already in use\n"
