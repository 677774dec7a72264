"""`/v1/fine_tuning/jobs`: tuning jobs, their events and checkpoints, by the trainer."""

from __future__ import annotations

from typing import Any, Final

from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, metadata_filter, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.tuning_headers import checked_job_id, idempotency_key, is_retry
from argosy.gateway.http.tuning_help import preview_json
from argosy.gateway.http.tuning_request import create_request
from argosy.gateway.http.tuning_shapes import checkpoint_json, event_json, job_json
from argosy.gateway.upstream.tuning import TuningClient
from litestar import Controller, Request, get, post
from litestar.params import FromPath

_MAX_JOBS: Final = 100
_MAX_EVENTS: Final = 1000
_MAX_CHECKPOINTS: Final = 100


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
