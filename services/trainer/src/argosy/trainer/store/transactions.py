"""Transactions of the trainer's schema, and one error for "the database is away".

Callers retry on `DatabaseAway` as they do when any peer is away; a wrong statement stays loud.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from argosy.kit.db import Database
from argosy.kit.errors import Unavailable
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

Connection = AsyncConnection

_OURS: Final = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


class DatabaseAway(Unavailable):
    """The database did not answer; the transaction may or may not have committed."""

    def __init__(self) -> None:
        super().__init__(
            "The trainer's database does not answer right now. Try again in a few seconds.",
            code="service_unavailable",
        )


class Transactions:
    """Opens transactions on the trainer's schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """Run the block in one transaction. Raises `DatabaseAway`.

        The block may call peers, but must translate its own OSErrors: here they mean the database.
        """
        try:
            async with self._database.begin() as connection:
                yield connection
        except _OURS:
            raise
        except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
            raise DatabaseAway from error
