"""An OTLP/HTTP receiver: keeps the spans that a fleet exports, so that a test can look at them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True)
class ReceivedSpan:
    """What tests ask of a span. Ids are hex, `parent_id` empty for the root, times Unix seconds."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun: float
    ended: float
    attributes: Mapping[str, str | int | float]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun


@dataclass
class Receiver:
    """The spans received so far; `url` is what `ARGOSY_OTLP_ENDPOINT` is set to."""

    url: str
    spans: list[ReceivedSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [
                a.value.string_value
                for a in resource.resource.attributes
                if a.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.spans.extend(
                    ReceivedSpan(
                        service=names[0],
                        name=s.name,
                        trace_id=s.trace_id.hex(),
                        span_id=s.span_id.hex(),
                        parent_id=s.parent_span_id.hex(),
                        begun=s.start_time_unix_nano / 1e9,
                        ended=s.end_time_unix_nano / 1e9,
                        attributes={a.key: _value(a.value) for a in s.attributes},
                    )
                    for s in scope.spans
                )

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Return the spans of one trace."""
        return [s for s in self.spans if s.trace_id == trace_id]


def _value(told: AnyValue) -> str | int | float:
    kind = told.WhichOneof("value")
    found: str | int | float = getattr(told, kind) if kind else ""
    return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive on a free port of loopback for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.take(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
