"""`/v1/datasets`: data sets and their versions, at the registry."""

from __future__ import annotations

from typing import Annotated, Any, Final

from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.dataset_asking import (
    MAX_PAGE,
    Dataset,
    Place,
    Version,
    version_place,
    words,
)
from argosy.gateway.http.dataset_shapes import (
    dataset_json,
    lineage_json,
    task_json,
    version_json,
)
from argosy.gateway.http.paging import Json, Page, flag_of, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.datasets import LONG_TIMEOUT, DatasetsClient
from litestar import Controller, Request, delete, get, post
from litestar.di import Provide
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Meta, Raw, Struct

_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Text = Annotated[str, Meta(max_length=2000)]
_Pairs = Annotated[dict[str, str], Meta(max_length=16)]
_NONE: Final = Raw(b"null")


class NewDataset(Struct, forbid_unknown_fields=True, rename={"imported": "import"}):
    """`import` starts an import into the first version at once; its fields are the task's."""

    name: _Name
    description: _Text = ""
    kind: str | None = None
    metadata: _Pairs | None = None
    imported: Raw = _NONE


class DatasetChange(Struct, forbid_unknown_fields=True):
    name: _Name | None = None
    description: _Text | None = None
    metadata: _Pairs | None = None


class NewVersion(Struct, forbid_unknown_fields=True):
    """A draft with the records of `from_version`, the newest by default; `empty` without any."""

    from_version: str | None = None
    empty: bool = False


class DatasetsController(Controller):
    path = "/v1/datasets"
    dependencies = {"place": Provide(version_place)}  # noqa: RUF012 - the framework's way

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
    ) -> Json:
        body = await body_reader.json(request, NewDataset)
        asked = pb.CreateDatasetRequest(
            project_id=caller.project_id,
            name=body.name,
            description=body.description,
            kind=body.kind or "",
            metadata=body.metadata or {},
        )
        made = (await datasets.ask(datasets.service.CreateDataset, asked)).dataset
        if bytes(body.imported) == b"null":
            return dataset_json(made)
        task = pb.CreateTaskRequest(
            project_id=caller.project_id,
            key_id=caller.key_id,
            type="import",
            dataset_id=made.id,
            parameters=bytes(body.imported).decode(),
        )
        try:
            started = (await datasets.ask(datasets.service.CreateTask, task)).task
        except BaseException:
            # What was refused leaves nothing: the caller will ask again, rightly.
            gone = pb.DeleteDatasetRequest(project_id=caller.project_id, dataset_id=made.id)
            await datasets.ask(datasets.service.DeleteDataset, gone)
            raise
        return dataset_json(made) | {"task": task_json(started)}

    @get()
    async def list_datasets(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        datasets: Given[DatasetsClient],
    ) -> Page:
        query = query_of(request, "after", "limit", "source", "kind", "published")
        asked = pb.ListDatasetsRequest(
            project_id=caller.project_id,
            page=page_request(query, maximum=MAX_PAGE),
            source=query.get("source", ""),
            kinds=words(query, "kind"),
            published=flag_of("published", query.get("published", "false")),
        )
        answer = await datasets.ask(datasets.service.ListDatasets, asked)
        return page_of([dataset_json(d) for d in answer.datasets], has_more=answer.has_more)

    @get("/{dataset_id:str}")
    async def retrieve(
        self, caller: Given[Caller], datasets: Given[DatasetsClient], dataset_id: FromPath[str]
    ) -> Json:
        asked = pb.GetDatasetRequest(
            project_id=caller.project_id, dataset_id=Dataset.checked(dataset_id)
        )
        return dataset_json((await datasets.ask(datasets.service.GetDataset, asked)).dataset)

    @post("/{dataset_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
        dataset_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, DatasetChange)
        asked = pb.UpdateDatasetRequest(
            project_id=caller.project_id,
            dataset_id=Dataset.checked(dataset_id),
            name=body.name,
            description=body.description,
            metadata=None if body.metadata is None else pb.DatasetMetadata(pairs=body.metadata),
        )
        return dataset_json((await datasets.ask(datasets.service.UpdateDataset, asked)).dataset)

    @delete("/{dataset_id:str}", status_code=200)
    async def remove(
        self, caller: Given[Caller], datasets: Given[DatasetsClient], dataset_id: FromPath[str]
    ) -> Json:
        asked = pb.DeleteDatasetRequest(
            project_id=caller.project_id, dataset_id=Dataset.checked(dataset_id)
        )
        await datasets.ask(datasets.service.DeleteDataset, asked)
        return {"id": dataset_id, "object": "dataset.deleted", "deleted": True}

    @post("/{dataset_id:str}/versions", status_code=200)
    async def create_version(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
        dataset_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, NewVersion)
        asked = pb.CreateVersionRequest(
            project_id=caller.project_id,
            dataset_id=Dataset.checked(dataset_id),
            from_version_id=Version.checked(body.from_version) if body.from_version else "",
            empty=body.empty,
        )
        call = datasets.service.CreateVersion
        return version_json((await datasets.ask(call, asked, timeout=LONG_TIMEOUT)).version)

    @get("/{dataset_id:str}/versions")
    async def list_versions(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        datasets: Given[DatasetsClient],
        dataset_id: FromPath[str],
    ) -> Page:
        asked = pb.ListVersionsRequest(
            project_id=caller.project_id,
            dataset_id=Dataset.checked(dataset_id),
            page=page_request(query_of(request, "after", "limit"), maximum=MAX_PAGE),
        )
        answer = await datasets.ask(datasets.service.ListVersions, asked)
        return page_of([version_json(v) for v in answer.versions], has_more=answer.has_more)

    @get("/{dataset_id:str}/versions/{version_id:str}")
    async def retrieve_version(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        found = await _version(datasets, place)
        return version_json(found) | {"lineage": lineage_json(found)}

    @delete("/{dataset_id:str}/versions/{version_id:str}", status_code=200)
    async def remove_version(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        asked = pb.DeleteVersionRequest(
            project_id=place.project_id,
            dataset_id=place.dataset_id,
            version_id=place.version_id,
        )
        await datasets.ask(datasets.service.DeleteVersion, asked)
        return {"id": place.version_id, "object": "dataset.version.deleted", "deleted": True}

    @post("/{dataset_id:str}/versions/{version_id:str}/publish", status_code=200)
    async def publish(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Json:
        asked = pb.PublishVersionRequest(
            project_id=place.project_id,
            dataset_id=place.dataset_id,
            version_id=place.version_id,
            key_id=place.key_id,
        )
        call = datasets.service.PublishVersion
        return version_json((await datasets.ask(call, asked, timeout=LONG_TIMEOUT)).version)

    @get("/{dataset_id:str}/versions/{version_id:str}/content")
    async def content(
        self,
        datasets: Given[DatasetsClient],
        place: Given[Place],
    ) -> Stream:
        found = await _version(datasets, place)
        pieces = datasets.content(place.project_id, found.id)
        # The first piece now: what the registry refuses is an answer, not a broken stream.
        first = await anext(pieces, b"")
        return Stream(
            _joined(first, pieces),
            media_type="application/jsonl",
            headers={
                "content-length": str(found.bytes),
                "content-disposition": f'attachment; filename="{found.id}.jsonl"',
                "x-content-type-options": "nosniff",
            },
        )


async def _joined(first: bytes, rest: Any) -> Any:
    yield first
    async for piece in rest:
        yield piece


async def _version(datasets: DatasetsClient, place: Place) -> pb.DatasetVersion:
    asked = pb.GetVersionRequest(
        project_id=place.project_id, dataset_id=place.dataset_id, version_id=place.version_id
    )
    return (await datasets.ask(datasets.service.GetVersion, asked)).version
