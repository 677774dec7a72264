"""`fine_tuning.checkpoints.permissions`: a tuned model shared with another project, by the SDK."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.fine_tuning.checkpoints import (
    PermissionCreateResponse,
    PermissionDeleteResponse,
    PermissionListResponse,
    PermissionRetrieveResponse,
)

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

BASE = "smollm2-135m-instruct"
OWNER = "proj_default"
Strictly = Callable[[type[Any], Any], Any]


@pytest.fixture(scope="module")
def checkpoint(fleet: ApiFleet) -> str:
    line = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    owner = fleet.sdk()
    file = owner.files.create(
        file=("shared.jsonl", io.BytesIO(f"{json.dumps(line)}\n".encode() * 10)),
        purpose="fine-tune",
    )
    job = owner.fine_tuning.jobs.create(
        model=BASE, training_file=file.id, suffix="shared", extra_body={"argosy": {"max_steps": 2}}
    )
    assert fleet.finish(job.id)["status"] == "succeeded"
    return owner.fine_tuning.jobs.checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint


@pytest.fixture(scope="module")
def projects(fleet: ApiFleet) -> Iterator[tuple[str, str]]:
    """Two projects that own nothing."""
    admin = fleet.sdk(admin_api_key=fleet.key).admin.organization.projects
    made = (admin.create(name="Guest").id, admin.create(name="Stranger").id)
    yield made
    for project_id in made:
        admin.archive(project_id)


def member(fleet: ApiFleet, project_id: str) -> openai.OpenAI:
    """Return the SDK with a new key of the project."""
    accounts = fleet.sdk(admin_api_key=fleet.key).admin.organization.projects.service_accounts
    made = accounts.create(project_id, name="reader of checkpoints")
    assert made.api_key is not None
    return fleet.sdk(api_key=made.api_key.value)


def ask(sdk: openai.OpenAI, model: str) -> str:
    """Return which model answered."""
    return sdk.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "hello"}], max_tokens=1
    ).model


def test_a_shared_checkpoint_answers_its_guest_and_nobody_else(
    fleet: ApiFleet, checkpoint: str, projects: tuple[str, str], strictly: Strictly
) -> None:
    permissions = fleet.sdk().fine_tuning.checkpoints.permissions
    guest, stranger = (member(fleet, project_id) for project_id in projects)
    for outsider in (guest, stranger):
        with pytest.raises(openai.NotFoundError):
            ask(outsider, checkpoint)

    raw = permissions.with_raw_response.create(checkpoint, project_ids=[projects[0]])
    granted = strictly(PermissionCreateResponse, raw.http_response.json()["data"][0])
    assert granted.project_id == projects[0]
    assert ask(guest, checkpoint) == checkpoint
    assert checkpoint in {model.id for model in guest.models.list()}
    limits = fleet.sdk(admin_api_key=fleet.key).admin.organization.projects.rate_limits
    assert checkpoint in {each.model for each in limits.list_rate_limits(projects[0])}
    unknown = checkpoint.replace(":shared:", ":nobody:")
    refusals = []
    for name in (checkpoint, unknown):
        with pytest.raises(openai.NotFoundError) as refused:
            ask(stranger, name)
        refusals.append(refused.value.response.text.replace(name, unknown))
    assert refusals[0] == refusals[1]
    assert checkpoint not in {model.id for model in stranger.models.list()}

    gone = permissions.with_raw_response.delete(granted.id, fine_tuned_model_checkpoint=checkpoint)
    assert strictly(PermissionDeleteResponse, gone.http_response.json()).deleted

    def refused_again() -> bool:
        try:
            ask(guest, checkpoint)
        except openai.NotFoundError:
            return True
        return False

    wait_until(refused_again, 5.0, "the taken permission to be felt")
    assert checkpoint not in {model.id for model in guest.models.list()}
    assert ask(fleet.sdk(), checkpoint) == checkpoint


def test_a_guest_calls_and_does_nothing_else(
    fleet: ApiFleet, checkpoint: str, projects: tuple[str, str]
) -> None:
    permissions = fleet.sdk().fine_tuning.checkpoints.permissions
    granted = permissions.create(checkpoint, project_ids=[projects[0]]).data[0]
    guest = member(fleet, projects[0])
    shown: Any = guest.models.retrieve(checkpoint)
    assert (shown.argosy["shared"], shown.argosy["job"]) == (True, None)
    assert "lineage" not in shown.argosy
    with pytest.raises(openai.PermissionDeniedError, match="another project's"):
        guest.models.delete(checkpoint)
    line = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    file = guest.files.create(
        file=("own.jsonl", io.BytesIO(f"{json.dumps(line)}\n".encode() * 10)), purpose="fine-tune"
    )
    with pytest.raises(openai.BadRequestError, match="shared with yours for calling only"):
        guest.fine_tuning.jobs.create(model=checkpoint, training_file=file.id)
    # An ordinary key of a project cannot pass on what it was given.
    with pytest.raises(openai.PermissionDeniedError):
        guest.fine_tuning.checkpoints.permissions.create(checkpoint, project_ids=[projects[1]])
    guest.files.delete(file.id)
    permissions.delete(granted.id, fine_tuned_model_checkpoint=checkpoint)


def test_permissions_are_listed_once_and_audited(
    fleet: ApiFleet, checkpoint: str, projects: tuple[str, str], strictly: Strictly
) -> None:
    sdk = fleet.sdk(admin_api_key=fleet.key)
    permissions = sdk.fine_tuning.checkpoints.permissions
    made = permissions.create(checkpoint, project_ids=list(projects)).data
    # The SDK repeats a call that it got no answer to.
    assert permissions.create(checkpoint, project_ids=list(projects)).data == made
    raw = permissions.with_raw_response.list(checkpoint, limit=1, order="ascending")
    first = raw.http_response.json()
    assert strictly(PermissionListResponse, first["data"][0]).project_id == projects[0]
    assert first["has_more"] is True
    listed = [each.id for each in permissions.list(checkpoint, limit=1)]
    assert listed == [each.id for each in reversed(made)]
    of_one = list(permissions.list(checkpoint, project_id=projects[1]))
    assert [each.project_id for each in of_one] == [projects[1]]
    with pytest.warns(DeprecationWarning, match="paginated list"):
        old = permissions.with_raw_response.retrieve(checkpoint)
    assert len(strictly(PermissionRetrieveResponse, old.http_response.json()).data) == 2

    for each in made:
        permissions.delete(each.id, fine_tuned_model_checkpoint=checkpoint)
    assert list(permissions.list(checkpoint)) == []
    entries = sdk.admin.organization.audit_logs.list(resource_ids=[made[0].id]).data
    assert [entry.type for entry in entries] == [
        "checkpoint.permission.deleted",
        "checkpoint.permission.created",
    ]
    told = entries[1].checkpoint_permission_created
    assert told is not None
    assert told.data is not None
    assert told.data.fine_tuned_model_checkpoint == checkpoint
    assert told.data.project_id == projects[0]


@pytest.mark.parametrize(
    ("name", "project_ids", "param", "status"),
    [
        (None, ["proj_none"], "project_id", 404),
        (None, [OWNER], "project_ids", 400),
        (None, [], "project_ids", 400),
        (BASE, [OWNER], "model", 404),
        (f"ft:{BASE}:argosy::nowhere1", [OWNER], "model", 404),
    ],
)
def test_what_cannot_be_shared_is_refused(
    fleet: ApiFleet,
    checkpoint: str,
    name: str | None,
    project_ids: list[str],
    param: str,
    status: int,
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        fleet.sdk().fine_tuning.checkpoints.permissions.create(
            name or checkpoint, project_ids=project_ids
        )
    assert (refused.value.status_code, refused.value.param) == (status, param)
