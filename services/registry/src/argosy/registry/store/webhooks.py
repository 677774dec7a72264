"""Messages that a user's URL has not taken yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from argosy.registry.store.tables import metadata
from sqlalchemy.ext.asyncio import AsyncConnection

_TIME: Final = sa.DateTime(timezone=True)

webhook_message: Final = sa.Table(
    "webhook_message",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    # What the secret that signs it is for; the secret itself is nowhere.
    sa.Column("secret_of", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", _TIME, nullable=False),
    sa.Index("ix_webhook_message_next_at", "next_at"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `attempts` counts those that were begun."""

    id: str
    url: str
    secret_of: str
    body: bytes
    created_at: datetime
    attempts: int = 0


async def add(connection: AsyncConnection, message: Message) -> None:
    """Keep a message, to be sent at once."""
    await connection.execute(
        webhook_message.insert().values(
            id=message.id,
            url=message.url,
            secret_of=message.secret_of,
            body=message.body,
            created_at=message.created_at,
            attempts=message.attempts,
            next_at=message.created_at,
        )
    )


async def take(
    connection: AsyncConnection, now: datetime, lease: timedelta, most: int
) -> Sequence[Message]:
    """Return messages that are due, and keep others from them for the time of the lease."""
    due = (
        sa.select(webhook_message.c.id)
        .where(webhook_message.c.next_at <= now)
        .order_by(webhook_message.c.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = await connection.execute(
        webhook_message.update()
        .where(webhook_message.c.id.in_(due.scalar_subquery()))
        .values(next_at=now + lease, attempts=webhook_message.c.attempts + 1)
        .returning(webhook_message)
    )
    return [
        Message(r.id, r.url, r.secret_of, bytes(r.body), r.created_at, r.attempts) for r in rows
    ]


async def put_off(connection: AsyncConnection, message_id: str, until: datetime) -> None:
    """Let a message be sent again later."""
    await connection.execute(
        webhook_message.update().where(webhook_message.c.id == message_id).values(next_at=until)
    )


async def remove(connection: AsyncConnection, message_id: str) -> None:
    """Forget a message."""
    await connection.execute(webhook_message.delete().where(webhook_message.c.id == message_id))
