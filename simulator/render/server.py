"""A page of a scenario, served to this machine only, that reloads itself when the file changes."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""What a browser of this machine calls the server; any other name comes from elsewhere."""


def make_server(
    page: Callable[[], str], version: Callable[[], str], port: int = 0
) -> ThreadingHTTPServer:
    """Return a server on the loopback interface that is ready to ``serve_forever``.

    Args:
        page: Gives the page as it is now.
        version: Gives what changes when the page does; asked for again and again.
        port: 0 for any that is free.

    Raises:
        OSError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers for the page and for its version, and for nothing else."""

        def do_GET(self) -> None:
            """Answer."""
            if (self.headers.get("Host") or "").partition(":")[0] not in NAMES:
                self._answer(403, "text/plain", "this server answers this machine only")
            elif self.path == "/":
                self._answer(200, "text/html", page())
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

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    return server
