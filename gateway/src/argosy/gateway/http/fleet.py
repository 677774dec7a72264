"""The ordinary API of a fleet's gateway: every controller, and what they work with."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.limits import Limits
from argosy.gateway.http import admin
from argosy.gateway.http.admin.checkpoint_permissions import CheckpointSharing
from argosy.gateway.http.admin.making_keys import KeyDesk
from argosy.gateway.http.application import build
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.dataset_records import DatasetRecordsController
from argosy.gateway.http.dataset_tasks import DatasetTasksController
from argosy.gateway.http.datasets import DatasetsController
from argosy.gateway.http.embeddings import EmbeddingsController
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.explain import ExplainController
from argosy.gateway.http.explanation import Explainer
from argosy.gateway.http.files import FilesController, UploadLimits
from argosy.gateway.http.fine_tuning import FineTuningController
from argosy.gateway.http.graders import GraderController
from argosy.gateway.http.oauth import OAuthController, TokenDesk
from argosy.gateway.http.ports import Models, RecordUsage, States
from argosy.gateway.http.stored_completions import StoredCompletionsController
from argosy.gateway.http.tuned_models import TunedModelsController
from argosy.gateway.http.tuning_evaluations import (
    JobEvaluationsController,
    TuningEvaluationsController,
)
from argosy.gateway.http.tuning_methods import TuningMethodsController
from argosy.gateway.http.tuning_report import TuningReportController
from argosy.gateway.http.usage import UsageController
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.gateway.upstream.completions import CompletionsClient
from argosy.gateway.upstream.datasets import DatasetsClient
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.gateway.upstream.files import FilesClient
from argosy.gateway.upstream.graders import GraderClient
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.prices import PricesClient
from argosy.gateway.upstream.tuning import TuningClient
from argosy.gateway.upstream.tuning_evaluations import TuningEvaluationClient
from argosy.gateway.upstream.tuning_report import TuningReportClient
from argosy.gateway.upstream.usage import UsageReportsClient
from argosy.kit.clock import Clock
from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True)
class Resources:
    """What the controllers work with, by the names under which they ask for it."""

    accounts: AccountsClient
    body_reader: BodyReader
    checkpoint_sharing: CheckpointSharing
    clock: Clock
    completions: CompletionsClient
    datasets: DatasetsClient
    embedding: EmbeddingClient
    explainer: Explainer
    files: FilesClient
    graders: GraderClient
    key_desk: KeyDesk
    limits: Limits
    models: Models
    prices: PricesClient
    record_usage: RecordUsage
    registry_models: ModelsClient
    states: States
    token_desk: TokenDesk
    tuning: TuningClient
    tuning_evaluations: TuningEvaluationClient
    tuning_reports: TuningReportClient
    upload_limits: UploadLimits
    usage_reports: UsageReportsClient


def fleet_application(
    resources: Resources, authenticator: Authenticator, metrics: CollectorRegistry
) -> Envelope:
    """Return the ASGI application of every route but the lane's."""
    return build(
        [
            *admin.CONTROLLERS,
            DatasetRecordsController,
            DatasetTasksController,
            DatasetsController,
            EmbeddingsController,
            ExplainController,
            FilesController,
            FineTuningController,
            GraderController,
            JobEvaluationsController,
            TuningMethodsController,
            TuningEvaluationsController,
            TuningReportController,
            OAuthController,
            StoredCompletionsController,
            TunedModelsController,
            UsageController,
        ],
        {name: getattr(resources, name) for name in Resources.__dataclass_fields__},
        authenticator,
        clock=resources.clock,
        metrics=metrics,
    )
