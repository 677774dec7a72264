"""NATS subjects as data: one stream, one subject an event type.

Knows names. Does not know NATS.
"""

from __future__ import annotations

from typing import Final

STREAM: Final = "ARGOSY"
PREFIX: Final = "argosy.v1."
ALL: Final = PREFIX + ">"

# Events that a consumer gave up on, by the consumer's durable name. Kept in a stream of their
# own, so that a poisoned event is neither lost nor in the way of the others.
DEAD_STREAM: Final = "ARGOSY_DEAD"
DEAD_PREFIX: Final = "argosy.dead.v1."

FILE_CREATED: Final = "file.created"
FILE_DELETED: Final = "file.deleted"
MODEL_PUBLISHED: Final = "model.published"
MODEL_DELETED: Final = "model.deleted"
JOB_CREATED: Final = "job.created"
JOB_STATUS_CHANGED: Final = "job.status_changed"
CHECKPOINT_CREATED: Final = "checkpoint.created"
USAGE_RECORDED: Final = "usage.recorded"

TYPES: Final = (
    FILE_CREATED,
    FILE_DELETED,
    MODEL_PUBLISHED,
    MODEL_DELETED,
    JOB_CREATED,
    JOB_STATUS_CHANGED,
    CHECKPOINT_CREATED,
    USAGE_RECORDED,
)


def of(event_type: str) -> str:
    """Return the subject of an event type (`file.created` → `argosy.v1.file.created`)."""
    return PREFIX + event_type


def dead(durable: str) -> str:
    """Return the subject of the events that consumer `durable` gave up on."""
    return DEAD_PREFIX + durable
