"""trainer.load: a name with several addresses is several gateways, and each of them is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from argosy.trainer import load


@contextmanager
def gateway(host: str, port: int, text: str) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = HTTPServer((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        if host != "gateway-pods":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        # The resolver says each address once for each protocol.
        twice = [*addresses, *addresses]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in twice]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return addresses


def test_all_gateways_of_a_name_are_added_up(resolved: list[str]) -> None:
    with ExitStack() as running:
        metric = "argosy_gateway_requests_in_flight"
        port = running.enter_context(gateway("127.0.0.1", 0, f"{metric} 2.0\n"))
        running.enter_context(gateway("127.0.0.2", port, f"{metric} 3.0\n"))
        running.enter_context(gateway("127.0.0.3", port, "another_metric 9\n"))
        url = f"http://gateway-pods:{port}/metrics"
        resolved[:] = ["127.0.0.1", "127.0.0.2"]
        assert load.in_flight(url) == 5
        # One that does not tell, or is not there, may be busy.
        resolved[:] = ["127.0.0.1", "127.0.0.3"]
        assert load.in_flight(url) is None
        resolved[:] = ["127.0.0.1", "127.0.0.4"]
        assert load.in_flight(url) is None
        assert load.in_flight(f"http://127.0.0.2:{port}/metrics") == 3
