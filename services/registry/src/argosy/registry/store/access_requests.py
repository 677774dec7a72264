"""Requests for access, in the order in which they came."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa
from argosy.registry.domain.access_requests import AccessRequest, Status
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import access_request
from sqlalchemy.ext.asyncio import AsyncConnection

_FIELDS = [field.name for field in fields(AccessRequest)]


async def add(connection: AsyncConnection, value: AccessRequest) -> None:
    """Insert a request."""
    await connection.execute(access_request.insert().values(_columns(value)))


async def pending(connection: AsyncConnection) -> int:
    """Return how many wait for a decision."""
    query = (
        sa.select(sa.func.count())
        .select_from(access_request)
        .where(access_request.c.status == Status.PENDING.value)
    )
    return await connection.scalar(query) or 0


async def find(connection: AsyncConnection, request_id: str) -> AccessRequest | None:
    """Return the request with this id."""
    query = sa.select(access_request).where(access_request.c.id == request_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _request(row)


async def page(
    connection: AsyncConnection, wanted: Page, status: Status | None
) -> tuple[list[AccessRequest], bool] | None:
    """Return a page of requests, of one status or all; None if `after` is none of them."""
    query = sa.select(access_request)
    if status is not None:
        query = query.where(access_request.c.status == status.value)
    found = await accounts_pages.page(
        connection, query, access_request.c.seq, access_request.c.id, wanted
    )
    return None if found is None else ([_request(r) for r in found[0]], found[1])


async def decide(connection: AsyncConnection, value: AccessRequest) -> None:
    """Keep what became of a request."""
    await connection.execute(
        access_request.update().where(access_request.c.id == value.id).values(_columns(value))
    )


def _columns(value: AccessRequest) -> dict[str, object]:
    return {name: getattr(value, name) for name in _FIELDS} | {"status": value.status.value}


def _request(row: Row) -> AccessRequest:
    told = {name: getattr(row, name) for name in _FIELDS}
    return AccessRequest(**told | {"status": Status(row.status)})
