"""An HTTP server on loopback that serves a few files, honestly and otherwise, and remembers what it was asked."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

BODY = b"hello world\n" * 1000
USER, PASSWORD, KEY = "us er", 'p"w\\d', 'va"l\\ue'
_PAGES: dict[str, tuple[int, bytes, dict[str, str]]] = {
    **{path: (200, BODY, {}) for path in ("/file", "/always", "/dir/there.txt", "/private", "/keyed")},
    "/moved": (302, b"this way", {"Location": "/dir/there.txt?x=1#y"}),
    "/loop": (302, b"round and round", {"Location": "/loop"}),
    "/named": (200, BODY, {"Content_Disposition": 'attachment; filename="../../na me.bin"'}),
    "/dots": (200, BODY, {"Content_Disposition": 'attachment; filename=".."'}),
    "/gzip": (200, gzip.compress(BODY, mtime=0), {"Content_Encoding": "gzip"}),
    "/sums": (200, f"{'0' * 64}  other\n{hashlib.sha256(BODY).hexdigest()} *./file\n".encode(), {}),
    "/short": (200, BODY, {"Content_Length": str(len(BODY) + 1), "Connection": "close"}),
}
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if path == "/file" and self.headers["If-Modified-Since"]:
            self._answer(304)
        elif path == "/private" and self.headers["Authorization"] != _BASIC:
            self._answer(401, b"who are you", WWW_Authenticate='Basic realm="x"')
        elif path == "/keyed" and self.headers["X-Key"] != KEY:
            self._answer(403)
        elif path not in _PAGES:
            self._answer(404, b"nothing here")
        else:
            status, body, headers = _PAGES[path]
            self.close_connection = "Connection" in headers
            self._answer(status, body, **headers)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """`url` is its root, `asked` the requests so far (``GET /file``)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block lasts."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
