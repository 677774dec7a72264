"""`/v1/datasets/tasks`: long work on data sets, at the registry."""

from __future__ import annotations

from typing import Any

import msgspec
from argosy.api.registry.v1 import datasets_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.dataset_asking import MAX_PAGE, Dataset, Task
from argosy.gateway.http.dataset_shapes import task_json
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.datasets import DatasetsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get, post
from litestar.params import FromPath


class DatasetTasksController(Controller):
    path = "/v1/datasets/tasks"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        datasets: Given[DatasetsClient],
    ) -> Json:
        """`type` and `dataset_id`; all else in the body is the type's, judged by the registry."""
        body = await body_reader.json(request, dict[str, Any])
        task_type, dataset_id = body.pop("type", None), body.pop("dataset_id", "")
        for name, value in (("type", task_type), ("dataset_id", dataset_id)):
            if not isinstance(value, str):
                raise InvalidRequest(
                    f"Missing or invalid parameter: '{name}' must be a string.", param=name
                )
        asked = pb.CreateTaskRequest(
            project_id=caller.project_id,
            key_id=caller.key_id,
            type=task_type,
            dataset_id=Dataset.checked(dataset_id) if dataset_id else "",
            parameters=msgspec.json.encode(body).decode(),
        )
        return task_json((await datasets.ask(datasets.service.CreateTask, asked)).task)

    @get()
    async def list_tasks(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        datasets: Given[DatasetsClient],
    ) -> Page:
        query = query_of(request, "after", "limit", "dataset_id")
        asked = pb.ListTasksRequest(
            project_id=caller.project_id,
            page=page_request(query, maximum=MAX_PAGE),
            dataset_id=query.get("dataset_id", ""),
        )
        answer = await datasets.ask(datasets.service.ListTasks, asked)
        return page_of([task_json(t) for t in answer.tasks], has_more=answer.has_more)

    @get("/{task_id:str}")
    async def retrieve(
        self, caller: Given[Caller], datasets: Given[DatasetsClient], task_id: FromPath[str]
    ) -> Json:
        asked = pb.GetTaskRequest(project_id=caller.project_id, task_id=Task.checked(task_id))
        return task_json((await datasets.ask(datasets.service.GetTask, asked)).task)

    @post("/{task_id:str}/cancel", status_code=200)
    async def cancel(
        self, caller: Given[Caller], datasets: Given[DatasetsClient], task_id: FromPath[str]
    ) -> Json:
        asked = pb.CancelTaskRequest(project_id=caller.project_id, task_id=Task.checked(task_id))
        return task_json((await datasets.ask(datasets.service.CancelTask, asked)).task)
