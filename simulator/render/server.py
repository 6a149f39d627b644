"""A page of a scenario, served to this machine only, that reloads itself when the file changes."""

import contextlib
import queue
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""What a browser of this machine calls the server; any other name comes from elsewhere."""

SECONDS_IDLE = 10.0
"""How long a connection may say nothing, or take nothing."""

CONNECTIONS_MAX = 32
"""How many there are at once, each with a thread; a browser needs two or three."""


class PageServer(ThreadingHTTPServer):
    """Answers each connection in a thread, and makes pages in the one that called it.

    What makes a page may have to be interrupted (a proposal that never ends, Ctrl-C), and only the
    main thread can be.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int) -> None:
        super().__init__((HOST, port), handler)
        self._asked: queue.SimpleQueue[tuple[Callable[[], str], Future[str]] | None] = (
            queue.SimpleQueue()
        )
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._idle: dict[socket.socket, None] = {}
        self._looking = threading.Lock()
        self._ending, self._over = threading.Event(), threading.Event()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Answer until ``shutdown`` or Ctrl-C."""
        accept = super().serve_forever
        accepting = threading.Thread(target=accept, args=(poll_interval,), daemon=True)
        accepting.start()
        try:
            while (asked := self._asked.get()) is not None:
                make, page = asked
                try:
                    page.set_result(make())
                except Exception as error:
                    page.set_exception(error)
                except BaseException:
                    page.set_exception(ConnectionAbortedError())
                    raise
        finally:
            self._ending.set()
            self._leave_unmade()
            super().shutdown()
            accepting.join()
            self._over.set()

    def shutdown(self) -> None:
        """End ``serve_forever``, called in another thread than this one."""
        self._asked.put(None)
        self._over.wait()

    def make(self, page: Callable[[], str]) -> str:
        """Return a page, made by who called ``serve_forever``."""
        made: Future[str] = Future()
        self._asked.put((page, made))
        if self._ending.is_set():
            self._leave_unmade()
        return made.result()

    def _leave_unmade(self) -> None:
        """Let nobody wait for a page that will not be made any more."""
        while not self._asked.empty():
            with contextlib.suppress(queue.Empty):
                if asked := self._asked.get_nowait():
                    asked[1].set_exception(ConnectionAbortedError())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread; where there are enough, who was silent for longest makes room."""
        if not self._free.acquire(blocking=False):
            with self._looking:
                for silent in self._idle:
                    self._idle.pop(silent)
                    _hang_up(silent)
                    break
            self._free.acquire()
        with self._looking:
            self._idle[request] = None
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # The system gives no more threads.
            self.note_asked(request)
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection, and make room for the next one."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.note_asked(request)
            self._free.release()

    def note_asked(self, request: socket.socket) -> None:
        """Keep a connection: it is not silent any more."""
        with self._looking:
            self._idle.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone; all else is a mistake of ours."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It may have gone by itself.
        connection.shutdown(socket.SHUT_RDWR)


def make_server(page: Callable[[], str], version: Callable[[], str], port: int = 0) -> PageServer:
    """Return a server on the loopback interface that is ready to ``serve_forever``.

    Args:
        page: Gives the page as it is now; called by who calls ``serve_forever``.
        version: Gives what changes when the page does; asked for again and again, by any thread.
        port: 0 for any that is free.

    Raises:
        OSError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers for the page and for its version, and for nothing else."""

        timeout = SECONDS_IDLE
        server: PageServer

        def do_GET(self) -> None:
            """Answer."""
            self.server.note_asked(self.connection)
            if (self.headers.get("Host") or "").partition(":")[0] not in NAMES:
                self._answer(403, "text/plain", "this server answers this machine only")
            elif self.path == "/":
                self._answer(200, "text/html", self.server.make(page))
            elif self.path == "/version":
                self._answer(200, "text/plain", version())
            else:
                self._answer(404, "text/plain", "there is / and /version")

        def _answer(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return PageServer(Handler, port)
