"""The stock SDK's usage and cost reports, from requests that the same SDK made."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.admin.organization import (
    UsageAudioSpeechesResponse,
    UsageAudioTranscriptionsResponse,
    UsageCodeInterpreterSessionsResponse,
    UsageCompletionsResponse,
    UsageCostsResponse,
    UsageDecisionsResponse,
    UsageEmbeddingsResponse,
    UsageFileSearchCallsResponse,
    UsageImagesResponse,
    UsageModerationsResponse,
    UsageVectorStoresResponse,
    UsageWebSearchCallsResponse,
)

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

MODEL = "smollm2-135m-instruct"
EMPTY = {
    "moderations": UsageModerationsResponse,
    "images": UsageImagesResponse,
    "audio_speeches": UsageAudioSpeechesResponse,
    "audio_transcriptions": UsageAudioTranscriptionsResponse,
    "vector_stores": UsageVectorStoresResponse,
    "code_interpreter_sessions": UsageCodeInterpreterSessionsResponse,
    "file_search_calls": UsageFileSearchCallsResponse,
    "web_search_calls": UsageWebSearchCallsResponse,
    "decisions": UsageDecisionsResponse,
}
Strictly = Callable[[type[Any], Any], Any]


@pytest.fixture
def usage(fleet: ApiFleet) -> Iterator[Any]:
    with fleet.sdk(admin_api_key=fleet.key) as sdk:
        yield sdk.admin.organization.usage


def first(page: Any) -> Any:
    """Return the results of all buckets, which follow each other."""
    ends = [bucket.end_time for bucket in page.data]
    assert [bucket.start_time for bucket in page.data][1:] == ends[:-1]
    return [result for bucket in page.data for result in bucket.results]


def chat(fleet: ApiFleet, key: str) -> Any:
    return fleet.sdk(api_key=key).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "usage report"}], max_tokens=7
    )


def test_chats_are_reported_by_project_and_key(
    fleet: ApiFleet, usage: Any, strictly: Strictly
) -> None:
    """In projects of its own: jobs of the common ones ask models by themselves."""
    projects = fleet.sdk(admin_api_key=fleet.key).admin.organization.projects
    before = int(time.time())
    keys, told = {}, {}
    for name, count in (("one", 1), ("two", 2)):
        project = projects.create(name=f"reported {name}")
        keys[project.id] = projects.service_accounts.create(project.id, name=name).api_key
        told[project.id] = [chat(fleet, keys[project.id].value) for _ in range(count)]
    second = list(told)[1]

    def mine() -> dict[str, Any]:
        page = usage.with_raw_response.completions(
            start_time=before,
            bucket_width="1d",
            project_ids=list(told),
            group_by=["project_id", "api_key_id", "model"],
        )
        strictly(UsageCompletionsResponse, page.http_response.json())
        return {result.project_id: result for result in first(page.parse())}

    def counted() -> bool:
        now = mine()
        return all(
            project in now and now[project].num_model_requests == len(answers)
            for project, answers in told.items()
        )

    wait_until(counted, 20, "the ledger")
    for project, answers in told.items():
        result = mine()[project]
        assert result.model == MODEL
        assert result.api_key_id == keys[project].id
        assert result.batch is result.user_id is result.service_tier is None
        assert result.output_tokens == sum(each.usage.completion_tokens for each in answers)
        assert result.input_tokens == sum(each.usage.prompt_tokens for each in answers)
        assert result.input_cached_tokens + result.input_uncached_tokens == result.input_tokens
    # Filters leave out what they do not name.
    page = usage.completions(
        start_time=before,
        bucket_width="1h",
        project_ids=[second],
        api_key_ids=[keys[second].id],
    )
    assert [each.project_id for each in first(page)] == [None]
    assert first(page)[0].num_model_requests == 2
    assert not first(usage.completions(start_time=before, models=["another"]))
    assert not first(usage.completions(start_time=before, user_ids=["nobody"]))
    assert not first(usage.completions(start_time=before, batch=True))
    assert first(usage.completions(start_time=before, batch=False, group_by=["batch"]))[
        0
    ].batch is (False)


def test_embeddings_are_reported(fleet: ApiFleet, usage: Any, strictly: Strictly) -> None:
    begin = int(time.time()) - 60

    def count() -> int:
        page = usage.embeddings(start_time=begin, group_by=["model"])
        return sum(each.input_tokens for each in first(page))

    before = count()
    answer = fleet.sdk().embeddings.create(model="use-multilingual-v3", input="how much")
    wait_until(lambda: count() == before + answer.usage.prompt_tokens, 20, "the ledger")
    raw = usage.with_raw_response.embeddings(start_time=begin).http_response.json()
    strictly(UsageEmbeddingsResponse, raw)


def test_pages_cover_every_bucket_once(usage: Any) -> None:
    now = int(time.time())
    start = now - 5 * 86_400 + 7
    seen, page = [], None
    while True:
        options: dict[str, Any] = {"page": page} if page else {}
        answer = usage.completions(start_time=start, end_time=now, limit=2, **options)
        seen += [(bucket.start_time, bucket.end_time) for bucket in answer.data]
        page = answer.next_page
        assert answer.has_more is bool(page)
        if not page:
            break
        assert len(answer.data) == 2
    assert seen[0][0] == start // 60 * 60
    assert seen[-1][1] == -(-now // 60) * 60
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(seen))
    assert all(end % 86_400 == 0 for _, end in seen[:-1])


@pytest.mark.parametrize("kind", sorted(EMPTY))
def test_what_is_not_used_has_empty_buckets(kind: str, usage: Any, strictly: Strictly) -> None:
    report = getattr(usage.with_raw_response, kind)
    raw = report(start_time=int(time.time()) - 3600, bucket_width="1h").http_response.json()
    page = strictly(EMPTY[kind], raw)
    assert [bucket.results for bucket in page.data] == [[]] * len(page.data)
    assert len(page.data) in {1, 2}


def test_costs_are_money_of_days(fleet: ApiFleet, usage: Any, strictly: Strictly) -> None:
    chat(fleet, fleet.key)
    start = int(time.time())

    def costs() -> list[Any]:
        answer = usage.with_raw_response.costs(
            start_time=start, group_by=["project_id", "line_item"]
        )
        strictly(UsageCostsResponse, answer.http_response.json())
        return [e for e in first(answer.parse()) if e.line_item == f"{MODEL}, output_tokens"]

    wait_until(costs, 20, "the ledger")
    cost = costs()[0]
    assert cost.amount.currency == "usd"
    assert cost.quantity_unit == "tokens"
    assert cost.quantity > 0
    total = first(usage.costs(start_time=start))
    assert [(e.line_item, e.project_id, e.quantity) for e in total] == [(None, None, None)]
    assert first(usage.costs(start_time=start, line_items=["nothing, output_tokens"])) == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "start_time"),
        ("start_time=now", "start_time"),
        ("start_time=-1", "start_time"),
        ("start_time=999999999999999", "start_time"),
        ("start_time=1&start_time=2", "start_time"),
        ("start_time=100&end_time=50", "end_time"),
        ("start_time=100&end_time=0", "end_time"),
        ("start_time=1&bucket_width=1w", "bucket_width"),
        ("start_time=1&limit=0", "limit"),
        ("start_time=1&limit=32", "limit"),
        ("start_time=1&limit=99999999999", "limit"),
        ("start_time=1&group_by=line_item", "group_by"),
        ("start_time=1&group_by[]=colour", "group_by"),
        ("start_time=1&batch=maybe", "batch"),
        ("start_time=1&page=3", "page"),
        ("start_time=1&page=page_3c-", "page"),
        ("start_time=1&page=page_0-ffffffffffffffffff", "page"),
        ("start_time=1&" + "&".join(["models=a"] * 1001), "models"),
        ("start_time=1&models[]=%00", "models"),
        ("start_time=1&project_ids[]=", "project_ids"),
        ("start_time=1&line_items[]=a,%20input_tokens", "line_items"),
    ],
)
def test_a_wrong_query_names_its_field(fleet: ApiFleet, query: str, param: str) -> None:
    with fleet.http() as client:
        answer = client.get(f"/v1/organization/usage/completions?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_costs_do_not_pass_over_a_filter_that_they_lack(fleet: ApiFleet) -> None:
    with fleet.http() as client:
        for name in ("user_ids[]", "models[]", "batch"):
            answer = client.get(f"/v1/organization/costs?start_time=1&{name}=true")
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["param"] == name.removesuffix("[]")


def test_only_administrators_may_look(fleet: ApiFleet) -> None:
    for path in ("usage/completions?start_time=1", "costs?start_time=1"):
        with fleet.http(fleet.other_key) as client:
            assert client.get(f"/v1/organization/{path}").status_code == 403
        with fleet.http("sk-wrong") as client:
            assert client.get(f"/v1/organization/{path}").status_code == 401


def test_an_unknown_kind_is_no_route(fleet: ApiFleet) -> None:
    with fleet.http() as client:
        answer = client.get("/v1/organization/usage/colours?start_time=1")
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"]["message"], str)


def test_the_sdk_raises_its_own_error(usage: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="limit must be between 1 and 31"):
        usage.completions(start_time=1, limit=32)
