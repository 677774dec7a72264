"""Queries of the usage reports: what of them there is, and which words they know.

Knows OpenAI's parameters. Does not know buckets: what a window may be is the registry's to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.gateway.errors import echo
from argosy.gateway.http.paging import names_of, query_of
from argosy.kit.errors import InvalidRequest
from litestar import Request

# A list longer than this is no list of names any more.
_MOST_VALUES: Final = 1000
_NOT_OF_COSTS: Final = ("user_ids", "models", "batch")
_WIDTHS: Final = {
    "1m": pb.BUCKET_WIDTH_MINUTE,
    "1h": pb.BUCKET_WIDTH_HOUR,
    "1d": pb.BUCKET_WIDTH_DAY,
}
_FIELDS: Final = {
    "project_id": pb.USAGE_FIELD_PROJECT,
    "user_id": pb.USAGE_FIELD_USER,
    "api_key_id": pb.USAGE_FIELD_KEY,
    "model": pb.USAGE_FIELD_MODEL,
    "batch": pb.USAGE_FIELD_BATCH,
    "line_item": pb.USAGE_FIELD_LINE_ITEM,
}


class Asked(NamedTuple):
    """A query that has been read. `words` are all of group_by, known to the ledger or not."""

    window: pb.UsageWindow
    filter: pb.UsageFilter
    group_by: list[pb.UsageField.ValueType]
    words: frozenset[str]


def read(request: Request[Any, Any, Any], groups: Sequence[str], widths: Sequence[str]) -> Asked:
    """Return what the query asks for; raises InvalidRequest naming the parameter."""
    query = _Query(request)
    words = query.values("group_by")
    for word in words:
        if word not in groups:
            raise _wrong("group_by", f"'{echo(word)}' is not one of {', '.join(groups)}")
    width = query.one("bucket_width") or "1d"
    if width not in widths:
        raise _wrong("bucket_width", f"send {' or '.join(widths)}")
    return Asked(
        pb.UsageWindow(
            start_time=query.number("start_time", required=True),
            end_time=query.number("end_time", least=1),
            width=_WIDTHS[width],
            limit=min(query.number("limit", least=1), 2**31 - 1),
            page=query.one("page"),
        ),
        _filter(query, costs="line_item" in groups),
        [_FIELDS[word] for word in dict.fromkeys(words) if word in _FIELDS],
        frozenset(words),
    )


def _filter(query: _Query, *, costs: bool) -> pb.UsageFilter:
    for name in _NOT_OF_COSTS if costs else ("line_items",):
        if query.values(name):
            raise _wrong(name, "this report has no such filter. Leave it out")
    found = pb.UsageFilter(
        project_ids=query.values("project_ids"),
        key_ids=query.values("api_key_ids"),
    )
    if costs:
        found.line_items.extend(query.values("line_items"))
        return found
    found.user_ids.extend(query.values("user_ids"))
    found.models.extend(query.values("models"))
    if batch := query.one("batch"):
        if batch not in {"true", "false"}:
            raise _wrong("batch", "send true or false")
        found.batch = batch == "true"
    return found


class _Query:
    """The parameters."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request = request

    def values(self, name: str) -> list[str]:
        return names_of(self._request, name, most=_MOST_VALUES)

    def one(self, name: str) -> str:
        return query_of(self._request, name).get(name, "")

    def number(self, name: str, *, least: int = 0, required: bool = False) -> int:
        text = self.one(name)
        if not text:
            if required:
                raise InvalidRequest(
                    f"Missing required parameter: '{name}', in Unix seconds.",
                    param=name,
                    code="missing_required_parameter",
                )
            return 0
        if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) < least:
            raise _wrong(name, f"send an integer from {least} up")
        return int(text)


def _wrong(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid value for '{name}': {what}.", param=name, code="invalid_value")
