"""OpenAI's admin API, `/v1/organization/…`: a controller a resource, state at the registry."""

from __future__ import annotations

from argosy.gateway.http.admin.access_requests import AccessRequestsController
from argosy.gateway.http.admin.admin_api_keys import AdminApiKeysController
from argosy.gateway.http.admin.audit_logs import AuditLogsController
from argosy.gateway.http.admin.checkpoint_permissions import CheckpointPermissionsController
from argosy.gateway.http.admin.invites import InvitesController
from argosy.gateway.http.admin.model_permissions import ModelPermissionsController
from argosy.gateway.http.admin.prices import PricesController
from argosy.gateway.http.admin.project_api_keys import ProjectApiKeysController
from argosy.gateway.http.admin.project_users import ProjectUsersController
from argosy.gateway.http.admin.projects import ProjectsController
from argosy.gateway.http.admin.rate_limits import RateLimitsController
from argosy.gateway.http.admin.service_accounts import ServiceAccountsController
from argosy.gateway.http.admin.spend import SpendController
from argosy.gateway.http.admin.users import UsersController
from litestar import Controller

CONTROLLERS: list[type[Controller]] = [
    AccessRequestsController,
    AdminApiKeysController,
    AuditLogsController,
    CheckpointPermissionsController,
    InvitesController,
    ModelPermissionsController,
    PricesController,
    ProjectApiKeysController,
    ProjectUsersController,
    ProjectsController,
    RateLimitsController,
    ServiceAccountsController,
    SpendController,
    UsersController,
]

__all__ = ["CONTROLLERS"]
