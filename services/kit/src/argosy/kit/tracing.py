"""Traces: one from HTTP through gRPC and NATS, carried as W3C `traceparent`.

Knows how a context is written and read, and where spans are exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context, create_key, get_current, get_value, set_value
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, TraceState
from opentelemetry.util.types import Attributes

if TYPE_CHECKING:
    from argosy.kit.settings import ServiceSettings

# In a context: somebody has chosen this trace already.
_CHOSEN: Final = create_key("argosy-chosen")


class _Root(sampling.Sampler):
    """New traces: those that somebody chose, else a share."""

    def __init__(self, ratio: float) -> None:
        self._share = TraceIdRatioBased(ratio)
        self._all = TraceIdRatioBased(1.0)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> sampling.SamplingResult:
        chosen = get_value(_CHOSEN, parent_context)
        rule = self._all if chosen else self._share
        return rule.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"chosen, else {self._share.get_description()}"


def configure(part: str, settings: ServiceSettings) -> TracerProvider:
    """Install the process's tracer provider; spans leave only if an endpoint is set.

    The caller owns the provider and must call its `shutdown()`, which sends what is queued.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"argosy-{part}"}),
        sampler=ParentBased(_Root(settings.trace_sample_ratio)),
        shutdown_on_exit=False,
    )
    if settings.otlp_endpoint:
        # Modules that a process without an endpoint need not have.
        from argosy.kit.otlp import HttpSpanExporter

        exporter = HttpSpanExporter(settings.otlp_endpoint, timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return provider


def tracer() -> Tracer:
    """Return the process's tracer. Its provider is asked once: that takes longer than a span."""
    return _tracer_of(trace.get_tracer_provider())


@lru_cache(maxsize=1)
def _tracer_of(provider: trace.TracerProvider) -> Tracer:
    return provider.get_tracer("argosy")


def traceparent() -> str:
    """Return the current context as a W3C traceparent; empty outside of any span."""
    own = trace.get_current_span().get_span_context()
    if not own.is_valid:
        return ""
    return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    attributes: Mapping[str, str | int | float | bool] | None = None,
    chosen: bool = False,
) -> Iterator[Span]:
    """Run the block in a new span; `parent` is a traceparent, the current context if None.

    `chosen`: it is recorded, whatever the share of new traces. Of an error that leaves the block
    only the kind is recorded: its text may quote what a user sent.
    """
    context: Context | None = None
    if parent is not None:
        context = propagate.extract({"traceparent": parent}) if parent else Context()
    if chosen:
        context = set_value(_CHOSEN, True, context if context is not None else get_current())
    with tracer().start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(StatusCode.ERROR)
            raise
