"""Data sets as a user of the stock SDK reaches them: short ways to what tests do often."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import openai

from tests.harness.waiting import wait_until

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class DatasetDesk:
    """The calls of `/v1/datasets` through `client.post` and `client.get` of the stock SDK."""

    def __init__(self, sdk: openai.OpenAI) -> None:
        self.sdk = sdk

    def get(self, path: str, **query: Any) -> Any:
        """GET under /v1."""
        return self.sdk.get(path, cast_to=object, options={"params": query})

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST under /v1."""
        return self.sdk.post(path, cast_to=object, body=body or {})

    def delete(self, path: str) -> Any:
        """DELETE under /v1."""
        return self.sdk.delete(path, cast_to=object)

    def upload(self, data: bytes | str, name: str = "data.jsonl") -> str:
        """Upload a file for an import; return its id."""
        raw = data.encode() if isinstance(data, str) else data
        return self.sdk.files.create(file=(name, raw), purpose="user_data").id

    def create(self, **body: Any) -> Any:
        """Make a data set."""
        return self.post("/datasets", {"name": "tests", **body})

    def task(self, dataset: Any, kind: str, **parameters: Any) -> Any:
        """Start a task on a data set and wait for its end."""
        body = {"type": kind, "dataset_id": dataset["id"], **parameters}
        return self.wait(self.post("/datasets/tasks", body))

    def wait(self, task: Any, seconds: float = 60) -> Any:
        """Return a task once it has ended."""
        path = f"/datasets/tasks/{task['id']}"

        def ended() -> Any:
            found = self.get(path)
            return found if found["status"] in ENDED else None

        return wait_until(ended, seconds, f"the end of {task['id']}", pause=0.1)

    def bring_in(
        self, dataset: Any, data: bytes | str, name: str = "data.jsonl", **parameters: Any
    ) -> Any:
        """Upload data and import it; return the task at its end."""
        source = {"file_id": self.upload(data, name)}
        return self.task(dataset, "import", source=source, **parameters)

    def imported(
        self, data: bytes | str, name: str = "data.jsonl", *, kind: str = "", **parameters: Any
    ) -> tuple[Any, str]:
        """Make a data set of data; return it and the version's id."""
        dataset = self.create(**({"kind": kind} if kind else {}))
        task = self.bring_in(dataset, data, name, **parameters)
        assert task["status"] == "succeeded", task
        return dataset, task["version_id"]

    def version(self, dataset: Any, version_id: str) -> Any:
        """Return a version with its lineage."""
        return self.get(f"/datasets/{dataset['id']}/versions/{version_id}")

    def publish(self, dataset: Any, version_id: str) -> Any:
        """Publish a version."""
        return self.post(f"/datasets/{dataset['id']}/versions/{version_id}/publish")

    def records(self, dataset: Any, version_id: str, **query: Any) -> list[Any]:
        """Return a page of records."""
        path = f"/datasets/{dataset['id']}/versions/{version_id}/records"
        found: list[Any] = self.get(path, **{"limit": 100, **query})["data"]
        return found

    def content(self, dataset: Any, version_id: str) -> list[Any]:
        """Return a published version's records, as training reads them."""
        path = f"/datasets/{dataset['id']}/versions/{version_id}/content"
        answer = self.sdk.get(path, cast_to=httpx.Response)
        return [json.loads(line) for line in answer.text.splitlines()]


def jsonl(values: Iterable[Any]) -> str:
    """Return the values as JSONL."""
    return "".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values)
