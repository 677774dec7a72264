"""One line of a JSONL file, judged by what the file is for.

Formats: tuning records of each kind (purpose fine-tune; OpenAI's chat, preference and reinforcement
records are three of them), batch requests (batch) and eval items (evals). A judge keeps what it
must compare between lines and nothing else.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

from argosy.api.records import DIALOGUE, PROMPTS
from argosy.registry.domain.files import Purpose
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import name, obj, one_of, only_keys, required
from argosy.registry.intake.tuning_records import judge, kind_of

# OpenAI's limit of requests in one batch; it also bounds what BatchRecords remembers.
MAX_BATCH_ROWS: Final = 50_000
_BATCH_URLS: Final = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
)
_CUSTOM_ID_LIMIT: Final = 512


class RecordJudge(Protocol):
    """Judges the records of one file, in order."""

    max_rows: int | None
    # The records' kind as far as it is known, where they have one; empty otherwise.
    kind: str

    def judge(self, record: dict[str, Any]) -> None:
        """Raise Problem if `record` is not one of this file's kind."""
        ...


class TuningRecords:
    """Records of a training or validation file, all of one kind: that of the first."""

    max_rows: int | None = None

    def __init__(self) -> None:
        self.kind = ""

    def judge(self, record: dict[str, Any]) -> None:
        kind = kind_of(record)
        if self.kind and kind != self.kind:
            missing = (
                ": has no assistant message" if (self.kind, kind) == (DIALOGUE, PROMPTS) else ""
            )
            raise Problem(
                "",
                f"a record of kind {kind} in a file of kind {self.kind}{missing}; put each kind in "
                "its own file",
            )
        judge(record, kind)
        self.kind = kind


class BatchRecords:
    """Requests of a batch file; each `custom_id` once."""

    max_rows: int | None = MAX_BATCH_ROWS
    kind = ""

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
    kind = ""

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
