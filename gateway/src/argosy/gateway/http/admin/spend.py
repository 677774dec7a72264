"""`…/spend_limit` and `…/spend_alerts`, of the organization and of each project."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Text, checked, page
from argosy.gateway.http.admin.shapes import seconds
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import NotFound
from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

# Hundredths of the currency unit.
Amount = Annotated[int, Meta(ge=1, le=10**13)]

_SCOPES: Final = ("/v1/organization", "/v1/organization/projects/{project_id:str}")
_LIMIT: Final = [f"{scope}/spend_limit" for scope in _SCOPES]
_ALERTS: Final = [f"{scope}/spend_alerts" for scope in _SCOPES]
_ALERT: Final = [f"{path}/{{alert_id:str}}" for path in _ALERTS]


class Threshold(Struct, forbid_unknown_fields=True):
    currency: Literal["USD"]
    interval: Literal["month"]
    threshold_amount: Amount


class Channel(Struct, forbid_unknown_fields=True):
    recipients: Annotated[list[Text], Meta(min_length=1, max_length=20)]
    type: Literal["email"]
    subject_prefix: Annotated[str, Meta(max_length=100)] | None = None


class AlertExtension(Struct, forbid_unknown_fields=True):
    """The key `argosy`: Argosy sends no mail, it calls a URL."""

    webhook_url: Annotated[str, Meta(max_length=2048)] = ""


class NewAlert(Struct, forbid_unknown_fields=True):
    currency: Literal["USD"]
    interval: Literal["month"]
    threshold_amount: Amount
    notification_channel: Channel
    argosy: AlertExtension | None = None


class SpendController(Controller):
    """Every route is there twice: of the organization, and of one project."""

    @get(_LIMIT)
    async def limit(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str] = "",
    ) -> Json:
        asked = pb.GetSpendLimitRequest(project_id=_scope(project_id))
        answer = await accounts.ask(accounts.budgets.GetSpendLimit, asked)
        if not answer.HasField("limit"):
            raise NotFound("There is no spend limit. Set one with POST.", code="no_spend_limit")
        return _limit_json(answer.limit, project_id)

    @post(_LIMIT, status_code=200)
    async def set_limit(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str] = "",
    ) -> Json:
        body = await body_reader.json(request, Threshold)
        asked = pb.SetSpendLimitRequest(
            actor=actor, project_id=_scope(project_id), threshold=body.threshold_amount
        )
        answer = await accounts.ask(accounts.budgets.SetSpendLimit, asked)
        return _limit_json(answer.limit, project_id)

    @delete(_LIMIT, status_code=200)
    async def remove_limit(
        self,
        actor: Given[pb.Actor],
        accounts: Given[AccountsClient],
        project_id: FromPath[str] = "",
    ) -> Json:
        asked = pb.SetSpendLimitRequest(actor=actor, project_id=_scope(project_id))
        await accounts.ask(accounts.budgets.SetSpendLimit, asked)
        return {"object": f"{_of(project_id)}.spend_limit.deleted", "deleted": True}

    @post(_ALERTS, status_code=200)
    async def create_alert(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str] = "",
    ) -> Json:
        body = await body_reader.json(request, NewAlert)
        asked = pb.CreateSpendAlertRequest(actor=actor, alert=_alert(body, project_id))
        answer = await accounts.ask(accounts.budgets.CreateSpendAlert, asked)
        return _alert_json(answer.alert, answer.webhook_secret)

    @get(_ALERTS)
    async def list_alerts(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str] = "",
    ) -> Page:
        asked = pb.ListSpendAlertsRequest(
            project_id=_scope(project_id), page=page(request, ordered=True)
        )
        answer = await accounts.ask(accounts.budgets.ListSpendAlerts, asked)
        return page_of([_alert_json(a) for a in answer.alerts], has_more=answer.has_more)

    @get(_ALERT)
    async def alert(
        self,
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        alert_id: FromPath[str],
        project_id: FromPath[str] = "",
    ) -> Json:
        asked = pb.GetSpendAlertRequest(
            project_id=_scope(project_id), alert_id=checked(alert_id, "spend alert")
        )
        return _alert_json((await accounts.ask(accounts.budgets.GetSpendAlert, asked)).alert)

    @post(
        _ALERT,
        status_code=200,
    )
    async def update_alert(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        alert_id: FromPath[str],
        project_id: FromPath[str] = "",
    ) -> Json:
        body = await body_reader.json(request, NewAlert)
        alert = _alert(body, project_id)
        alert.id = checked(alert_id, "spend alert")
        asked = pb.UpdateSpendAlertRequest(actor=actor, alert=alert)
        answer = await accounts.ask(accounts.budgets.UpdateSpendAlert, asked)
        return _alert_json(answer.alert, answer.webhook_secret)

    @delete(
        _ALERT,
        status_code=200,
    )
    async def remove_alert(
        self,
        actor: Given[pb.Actor],
        accounts: Given[AccountsClient],
        alert_id: FromPath[str],
        project_id: FromPath[str] = "",
    ) -> Json:
        asked = pb.DeleteSpendAlertRequest(
            actor=actor, project_id=_scope(project_id), alert_id=checked(alert_id, "spend alert")
        )
        await accounts.ask(accounts.budgets.DeleteSpendAlert, asked)
        return {"object": f"{_of(project_id)}.spend_alert.deleted", "id": alert_id, "deleted": True}


def _scope(project_id: str) -> str:
    return checked(project_id, "project") if project_id else ""


def _of(project_id: str) -> str:
    return "project" if project_id else "organization"


def _alert(body: NewAlert, project_id: str) -> pb.SpendAlert:
    return pb.SpendAlert(
        project_id=_scope(project_id),
        threshold=body.threshold_amount,
        recipients=body.notification_channel.recipients,
        subject_prefix=body.notification_channel.subject_prefix or "",
        webhook_url=(body.argosy or AlertExtension()).webhook_url,
    )


def _limit_json(limit: pb.SpendLimit, project_id: str) -> Json:
    return {
        "object": f"{_of(project_id)}.spend_limit",
        "currency": "USD",
        "interval": "month",
        "threshold_amount": limit.threshold,
        "enforcement": {"status": "enforcing" if limit.enforcing else "inactive"},
    }


def _alert_json(alert: pb.SpendAlert, secret: str = "") -> Json:
    own: Json = {
        "webhook_url": alert.webhook_url or None,
        "reached_at": seconds(alert, "reached_at"),
    }
    if secret:
        own["webhook_secret"] = secret
    return {
        "object": f"{_of(alert.project_id)}.spend_alert",
        "id": alert.id,
        "currency": "USD",
        "interval": "month",
        "threshold_amount": alert.threshold,
        "notification_channel": {
            "type": "email",
            "recipients": list(alert.recipients),
            "subject_prefix": alert.subject_prefix or None,
        },
        "argosy": own,
    }
