"""Traces: one from HTTP through gRPC and NATS, carried as W3C `traceparent`.

Knows how a context is written and read, and where spans are exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from argosy.kit.settings import ServiceSettings
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind


def configure(part: str, settings: ServiceSettings) -> TracerProvider:
    """Install the process's tracer provider; spans leave only if an endpoint is set.

    The caller owns the provider and must call its `shutdown()`, which sends what is queued.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"argosy-{part}"}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
        shutdown_on_exit=False,
    )
    if settings.otlp_endpoint:
        endpoint = settings.otlp_endpoint.rstrip("/") + "/v1/traces"
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return provider


def traceparent() -> str:
    """Return the current context as a W3C traceparent; empty outside of any span."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    attributes: Mapping[str, str | int | float | bool] | None = None,
) -> Iterator[Span]:
    """Run the block in a new span; `parent` is a traceparent, the current context if None."""
    context = propagate.extract({"traceparent": parent}) if parent is not None else None
    tracer = trace.get_tracer("argosy")
    with tracer.start_as_current_span(
        name, context=context, kind=kind, attributes=dict(attributes or {})
    ) as current:
        yield current
