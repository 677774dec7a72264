"""The trainer's composition root: builds every part, starts the work, returns.

The only place that constructs adapters. Holds no logic.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from importlib.metadata import version

import grpc
from argosy.api.trainer.v1 import (
    evaluations_pb2_grpc,
    graders_pb2_grpc,
    report_pb2_grpc,
    trainer_pb2_grpc,
)
from argosy.kit import rpc
from argosy.kit.bus import Bus
from argosy.kit.db import Database
from argosy.kit.lifecycle import Runtime
from argosy.kit.outbox import Outbox
from argosy.kit.rpc_server import serving
from argosy.trainer import instance, rpc_evaluations, rpc_graders, rpc_report
from argosy.trainer import rpc as rpc_tuning
from argosy.trainer.completions import StoredCompletions
from argosy.trainer.consumers import DURABLE, EVENTS, Consumer
from argosy.trainer.domain.parameters.table import LONGEST_CONTEXT, Bounds
from argosy.trainer.domain.programs import Program
from argosy.trainer.evaluations.evaluator import Evaluator, EvaluatorPolicy
from argosy.trainer.load import ServingLoad
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.patience import insist
from argosy.trainer.pricing import Pricing
from argosy.trainer.program_file import read_programs
from argosy.trainer.registry import Registry
from argosy.trainer.rpc import TuningService
from argosy.trainer.runs.child import reap
from argosy.trainer.runs.run import RunPolicy
from argosy.trainer.runs.workdir import RunRoot
from argosy.trainer.settings import TrainerSettings
from argosy.trainer.sources import Sources
from argosy.trainer.spend import SpendDesk
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.supervisor import Supervisor, SupervisorPolicy
from argosy.trainer.task_keys import TaskKeys
from argosy.trainer.upkeep import Upkeep
from argosy.trainer.usecases.control import ControlJob
from argosy.trainer.usecases.create import CreateJob
from argosy.trainer.usecases.drift import CheckDrift
from argosy.trainer.usecases.evaluation_answers import Answers
from argosy.trainer.usecases.evaluations import Evaluations
from argosy.trainer.usecases.graders import TryGrader
from argosy.trainer.usecases.journal import Journal
from argosy.trainer.usecases.planning import Planner
from argosy.trainer.usecases.preview import PreviewJob
from argosy.trainer.usecases.read import ReadJobs
from argosy.trainer.usecases.report import Reports
from argosy.trainer.usecases.spending import Spending
from argosy.trainer.usecases.waiting import ValidateJob

SCHEMA = "trainer"
MIGRATIONS = "argosy.trainer.store.migrations"


async def main(runtime: Runtime[TrainerSettings]) -> None:
    """Build the trainer on `runtime`."""
    settings = runtime.settings
    programs = read_programs(settings.training_programs)
    owner = runtime.resources.enter_context(instance.claim(settings.run_root))
    run_root = RunRoot(settings.run_root)
    await _reap_all(run_root)

    database = await runtime.enter(
        Database.open(settings.database_url, SCHEMA, pool_size=8 + 2 * settings.slots)
    )
    transactions = Transactions(database)
    await insist(lambda: _migrate(transactions, database), "migration")
    bus = await runtime.enter(Bus.open(settings, runtime.metrics))
    channel = await runtime.enter(_closing(rpc.channel(str(settings.registry_url), settings)))

    metrics = TrainerMetrics(runtime.metrics)
    outbox = Outbox(database, bus, runtime.metrics)
    journal = Journal(outbox, runtime.clock)
    registry = Registry(channel, settings.publish_timeout_seconds)
    sources = Sources(registry)
    read = ReadJobs(transactions)
    planner = Planner(
        registry,
        sources,
        read.made_by,
        settings.max_lora_rank,
        settings.device(),
        version("argosy-trainer"),
        compresses=bool(settings.compress_command()),
        offered=programs,
    )
    load = ServingLoad(settings.load(), runtime.clock)
    task_keys = TaskKeys(channel)
    pricing = Pricing(registry)
    supervisor = Supervisor(
        transactions,
        journal,
        registry,
        sources,
        ValidateJob(transactions, journal, planner, pricing),
        run_root,
        load,
        task_keys,
        pricing,
        runtime.clock,
        metrics,
        _policy(settings, owner, programs),
    )
    upkeep = Upkeep(
        transactions,
        journal,
        registry,
        run_root,
        runtime.clock,
        metrics,
        timedelta(seconds=settings.run_retention_seconds),
    )
    desk = SpendDesk(channel)
    control = ControlJob(transactions, journal, supervisor, desk.exhausted)
    spending = Spending(transactions, control, desk.exhausted)
    create = CreateJob(
        transactions, journal, planner, supervisor.wake, desk.exhausted, idle_time=load.watched
    )
    service = TuningService(
        create,
        PreviewJob(planner, pricing),
        control,
        read,
        Bounds(LONGEST_CONTEXT, settings.max_lora_rank),
        programs,
    )

    evaluator = Evaluator(
        transactions,
        sources,
        task_keys,
        registry.tell_metrics,
        runtime.clock,
        metrics,
        EvaluatorPolicy(settings.lease_seconds, settings.poll_seconds, settings.run_root),
    )
    drift = CheckDrift(transactions, sources, StoredCompletions(channel), settings.run_root)
    evaluations = rpc_evaluations.EvaluationServicer(
        Evaluations(transactions, sources, evaluator.wake, metrics), Answers(transactions), drift
    )
    reports = rpc_report.ReportServicer(Reports(transactions, read, create))
    graders = rpc_graders.GraderService(TryGrader(task_keys.gateway))

    def serve(server: grpc.aio.Server) -> None:
        trainer_pb2_grpc.add_TuningServiceServicer_to_server(service, server)
        graders_pb2_grpc.add_GraderServiceServicer_to_server(graders, server)
        evaluations_pb2_grpc.add_EvaluationServiceServicer_to_server(evaluations, server)
        report_pb2_grpc.add_ReportServiceServicer_to_server(reports, server)

    runtime.health.check("database", database.reachable)
    runtime.health.check("events", bus.durable)
    runtime.background(outbox.run(), "outbox")
    runtime.background(supervisor.run(), "supervisor")
    runtime.background(evaluator.run(), "evaluator")
    runtime.background(drift.watch(settings.drift_seconds), "drift")
    runtime.background(load.watch(), "serving load")
    runtime.background(
        bus.consume(DURABLE, EVENTS, Consumer(transactions, journal, run_root).handle),
        "consumer",
    )
    runtime.background(upkeep.relist(settings.relist_seconds), "upkeep")
    runtime.background(upkeep.census(), "census")
    runtime.background(spending.run(settings.spend_seconds), "spending")
    await runtime.enter(
        serving(
            settings,
            runtime.health,
            serve,
            [rpc_tuning.SERVICE, rpc_evaluations.SERVICE, rpc_graders.SERVICE, rpc_report.SERVICE],
        )
    )


def _policy(
    settings: TrainerSettings, owner: str, programs: Mapping[str, Program]
) -> SupervisorPolicy:
    return SupervisorPolicy(
        owner=owner,
        slots=settings.slots,
        lease=settings.lease_seconds,
        poll=settings.poll_seconds,
        run=RunPolicy(
            command=settings.command(),
            compress_command=settings.compress_command(),
            programs=programs,
            surroundings=os.environ,
            processes=settings.run_processes,
            stall=settings.stall_seconds,
            stop_grace=settings.stop_grace_seconds,
            crash_retries=settings.crash_retries,
            crash_backoff=settings.crash_backoff_seconds,
            yield_seconds=settings.idle_yield_seconds,
        ),
    )


async def _reap_all(run_root: RunRoot) -> None:
    """End what an earlier life left running, whether or not its job still exists."""
    for job_id in await asyncio.to_thread(run_root.job_ids):
        await reap(run_root.run(job_id), job_id)


async def _migrate(transactions: Transactions, database: Database) -> None:
    # A transaction of our own first: it tells "away" from "wrong", the migration does not.
    async with transactions.begin():
        pass
    await database.migrate(MIGRATIONS)


@contextlib.asynccontextmanager
async def _closing(channel: grpc.aio.Channel) -> AsyncIterator[grpc.aio.Channel]:
    try:
        yield channel
    finally:
        await channel.close(grace=1.0)
