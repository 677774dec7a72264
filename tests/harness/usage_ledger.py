"""A ledger on a real database, random uses for it, and plain sums to hold its reports to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event, UsageRecorded
from argosy.registry.domain.usage import Usage
from argosy.registry.domain.usage_reports import Bucket, Field, Filter, Used

# The middle of a day, so that a random span of days begins and ends within some.
BEGIN = datetime(2026, 2, 27, 13, 37, 11, tzinfo=UTC)
PROJECTS = ("proj_a", "proj_b", "proj_c")
USERS = ("user_a", "user_b", "")
MODELS = ("base-one", "base-two", "ft:base-one:org::abcd1234", "gone")
_WITHOUT_OUTPUT = {"embedding", "training", "file_search"}
SHOWN = (
    "requests", "estimated_requests", "input_tokens", "cached_input_tokens", "output_tokens",
)  # fmt: skip


def random_uses(rng: random.Random, count: int, days: float) -> list[Usage]:
    """Return uses in no order of time; every sixth was refused and used nothing."""
    return [_use(rng, number, days) for number in range(count)]


def _use(rng: random.Random, number: int, days: float) -> Usage:
    operation = rng.choice(("chat", "chat", "completion", "embedding", "training", "file_search"))
    refused = rng.random() < 1 / 6
    read = 0 if refused else rng.randrange(1, 3000)
    wrote = 0 if refused or operation in _WITHOUT_OUTPUT else rng.randrange(500)
    return Usage(
        id=f"evt_{number}",
        occurred_at=BEGIN + timedelta(seconds=rng.randrange(int(days * 86_400))),
        project_id=rng.choice(PROJECTS),
        key_id=f"key_{rng.randrange(4)}",
        user_id=rng.choice(USERS),
        model=rng.choice(MODELS),
        request_id=f"req_{number}",
        operation=operation,
        outcome="queue_full" if refused else rng.choice(("ok", "client_disconnected")),
        batch=rng.random() < 0.2,
        input_tokens=0 if operation == "training" else read,
        output_tokens=wrote,
        cached_input_tokens=rng.randrange(read + 1) if operation != "training" else 0,
        training_tokens=read if operation == "training" else 0,
        estimated=not refused and rng.random() < 0.1,
        duration_ms=rng.randrange(5000),
        first_token_ms=rng.randrange(500),
    )


def event_of(use: Usage) -> Event:
    """Return the event that tells of a use."""
    event = Event(
        id=use.id,
        type=subjects.USAGE_RECORDED,
        project_id=use.project_id,
        usage_recorded=UsageRecorded(
            **{field.name: getattr(use, field.name) for field in UsageRecorded.DESCRIPTOR.fields}
        ),
    )
    event.occurred_at.FromDatetime(use.occurred_at)
    return event


def passes(use: Usage, only: Filter) -> bool:
    """Tell whether a use is one of those that a filter lets through."""
    lists = (
        (only.project_ids, use.project_id),
        (only.user_ids, use.user_id),
        (only.key_ids, use.key_id),
        (only.models, use.model),
    )
    named = all(not names or value in names for names, value in lists)
    return named and (only.batch is None or use.batch is only.batch)


Summed = dict[tuple[int, int, tuple[str | bool, ...]], tuple[int, ...]]


def summed(
    uses: Sequence[Usage],
    spans: Sequence[tuple[int, int]],
    group_by: Sequence[Field],
) -> Summed:
    """Add up the uses, one by one, in each span and group."""
    found: dict[tuple[int, int, tuple[str | bool, ...]], Counter[str]] = {}
    for use in uses:
        at = use.occurred_at.timestamp()
        for start, end in spans:
            if start <= at < end:
                group = tuple(getattr(use, field.value) for field in group_by)
                total = found.setdefault((start, end, group), Counter())
                total["requests"] += use.worked
                total["estimated_requests"] += use.estimated
                for kind in SHOWN[2:]:
                    total[kind] += getattr(use, kind)
    return {
        key: tuple(total[kind] for kind in SHOWN)
        for key, total in found.items()
        if total["requests"]
    }


def reported(buckets: Sequence[Bucket[Used]], group_by: Sequence[Field]) -> Summed:
    """Return a report in the same form."""
    found: Summed = {}
    for bucket in buckets:
        for each in bucket.results:
            group = tuple(each.group[field] for field in group_by)
            key = bucket.span.start, bucket.span.end, group
            assert key not in found
            found[key] = tuple(getattr(each, kind) for kind in SHOWN)
    return found
