"""`/v1/organization/access_requests`: people who sign up, and who lets them in.

Asking takes no key. The answer has, under `api_key`, a key that opens nothing until an owner has
approved the request; it is shown this once.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from argosy.api.registry.v1 import access_requests_pb2 as requests_pb
from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import MAX_PAGE, Id, Text, checked
from argosy.gateway.http.admin.shapes import seconds
from argosy.gateway.http.body import BodyReader, decode
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from litestar import Controller, Request, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

_Words = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
_USER_AGENT_CHARACTERS = 256


class NewAccessRequest(Struct, forbid_unknown_fields=True):
    email: Text
    name: Text
    company: Text
    scenario: _Words


class Approval(Struct, forbid_unknown_fields=True):
    project_id: Id
    role: Literal["owner", "member"] = "member"


class Rejection(Struct, forbid_unknown_fields=True):
    reason: _Words | None = None


class AccessRequestsController(Controller):
    path = "/v1/organization/access_requests"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
    ) -> Json:
        body = await body_reader.json(request, NewAccessRequest)
        asked = requests_pb.CreateAccessRequestRequest(
            email=body.email,
            name=body.name,
            company=body.company,
            scenario=body.scenario,
            ip_address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", "")[:_USER_AGENT_CHARACTERS],
        )
        answer = await accounts.ask(accounts.access.CreateAccessRequest, asked)
        key = {"id": answer.request.key_id, "value": answer.secret}
        return _shown(answer.request) | {"api_key": key}

    @get()
    async def list_requests(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        query = query_of(request, "after", "limit", "status")
        page = page_request(query, maximum=MAX_PAGE)
        page.ascending = True
        asked = requests_pb.ListAccessRequestsRequest(page=page, status=query.get("status", ""))
        answer = await accounts.ask(accounts.access.ListAccessRequests, asked)
        return page_of([_shown(each) for each in answer.requests], has_more=answer.has_more)

    @get("/{request_id:str}")
    async def retrieve(
        self, admin: Given[Caller], accounts: Given[AccountsClient], request_id: FromPath[str]
    ) -> Json:
        asked = requests_pb.GetAccessRequestRequest(
            request_id=checked(request_id, "access request")
        )
        return _shown((await accounts.ask(accounts.access.GetAccessRequest, asked)).request)

    @post("/{request_id:str}/approve", status_code=200)
    async def approve(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        request_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, Approval)
        asked = requests_pb.DecideAccessRequestRequest(
            actor=actor,
            request_id=checked(request_id, "access request"),
            approve=True,
            project_id=body.project_id,
            role=body.role,
        )
        return _shown((await accounts.ask(accounts.access.DecideAccessRequest, asked)).request)

    @post("/{request_id:str}/reject", status_code=200)
    async def reject(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        request_id: FromPath[str],
    ) -> Json:
        # Nothing need be said.
        sent = await body_reader.read(request)
        body = decode(sent, Rejection) if sent else Rejection()
        asked = requests_pb.DecideAccessRequestRequest(
            actor=actor,
            request_id=checked(request_id, "access request"),
            reason=body.reason or "",
        )
        return _shown((await accounts.ask(accounts.access.DecideAccessRequest, asked)).request)


def _shown(value: requests_pb.AccessRequest) -> Json:
    decided = seconds(value, "decided_at")
    return {
        "object": "organization.access_request",
        "id": value.id,
        "email": value.email,
        "name": value.name,
        "company": value.company,
        "scenario": value.scenario,
        "status": value.status,
        "created_at": value.created_at.seconds,
        "decided_at": decided,
        "user_id": value.user_id or None,
        "project_id": value.project_id or None,
        "role": value.role or None,
        "reason": value.reason or None,
        "api_key": {"id": value.key_id, "redacted_value": value.redacted_value},
    }
