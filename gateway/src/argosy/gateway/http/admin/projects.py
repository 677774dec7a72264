"""`/v1/organization/projects`: make, show, rename and archive projects."""

from __future__ import annotations

from typing import Any

from argosy.api.registry.v1 import accounts_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.admin.asking import Text, checked, page
from argosy.gateway.http.admin.extension import ProjectExtension, limits_message
from argosy.gateway.http.admin.shapes import project_json
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.paging import Json, Page, page_of, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.upstream.accounts import AccountsClient
from argosy.kit.errors import InvalidRequest
from litestar import Controller, Request, get, post
from litestar.params import FromPath
from msgspec import Struct


class NewProject(Struct, forbid_unknown_fields=True):
    name: Text
    argosy: ProjectExtension | None = None


class ProjectChange(Struct, forbid_unknown_fields=True):
    name: Text | None = None
    argosy: ProjectExtension | None = None


class ProjectsController(Controller):
    path = "/v1/organization/projects"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
    ) -> Json:
        body = await body_reader.json(request, NewProject)
        asked = pb.CreateProjectRequest(
            actor=actor,
            name=body.name,
            limits=limits_message(body.argosy),
            share=(body.argosy.share if body.argosy else None) or 0,
        )
        return project_json((await accounts.ask(accounts.accounts.CreateProject, asked)).project)

    @get()
    async def list_projects(
        self,
        request: Request[Any, Any, Any],
        admin: Given[Caller],
        accounts: Given[AccountsClient],
    ) -> Page:
        archived = query_of(request, "include_archived").get("include_archived", "false")
        if archived not in {"true", "false"}:
            raise InvalidRequest(
                "Invalid value for 'include_archived': send true or false.",
                param="include_archived",
            )
        asked = pb.ListProjectsRequest(page=page(request), include_archived=archived == "true")
        answer = await accounts.ask(accounts.accounts.ListProjects, asked)
        return page_of([project_json(p) for p in answer.projects], has_more=answer.has_more)

    @get("/{project_id:str}")
    async def retrieve(
        self, admin: Given[Caller], accounts: Given[AccountsClient], project_id: FromPath[str]
    ) -> Json:
        asked = pb.GetProjectRequest(project_id=checked(project_id, "project"))
        return project_json((await accounts.ask(accounts.accounts.GetProject, asked)).project)

    @post("/{project_id:str}", status_code=200)
    async def update(
        self,
        request: Request[Any, Any, Any],
        actor: Given[pb.Actor],
        body_reader: Given[BodyReader],
        accounts: Given[AccountsClient],
        project_id: FromPath[str],
    ) -> Json:
        body = await body_reader.json(request, ProjectChange)
        asked = pb.UpdateProjectRequest(
            actor=actor,
            project_id=checked(project_id, "project"),
            name=body.name,
            limits=limits_message(body.argosy),
            share=body.argosy.share if body.argosy else None,
            stores_completions=body.argosy.stores_completions if body.argosy else None,
        )
        return project_json((await accounts.ask(accounts.accounts.UpdateProject, asked)).project)

    @post("/{project_id:str}/archive", status_code=200)
    async def archive(
        self, actor: Given[pb.Actor], accounts: Given[AccountsClient], project_id: FromPath[str]
    ) -> Json:
        asked = pb.ArchiveProjectRequest(actor=actor, project_id=checked(project_id, "project"))
        return project_json((await accounts.ask(accounts.accounts.ArchiveProject, asked)).project)
