"""What a span tells of an error."""

from __future__ import annotations

import pytest
from argosy.kit.tracing import span
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode


def test_of_an_error_only_the_kind_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # A process has one provider only, and another test may have set it.
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with pytest.raises(KeyError), span("work"):
        raise KeyError("what a user said")
    (work,) = exporter.get_finished_spans()
    assert "what a user said" not in work.to_json()
    assert work.attributes is not None
    assert work.attributes["error.type"] == "KeyError"
    assert work.status.status_code is StatusCode.ERROR
