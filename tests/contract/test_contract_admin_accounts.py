"""The stock SDK's admin calls for projects, service accounts and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.admin.organization import (
    AdminAPIKey,
    AdminAPIKeyCreateResponse,
    AdminAPIKeyDeleteResponse,
    Project,
)
from openai.types.admin.organization.projects import (
    APIKeyDeleteResponse,
    ProjectAPIKey,
    ProjectServiceAccount,
    ServiceAccountCreateResponse,
    ServiceAccountDeleteResponse,
)
from openai.types.admin.organization.projects.service_accounts import APIKeyCreateResponse

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

MODEL = "smollm2-135m-instruct"
Strictly = Callable[[type[Any], Any], Any]


@pytest.fixture(scope="module")
def sdk(fleet: ApiFleet) -> openai.OpenAI:
    return fleet.sdk(admin_api_key=fleet.key)


@pytest.fixture
def project(sdk: openai.OpenAI) -> Iterator[Project]:
    made = sdk.admin.organization.projects.create(name="Harbour")
    yield made
    sdk.admin.organization.projects.archive(made.id)


def chat(fleet: ApiFleet, key: str) -> Any:
    return fleet.sdk(api_key=key).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=1
    )


def test_a_projects_life(fleet: ApiFleet, sdk: openai.OpenAI, strictly: Strictly) -> None:
    projects = sdk.admin.organization.projects
    made = strictly(
        Project, projects.with_raw_response.create(name="  Pier 1 ").http_response.json()
    )
    assert (made.name, made.status, made.archived_at) == ("Pier 1", "active", None)
    assert projects.retrieve(made.id) == made
    assert projects.update(made.id, name="Pier 2").name == "Pier 2"
    assert made.id in {p.id for p in projects.list()}

    archived = projects.archive(made.id)
    assert archived.status == "archived"
    assert archived.archived_at is not None
    assert projects.archive(made.id) == archived
    assert made.id not in {p.id for p in projects.list()}
    assert made.id in {p.id for p in projects.list(include_archived=True)}
    with pytest.raises(openai.ConflictError):
        projects.update(made.id, name="Pier 3")
    with pytest.raises(openai.ConflictError) as refused:
        projects.archive("proj_default")
    assert refused.value.code == "project_not_archivable"


def test_lists_page_to_their_end(sdk: openai.OpenAI) -> None:
    projects = sdk.admin.organization.projects
    made = [projects.create(name=f"Page {i}").id for i in range(3)]
    first = projects.list(limit=1)
    assert first.has_more is True
    seen = [p.id for p in projects.list(limit=1)]
    assert [i for i in seen if i in made] == made
    assert len(seen) == len(set(seen))
    for project_id in made:
        projects.archive(project_id)
    with pytest.raises(openai.NotFoundError):
        projects.list(after="proj_none")


def test_a_service_accounts_key_works_at_once_and_dies_with_it(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, strictly: Strictly
) -> None:
    accounts = sdk.admin.organization.projects.service_accounts
    raw = accounts.with_raw_response.create(project.id, name="crane").http_response.json()
    made = strictly(ServiceAccountCreateResponse, raw)
    assert made.role == "member"
    assert made.api_key is not None
    assert chat(fleet, made.api_key.value).choices

    shown = accounts.with_raw_response.retrieve(made.id, project_id=project.id).http_response.json()
    assert strictly(ProjectServiceAccount, shown).name == "crane"
    assert [a.id for a in accounts.list(project.id)] == [made.id]
    assert accounts.update(made.id, project_id=project.id, name="winch", role="owner").role == (
        "owner"
    )
    second = strictly(
        APIKeyCreateResponse,
        accounts.api_keys.with_raw_response.create(
            made.id, project_id=project.id, name="night shift", expires_in_seconds=3600
        ).http_response.json(),
    )
    assert second.expires_at == second.created_at + 3600
    assert chat(fleet, second.value).choices

    gone = accounts.with_raw_response.delete(made.id, project_id=project.id)
    assert strictly(ServiceAccountDeleteResponse, gone.http_response.json()).deleted
    with pytest.raises(openai.NotFoundError):
        accounts.retrieve(made.id, project_id=project.id)
    assert not list(sdk.admin.organization.projects.api_keys.list(project.id))


def test_a_service_account_may_be_made_without_access(
    sdk: openai.OpenAI, project: Project, strictly: Strictly
) -> None:
    accounts = sdk.admin.organization.projects.service_accounts
    raw = accounts.with_raw_response.create(
        project.id, name="later", create_service_account_only=True
    ).http_response.json()
    made = strictly(ServiceAccountCreateResponse, raw)
    assert (made.role, made.api_key) == ("none", None)
    with pytest.raises(openai.BadRequestError) as refused:
        accounts.create(
            project.id, name="x", create_service_account_only=True, expires_in_seconds=60
        )
    assert refused.value.param == "expires_in_seconds"


def test_a_projects_keys(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, strictly: Strictly
) -> None:
    path = f"/organization/projects/{project.id}/api_keys"
    made: Any = sdk.post(path, cast_to=object, body={"name": "mine"})
    secret = made.pop("value")
    assert strictly(ProjectAPIKey, made).owner.type == "user"
    assert made["redacted_value"] == f"{secret[:14]}...{secret[-4:]}"
    assert chat(fleet, secret).choices

    keys = sdk.admin.organization.projects.api_keys
    raw = keys.with_raw_response.retrieve(made["id"], project_id=project.id)
    assert strictly(ProjectAPIKey, raw.http_response.json()).name == "mine"
    assert secret not in raw.http_response.text
    assert [k.id for k in keys.list(project.id)] == [made["id"]]
    changed = keys.update(made["id"], project_id=project.id, expires_in_seconds=600)
    assert changed.expires_at is not None

    with pytest.raises(openai.NotFoundError):
        keys.retrieve(made["id"], project_id="proj_default")
    gone = keys.with_raw_response.delete(made["id"], project_id=project.id)
    assert strictly(APIKeyDeleteResponse, gone.http_response.json()).deleted
    with pytest.raises(openai.AuthenticationError):
        chat(fleet, secret)
    with pytest.raises(openai.NotFoundError):
        keys.delete(made["id"], project_id=project.id)


def test_an_archived_projects_keys_are_dead(fleet: ApiFleet, sdk: openai.OpenAI) -> None:
    projects = sdk.admin.organization.projects
    made = projects.create(name="Sinking")
    key = projects.service_accounts.create(made.id, name="pump").api_key
    assert key is not None
    assert chat(fleet, key.value).choices
    projects.archive(made.id)
    with fleet.http(key=key.value) as client:
        wait_until(lambda: client.get("/v1/models").status_code == 401, 5, "the key's end")


def test_admin_keys_and_their_roles(
    fleet: ApiFleet, sdk: openai.OpenAI, strictly: Strictly
) -> None:
    keys = sdk.admin.organization.admin_api_keys
    owner = strictly(
        AdminAPIKeyCreateResponse,
        keys.with_raw_response.create(name="second").http_response.json(),
    )
    shown = keys.with_raw_response.retrieve(owner.id).http_response.json()
    assert strictly(AdminAPIKey, shown).owner.role == "owner"
    assert owner.id in {k.id for k in keys.list()}
    newest = keys.list(order="desc", limit=1)
    assert [k.id for k in newest.data] == [owner.id]

    reader = keys.create(name="looks", extra_body={"argosy": {"role": "reader"}})
    as_reader = fleet.sdk(admin_api_key=reader.value).admin.organization
    assert owner.id in {k.id for k in as_reader.admin_api_keys.list()}
    with pytest.raises(openai.PermissionDeniedError) as refused:
        as_reader.projects.create(name="no")
    assert refused.value.code == "insufficient_permissions"

    # A key of the admin API serves no completions, and a project's key is none of it.
    with pytest.raises(openai.PermissionDeniedError) as refused:
        chat(fleet, owner.value)
    assert refused.value.code == "admin_key_only"
    with pytest.raises(openai.PermissionDeniedError):
        fleet.sdk(admin_api_key=fleet.other_key).admin.organization.projects.list()

    as_owner = fleet.sdk(admin_api_key=owner.value).admin.organization
    assert strictly(
        AdminAPIKeyDeleteResponse,
        as_owner.admin_api_keys.with_raw_response.delete(reader.id).http_response.json(),
    ).deleted
    as_owner.admin_api_keys.delete(owner.id)
    with pytest.raises(openai.AuthenticationError):
        as_owner.projects.list()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a", "geography": "EU"}, "geography"),
    ],
)
def test_a_wrong_project_names_the_field(fleet: ApiFleet, body: dict[str, Any], param: str) -> None:
    with fleet.http() as client:
        answer = client.post("/v1/organization/projects", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
