"""`/v1/organization/projects/{id}/rate_limits`: what a project may ask of each model."""

from __future__ import annotations

from typing import Annotated, Any

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.errors import echo
from argosy.gateway.http.admin.asking import checked, page
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Controller, Request, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

# Models' names and what they may hold: longer ones name nothing.
_LONGEST_ID = 260

Count = Annotated[int, Meta(ge=0, le=10**15)]


class RateLimitChange(Struct, forbid_unknown_fields=True):
    """0 is no limit."""

    max_requests_per_1_minute: Count | None = None
    max_tokens_per_1_minute: Count | None = None
    # Read so that a limit that is not counted here is refused in words of its own.
    max_requests_per_1_day: Count | None = None
    max_images_per_1_minute: Count | None = None
    max_audio_megabytes_per_1_minute: Count | None = None
    batch_1_day_max_input_tokens: Count | None = None


class RateLimitsController(Controller):
    path = "/v1/organization/projects/{project_id:str}/rate_limits"

    @get()
    async def list_limits(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Page:
        asked = pb.ListRateLimitsRequest(
            project_id=checked(project_id, "project"), page=page(request)
        )
        answer = await accounts.ask(accounts.budgets.ListRateLimits, asked)
        return page_of([_rate_json(r) for r in answer.rate_limits], has_more=answer.has_more)

    @post("/{rate_limit_id:path}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
        rate_limit_id: FromPath[str],
    ) -> Json:
        # A model's name may hold slashes, so that the id is the whole rest of the path.
        wanted = rate_limit_id.lstrip("/")
        if not wanted.isprintable() or len(wanted) > _LONGEST_ID:
            raise NotFound(f"No such rate limit: {echo(wanted)}", param="rate_limit_id")
        body = await body_reader.json(request, RateLimitChange)
        _refuse_uncounted(body)
        asked = pb.UpdateRateLimitRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            rate_limit_id=wanted,
            requests_per_minute=body.max_requests_per_1_minute,
            tokens_per_minute=body.max_tokens_per_1_minute,
        )
        answer = await accounts.ask(accounts.budgets.UpdateRateLimit, asked)
        return _rate_json(answer.rate_limit)


def _refuse_uncounted(body: RateLimitChange) -> None:
    for name in (
        "max_requests_per_1_day",
        "max_images_per_1_minute",
        "max_audio_megabytes_per_1_minute",
        "batch_1_day_max_input_tokens",
    ):
        if getattr(body, name) is not None:
            raise InvalidRequest(
                f"'{name}' is not counted by this server. Set max_requests_per_1_minute or "
                "max_tokens_per_1_minute.",
                param=name,
                code="unsupported_parameter",
            )


def _rate_json(value: pb.RateLimit) -> Json:
    return {
        "object": "project.rate_limit",
        "id": value.id,
        "model": value.model,
        "max_requests_per_1_minute": value.limits.requests_per_minute,
        "max_tokens_per_1_minute": value.limits.tokens_per_minute,
    }
