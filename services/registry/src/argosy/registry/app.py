"""The registry's composition root: the only place that builds adapters and wires use cases."""

from __future__ import annotations

import asyncio
import logging

import grpc
from argosy.api import ids, subjects
from argosy.api.registry.v1 import (
    access_requests_pb2_grpc,
    accounts_pb2_grpc,
    completions_pb2_grpc,
    datasets_pb2_grpc,
    measures_pb2_grpc,
    metering_pb2_grpc,
    permissions_pb2_grpc,
    prices_pb2_grpc,
    registry_pb2_grpc,
    usage_reports_pb2_grpc,
)
from argosy.kit import rpc_server
from argosy.kit.bus import Bus
from argosy.kit.db import Database
from argosy.kit.lifecycle import Runtime
from argosy.kit.outbox import Outbox
from argosy.kit.retry import backoff
from argosy.kit.webhooks import Allowed, Caller
from argosy.registry.blobs.adapters import AdapterFolders
from argosy.registry.blobs.files import FileBlobs
from argosy.registry.blobs.staging import Staging
from argosy.registry.datasets.app import open_datasets
from argosy.registry.datasets.rpc_completions import CompletionServicer
from argosy.registry.datasets.usecases.completions import Completions
from argosy.registry.datasets.usecases.versions import Versions, VersionSources
from argosy.registry.intake.artifacts import ArtifactLimits
from argosy.registry.intake.catalog_file import read_catalog_file
from argosy.registry.intake.file_judge import FileLimits
from argosy.registry.intake.price_entries import model_prices, pool_prices
from argosy.registry.measuring.process import CountingProcess
from argosy.registry.metrics import Metrics
from argosy.registry.rpc.access_requests import AccessRequestServicer
from argosy.registry.rpc.accounts import AccountServicer
from argosy.registry.rpc.accounts_budgets import BudgetServicer
from argosy.registry.rpc.accounts_people import PeopleServicer
from argosy.registry.rpc.catalog import CatalogServicer
from argosy.registry.rpc.files import FileServicer
from argosy.registry.rpc.measures import MeasureServicer
from argosy.registry.rpc.metering import MeteringServicer
from argosy.registry.rpc.permissions import CheckpointPermissionServicer
from argosy.registry.rpc.prices import PriceServicer
from argosy.registry.rpc.translate import Translator
from argosy.registry.rpc.usage import UsageServicer
from argosy.registry.rpc.usage_reports import UsageReportServicer
from argosy.registry.settings import RegistrySettings
from argosy.registry.usecases import ledger, sweep
from argosy.registry.usecases.access_requests import AccessRequests
from argosy.registry.usecases.accounts import Projects, ServiceAccounts
from argosy.registry.usecases.accounts_audit import AuditLog
from argosy.registry.usecases.accounts_budgets import ModelRules, Money
from argosy.registry.usecases.accounts_desk import Desk
from argosy.registry.usecases.accounts_keys import Keys
from argosy.registry.usecases.accounts_people import Invites, Members, Users
from argosy.registry.usecases.accounts_spend import SpendWatch
from argosy.registry.usecases.cost_estimates import CostEstimates
from argosy.registry.usecases.cost_gauge import CostGauge
from argosy.registry.usecases.files import Files
from argosy.registry.usecases.measure_tokens import FileSources, MeasureTokens
from argosy.registry.usecases.metering import Metering
from argosy.registry.usecases.models import Models
from argosy.registry.usecases.permissions import CheckpointPermissions
from argosy.registry.usecases.publish_adapter import PublishAdapter
from argosy.registry.usecases.seed import Seed
from argosy.registry.usecases.upload_file import UploadFile
from argosy.registry.usecases.usage_costs import UsageCosts
from argosy.registry.usecases.usage_prices import Prices
from argosy.registry.usecases.usage_reports import UsageReports
from argosy.registry.usecases.watch import Feed, Watch
from argosy.registry.usecases.webhooks import Webhooks

_log = logging.getLogger(__name__)

SERVICES = (
    "argosy.api.registry.v1.CatalogService",
    "argosy.api.registry.v1.FileService",
    "argosy.api.registry.v1.MeasureService",
    "argosy.api.registry.v1.MeteringService",
    "argosy.api.registry.v1.UsageService",
    "argosy.api.registry.v1.PriceService",
    "argosy.api.registry.v1.UsageReportService",
    "argosy.api.registry.v1.AccountService",
    "argosy.api.registry.v1.PeopleService",
    "argosy.api.registry.v1.AccessRequestService",
    "argosy.api.registry.v1.BudgetService",
    "argosy.api.registry.v1.CheckpointPermissionService",
    "argosy.api.registry.v1.DatasetService",
    "argosy.api.registry.v1.CompletionService",
)


async def build(runtime: Runtime[RegistrySettings]) -> None:
    """Build the process: stores first, then use cases, then what lets callers in."""
    settings, clock = runtime.settings, runtime.clock
    catalog = read_catalog_file(settings.catalog_file)
    metrics = Metrics(runtime.metrics)

    staging = Staging(settings.blob_root)
    runtime.resources.callback(staging.close)
    metrics.removed.labels("staging").inc(await asyncio.to_thread(staging.remove_abandoned))
    blobs = FileBlobs(settings.blob_root, staging)
    folders = AdapterFolders(settings.blob_root, staging)

    database = await runtime.enter(Database.open(settings.database_url, "registry"))
    bus = await runtime.enter(Bus.open(settings, runtime.metrics))
    runtime.health.check("database", database.reachable)
    runtime.health.check("stream", bus.durable)
    await _until_reachable(database)
    await database.migrate("argosy.registry.store.migrations")
    pepper = settings.key_pepper.get_secret_value().encode()
    seed = Seed(database, clock, pepper)
    await seed(catalog, settings.bootstrap_key.get_secret_value())

    outbox = Outbox(database, bus, runtime.metrics)
    feed = Feed(database, settings.watch_poll_seconds, metrics)
    watch = Watch(database, feed, settings.watch_heartbeat_seconds, metrics)
    upload = UploadFile(database, blobs, outbox, clock, _file_limits(settings), metrics)
    files = Files(database, blobs, outbox, clock)
    publish = PublishAdapter(
        database, folders, outbox, feed, clock, _artifact_limits(settings), metrics
    )
    versions = Versions(database, blobs, clock)
    models = Models(database, folders, outbox, feed, clock)
    measure = MeasureTokens(
        database,
        models,
        {ids.FILE: FileSources(files), ids.DATASET_VERSION: VersionSources(versions)},
        CountingProcess(settings.measure_seconds),
        clock,
        at_once=settings.measures_at_once,
    )
    book = ledger.Ledger(database, metrics)
    currency = catalog.organization.currency
    reports = UsageReportServicer(
        UsageReports(database, clock),
        UsageCosts(database, clock, currency),
        CostEstimates(database, clock, currency),
    )
    metering = MeteringServicer(Metering(database, clock))
    day_cost = CostGauge(database, clock, currency, metrics)
    sweeper = sweep.Sweep(
        database, blobs, folders, outbox, clock, settings.orphan_grace_seconds, metrics
    )
    desk = Desk(database, feed, clock)
    keys = Keys(desk, pepper)
    accounts = AccountServicer(
        Projects(desk), ServiceAccounts(desk), keys, gateway_url=settings.gateway_url
    )
    people = PeopleServicer(Users(desk), Members(desk), Invites(desk), AuditLog(desk))
    signing_up = AccessRequestServicer(
        AccessRequests(desk, pepper, is_open=settings.sign_up == "approval")
    )
    hooks = Webhooks(
        database,
        Caller(
            Allowed.of(filter(None, settings.webhook_allowed_hosts.split(","))),
            timeout=settings.webhook_timeout_seconds,
        ),
        clock,
        pepper,
        settings.webhook_timeout_seconds,
        metrics,
    )
    budgets = BudgetServicer(ModelRules(desk), Money(desk, hooks))
    spend = SpendWatch(desk, currency)
    engine_keys = {p.name: p.engine_key.get_secret_value() for p in catalog.pool}
    prices = Prices(database, feed, clock, model_prices(catalog.price), pool_prices(catalog.price))
    await prices.seed()
    price_desk = PriceServicer(prices, desk, currency)
    engines = {p.name: p.engine for p in catalog.pool}
    translator = Translator(folders, engine_keys, engines, prices)
    permissions = CheckpointPermissionServicer(CheckpointPermissions(desk), translator)

    runtime.background(outbox.run(), "outbox")
    runtime.background(feed.run(), "catalogue feed")
    runtime.background(
        bus.consume_batches(ledger.CONSUMER, [subjects.USAGE_RECORDED], book.record), "ledger"
    )
    runtime.background(prices.run(), "prices")
    runtime.background(
        sweep.repeat(sweeper.expire, settings.sweep_seconds, "expiry of files"), "expiry"
    )
    runtime.background(
        sweep.repeat(keys.expire, settings.key_expiry_seconds, "expiry of keys"), "key expiry"
    )
    runtime.background(
        sweep.repeat(spend.look, settings.spend_seconds, "spend limits"), "spend limits"
    )
    runtime.background(
        sweep.repeat(hooks.deliver, settings.webhook_seconds, "webhooks"), "webhooks"
    )
    runtime.background(
        sweep.repeat(day_cost.look, settings.cost_gauge_seconds, "cost of the day"), "day's cost"
    )
    runtime.background(
        sweep.repeat(sweeper.collect, settings.collect_seconds, "collection of leftovers"),
        "collection",
    )
    runtime.background(
        sweep.repeat(sweeper.prune, settings.collect_seconds, "pruning of the inbox"), "pruning"
    )
    runtime.background(
        sweep.repeat(measure.forget, settings.collect_seconds, "counts of tokens"), "old counts"
    )

    catalog_servicer = CatalogServicer(
        watch,
        models,
        publish,
        translator,
        idle_seconds=settings.upload_idle_seconds,
    )
    file_servicer = FileServicer(
        upload,
        files,
        idle_seconds=settings.upload_idle_seconds,
    )

    stored = CompletionServicer(Completions(database))
    datasets = open_datasets(runtime, database, blobs, versions, staging.remove_abandoned)

    def register(server: grpc.aio.Server) -> None:
        completions_pb2_grpc.add_CompletionServiceServicer_to_server(stored, server)
        datasets_pb2_grpc.add_DatasetServiceServicer_to_server(datasets, server)
        registry_pb2_grpc.add_CatalogServiceServicer_to_server(catalog_servicer, server)
        registry_pb2_grpc.add_FileServiceServicer_to_server(file_servicer, server)
        measures_pb2_grpc.add_MeasureServiceServicer_to_server(MeasureServicer(measure), server)
        registry_pb2_grpc.add_UsageServiceServicer_to_server(UsageServicer(book), server)
        metering_pb2_grpc.add_MeteringServiceServicer_to_server(metering, server)
        usage_reports_pb2_grpc.add_UsageReportServiceServicer_to_server(reports, server)
        prices_pb2_grpc.add_PriceServiceServicer_to_server(price_desk, server)
        accounts_pb2_grpc.add_AccountServiceServicer_to_server(accounts, server)
        accounts_pb2_grpc.add_PeopleServiceServicer_to_server(people, server)
        accounts_pb2_grpc.add_BudgetServiceServicer_to_server(budgets, server)
        access_requests_pb2_grpc.add_AccessRequestServiceServicer_to_server(signing_up, server)
        permissions_pb2_grpc.add_CheckpointPermissionServiceServicer_to_server(permissions, server)

    await runtime.enter(rpc_server.serving(settings, runtime.health, register, SERVICES))


async def _until_reachable(database: Database) -> None:
    """Wait for the database; meanwhile the process lives and is not ready."""
    for delay in backoff(base=0.1, cap=2.0):
        missing = await database.reachable()
        if missing is None:
            return
        _log.warning("start-up waits: %s", missing)
        await asyncio.sleep(delay)


def _file_limits(settings: RegistrySettings) -> FileLimits:
    return FileLimits(settings.max_file_bytes, settings.max_file_rows, settings.max_line_bytes)


def _artifact_limits(settings: RegistrySettings) -> ArtifactLimits:
    return ArtifactLimits(settings.max_lora_rank, settings.max_adapter_bytes)
