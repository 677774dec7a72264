"""`/v1/fine_tuning/jobs`: tuning jobs, their events and checkpoints, by the trainer."""

from __future__ import annotations

import re
from typing import Any, Final

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.tuning_headers import checked_job_id, idempotency_key, is_retry
from argosy.gateway.http.tuning_help import method_json, preview_json
from argosy.gateway.http.tuning_request import create_request
from argosy.gateway.http.tuning_shapes import checkpoint_json, event_json, job_json
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get, post
from litestar.params import FromPath

_MAX_JOBS: Final = 100
_MAX_EVENTS: Final = 1000
_MAX_CHECKPOINTS: Final = 100

_METADATA: Final = re.compile(r"metadata\[([^\x00]{1,64})\]")


class TuningMethodsController(Controller):
    path = "/v1/fine_tuning/methods"

    @get()
    async def list_methods(self, caller: Given[Caller], tuning: Given[TuningClient]) -> Page:
        """Every method with its scales and parameters: what a form is drawn from."""
        answer = await tuning.methods()
        return page_of([method_json(each) for each in answer.methods], has_more=False)


class FineTuningController(Controller):
    path = "/v1/fine_tuning/jobs"

    @post("/preview", status_code=200)
    async def preview(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        tuning: Given[TuningClient],
    ) -> Json:
        """What the same body sent to `create` would do; makes nothing."""
        asked = create_request(
            await body_reader.read(request),
            project_id=caller.project_id,
            organization_slug=caller.organization_slug,
            key_id=caller.key_id,
        )
        return preview_json(await tuning.preview(asked), asked)

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        tuning: Given[TuningClient],
    ) -> Json:
        asked = create_request(
            await body_reader.read(request),
            project_id=caller.project_id,
            organization_slug=caller.organization_slug,
            key_id=caller.key_id,
            idempotency_key=idempotency_key(request),
            retry=is_retry(request),
        )
        return job_json(await tuning.create(asked))

    @get()
    async def list_jobs(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning: Given[TuningClient],
    ) -> Page:
        page = page_request(query_of(request, "after", "limit"), maximum=_MAX_JOBS)
        answer = await tuning.list(caller.project_id, page, metadata_filter(request))
        return page_of([job_json(job) for job in answer.jobs], has_more=answer.has_more)

    @get("/{job_id:str}")
    async def retrieve(
        self, caller: Given[Caller], tuning: Given[TuningClient], job_id: FromPath[str]
    ) -> Json:
        return job_json(await tuning.get(caller.project_id, checked_job_id(job_id)))

    @post("/{job_id:str}/cancel", status_code=200)
    async def cancel(
        self, caller: Given[Caller], tuning: Given[TuningClient], job_id: FromPath[str]
    ) -> Json:
        return job_json(await tuning.cancel(caller.project_id, checked_job_id(job_id)))

    @post("/{job_id:str}/pause", status_code=200)
    async def pause(
        self, caller: Given[Caller], tuning: Given[TuningClient], job_id: FromPath[str]
    ) -> Json:
        return job_json(await tuning.pause(caller.project_id, checked_job_id(job_id)))

    @post("/{job_id:str}/resume", status_code=200)
    async def resume(
        self, caller: Given[Caller], tuning: Given[TuningClient], job_id: FromPath[str]
    ) -> Json:
        return job_json(await tuning.resume(caller.project_id, checked_job_id(job_id)))

    @get("/{job_id:str}/events")
    async def events(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning: Given[TuningClient],
        job_id: FromPath[str],
    ) -> Page:
        page = page_request(query_of(request, "after", "limit"), maximum=_MAX_EVENTS)
        answer = await tuning.events(caller.project_id, checked_job_id(job_id), page)
        return page_of([event_json(event) for event in answer.events], has_more=answer.has_more)

    @get("/{job_id:str}/checkpoints")
    async def checkpoints(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning: Given[TuningClient],
        job_id: FromPath[str],
    ) -> Page:
        page = page_request(query_of(request, "after", "limit"), maximum=_MAX_CHECKPOINTS)
        answer = await tuning.checkpoints(caller.project_id, checked_job_id(job_id), page)
        data = [checkpoint_json(checkpoint) for checkpoint in answer.checkpoints]
        return page_of(data, has_more=answer.has_more)


def metadata_filter(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return the pairs of `metadata[k]=v`; raises InvalidRequest for another form."""
    wanted: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if not name.startswith("metadata"):
            continue
        match = _METADATA.fullmatch(name)
        if match is None or len(value) > 512 or "\x00" in value:
            raise InvalidRequest(
                "Invalid metadata filter: send metadata[key]=value, with at most 64 characters of "
                "key and 512 of value.",
                param="metadata",
            )
        wanted[match[1]] = value
    if len(wanted) > 16:
        raise InvalidRequest("Filter by at most 16 pairs of metadata.", param="metadata")
    return wanted
