"""The server of a page: silent, vanishing and endless ones are in nobody's way."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from simulator import pipeline
from simulator.apis.proposals import asking
from simulator.pipeline.live import live_page
from simulator.render import server
from simulator.render.server import PageServer, make_server
from tests.checkout import MAIL
from tests.render.test_page import fetch

LOOP = """\
from simulator.apis.libvirt import Libvirt


class Mine(Libvirt):
    id = "mine"
    title = "t"
    source = "s"

    def snapshot(self, machine, request):
        while True:
            pass
"""


def port_of(serving: PageServer) -> int:
    port: int = serving.server_address[1]
    return port


@contextlib.contextmanager
def serving(page: Callable[[], str] = lambda: "the page") -> Iterator[PageServer]:
    """A server whose pages another thread makes."""
    made = make_server(page, lambda: "1")
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def called(thread: threading.Thread) -> bool:
    """Whether a thread answers a connection."""
    return "process_request_thread" in thread.name


def test_a_crowd_of_silent_connections_leaves_room_for_a_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 4)
    with serving() as made, contextlib.ExitStack() as crowd:
        silent = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(made)), timeout=30))
            for _ in range(40)
        ]
        assert fetch(f"http://127.0.0.1:{port_of(made)}/") == (200, "the page")
        assert sum(map(called, threading.enumerate())) <= 4
        # Who came first was silent for longest.
        assert silent[0].recv(1) == b""


def test_a_connection_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SECONDS_IDLE", 0.1)
    address = "127.0.0.1"
    with serving() as made, socket.create_connection((address, port_of(made)), timeout=30) as one:
        one.sendall(b"GET / HT")
        assert one.recv(1) == b""


def test_a_browser_that_resets_the_connection_gives_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gone, waited = threading.Event(), []

    def page() -> str:
        waited.append(gone.wait(30))
        return "x" * 10_000_000

    with serving(page) as made:
        with socket.create_connection(("127.0.0.1", port_of(made)), timeout=30) as one:
            one.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.set()
        while not waited or any(map(called, threading.enumerate())):
            assert fetch(f"http://127.0.0.1:{port_of(made)}/version") == (200, "1")
    assert waited == [True]
    assert capfd.readouterr().err == ""


def test_pages_are_made_where_they_can_be_interrupted_and_a_proposal_that_never_ends_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(asking, "SECONDS_MAX", 0.2)
    path = tmp_path_factory.mktemp("proposal") / "mine.py"
    path.write_text(LOOP)
    model = pipeline.find_model(str(path))
    made = make_server(lambda: live_page(str(MAIL), model), lambda: "1")
    seen: list[tuple[int, str]] = []

    def look() -> None:
        try:
            seen.append(fetch(f"http://127.0.0.1:{port_of(made)}/"))
        finally:
            made.shutdown()

    thread = threading.Thread(target=look)
    thread.start()
    made.serve_forever(poll_interval=0.02)
    thread.join()
    made.server_close()
    ((status, page),) = seen
    assert status == 200
    assert "asked for snapshot: no answer after 0.2 seconds in snapshot" in page


def test_a_server_that_ends_lets_nobody_wait_for_a_page() -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    made = make_server(interrupted, lambda: "1")
    refused: list[bool] = []

    def look() -> None:
        for _ in range(2):
            try:
                fetch(f"http://127.0.0.1:{port_of(made)}/")
            except (OSError, ValueError):
                refused.append(True)

    thread = threading.Thread(target=look)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        made.serve_forever(poll_interval=0.02)
    made.server_close()
    thread.join(30)
    assert refused == [True, True]
