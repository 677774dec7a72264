"""The steps of a recipe at the public API: a file, a published data set, a job, its model.

Everything goes through the stock SDK. Knows the API's resources; does not know recipes' contents.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from argosy.cli.errors import FleetError
from argosy.cli.recipes.recipe import Recipe
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

_POLL_SECONDS: Final = 0.5
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})


class RunFailed(FleetError):
    """A step did not come to its end; the message says which and why."""


def upload(client: OpenAI, name: str, content: bytes, purpose: str) -> str:
    """Upload a file and return its id."""
    return client.files.create(file=(name, content), purpose=purpose).id  # type: ignore[arg-type]


def publish(client: OpenAI, name: str, file_id: str, description: str) -> tuple[str, int]:
    """Make a data set of a file and publish it; return the version's id and its records.

    Raises RunFailed if a record is refused.
    """
    made = _post(
        client,
        "/datasets",
        {
            "name": name,
            "description": description,
            "import": {"source": {"file_id": file_id}, "on_error": "fail"},
        },
    )
    task = made["task"]
    while task["status"] not in _ENDED:
        time.sleep(_POLL_SECONDS)
        task = client.get(f"/datasets/tasks/{task['id']}", cast_to=object)
    if task["status"] != "succeeded":
        reason = (task["error"] or {}).get("message", "no reason given")
        raise RunFailed(f"the import ended as {task['status']}: {reason}")
    path = f"/datasets/{made['id']}/versions/{task['version_id']}/publish"
    version = _post(client, path, {})
    return str(version["id"]), int(version["record_count"])


def create(
    client: OpenAI, recipe: Recipe, *, model: str, source: str, seed: int, teacher: str
) -> FineTuningJob:
    """Create the recipe's job."""
    extension = recipe.extension()
    if recipe.teacher:
        extension["teacher"] = {**recipe.teacher, "model": teacher}
    return client.fine_tuning.jobs.create(
        model=model,
        training_file=source,
        suffix=recipe.name,
        seed=seed,
        hyperparameters=recipe.hyperparameters(),  # type: ignore[arg-type]
        extra_body={"argosy": extension},
    )


def follow(
    client: OpenAI, job: FineTuningJob, shown: Callable[[FineTuningJob], None]
) -> FineTuningJob:
    """Wait for the job's end, showing it now and then; raises RunFailed unless it succeeded."""
    while job.status not in _ENDED:
        time.sleep(_POLL_SECONDS)
        job = client.fine_tuning.jobs.retrieve(job.id)
        shown(job)
    if job.status != "succeeded" or not job.fine_tuned_model:
        reason = job.error.message if job.error else "no reason given"
        raise RunFailed(f"the job {job.id} ended as {job.status}: {reason}")
    return job


def _post(client: OpenAI, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, cast_to=object, body=body)
