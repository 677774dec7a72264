"""Usage reports in OpenAI's shapes. What OpenAI has no slot for is under `argosy`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from argosy.api.registry.v1 import usage_reports_pb2 as pb

Json = dict[str, Any]

_WHO: Final = ("project_id", "user_id", "api_key_id")
# What group_by may name; a null is what no event tells yet.
Value = Callable[[pb.UsageGroup], str | bool | None]
_VALUES: Final[dict[str, Value]] = {
    "project_id": lambda group: group.project_id or None,
    "user_id": lambda group: group.user_id or None,
    "api_key_id": lambda group: group.key_id or None,
    "model": lambda group: group.model or None,
    "batch": lambda group: group.batch,
    "line_item": lambda group: group.line_item or None,
    "api_source": lambda _: "unlabeled",
    "service_tier": lambda _: None,
    "size": lambda _: None,
    "source": lambda _: None,
    "vector_store_id": lambda _: None,
    "context_level": lambda _: None,
}
_NOT_READ: Final = dict.fromkeys(
    (
        "input_cache_write_tokens", "input_cache_write_30m_tokens", "input_cache_write_12h_tokens",
        "input_audio_tokens", "input_cached_audio_tokens", "output_audio_tokens",
        "input_image_tokens", "input_cached_image_tokens", "output_image_tokens",
    ),
    0,
)  # fmt: skip


class Report(NamedTuple):
    """One of the endpoints: the results' `object`, what group_by may say, and their own fields."""

    result: str
    kind: pb.UsageKind.ValueType
    groups: tuple[str, ...]
    fields: Callable[[pb.UsageResult], Json]

    @property
    def blank(self) -> Json:
        """What has no value of its own in a result."""
        unread = _NOT_READ if self.kind == pb.USAGE_KIND_COMPLETIONS else {}
        return unread | dict.fromkeys(self.groups)


def _completions(told: pb.UsageResult) -> Json:
    fresh = told.input_tokens - told.cached_input_tokens
    return {
        "input_tokens": told.input_tokens,
        "input_uncached_tokens": fresh,
        "input_text_tokens": fresh,
        "input_cached_tokens": told.cached_input_tokens,
        "input_cached_text_tokens": told.cached_input_tokens,
        "output_tokens": told.output_tokens,
        "output_text_tokens": told.output_tokens,
        "num_model_requests": told.requests,
        "argosy": {"estimated_requests": told.estimated_requests},
    }


def _read(told: pb.UsageResult) -> Json:
    return {
        "input_tokens": told.input_tokens,
        "num_model_requests": told.requests,
        "argosy": {"estimated_requests": told.estimated_requests},
    }


def _searches(told: pb.UsageResult) -> Json:
    return {"num_requests": told.requests, "argosy": {"input_tokens": told.input_tokens}}


def _nothing(_: pb.UsageResult) -> Json:
    return {}


def _empty(result: str, *groups: str) -> Report:
    """A report on what nothing here makes use of: buckets without results."""
    return Report(result, pb.USAGE_KIND_OTHER, groups, _nothing)


_ALL: Final = (*_WHO, "model", "batch", "service_tier", "api_source")

# By the last part of the path.
REPORTS: Final = {
    "completions": Report("completions", pb.USAGE_KIND_COMPLETIONS, _ALL, _completions),
    "embeddings": Report("embeddings", pb.USAGE_KIND_EMBEDDINGS, (*_WHO, "model"), _read),
    "moderations": _empty("moderations", *_WHO, "model"),
    "images": _empty("images", *_WHO, "model", "size", "source"),
    "audio_speeches": _empty("audio_speeches", *_WHO, "model"),
    "audio_transcriptions": _empty("audio_transcriptions", *_WHO, "model"),
    "vector_stores": _empty("vector_stores", "project_id"),
    "code_interpreter_sessions": _empty("code_interpreter_sessions", "project_id"),
    "file_search_calls": Report(
        "file_searches", pb.USAGE_KIND_FILE_SEARCHES, (*_WHO, "vector_store_id"), _searches
    ),
    "web_search_calls": _empty("web_searches", *_WHO, "model", "context_level", "api_source"),
    "decisions": _empty("decisions", *_ALL),
}
COST_GROUPS: Final = ("project_id", "user_id", "line_item", "api_key_id", "api_source")


def usage_json(report: Report, told: pb.ReportUsageResponse, words: frozenset[str]) -> Json:
    """Return OpenAI's page of usage."""

    # What all results have in common is put together once: there may be thousands of them.
    blank: Json = {"object": f"organization.usage.{report.result}.result"} | report.blank
    values = _values(words)

    def result(each: pb.UsageResult) -> Json:
        found = blank | report.fields(each)
        group = each.group
        for word, value in values:
            found[word] = value(group)
        return found

    return _page(told.buckets, told.next_page, result)


def costs_json(told: pb.ReportCostsResponse, words: frozenset[str]) -> Json:
    """Return OpenAI's page of costs; `value` is in units of the currency."""

    blank: Json = {"object": "organization.costs.result", **dict.fromkeys(COST_GROUPS)}
    values = _values(words)

    def result(each: pb.CostResult) -> Json:
        return (
            blank
            | {
                "amount": {"value": each.micros / 1_000_000, "currency": told.currency},
                "quantity": each.quantity if each.unit else None,
                "quantity_unit": each.unit or None,
                "argosy": {"micros": each.micros},
            }
            | {word: value(each.group) for word, value in values}
        )

    return _page(told.buckets, told.next_page, result)


def _values(words: Iterable[str]) -> list[tuple[str, Value]]:
    """Return what the report is grouped by, each with how it is read; the rest stays null."""
    return [(word, _VALUES[word]) for word in words]


def _page(buckets: Iterable[Any], next_page: str, result: Callable[[Any], Json]) -> Json:
    data = [
        {
            "object": "bucket",
            "start_time": bucket.start_time,
            "end_time": bucket.end_time,
            "results": [result(each) for each in bucket.results],
        }
        for bucket in buckets
    ]
    return {
        "object": "page",
        "data": data,
        "has_more": bool(next_page),
        "next_page": next_page or None,
    }
