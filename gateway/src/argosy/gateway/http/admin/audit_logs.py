"""`/v1/organization/audit_logs`: who changed what, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import page
from argosy.gateway.http.admin.people_shapes import audit_json
from argosy.gateway.http.paging import Page, cursor, names_of, page_of, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get

_LISTS: Final = ("event_types", "project_ids", "actor_ids", "actor_emails", "resource_ids")
_MAX_VALUES: Final = 100
_TIME: Final = re.compile(r"effective_at\[(gt|gte|lt|lte)\]")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


class AuditLogsController(Controller):
    path = "/v1/organization/audit_logs"

    @get()
    async def list_entries(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        before = cursor(query_of(request, "before"), "before")
        asked = pb.ListAuditEntriesRequest(page=page(request), before=before)
        for name in _LISTS:
            getattr(asked, name).extend(names_of(request, name, most=_MAX_VALUES))
        _bound(asked, request.query_params.multi_items())
        answer = await accounts.ask(accounts.people.ListAuditEntries, asked)
        return page_of([audit_json(e) for e in answer.entries], has_more=answer.has_more)


def _bound(asked: pb.ListAuditEntriesRequest, sent: Iterable[tuple[str, str]]) -> None:
    """Put `effective_at[gte]=…` and its like into the request; raises InvalidRequest."""
    since, until = [], []
    for key, value in sent:
        if not key.startswith("effective_at"):
            continue
        match = _TIME.fullmatch(key)
        if match is None or not _SECONDS.fullmatch(value):
            raise _wrong_time("send Unix seconds as effective_at[gt], [gte], [lt] or [lte]")
        seconds = int(value)
        match match[1]:
            case "gte":
                since.append(seconds)
            case "gt":
                since.append(seconds + 1)
            case "lte":
                until.append(seconds)
            case "lt":
                until.append(seconds - 1)
    # Each bound that is sent holds.
    if since:
        asked.since = max(since)
    if until:
        asked.until = min(until)
    if since and until and asked.since > asked.until:
        raise _wrong_time("no second lies between the bounds. Send an end after the start")


def _wrong_time(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for 'effective_at': {what}.", param="effective_at", code="invalid_value"
    )
