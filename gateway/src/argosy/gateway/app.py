"""The fleet's composition root: the only place that builds the gateway's adapters to services.

`plane.py` builds what lies between a request and its engine; this module feeds it from the registry
and puts the ordinary API beside it.
"""

from __future__ import annotations

from typing import Final

from argosy.gateway.access.day_ledger import DayLedger
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.prices import Prices
from argosy.gateway.access.tokens import AccessTokens
from argosy.gateway.access.wrong_keys import WrongKeys
from argosy.gateway.catalog import Catalog
from argosy.gateway.engines.counts import EngineCounts
from argosy.gateway.http.admin.checkpoint_permissions import CheckpointSharing
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.files import UploadLimits
from argosy.gateway.http.fleet import Resources, fleet_application
from argosy.gateway.http.oauth import TokenDesk
from argosy.gateway.metering.journal import Journal
from argosy.gateway.metering.meter import Meter
from argosy.gateway.metering.spool import Spool
from argosy.gateway.plane import build_plane, serve_lane
from argosy.gateway.settings import GatewaySettings
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.gateway.upstream.completions import CompletionKeeper, CompletionsClient
from argosy.gateway.upstream.datasets import DatasetsClient
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.gateway.upstream.files import FilesClient
from argosy.gateway.upstream.graders import GraderClient
from argosy.gateway.upstream.key_lookup import KeyLookup
from argosy.gateway.upstream.metering import MeteringClient
from argosy.gateway.upstream.model_directory import ModelDirectory
from argosy.gateway.upstream.model_lookup import ModelLookup
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.prices import PricesClient
from argosy.gateway.upstream.snapshot import SnapshotWatch
from argosy.gateway.upstream.tuning import TuningClient
from argosy.gateway.upstream.tuning_evaluations import TuningEvaluationClient
from argosy.gateway.upstream.tuning_report import TuningReportClient
from argosy.gateway.upstream.usage import UsageReportsClient
from argosy.kit import rpc
from argosy.kit.bus import Bus
from argosy.kit.lifecycle import Runtime

# Usage that the bus does not take within this stays in the spool for the next start.
_FLUSH_SECONDS: Final = 2.0


async def compose(runtime: Runtime[GatewaySettings]) -> None:
    """Build the process: memory and its feed, the engines, then the two ways in."""
    settings, clock, metrics = runtime.settings, runtime.clock, runtime.metrics
    registry = await runtime.enter(rpc.channel(str(settings.registry_url), settings))
    trainer = await runtime.enter(rpc.channel(str(settings.trainer_url), settings))
    embedder = await runtime.enter(rpc.channel(str(settings.embedder_url), settings))

    catalog = Catalog()
    watch = SnapshotWatch(registry, catalog, clock=clock, metrics=metrics)
    pepper = settings.key_pepper.get_secret_value().encode()
    accounts = AccountsClient(registry)
    key_lookup = KeyLookup(accounts, catalog, clock)
    tokens = AccessTokens(pepper, clock)
    authenticator = Authenticator(
        catalog,
        pepper,
        lambda: not watch.degraded,
        WrongKeys(clock.monotonic, settings.wrong_keys_per_minute),
        key_lookup,
        tokens,
    )
    plane = build_plane(runtime, catalog)
    registry_models = ModelsClient(registry)
    models = ModelDirectory(
        catalog, ModelLookup(registry_models, catalog.learn, clock), plane.placement.forget
    )

    bus = await runtime.enter(Bus.open(settings, metrics))
    spool = runtime.resources.enter_context(
        Spool(settings.spool_dir, max_bytes=settings.spool_max_bytes)
    )
    meter = Meter(spool, bus, clock=clock, metrics=metrics)
    journal = runtime.resources.enter_context(Journal(settings.spool_dir, clock))
    meter.recover(journal)

    metering = MeteringClient(registry)
    counts = EngineCounts(metering, seconds=settings.ledger_seconds)
    plane.fleet.observe_with(counts.observe)
    days = DayLedger(plane.rates, metering, Prices(catalog).named, seconds=settings.ledger_seconds)

    completions = CompletionsClient(registry)
    keeper = CompletionKeeper(completions, metrics)

    ordinary = fleet_application(
        Resources(
            accounts=accounts,
            body_reader=BodyReader(
                limit=settings.max_body_bytes, timeout=settings.body_timeout_seconds
            ),
            checkpoint_sharing=CheckpointSharing(accounts, catalog),
            clock=clock,
            completions=completions,
            datasets=DatasetsClient(registry),
            embedding=EmbeddingClient(embedder, timeout=settings.embed_timeout_seconds),
            explainer=plane.dispatcher,
            files=FilesClient(registry),
            limits=plane.rates,
            key_desk=KeyDesk(accounts, key_lookup, catalog),
            models=models,
            prices=PricesClient(registry),
            record_usage=meter.record,
            registry_models=registry_models,
            states=plane.states,
            token_desk=TokenDesk(authenticator, tokens),
            tuning=TuningClient(trainer),
            graders=GraderClient(trainer),
            tuning_evaluations=TuningEvaluationClient(trainer),
            tuning_reports=TuningReportClient(trainer),
            upload_limits=UploadLimits(
                settings.max_upload_bytes, settings.upload_idle_seconds, settings.spool_dir
            ),
            usage_reports=UsageReportsClient(registry),
        ),
        authenticator,
        metrics,
    )
    runtime.health.check("catalogue", watch.ready)
    runtime.background(watch.run(), "catalogue watch")
    runtime.background(meter.run(), "usage drain")
    runtime.background(counts.run(), "engines' counts")
    runtime.background(days.run(), "limits of the day")
    runtime.background(keeper.run(), "completion keeper")
    await serve_lane(
        runtime,
        plane,
        ordinary,
        authenticator=authenticator,
        models=models,
        meter=meter,
        pepper=pepper,
        keep=keeper.keep,
        journal=journal,
    )
    # Added last, so that it runs once the last request is recorded.
    runtime.on_stop(lambda: keeper.flush(_FLUSH_SECONDS))
    runtime.on_stop(lambda: meter.flush(_FLUSH_SECONDS))
