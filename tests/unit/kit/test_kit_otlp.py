"""Spans go out as OTLP: to a real HTTP server, which may be gone, closed in between, or refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from argosy.kit.otlp import HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult


class Collector:
    """Keeps what it is sent; closes the connection after each answer if told so."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.closes = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("content-length", "0")
                self.end_headers()
                # Without saying so: the client finds out when it asks again.
                self.close_connection = outer.closes

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.stop()


def span(name: str) -> ReadableSpan:
    made = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span(name)
    made.end()
    assert isinstance(made, ReadableSpan)
    return made


def test_a_batch_arrives_with_the_headers_that_the_collector_wants(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
    exporter = HttpSpanExporter(f"{collector.url}/base/", timeout=5)
    assert exporter.export([span("a"), span("b")]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    ((path, headers, body),) = collector.got
    assert path == "/base/v1/traces"
    told = {name.lower(): value for name, value in headers.items()}
    assert told["content-type"] == "application/x-protobuf"
    assert told["authorization"] == "Bearer x"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert {s.name for scope in resource.scope_spans for s in scope.spans} == {"a", "b"}


def test_a_connection_that_was_closed_meanwhile_costs_no_batch(collector: Collector) -> None:
    collector.closes = True
    exporter = HttpSpanExporter(collector.url, timeout=5)
    for name in ("a", "b", "c"):
        assert exporter.export([span(name)]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert len(collector.got) == 3


def test_a_refusal_and_a_collector_that_is_gone_lose_the_batch_only(collector: Collector) -> None:
    exporter = HttpSpanExporter(collector.url, timeout=5)
    collector.status = 503
    assert exporter.export([span("a")]) is SpanExportResult.FAILURE
    collector.status = 200
    assert exporter.export([span("b")]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    collector.stop()
    assert exporter.export([span("c")]) is SpanExportResult.FAILURE


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector", "http://"])
def test_what_is_no_url_is_said_at_once(endpoint: str) -> None:
    with pytest.raises(ValueError, match="no URL of a collector"):
        HttpSpanExporter(endpoint, timeout=5)
