"""Spans to a collector: OTLP over HTTP, a POST a batch over a kept connection.

The SDK's own exporter does this through requests, which takes 5 MB of each process and a tenth of a
second of its start. A batch that is not taken is lost: traces are a sample anyway. Headers that
collectors ask for come from OpenTelemetry's own variable, OTEL_EXPORTER_OTLP_HEADERS.
"""

from __future__ import annotations

import http.client
import logging
import os
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers

_log = logging.getLogger(__name__)
_PATH: Final = "/v1/traces"
_VARIABLE: Final = "OTEL_EXPORTER_OTLP_HEADERS"


class HttpSpanExporter(SpanExporter):
    """Used by one thread, the batch processor's. `endpoint` is the collector's base URL."""

    def __init__(self, endpoint: str, *, timeout: float) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{endpoint!r} is no URL of a collector; write http://host:4318")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._path = parts.path.rstrip("/") + _PATH
        told = parse_env_headers(os.environ.get(_VARIABLE, ""), liberal=True)
        self._headers = {"content-type": "application/x-protobuf", **told}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; the second time where a kept connection turned out to be closed."""
        body = encode_spans(spans).SerializeToString()
        kept = self._connection.sock is not None
        try:
            status = self._post(body)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            try:
                status = self._post(body) if kept else 0
            except (OSError, http.client.HTTPException):
                self._connection.close()
                status = 0
        if 200 <= status < 300:
            return SpanExportResult.SUCCESS
        _log.warning("spans were not taken", extra={"spans": len(spans), "status": status})
        return SpanExportResult.FAILURE

    def _post(self, body: bytes) -> int:
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def shutdown(self) -> None:
        """Close the connection; what is queued was sent before."""
        self._connection.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True
