"""An app gets a token for its key's id and secret, and the token opens what the key opens."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

PATH = "/oauth/2.0/token"
BODY: Any = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 1,
}


def asked(fleet: ApiFleet, method: str = "POST", **query: str) -> httpx.Response:
    query = {"grant_type": "client_credentials"} | query
    return httpx.request(method, fleet.cluster.url() + PATH, params=query, timeout=30)


def test_an_apps_token_works_everywhere_and_dies_with_the_app(fleet: ApiFleet) -> None:
    organization = fleet.sdk(admin_api_key=fleet.key).admin.organization
    project = organization.projects.create(name="Apps")
    accounts = organization.projects.service_accounts
    app = accounts.create(project.id, name="harbour app")
    assert app.api_key is not None
    shown = {"client_id": app.api_key.id, "client_secret": app.api_key.value}
    by_post, by_get = asked(fleet, **shown), asked(fleet, "GET", **shown)
    assert by_post.status_code == by_get.status_code == 200
    assert by_post.headers["cache-control"] == "no-store"
    assert by_post.json()["expires_in"] == 2_592_000
    assert by_post.json()["access_token"].startswith("24.")

    # One token never ends another.
    for token in (by_post.json()["access_token"], by_get.json()["access_token"]):
        with fleet.http(key=token) as client:
            assert client.post("/v1/chat/completions", json=BODY).status_code == 200
            assert client.get("/v1/models").status_code == 200
        url, query = fleet.cluster.url(), {"access_token": token}
        assert httpx.get(f"{url}/v1/models", params=query).status_code == 200
        chat = httpx.post(f"{url}/v1/chat/completions", params=query, json=BODY, timeout=30)
        assert chat.status_code == 200

    # A key itself is never taken from a URL.
    url, query = f"{fleet.cluster.url()}/v1/models", {"access_token": app.api_key.value}
    assert httpx.get(url, params=query).status_code == 401

    accounts.delete(app.id, project_id=project.id)
    with fleet.http(key=token) as client:
        wait_until(lambda: client.get("/v1/models").status_code == 401, 5, "the token's end")
    organization.projects.archive(project.id)


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "key_none", "client_secret": "sk-none"}, 401, "invalid_client"),
        ({}, 401, "invalid_client"),
    ],
)
def test_refusals_in_the_words_of_rfc_6749(
    fleet: ApiFleet, query: dict[str, str], status: int, error: str
) -> None:
    answer = asked(fleet, **query)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_id_must_be_the_secrets_own(fleet: ApiFleet) -> None:
    answer = asked(fleet, client_id="key_other", client_secret=fleet.key)
    assert answer.status_code == 401
    assert answer.json()["error_description"] == "unknown client id"
    right = asked(fleet, client_id="key_bootstrap", client_secret=fleet.key)
    assert right.status_code == 200


def test_a_changed_token_is_refused(fleet: ApiFleet) -> None:
    token = asked(fleet, client_id="key_bootstrap", client_secret=fleet.key).json()["access_token"]
    prefix, key_id, until, mac = token.split(".")
    for forged in (
        ".".join((prefix, key_id, str(int(until) + 1), mac)),
        ".".join((prefix, key_id, until, mac[::-1])),
        ".".join((prefix, key_id, until, "")),
    ):
        with pytest.raises(openai.AuthenticationError):
            fleet.sdk(api_key=forged).models.list()
