"""`/v1/datasets/{id}/versions/{id}/records`: records, and their annotation one by one."""

from __future__ import annotations

from typing import Any

import msgspec
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.dataset_asking import MAX_PAGE, Place, Record, version_place, words
from argosy.gateway.http.dataset_shapes import record_json, version_json
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.datasets import LONG_TIMEOUT, DatasetsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, delete, get, post
from litestar.di import Provide
from litestar.params import FromPath


class DatasetRecordsController(Controller):
    path = "/v1/datasets/{dataset_id:str}/versions/{version_id:str}/records"
    dependencies = {"place": Provide(version_place)}  # noqa: RUF012 - the framework's way

    @get()
    async def list_records(
        self,
        request: Request[Any, Any, Any],
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Page:
        query = query_of(
            request, "after", "limit", "order", "status", "contains", "min_characters",
            "max_characters", "filter",
        )  # fmt: skip
        query.setdefault("order", "asc")
        asked = pb.ListRecordsRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            page=page_request(query, maximum=MAX_PAGE, ordered=True),
            statuses=words(query, "status"),
            contains=_text(query.get("contains", "")),
            min_characters=_count(query, "min_characters"),
            max_characters=_count(query, "max_characters"),
            filter=_filter(query.get("filter", "")),
        )
        answer = await datasets.ask(datasets.service.ListRecords, asked)
        return page_of([record_json(r) for r in answer.records], has_more=answer.has_more)

    @post(status_code=200)
    async def add(
        self,
        request: Request[Any, Any, Any],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        asked = pb.AddRecordRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            body=await _body(request, body_reader),
            key_id=place.key_id,
        )
        return record_json((await datasets.ask(datasets.service.AddRecord, asked)).record)

    @get("/next")
    async def next_record(
        self,
        request: Request[Any, Any, Any],
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        after = query_of(request, "after").get("after", "")
        asked = pb.NextRecordRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            after_id=Record.checked(after) if after else "",
        )
        answer = await datasets.ask(datasets.service.NextRecord, asked)
        found = record_json(answer.record) if answer.HasField("record") else None
        return {
            "object": "dataset.next_record",
            "data": found,
            "version": version_json(answer.version),
        }

    @post("/accept_drafts", status_code=200)
    async def accept_drafts(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        asked = pb.AcceptDraftsRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            key_id=place.key_id,
        )
        call = datasets.service.AcceptDrafts
        answer = await datasets.ask(call, asked, timeout=LONG_TIMEOUT)
        return {
            "object": "dataset.accepted_drafts",
            "accepted": answer.accepted,
            "version": version_json(answer.version),
        }

    @get("/{record_id:str}")
    async def retrieve(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
        record_id: FromPath[str],
    ) -> Json:
        asked = pb.GetRecordRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            record_id=Record.checked(record_id),
        )
        return record_json((await datasets.ask(datasets.service.GetRecord, asked)).record)

    @post("/{record_id:str}", status_code=200)
    async def annotate(
        self,
        request: Request[Any, Any, Any],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
        place: Given[Place],
        record_id: FromPath[str],
    ) -> Json:
        asked = pb.AnnotateRecordRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            record_id=Record.checked(record_id),
            annotation=await _body(request, body_reader),
            key_id=place.key_id,
        )
        answer = await datasets.ask(datasets.service.AnnotateRecord, asked)
        return record_json(answer.record) | {"version": version_json(answer.version)}

    @delete("/{record_id:str}", status_code=200)
    async def remove(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
        record_id: FromPath[str],
    ) -> Json:
        asked = pb.DeleteRecordRequest(
            project_id=place.project_id,
            version_id=place.version_id,
            record_id=Record.checked(record_id),
        )
        await datasets.ask(datasets.service.DeleteRecord, asked)
        return {"id": record_id, "object": "dataset.record.deleted", "deleted": True}


async def _body(request: Request[Any, Any, Any], body_reader: BodyReader) -> str:
    raw = await body_reader.read(request)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The request body is not UTF-8.", code="invalid_json") from None


def _text(value: str) -> str:
    if len(value) > 256 or "\x00" in value:
        raise InvalidRequest("'contains' takes at most 256 characters.", param="contains")
    return value


def _filter(text: str) -> str:
    """Return the filter of an insight's bar, as JSON that the registry judges."""
    if text and (len(text) > 1024 or not isinstance(_json(text), dict)):
        raise InvalidRequest(
            "'filter' takes the filter of a bar of an insight, as JSON.", param="filter"
        )
    return text


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _count(query: dict[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest(f"Invalid value for '{name}': send a whole number.", param=name)
    return int(text)
