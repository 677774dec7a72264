"""A gateway that answers chat completions by a function, on a thread, for work that calls it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ChatStandIn:
    """`requests` are the bodies that came, `metrics` is what its /metrics says."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    in_flight: int = 0
    # So many of the next requests are told to come again.
    busy: int = 0
    # What it lists: each an `argosy.kind` by the model's name.
    models: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def chat_stand_in(answer: Callable[[dict[str, Any]], str]) -> Iterator[ChatStandIn]:
    """Serve for the time of the block; an answer that raises is a 400."""

    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with turn:
                busy, stand_in.busy = stand_in.busy > 0, max(0, stand_in.busy - 1)
            if busy:
                self._send(503, b"{}")
                return
            if self.path.endswith("/embeddings"):
                data = [{"embedding": _vector(text)} for text in body["input"]]
                self._send(200, json.dumps({"data": data}).encode())
                return
            stand_in.requests.append(body)
            stand_in.keys.add(self.headers.get("authorization", ""))
            try:
                text, status = answer(body), 200
            except ValueError as error:
                text, status = str(error), 400
            choice = {"message": {"role": "assistant", "content": text}}
            self._send(status, json.dumps({"choices": [choice]}).encode())

        def do_GET(self) -> None:
            if self.path.endswith("/models"):
                listed = [{"id": m, "argosy": {"kind": k}} for m, k in stand_in.models.items()]
                self._send(200, json.dumps({"data": listed}).encode())
                return
            self._send(200, f"argosy_gateway_requests_in_flight {stand_in.in_flight}\n".encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in = ChatStandIn(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _vector(text: str) -> list[float]:
    """Return a vector that is the same for the same text."""
    return [float(byte) for byte in hashlib.sha256(text.encode()).digest()[:8]]
