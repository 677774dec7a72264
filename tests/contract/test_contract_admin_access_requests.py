"""People who sign up: who may, what their key opens, who lets them in, and what is logged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.admin.organization import Project

from tests.harness.api_fleet import ApiFleet
from tests.harness.cluster import MODEL
from tests.harness.waiting import wait_until

PATH = "/v1/organization/access_requests"
ASKED = {
    "email": "Anne@Signup.example",
    "name": "Anne Bonny",
    "company": "Bonny & Co.",
    "scenario": "Answers for our crew, some hundred a day.",
}


@pytest.fixture(scope="module")
def sdk(fleet: ApiFleet) -> openai.OpenAI:
    return fleet.sdk(admin_api_key=fleet.key)


@pytest.fixture
def project(sdk: openai.OpenAI) -> Iterator[Project]:
    organization = sdk.admin.organization
    made = organization.projects.create(name="Signed up")
    yield made
    for member in organization.projects.users.list(made.id):
        organization.users.delete(member.id)
    organization.projects.archive(made.id)


@pytest.fixture
def admin(fleet: ApiFleet) -> Iterator[httpx.Client]:
    with fleet.http() as client:
        yield client


def asked(fleet: ApiFleet, **changes: Any) -> httpx.Response:
    """Ask for access as somebody without a key."""
    body = {name: value for name, value in (ASKED | changes).items() if value is not None}
    with fleet.http(key="none") as client:
        del client.headers["authorization"]
        return client.post(PATH, json=body)


def works(fleet: ApiFleet, secret: str) -> bool:
    client = fleet.sdk(api_key=secret)
    try:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Ahoy"}], max_tokens=2
        )
    except openai.AuthenticationError:
        return False
    return True


def test_i10_i12_only_an_approved_application_has_a_key_that_works(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, admin: httpx.Client
) -> None:
    made = asked(fleet).json()
    secret = made["api_key"]["value"]
    assert (made["status"], made["email"]) == ("pending", "anne@signup.example")
    assert (made["company"], made["scenario"]) == (ASKED["company"], ASKED["scenario"])
    assert not works(fleet, secret)
    listed = admin.get(PATH, params={"status": "pending"})
    assert made["id"] in {each["id"] for each in listed.json()["data"]}
    assert secret not in listed.text
    # Nobody lets themselves in.
    with fleet.http(key=fleet.other_key) as other:
        path = f"{PATH}/{made['id']}"
        assert other.get(path).status_code == 403
        refused = other.post(f"{path}/approve", json={"project_id": "proj_other"})
        assert refused.status_code == 403

    approved = admin.post(
        f"{PATH}/{made['id']}/approve", json={"project_id": project.id, "role": "owner"}
    ).json()
    assert (approved["status"], approved["role"]) == ("approved", "owner")
    wait_until(lambda: works(fleet, secret), 5, "the key works", pause=0.2)
    member = sdk.admin.organization.projects.users.retrieve(
        approved["user_id"], project_id=project.id
    )
    assert (member.email, member.role) == ("anne@signup.example", "owner")
    key = sdk.admin.organization.projects.api_keys.retrieve(
        made["api_key"]["id"], project_id=project.id
    )
    assert key.owner.user is not None
    assert key.owner.user.id == approved["user_id"]
    # An owner sees the own project in the admin API.
    with fleet.http(key=secret) as own:
        assert own.get(f"/v1/organization/projects/{project.id}").status_code == 200
    again = admin.post(f"{PATH}/{made['id']}/approve", json={"project_id": project.id})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "access_request_decided")

    log = admin.get("/v1/organization/audit_logs", params={"limit": 100}).json()["data"]
    told = {(e["type"], e[e["type"]]["id"]): e for e in log}
    assert told["access_request.created", made["id"]]["actor"] is None
    assert told["access_request.approved", made["id"]]["actor"] is not None
    assert told["access_request.approved", made["id"]]["project"]["id"] == project.id
    assert ("user.added", approved["user_id"]) in told
    assert ("api_key.created", made["api_key"]["id"]) in told


def test_i10_a_rejected_application_never_works(fleet: ApiFleet, admin: httpx.Client) -> None:
    made = asked(fleet, email="rackham@signup.example").json()
    rejected = admin.post(f"{PATH}/{made['id']}/reject", json={"reason": "No such company."})
    assert rejected.json()["status"] == "rejected"
    assert admin.get(f"{PATH}/{made['id']}").json()["reason"] == "No such company."
    assert not works(fleet, made["api_key"]["value"])
    approved = admin.post(f"{PATH}/{made['id']}/approve", json={"project_id": "proj_default"})
    assert approved.status_code == 409
    log = admin.get(
        "/v1/organization/audit_logs", params={"event_types[]": "access_request.rejected"}
    ).json()["data"]
    assert log[0]["access_request.rejected"]["id"] == made["id"]


def test_i13_an_approved_key_works_within_five_seconds_without_a_restart(
    fleet: ApiFleet, project: Project, admin: httpx.Client
) -> None:
    made = asked(fleet, email="read@signup.example").json()
    secret = made["api_key"]["value"]
    # Tried too early, and refused: that must not be remembered for long.
    assert not works(fleet, secret)
    approved = admin.post(f"{PATH}/{made['id']}/approve", json={"project_id": project.id})
    assert approved.json()["role"] == "member"
    begun = time.monotonic()
    wait_until(lambda: works(fleet, secret), 5, "the key works", pause=0.2)
    print(f"works after {time.monotonic() - begun:.2f} s")
    # The same person again: the same user, in no project twice.
    more = asked(fleet, email="READ@signup.example").json()
    again = admin.post(f"{PATH}/{more['id']}/approve", json={"project_id": project.id}).json()
    assert again["user_id"] == approved.json()["user_id"]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"company": None}, "company"),
        ({"scenario": None}, "scenario"),
        ({"scenario": " "}, "scenario"),
        ({"email": "nobody"}, "email"),
        ({"name": "a\u202eb"}, "name"),
        ({"role": "owner"}, "role"),
    ],
)
def test_i10_what_is_missing_or_wrong_is_named(
    fleet: ApiFleet, changes: dict[str, Any], param: str
) -> None:
    refused = asked(fleet, **changes)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
