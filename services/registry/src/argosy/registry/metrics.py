"""What the registry counts. Labels come from closed lists; no user's string is a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The registry's own series, on the process's collector registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.uploads = Counter(
            "argosy_registry_uploads_total",
            "Uploads of files by outcome: stored, repeated, refused or failed.",
            ["outcome"],
            registry=registry,
        )
        self.upload_bytes = Counter(
            "argosy_registry_upload_bytes_total", "Bytes of stored files.", registry=registry
        )
        self.publishes = Counter(
            "argosy_registry_publishes_total",
            "Adapters by outcome: published, repeated, refused or failed.",
            ["outcome"],
            registry=registry,
        )
        self.watchers = Gauge(
            "argosy_registry_watchers", "Open watches of the catalogue.", registry=registry
        )
        self.revision = Gauge(
            "argosy_registry_catalog_revision", "Newest revision seen.", registry=registry
        )
        self.usage_events = Counter(
            "argosy_registry_usage_events_total",
            "Usage events by outcome: counted or repeated.",
            ["outcome"],
            registry=registry,
        )
        self.webhooks = Counter(
            "argosy_registry_webhooks_total",
            "Attempts to call a user's URL by outcome: delivered, failed, forbidden or given_up.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("counted", "repeated"):
            self.usage_events.labels(outcome)
        self.removed = Counter(
            "argosy_registry_removed_total",
            "Removals by what: expired_file, orphan_blob, orphan_adapter or staging.",
            ["what"],
            registry=registry,
        )
        self.unattributed = Gauge(
            "argosy_registry_unattributed_tokens",
            "Tokens of the present day of UTC that engines have counted and nobody was billed for, "
            "by kind: input, cached_input or output.",
            ["pool", "kind"],
            registry=registry,
        )
        self.day_cost = Gauge(
            "argosy_registry_day_cost_micros",
            "What the present day of UTC has cost so far, in millionths of the currency; an idle "
            "pool's cost has its name for a model and no project.",
            ["project_id", "model", "currency"],
            registry=registry,
        )
