"""Every call of the SDK's admin API that Argosy promises is there, by the SDK itself.

The list is written here, since the promise is ours: a call that is taken out of it takes a promise
back. Whether each does what it should is in the other tests of the admin API.
"""

from __future__ import annotations

import inspect
import time
from typing import Any, Final

import openai
import pytest

from tests.harness.api_fleet import ApiFleet

USAGE: Final = (
    "audio_speeches", "audio_transcriptions", "code_interpreter_sessions", "completions", "costs",
    "decisions", "embeddings", "file_search_calls", "images", "moderations", "vector_stores",
    "web_search_calls",
)  # fmt: skip
PROMISED: Final = {
    "audit_logs": ("list",),
    "admin_api_keys": ("create", "retrieve", "list", "delete"),
    "usage": USAGE,
    "invites": ("create", "retrieve", "list", "delete"),
    "users": ("retrieve", "update", "list", "delete"),
    "spend_limit": ("retrieve", "update", "delete"),
    "spend_alerts": ("create", "retrieve", "update", "list", "delete"),
    "projects": ("create", "retrieve", "update", "list", "archive"),
    "projects.users": ("create", "retrieve", "update", "list", "delete"),
    "projects.service_accounts": ("create", "retrieve", "update", "list", "delete"),
    "projects.service_accounts.api_keys": ("create",),
    "projects.api_keys": ("retrieve", "update", "list", "delete"),
    "projects.rate_limits": ("list_rate_limits", "update_rate_limit"),
    "projects.model_permissions": ("retrieve", "update", "delete"),
    "projects.spend_limit": ("retrieve", "update", "delete"),
    "projects.spend_alerts": ("create", "retrieve", "update", "list", "delete"),
}
CALLS: Final = [(path, name) for path, names in PROMISED.items() for name in names]
# What a call needs that has no default; ids name nothing, so nothing is changed by accident.
CHANNEL: Final = {"type": "email", "recipients": ["a@ship.example"]}
ARGUMENTS: Final[dict[str, Any]] = {
    "start_time": int(time.time()) - 3600,
    "currency": "USD",
    "interval": "month",
    "threshold_amount": 10**9,
    "notification_channel": CHANNEL,
    "email": "surface@ship.example",
    "role": "member",
    "mode": "deny_list",
    "model_ids": [],
    "name": "Surface",
}
# With an unknown id the only right answers are these.
UNKNOWN: Final = {200, 400, 404}


@pytest.mark.parametrize(("path", "name"), CALLS, ids=lambda part: part)
def test_every_promised_call_of_the_admin_api_is_there(
    fleet: ApiFleet, path: str, name: str
) -> None:
    resource: Any = fleet.sdk(admin_api_key=fleet.key).admin.organization
    for part in path.split("."):
        resource = getattr(resource, part)
    required = [
        parameter.name
        for parameter in inspect.signature(getattr(resource, name)).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    arguments = {each: ARGUMENTS.get(each, "surface_none") for each in required}
    if (path, name) == ("invites", "create"):
        arguments["role"] = "reader"
    try:
        answer = getattr(resource.with_raw_response, name)(**arguments).http_response
        status, body = answer.status_code, answer.json()
    except openai.APIStatusError as refused:
        status, body = refused.status_code, refused.response.json()
    assert status in UNKNOWN, body
    if status == 404:
        # A route that does not exist is a 404 too, with another message.
        assert "Invalid URL" not in body["error"]["message"], body
    undo(fleet, path, body, status)


def undo(fleet: ApiFleet, path: str, body: Any, status: int) -> None:
    """Take back what a call has made, so that the fleet is as it was."""
    if status != 200 or not isinstance(body, dict) or "id" not in body:
        return
    organization = fleet.sdk(admin_api_key=fleet.key).admin.organization
    if path == "projects":
        organization.projects.archive(body["id"])
    elif path in {"admin_api_keys", "invites", "spend_alerts"}:
        getattr(organization, path).delete(body["id"])


@pytest.mark.parametrize("name", USAGE)
def test_a_report_has_a_bucket_a_day_in_openais_shape(fleet: ApiFleet, name: str) -> None:
    end = int(time.time()) // 86_400 * 86_400
    usage = fleet.sdk(admin_api_key=fleet.key).admin.organization.usage
    page: Any = getattr(usage, name)(start_time=end - 3 * 86_400, end_time=end, limit=7)
    assert page.object == "page"
    assert not page.has_more
    assert [bucket.object for bucket in page.data] == ["bucket"] * 3
    assert [bucket.start_time for bucket in page.data] == [end - n * 86_400 for n in (3, 2, 1)]
    assert all(isinstance(bucket.results, list) for bucket in page.data)
