"""One line of a JSONL file, judged by what the file is for.

Formats: OpenAI's chat, preference and reinforcement records (purpose fine-tune), batch requests
(batch) and eval items (evals). A judge keeps what it must compare between lines and nothing else.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

from argosy.registry.domain.files import Purpose
from argosy.registry.intake.messages import judge_messages, judge_tools
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import (
    at,
    name,
    non_empty_list,
    obj,
    one_of,
    only_keys,
    required,
)

# OpenAI's limit of requests in one batch; it also bounds what BatchRecords remembers.
MAX_BATCH_ROWS: Final = 50_000
_BATCH_URLS: Final = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
)
_CHAT_KEYS: Final = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
_CUSTOM_ID_LIMIT: Final = 512


class RecordJudge(Protocol):
    """Judges the records of one file, in order."""

    max_rows: int | None

    def judge(self, record: dict[str, Any]) -> None:
        """Raise Problem if `record` is not one of this file's kind."""
        ...


class TuningRecords:
    """Records of a training or validation file: all preferences, or none."""

    max_rows: int | None = None

    def __init__(self) -> None:
        self._preference: bool | None = None

    def judge(self, record: dict[str, Any]) -> None:
        preference = "preferred_output" in record or "non_preferred_output" in record
        if self._preference is None:
            self._preference = preference
        elif self._preference != preference:
            raise Problem(
                "", "chat and preference records in one file; put each format in its own file"
            )
        if preference:
            _judge_preference(record)
        else:
            _judge_chat(record)


def _judge_chat(record: dict[str, Any]) -> None:
    talk = judge_messages(required(record, "messages", "the record"), "messages")
    judge_tools(record)
    if talk.learnable:
        return
    if talk.answers:
        if talk.last_role == "assistant":
            raise Problem("messages", "every assistant message has weight 0: nothing to learn")
        return
    # Without an answer it can only be a reinforcement record, whose further keys feed the grader.
    if record.keys() <= _CHAT_KEYS:
        raise Problem("messages", "has no assistant message: nothing to learn from")


def _judge_preference(record: dict[str, Any]) -> None:
    only_keys(record, {"input", "preferred_output", "non_preferred_output"}, "the record")
    given = obj(required(record, "input", "the record"), "input")
    only_keys(given, _CHAT_KEYS, "input")
    talk = judge_messages(required(given, "messages", "input"), "input.messages")
    judge_tools(given)
    if talk.last_role == "assistant":
        raise Problem("input.messages", "must not end with an assistant message")
    for key in ("preferred_output", "non_preferred_output"):
        answers = non_empty_list(required(record, key, "the record"), key)
        for index, answer in enumerate(answers):
            role = obj(answer, at(key, index)).get("role")
            one_of(role, ("assistant", "tool"), at(at(key, index), "role"))
        if judge_messages(answers, key).last_role != "assistant":
            raise Problem(key, "must end with an assistant message")


class BatchRecords:
    """Requests of a batch file; each `custom_id` once."""

    max_rows: int | None = MAX_BATCH_ROWS

    def __init__(self) -> None:
        # 8 bytes a request: a chance of one in 10^10 to refuse a good file of the largest size.
        self._seen: set[bytes] = set()

    def judge(self, record: dict[str, Any]) -> None:
        only_keys(record, {"custom_id", "method", "url", "body"}, "the record")
        custom_id = name(
            required(record, "custom_id", "the record"), "custom_id", limit=_CUSTOM_ID_LIMIT
        )
        one_of(required(record, "method", "the record"), ("POST",), "method")
        one_of(required(record, "url", "the record"), _BATCH_URLS, "url")
        obj(required(record, "body", "the record"), "body")
        mark = hashlib.blake2b(custom_id.encode(), digest_size=8).digest()
        if mark in self._seen:
            raise Problem("custom_id", "is used by an earlier line; each must be unique")
        self._seen.add(mark)


class EvalRecords:
    """Items of an eval's data source."""

    max_rows: int | None = None

    def judge(self, record: dict[str, Any]) -> None:
        only_keys(record, {"item", "sample"}, "the record")
        obj(required(record, "item", "the record"), "item")
        if record.get("sample") is not None:
            obj(record["sample"], "sample")


def judge_for(purpose: Purpose) -> RecordJudge | None:
    """Return a new judge for a file of `purpose`; None if its content is free."""
    if purpose is Purpose.FINE_TUNE:
        return TuningRecords()
    if purpose is Purpose.BATCH:
        return BatchRecords()
    if purpose is Purpose.EVALS:
        return EvalRecords()
    return None
