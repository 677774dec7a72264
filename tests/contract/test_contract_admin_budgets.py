"""The stock SDK's admin calls for rate limits, model permissions, spend limits and alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.admin.organization import (
    OrganizationSpendAlert,
    OrganizationSpendAlertDeleted,
    OrganizationSpendLimit,
    OrganizationSpendLimitDeleted,
    Project,
)
from openai.types.admin.organization.projects import (
    ProjectModelPermissions,
    ProjectModelPermissionsDeleted,
    ProjectRateLimit,
    ProjectSpendAlert,
    ProjectSpendAlertDeleted,
    ProjectSpendLimit,
    ProjectSpendLimitDeleted,
)

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

MODEL = "smollm2-135m-instruct"
EMBEDDING = "use-multilingual-v3"
Strictly = Callable[[type[Any], Any], Any]
CHANNEL: Any = {"type": "email", "recipients": ["purser@ship.example"]}
MONTHLY: Any = {"currency": "USD", "interval": "month"}


@pytest.fixture(scope="module")
def sdk(fleet: ApiFleet) -> openai.OpenAI:
    return fleet.sdk(admin_api_key=fleet.key)


@pytest.fixture
def project(sdk: openai.OpenAI) -> Iterator[Project]:
    made = sdk.admin.organization.projects.create(name="Purse")
    yield made
    sdk.admin.organization.projects.archive(made.id)


@pytest.fixture
def key(sdk: openai.OpenAI, project: Project) -> str:
    made = sdk.admin.organization.projects.service_accounts.create(project.id, name="spends")
    assert made.api_key is not None
    return made.api_key.value


def chat(fleet: ApiFleet, key: str) -> int:
    with fleet.http(key=key) as client:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 1,
        }
        return client.post("/v1/chat/completions", json=body).status_code


def test_rate_limits_are_listed_for_each_model_and_enforced(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, key: str, strictly: Strictly
) -> None:
    limits = sdk.admin.organization.projects.rate_limits
    raw = limits.with_raw_response.list_rate_limits(project.id).http_response.json()
    listed = {r.model: r for r in (strictly(ProjectRateLimit, entry) for entry in raw["data"])}
    assert {MODEL, EMBEDDING} <= set(listed)
    assert listed[MODEL].max_requests_per_1_minute == 0
    ids = [r.id for r in limits.list_rate_limits(project.id, limit=1)]
    assert ids == [r.id for r in limits.list_rate_limits(project.id)]

    changed = limits.update_rate_limit(
        listed[MODEL].id, project_id=project.id, max_requests_per_1_minute=2
    )
    assert (changed.model, changed.max_requests_per_1_minute) == (MODEL, 2)
    wait_until(lambda: 429 in [chat(fleet, key) for _ in range(3)], 10, "the limit to hold")

    with pytest.raises(openai.NotFoundError):
        limits.update_rate_limit("rl-none", project_id=project.id, max_tokens_per_1_minute=1)
    with pytest.raises(openai.BadRequestError) as refused:
        limits.update_rate_limit(listed[MODEL].id, project_id=project.id, max_images_per_1_minute=1)
    assert refused.value.param == "max_images_per_1_minute"


def test_model_permissions_are_enforced(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, key: str, strictly: Strictly
) -> None:
    permissions = sdk.admin.organization.projects.model_permissions
    raw = permissions.with_raw_response.retrieve(project.id).http_response.json()
    assert strictly(ProjectModelPermissions, raw).mode == "deny_list"
    assert chat(fleet, key) == 200

    permissions.update(project.id, mode="deny_list", model_ids=[MODEL])
    with fleet.http(key=key) as client:

        def visible() -> set[str]:
            return {m["id"] for m in client.get("/v1/models").json()["data"]}

        wait_until(lambda: MODEL not in visible(), 5, "the model to go")
        assert EMBEDDING in visible()
        assert chat(fleet, key) == 404
        assert client.get(f"/v1/models/{MODEL}").status_code == 404
        permissions.update(project.id, mode="allow_list", model_ids=[MODEL])
        wait_until(lambda: visible() == {MODEL}, 5, "the other models to go")
        raw = permissions.with_raw_response.delete(project.id).http_response.json()
        assert strictly(ProjectModelPermissionsDeleted, raw).deleted
        wait_until(lambda: EMBEDDING in visible(), 5, "the models to be back")
    assert chat(fleet, key) == 200


def test_spend_limits(sdk: openai.OpenAI, project: Project, strictly: Strictly) -> None:
    raw: Any
    of_project = sdk.admin.organization.projects.spend_limit
    with pytest.raises(openai.NotFoundError) as missing:
        of_project.retrieve(project.id)
    assert missing.value.code == "no_spend_limit"
    raw = of_project.with_raw_response.update(project.id, threshold_amount=2500, **MONTHLY)
    made = strictly(ProjectSpendLimit, raw.http_response.json())
    assert (made.threshold_amount, made.enforcement.status) == (2500, "inactive")
    assert of_project.retrieve(project.id) == made
    raw = of_project.with_raw_response.delete(project.id)
    assert strictly(ProjectSpendLimitDeleted, raw.http_response.json()).deleted

    whole = sdk.admin.organization.spend_limit
    raw = whole.with_raw_response.update(threshold_amount=10**6, **MONTHLY)
    assert strictly(OrganizationSpendLimit, raw.http_response.json()).threshold_amount == 10**6
    assert whole.retrieve().enforcement.status == "inactive"
    raw = whole.with_raw_response.delete()
    assert strictly(OrganizationSpendLimitDeleted, raw.http_response.json()).deleted


def test_spend_alerts(sdk: openai.OpenAI, project: Project, strictly: Strictly) -> None:
    raw: Any
    asked: Any = {"threshold_amount": 100, "notification_channel": CHANNEL} | MONTHLY
    whole = sdk.admin.organization.spend_alerts
    raw = whole.with_raw_response.create(**asked).http_response.json()
    made = strictly(OrganizationSpendAlert, raw)
    assert whole.retrieve(made.id) == made
    assert whole.update(made.id, **asked | {"threshold_amount": 200}).threshold_amount == 200
    assert made.id in {alert.id for alert in whole.list()}
    raw = whole.with_raw_response.delete(made.id).http_response.json()
    assert strictly(OrganizationSpendAlertDeleted, raw).deleted

    of_project = sdk.admin.organization.projects.spend_alerts
    raw = of_project.with_raw_response.create(project.id, **asked).http_response.json()
    own = strictly(ProjectSpendAlert, raw)
    assert [alert.id for alert in of_project.list(project.id)] == [own.id]
    with pytest.raises(openai.NotFoundError):
        whole.retrieve(own.id)
    raw = of_project.with_raw_response.delete(own.id, project_id=project.id)
    assert strictly(ProjectSpendAlertDeleted, raw.http_response.json()).deleted
    with pytest.raises(openai.BadRequestError) as refused:
        whole.create(**asked | {"notification_channel": CHANNEL | {"recipients": ["nobody"]}})
    assert refused.value.param == "email"

    # OpenAI's alerts send mail; what calls a URL rides under `argosy`.
    hook: Any = {"argosy": {"webhook_url": "https://ship.example/hook"}}
    called: Any = whole.create(**asked, extra_body=hook)
    assert called.argosy["webhook_url"] == "https://ship.example/hook"
    assert called.argosy["webhook_secret"].startswith("whsec_")
    shown: Any = whole.retrieve(called.id)
    assert shown.argosy == {"webhook_url": "https://ship.example/hook", "reached_at": None}
    with pytest.raises(openai.BadRequestError) as inner:
        whole.create(**asked, extra_body={"argosy": {"webhook_url": "https://127.0.0.1/hook"}})
    assert (inner.value.param, inner.value.code) == ("argosy.webhook_url", "forbidden_url")
    whole.delete(called.id)


def test_limits_of_projects_and_keys_ride_under_argosy(
    fleet: ApiFleet, sdk: openai.OpenAI, project: Project, key: str
) -> None:
    projects = sdk.admin.organization.projects
    limits = {"requests_per_minute": 2}
    changed: Any = projects.update(
        project.id, extra_body={"argosy": {"limits": limits, "share": 2.5}}
    )
    assert changed.argosy["limits"]["requests_per_minute"] == 2
    assert changed.argosy["share"] == 2.5
    renamed: Any = projects.update(project.id, name="Purse 2")
    assert renamed.argosy == changed.argosy
    wait_until(lambda: 429 in [chat(fleet, key) for _ in range(3)], 10, "the limit to hold")
    with fleet.http(key=key) as client:
        # What the embedder answers counts as what engines answer does.
        refused = client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "ahoy"})
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert int(refused.headers["retry-after"]) >= 1
        projects.update(
            project.id, extra_body={"argosy": {"limits": {"requests_per_minute": 1000}}}
        )
        answer = wait_until(
            lambda: told(client.post("/v1/embeddings", json={"model": EMBEDDING, "input": "ahoy"})),
            10,
            "the higher limit",
        )
        assert answer["x-ratelimit-limit-requests"] == "1000"
        assert 0 < int(answer["x-ratelimit-remaining-requests"]) < 1000
    projects.update(project.id, extra_body={"argosy": {"limits": {}}})
    wait_until(lambda: chat(fleet, key) == 200, 10, "the limit to end")

    path = f"/v1/organization/projects/{project.id}/api_keys"
    own = {"limits": {"micros_per_day": 7}, "priority": "batch"}
    with fleet.http() as client:
        made = client.post(path, json={"name": "slow", "argosy": own}).json()
        assert made["argosy"]["limits"]["micros_per_day"] == 7
        assert made["argosy"]["priority"] == "batch"
        answer = client.post(f"{path}/{made['id']}", json={"argosy": {"priority": "high"}})
        assert answer.json()["argosy"] == made["argosy"] | {"priority": "high"}
        wrong = client.post(path, json={"name": "x", "argosy": {"limits": {"micros": 1}}})
        assert wrong.json()["error"]["param"] == "argosy.limits.micros"


def told(answer: httpx.Response) -> dict[str, str]:
    """Return the headers of an answer that was not refused."""
    return dict(answer.headers) if answer.status_code == 200 else {}
