"""A receiver of traces on loopback that counts what comes and keeps nothing.

Knows that an export is a POST whose body it may forget. Does not decode spans.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink:
    """`url` is what the gateway exports to; `exports` counts the batches that came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.exports = 0


@contextlib.contextmanager
def receiving() -> Iterator[Sink]:
    """Receive on a free port for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            sink.exports += 1
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink = Sink(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
