"""`/v1/organization/audit_logs`: who changed what, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import page
from argosy.gateway.http.admin.people_shapes import audit_json
from argosy.gateway.http.paging import Page, after_id, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get

_LISTS: Final = ("event_types", "project_ids", "actor_ids", "actor_emails", "resource_ids")
_MAX_VALUES: Final = 100
_VALUE: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TIME: Final = re.compile(r"effective_at\[(gt|gte|lt|lte)\]")
_SECONDS: Final = re.compile(r"\d{1,11}")


class AuditLogsController(Controller):
    path = "/v1/organization/audit_logs"

    @get()
    async def list_entries(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        sent = list(request.query_params.multi_items())
        asked = pb.ListAuditEntriesRequest(
            page=page(request), before=after_id({"after": request.query_params.get("before", "")})
        )
        for name in _LISTS:
            getattr(asked, name).extend(_values(sent, name))
        _bound(asked, sent)
        answer = await accounts.ask(accounts.people.ListAuditEntries, asked)
        return page_of([audit_json(e) for e in answer.entries], has_more=answer.has_more)


def _values(sent: Iterable[tuple[str, str]], name: str) -> list[str]:
    values = [value for key, value in sent if key in {name, f"{name}[]"}]
    if len(values) > _MAX_VALUES or not all(_VALUE.fullmatch(value) for value in values):
        raise InvalidRequest(
            f"Invalid value for '{name}': send at most {_MAX_VALUES} values of 1 to 256 printable "
            "characters.",
            param=name,
        )
    return values


def _bound(asked: pb.ListAuditEntriesRequest, sent: Iterable[tuple[str, str]]) -> None:
    """Put `effective_at[gte]=…` and its like into the request; raises InvalidRequest."""
    for key, value in sent:
        if not key.startswith("effective_at"):
            continue
        match = _TIME.fullmatch(key)
        if match is None or not _SECONDS.fullmatch(value):
            raise InvalidRequest(
                "Invalid value for 'effective_at': send Unix seconds as effective_at[gt], [gte], "
                "[lt] or [lte].",
                param="effective_at",
            )
        seconds = int(value)
        match match[1]:
            case "gte":
                asked.since = seconds
            case "gt":
                asked.since = seconds + 1
            case "lte":
                asked.until = seconds
            case "lt":
                asked.until = seconds - 1
