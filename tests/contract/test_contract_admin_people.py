"""The stock SDK's admin calls for users, members, invitations and the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.admin.organization import (
    AuditLogListResponse,
    Invite,
    InviteDeleteResponse,
    OrganizationUser,
    Project,
    UserDeleteResponse,
)
from openai.types.admin.organization.projects import ProjectUser
from openai.types.admin.organization.projects import UserDeleteResponse as MemberGone

from tests.harness.api_fleet import ApiFleet
from tests.harness.cluster import MODEL
from tests.harness.waiting import wait_until

Strictly = Callable[[type[Any], Any], Any]


@pytest.fixture(scope="module")
def sdk(fleet: ApiFleet) -> openai.OpenAI:
    return fleet.sdk(admin_api_key=fleet.key)


@pytest.fixture
def project(sdk: openai.OpenAI) -> Iterator[Project]:
    made = sdk.admin.organization.projects.create(name="Crew")
    yield made
    sdk.admin.organization.projects.archive(made.id)


def accepted(fleet: ApiFleet, token: str, name: str = "Mary Read") -> Any:
    with fleet.http(key="none") as client:
        del client.headers["authorization"]
        return client.post("/v1/organization/invites/accept", json={"token": token, "name": name})


def invited(sdk: openai.OpenAI, email: str, **more: Any) -> tuple[Invite, str]:
    """Invite someone; return the invitation and its token."""
    made = sdk.admin.organization.invites.create(email=email, role="reader", **more)
    extra: Any = made.model_extra
    return made, extra["argosy"]["token"]


def test_an_invitation_makes_a_user_and_a_member(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, strictly: Strictly
) -> None:
    organization = sdk.admin.organization
    made, token = invited(sdk, "Mary@Ship.example", projects=[{"id": project.id, "role": "owner"}])
    raw: Any = organization.invites.with_raw_response.retrieve(made.id).http_response
    shown = strictly(Invite, raw.json())
    assert (shown.email, shown.status, shown.accepted_at) == ("mary@ship.example", "pending", None)
    assert token not in raw.text
    assert made.id in {i.id for i in organization.invites.list()}

    user_id = accepted(fleet, token).json()["id"]
    assert accepted(fleet, token).status_code == 404
    assert organization.invites.retrieve(made.id).status == "accepted"
    with pytest.raises(openai.ConflictError):
        organization.invites.delete(made.id)
    with pytest.raises(openai.ConflictError) as refused:
        invited(sdk, "mary@ship.example")
    assert refused.value.code == "user_exists"

    raw = organization.users.with_raw_response.retrieve(user_id).http_response
    assert strictly(OrganizationUser, raw.json()).name == "Mary Read"
    assert [u.id for u in organization.users.list(emails=["MARY@ship.example"])] == [user_id]
    assert organization.users.update(user_id, role="owner").role == "owner"
    members = organization.projects.users
    raw = members.with_raw_response.retrieve(user_id, project_id=project.id).http_response
    assert strictly(ProjectUser, raw.json()).role == "owner"

    raw = organization.users.with_raw_response.delete(user_id).http_response
    assert strictly(UserDeleteResponse, raw.json()).deleted
    assert not list(members.list(project.id))
    with pytest.raises(openai.NotFoundError):
        organization.users.retrieve(user_id)


def test_an_invitation_can_be_taken_back(
    fleet: ApiFleet, sdk: openai.OpenAI, strictly: Strictly
) -> None:
    made, token = invited(sdk, "anne@ship.example", projects=[])
    assert made.projects == []
    raw = sdk.admin.organization.invites.with_raw_response.delete(made.id).http_response
    assert strictly(InviteDeleteResponse, raw.json()).deleted
    assert accepted(fleet, token).status_code == 404


def test_members_come_and_go_with_their_keys(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, strictly: Strictly
) -> None:
    _, token = invited(sdk, "jack@ship.example", projects=[])
    user_id = accepted(fleet, token, "Jack").json()["id"]
    members = sdk.admin.organization.projects.users
    raw: Any = members.with_raw_response.create(project.id, role="member", user_id=user_id)
    assert strictly(ProjectUser, raw.http_response.json()).email == "jack@ship.example"
    with pytest.raises(openai.ConflictError):
        members.create(project.id, role="member", email="jack@ship.example")
    assert members.update(user_id, project_id=project.id, role="owner").role == "owner"
    assert [m.id for m in members.list(project.id)] == [user_id]

    with fleet.http() as client:
        path = f"/v1/organization/projects/{project.id}/api_keys"
        made = client.post(path, json={"name": "jack's", "user_id": user_id}).json()
    assert made["owner"]["user"]["email"] == "jack@ship.example"
    raw = members.with_raw_response.delete(user_id, project_id=project.id)
    assert strictly(MemberGone, raw.http_response.json()).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.admin.organization.projects.api_keys.retrieve(made["id"], project_id=project.id)
    sdk.admin.organization.users.delete(user_id)


def test_the_last_owner_stays(sdk: openai.OpenAI) -> None:
    users = sdk.admin.organization.users
    (owner,) = [user for user in users.list() if user.role == "owner"]
    for refused in (
        lambda: users.delete(owner.id),
        lambda: users.update(owner.id, role="reader"),
    ):
        with pytest.raises(openai.ConflictError) as error:
            refused()
        assert error.value.code == "last_owner"


def test_every_change_is_in_the_audit_log(
    fleet: ApiFleet, sdk: openai.OpenAI, strictly: Strictly
) -> None:
    organization = sdk.admin.organization
    project = organization.projects.create(name="Logged")
    account = organization.projects.service_accounts.create(project.id, name="log")
    assert account.api_key is not None
    organization.projects.service_accounts.delete(account.id, project_id=project.id)
    organization.projects.archive(project.id)

    logs = organization.audit_logs
    raw = logs.with_raw_response.list(project_ids=[project.id]).http_response.json()
    entries = [strictly(AuditLogListResponse, entry) for entry in raw["data"]]
    assert [entry.type for entry in entries] == [
        "project.archived",
        "api_key.deleted",
        "service_account.deleted",
        "api_key.created",
        "service_account.created",
        "project.created",
    ]
    first = entries[-1]
    assert first.project_created is not None
    assert (first.project_created.id, first.project and first.project.name) == (
        project.id,
        "Logged",
    )
    assert first.actor is not None
    assert first.actor.api_key is not None
    assert first.actor.api_key.id == "key_bootstrap"
    assert first.actor.api_key.user is not None
    assert first.actor.api_key.user.email == "operator@localhost"
    session = first.actor.session
    assert session is not None
    assert session.ip_address == "127.0.0.1"
    assert "OpenAI/Python" in getattr(session, "user_agent", "")
    assert account.api_key.value not in str(raw)

    ids = [entry.id for entry in entries]
    assert [e.id for e in logs.list(project_ids=[project.id], limit=2)] == ids
    page = logs.list(project_ids=[project.id], before=ids[3], limit=2)
    assert [e.id for e in page.data] == ids[1:3]
    found = logs.list(event_types=["api_key.created"], resource_ids=[account.api_key.id])
    assert [e.id for e in found] == [ids[3]]
    assert not logs.list(project_ids=[project.id], effective_at={"lt": 1}).data
    assert len(logs.list(project_ids=[project.id], effective_at={"gte": 1}).data) == len(ids)
    assert not logs.list(project_ids=[project.id], actor_emails=["nobody@x.example"]).data


def test_openais_other_events_are_asked_for_in_vain(sdk: openai.OpenAI) -> None:
    logs = sdk.admin.organization.audit_logs
    assert logs.list(event_types=["login.succeeded"], limit=100).data == []
    with pytest.raises(openai.BadRequestError, match=r"'nope'.*project\.created") as refused:
        logs.list(event_types=["project.created", "nope"])  # type: ignore[list-item]
    assert (refused.value.param, refused.value.code) == ("event_types", "invalid_value")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("event_types=nope", "event_types"),
        ("project_ids[]=%00", "project_ids"),
        ("&".join(["actor_ids[]=a"] * 101), "actor_ids"),
        ("before=a%20b", "before"),
        ("before=a&before=b", "before"),
        ("before=nope", "before"),
        ("after=nope", "after"),
        ("after=a&before=b", "before"),
        ("limit=101", "limit"),
        ("effective_at=1", "effective_at"),
        ("effective_at[gt]=now", "effective_at"),
        ("effective_at[gte]=5&effective_at[lt]=5", "effective_at"),
    ],
)
def test_a_wrong_query_of_the_log_names_its_field(fleet: ApiFleet, query: str, param: str) -> None:
    with fleet.http() as client:
        answer = client.get(f"/v1/organization/audit_logs?{query}")
    assert answer.status_code in {400, 404}, answer.text
    assert answer.json()["error"]["param"] == param


def test_a_refused_change_leaves_no_entry(sdk: openai.OpenAI) -> None:
    logs = sdk.admin.organization.audit_logs
    newest = logs.list(limit=1).data[0].id
    with pytest.raises(openai.BadRequestError):
        sdk.admin.organization.projects.create(name="\u202e")
    with pytest.raises(openai.ConflictError):
        sdk.admin.organization.projects.archive("proj_default")
    assert logs.list(limit=1).data[0].id == newest


def test_a_key_may_do_what_the_role_of_its_user_allows(fleet: ApiFleet, sdk: openai.OpenAI) -> None:
    organization = sdk.admin.organization
    project = organization.projects.create(name="Roles")
    invite: Any = organization.invites.create(
        email="roles@ship.example", role="reader", projects=[]
    )
    with fleet.http() as operator:
        accepted = operator.post(
            "/v1/organization/invites/accept",
            json={"token": invite.argosy["token"], "name": "Anne"},
        )
        user_id = accepted.json()["id"]
        path = f"/v1/organization/projects/{project.id}"
        made = operator.post(f"{path}/api_keys", json={"name": "Anne's", "user_id": user_id})
    key = made.json()["value"]
    hello = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    with fleet.http(key=key) as client:

        def asked() -> tuple[int, int, int, int]:
            """Look on, use, make something, manage people; return the statuses."""
            return (
                client.get("/v1/models").status_code,
                client.post("/v1/chat/completions", json=hello).status_code,
                client.post(
                    "/v1/files", data={"purpose": "batch"}, files={"file": b"{}"}
                ).status_code,
                client.get(f"{path}/users").status_code,
            )

        # A reader of the organization who is not in the project.
        assert asked() == (200, 403, 403, 403)
        organization.projects.users.create(project.id, user_id=user_id, role="member")
        wait_until(lambda: asked()[1] == 200, 5, "the member's role to be known")
        assert (asked()[0], asked()[3]) == (200, 403)
        organization.projects.users.update(user_id, project_id=project.id, role="owner")
        wait_until(lambda: asked()[3] == 200, 5, "the owner's role to be known")
        capped = {"threshold_amount": 1, "currency": "USD", "interval": "month"}
        assert client.post(f"{path}/spend_limit", json=capped).status_code == 403
        assert client.get("/v1/organization/projects").status_code == 403
        organization.projects.users.delete(user_id, project_id=project.id)
        wait_until(lambda: asked()[0] == 401, 5, "the key's end")
    organization.users.delete(user_id)
    organization.projects.archive(project.id)
