"""The server of the page: a thread of the training's driver, on this machine only.

It is the standard library's: FastAPI and uvicorn would cost the start of a training 0.4 CPU
seconds, and uvicorn wants the signals, which belong to the driver.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ttt_rllib.analysis.page_files import HTML_TYPE, page_files
from ttt_rllib.errors import InputError
from ttt_rllib.watch.feed import Feed

__all__ = ["REPORT_TIMEOUT_S", "WatchServer", "listen"]

HOST = "127.0.0.1"
ANSWER_AFTER_S = 10.0
"""A page that has the newest state is answered after so long at the latest."""
WATCHED_S = 3.0
"""A page that asked less than so long ago is still open."""
REPORT_TIMEOUT_S = 5.0
"""How long an open page gets to hear of the end and to fetch the report."""
IDLE_S = 30.0
"""After so long a connection without requests is closed."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
JSON_TYPE = "application/json"
REPORT_PATH = "/report"
SHARED = ("draw.js", "icon.svg")
"""Files of the page to play on that this one uses, too."""


def listen(port: int) -> socket.socket:
    """Take a port of this machine; 0 takes a free one.

    Raises:
        InputError: If it is taken, or may not be used.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        why, _, _ = str(error.strerror).partition(" (")
        raise InputError(f"--port {port}: {why}; --port 0 takes a free port") from None


class WatchServer:
    """Serves the page of a run until it is closed.

    Args:
        feed: What the page is told.
        listener: Where to listen; it is closed with the server.
    """

    def __init__(self, feed: Feed, listener: socket.socket) -> None:
        self.feed = feed
        self.files = _page_files()
        self._lock = Lock()
        self._waiting = 0
        self._asked_s = -WATCHED_S
        self._end_sent = Event()
        self._report_sent = Event()
        self._server = _Server(listener, self)
        self.address = f"http://localhost:{listener.getsockname()[1]}/"
        self._thread = Thread(target=self._server.serve_forever, name="watch", daemon=True)
        self._thread.start()

    @property
    def is_watched(self) -> bool:
        """Whether a page is open: it asks at the moment, or did so just now."""
        with self._lock:
            return self._waiting > 0 or time.monotonic() - self._asked_s < WATCHED_S

    def state(self, trial: str | None, version: int, *, for_the_end: bool) -> dict[str, Any]:
        """Return the state once it is newer than the page's; see `Feed`.

        Raises:
            InputError: If there is no such trial.
        """
        with self._lock:
            self._waiting += 1
        try:
            self.feed.wait(version, ANSWER_AFTER_S, for_the_end=for_the_end)
            return self.feed.state(trial)
        finally:
            with self._lock:
                self._waiting -= 1
                self._asked_s = time.monotonic()

    def note_end(self) -> None:
        """Note that a page has been told how the run has ended."""
        self._end_sent.set()

    def note_report(self) -> None:
        """Note that a page has got the report."""
        self._report_sent.set()

    def wait_for_reader(self, timeout_s: float = REPORT_TIMEOUT_S) -> None:
        """Let an open page hear of the end and fetch the report; without one, return at once."""
        end_s = time.monotonic() + timeout_s
        wanted = self._end_sent if self.feed.report is None else self._report_sent
        while self.is_watched and time.monotonic() < end_s:
            if wanted.wait(0.1):
                return

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """A server on a socket that listens already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, page: WatchServer) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.page = page

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was closed in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of a connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        """Answer with a file of the page, the state, or the report."""
        parts = urlsplit(self.path)
        if parts.path == "/api/live":
            self._send_state(parse_qs(parts.query))
        elif parts.path == REPORT_PATH:
            self._send_report()
        elif parts.path in self.server.page.files:
            self._send(*self.server.page.files[parts.path])
        else:
            self.send_error(404, f"{parts.path[:80]}: there is no such thing here")

    def _send_state(self, query: Mapping[str, list[str]]) -> None:
        after = query.get("after", ["-1"])[-1]
        try:
            version = int(after)
        except ValueError:
            self.send_error(422, f"after: is {after[:80]}, not a whole number")
            return
        trial = query.get("trial", [""])[-1] or None
        for_the_end = query.get("wait", [""])[-1] == "end"
        try:
            state = self.server.page.state(trial, version, for_the_end=for_the_end)
        except InputError as error:
            self.send_error(404, str(error))
            return
        self._send(json.dumps(state).encode(), JSON_TYPE)
        if state["phase"] == "ended":
            self.server.page.note_end()

    def _send_report(self) -> None:
        report = self.server.page.feed.report
        if report is None:
            self.send_error(404, "there is no report yet")
            return
        self._send(report.read_bytes(), HTML_TYPE, policy=REPORT_POLICY)
        self.server.page.note_report()

    def _send(
        self, content: bytes, media_type: str, status: int = 200, policy: str = POLICY
    ) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        if status != 200:
            self.close_connection = True
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request with one sentence; the library calls it for methods that we lack."""
        if code == 501:
            code, message = 405, f"{self.command}: this page can only be read"
        self._send(json.dumps({"detail": message or "no such request"}).encode(), JSON_TYPE, code)

    def version_string(self) -> str:
        """Return what the header `Server` says: no versions."""
        return "ttt_rllib"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing: the terminal belongs to the training."""


def _page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and media type of every file of the page by its path."""
    own = files("ttt_rllib.watch").joinpath("static").iterdir()
    played = files("ttt_rllib.play.web").joinpath("static")
    return page_files((*own, *(played.joinpath(name) for name in SHARED)), "watch.html")
