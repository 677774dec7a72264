"""`BudgetService`: what a project may use of models, rates and money."""

from __future__ import annotations

from typing import Any, Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.api.registry.v1 import accounts_pb2_grpc, registry_pb2
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.accounts_budgets import (
    RATE_LIMIT,
    AccessMode,
    ModelAccess,
    ModelLimit,
    SpendAlert,
    SpendLimit,
)
from argosy.registry.rpc import accounts_translate as to
from argosy.registry.rpc.edge import edge
from argosy.registry.rpc.translate import ACCESS_MODES, access, timestamp
from argosy.registry.usecases.accounts_budgets import ModelRules, Money

_MODES: Final[dict[int, AccessMode]] = {number: mode for mode, number in ACCESS_MODES.items()}


class BudgetServicer(accounts_pb2_grpc.BudgetServiceServicer):
    """Translates between `BudgetService` and the use cases."""

    def __init__(self, rules: ModelRules, money: Money) -> None:
        self._rules = rules
        self._money = money

    async def ListRateLimits(  # noqa: N802
        self, request: pb.ListRateLimitsRequest, context: Any
    ) -> pb.ListRateLimitsResponse:
        with edge():
            found, more = await self._rules.limits(
                request.project_id, request.page.after, request.page.limit
            )
        return pb.ListRateLimitsResponse(rate_limits=[_rate(r) for r in found], has_more=more)

    async def UpdateRateLimit(  # noqa: N802
        self, request: pb.UpdateRateLimitRequest, context: Any
    ) -> pb.UpdateRateLimitResponse:
        requests = request.HasField("requests_per_minute")
        tokens = request.HasField("tokens_per_minute")
        with edge():
            value = await self._rules.set_limit(
                to.actor(request.actor),
                request.project_id,
                request.rate_limit_id,
                request.requests_per_minute if requests else None,
                request.tokens_per_minute if tokens else None,
            )
        return pb.UpdateRateLimitResponse(rate_limit=_rate(value))

    async def GetModelPermissions(  # noqa: N802
        self, request: pb.GetModelPermissionsRequest, context: Any
    ) -> pb.GetModelPermissionsResponse:
        with edge():
            value = await self._rules.access(request.project_id)
        return pb.GetModelPermissionsResponse(permissions=_permissions(value))

    async def SetModelPermissions(  # noqa: N802
        self, request: pb.SetModelPermissionsRequest, context: Any
    ) -> pb.SetModelPermissionsResponse:
        asked = None
        if request.HasField("access"):
            mode = _MODES.get(request.access.mode)
            if mode is None:
                raise InvalidRequest("mode must be allow_list or deny_list.", param="mode")
            asked = ModelAccess(mode, tuple(request.access.model_ids))
        with edge():
            value = await self._rules.set_access(to.actor(request.actor), request.project_id, asked)
        return pb.SetModelPermissionsResponse(permissions=_permissions(value))

    async def GetSpendLimit(  # noqa: N802
        self, request: pb.GetSpendLimitRequest, context: Any
    ) -> pb.GetSpendLimitResponse:
        with edge():
            value = await self._money.limit(request.project_id)
        return pb.GetSpendLimitResponse(limit=_limit(value))

    async def SetSpendLimit(  # noqa: N802
        self, request: pb.SetSpendLimitRequest, context: Any
    ) -> pb.SetSpendLimitResponse:
        with edge():
            value = await self._money.set_limit(
                to.actor(request.actor), request.project_id, request.threshold
            )
        return pb.SetSpendLimitResponse(limit=_limit(value))

    async def CreateSpendAlert(  # noqa: N802
        self, request: pb.CreateSpendAlertRequest, context: Any
    ) -> pb.CreateSpendAlertResponse:
        with edge():
            value = await self._money.create_alert(to.actor(request.actor), _asked(request.alert))
        return pb.CreateSpendAlertResponse(
            alert=_alert(value), webhook_secret=self._money.secret_of(value)
        )

    async def GetSpendAlert(  # noqa: N802
        self, request: pb.GetSpendAlertRequest, context: Any
    ) -> pb.GetSpendAlertResponse:
        with edge():
            value = await self._money.alert(request.project_id, request.alert_id)
        return pb.GetSpendAlertResponse(alert=_alert(value))

    async def UpdateSpendAlert(  # noqa: N802
        self, request: pb.UpdateSpendAlertRequest, context: Any
    ) -> pb.UpdateSpendAlertResponse:
        with edge():
            value = await self._money.update_alert(to.actor(request.actor), _asked(request.alert))
        return pb.UpdateSpendAlertResponse(
            alert=_alert(value), webhook_secret=self._money.secret_of(value)
        )

    async def ListSpendAlerts(  # noqa: N802
        self, request: pb.ListSpendAlertsRequest, context: Any
    ) -> pb.ListSpendAlertsResponse:
        page = request.page
        with edge():
            found, more = await self._money.alerts(
                request.project_id, page.after, page.limit, ascending=page.ascending
            )
        return pb.ListSpendAlertsResponse(alerts=[_alert(a) for a in found], has_more=more)

    async def DeleteSpendAlert(  # noqa: N802
        self, request: pb.DeleteSpendAlertRequest, context: Any
    ) -> pb.DeleteSpendAlertResponse:
        with edge():
            await self._money.delete_alert(
                to.actor(request.actor), request.project_id, request.alert_id
            )
        return pb.DeleteSpendAlertResponse()


def _rate(value: ModelLimit) -> pb.RateLimit:
    return pb.RateLimit(
        id=RATE_LIMIT + value.model_id,
        model=value.model_id,
        limits=registry_pb2.Limits(
            requests_per_minute=value.requests_per_minute,
            tokens_per_minute=value.tokens_per_minute,
        ),
    )


def _permissions(value: ModelAccess) -> pb.ModelPermissions:
    return pb.ModelPermissions(access=access(value))


def _limit(value: SpendLimit | None) -> pb.SpendLimit | None:
    if value is None:
        return None
    return pb.SpendLimit(threshold=value.threshold, enforcing=value.enforcing)


def _asked(alert: pb.SpendAlert) -> SpendAlert:
    return SpendAlert(
        alert.id,
        alert.project_id,
        alert.threshold,
        tuple(alert.recipients),
        alert.subject_prefix,
        alert.webhook_url,
    )


def _alert(value: SpendAlert) -> pb.SpendAlert:
    return pb.SpendAlert(
        id=value.id,
        project_id=value.scope,
        threshold=value.threshold,
        recipients=value.recipients,
        subject_prefix=value.subject_prefix,
        webhook_url=value.webhook_url,
        reached_at=None if value.reached_at is None else timestamp(value.reached_at),
    )
