"""What a request used arrives in the ledger, under the id that its answer carried."""

from __future__ import annotations

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

COLUMNS = "operation, model, outcome, input_tokens, output_tokens, estimated"


def ledger(fleet: ApiFleet, request_id: str) -> list[str]:
    query = f"SELECT {COLUMNS} FROM registry.usage_event WHERE request_id = '{request_id}'"  # noqa: S608 - our own id
    rows = wait_until(lambda: fleet.cluster.sql(query), 20, f"usage of {request_id}")
    assert len(rows) == 1
    return rows[0]


def test_a_chat_is_recorded(fleet: ApiFleet) -> None:
    answer = fleet.sdk().chat.completions.with_raw_response.create(
        model="smollm2-135m-instruct",
        messages=[{"role": "user", "content": "hello"}],
        max_tokens=5,
    )
    usage = answer.http_response.json()["usage"]
    assert ledger(fleet, answer.headers["x-request-id"]) == [
        "chat",
        "smollm2-135m-instruct",
        "ok",
        str(usage["prompt_tokens"]),
        str(usage["completion_tokens"]),
        "f",
    ]


def test_an_embedding_is_recorded(fleet: ApiFleet) -> None:
    answer = fleet.sdk().embeddings.with_raw_response.create(
        model="use-multilingual-v3", input=["hello", "world"]
    )
    tokens = answer.http_response.json()["usage"]["prompt_tokens"]
    assert ledger(fleet, answer.headers["x-request-id"]) == [
        "embedding",
        "use-multilingual-v3",
        "ok",
        str(tokens),
        "0",
        "f",
    ]
