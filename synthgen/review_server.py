"""Serves the review page to this machine alone, until it is ended: 127.0.0.1, one secret address, nothing stored.

Whoever is to read a page of real patients is who started the command. So every answer but 404 takes the random token in
the path, the ``Host`` of the address itself (a name that resolves to 127.0.0.1 is somebody else's page), and for marks
the page's own origin.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qs

from synthgen.errors import UserError
from synthgen.review_page import Page

HOST: Final = "127.0.0.1"
_MOST: Final = 1 << 20  # bytes of a form
_PRIVATE: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ENDED: Final = Page(
    b'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    b"<title>Review: ended</title><p>The marks are saved, and the review has ended. This page can be closed.</p>",
    "default-src 'none'",
)


class ReviewServer(ThreadingHTTPServer):
    """One page behind one address, and what is marked on it.

    Args:
        page: makes the page as it is now.
        save: takes the slots that are marked.
    """

    daemon_threads = True

    def __init__(self, port: int, page: Callable[[], Page], save: Callable[[frozenset[int]], None]) -> None:
        super().__init__((HOST, port), _Handler)
        self.page, self.save = page, save
        self.token = secrets.token_urlsafe(24)

    def server_bind(self) -> None:
        """As a plain server does it: a web server would ask for the machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    @property
    def address(self) -> str:
        return f"{self.origin}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no news, and a traceback would show what is private."""


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version, sys_version = "synthgen", ""
    timeout = 30

    def log_message(self, *_: object) -> None:
        """The address holds the token: it stands in no log."""

    def do_GET(self) -> None:
        if self._known():
            self._answer(self.server.page())
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        told = self._marked()
        if isinstance(told, HTTPStatus):
            self._refuse(told)
            return
        marked, ends = told
        self.server.save(marked)
        if ends:
            self._answer(_ENDED)
            self.server.shutdown()
        else:
            self._begin(HTTPStatus.SEE_OTHER, {"Location": f"/{self.server.token}/", "Content-Length": "0"})

    def _marked(self) -> tuple[frozenset[int], bool] | HTTPStatus:
        """The slots of a form, and whether it ends the review; or why it is not taken."""
        if not self._known():
            return HTTPStatus.NOT_FOUND
        if self.headers.get("Origin") != self.server.origin:
            return HTTPStatus.FORBIDDEN
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        form = parse_qs(self.rfile.read(int(length)).decode("ascii", "replace"))
        slots = form.get("slot", [])
        if not all(slot.isdecimal() and len(slot) < 19 for slot in slots):
            return HTTPStatus.BAD_REQUEST
        return frozenset(map(int, slots)), form.get("end") == ["1"]

    def _known(self) -> bool:
        here = self.headers.get("Host") == f"{HOST}:{self.server.server_port}"
        return here and secrets.compare_digest(self.path.encode(), f"/{self.server.token}/".encode())

    def _answer(self, page: Page) -> None:
        told = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(page.html)),
            "Content-Security-Policy": f"{page.policy}; frame-ancestors 'none'",
        }
        self._begin(HTTPStatus.OK, told)
        self.wfile.write(page.html)

    def _refuse(self, status: HTTPStatus) -> None:
        self._begin(status, {"Content-Length": "0"})

    def _begin(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_PRIVATE, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving(port: int, page: Callable[[], Page], save: Callable[[frozenset[int]], None]) -> Iterator[ReviewServer]:
    """A server that listens and does not answer yet: ``serve_forever`` answers until the review is ended.

    Raises:
        UserError: the port cannot be had.
    """
    try:
        server = ReviewServer(port, page, save)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        told = "is in use" if in_use else "cannot be listened on"
        raise UserError(f"port {port} of {HOST} {told}: leave --port out, and a free one is taken") from None
    with server:
        yield server


def until_ended(server: ReviewServer) -> None:
    """Answers until the page or Ctrl-C ends the review."""
    with suppress(KeyboardInterrupt):
        server.serve_forever()
