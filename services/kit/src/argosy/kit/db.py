"""PostgreSQL by one URL: a pool, transactions, and migrations under a lock.

Each service owns one schema; its connections see that schema first, so tables need no prefix.
Knows no table.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import alembic.command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_log = logging.getLogger(__name__)

_STATEMENT_TIMEOUT_MS: Final = 30_000


class Database:
    """One service's connections to its schema."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._engine = engine
        self.schema = schema

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, url: SecretStr, schema: str, *, pool_size: int = 8
    ) -> AsyncIterator[Database]:
        """Open a pool for the time of the block. Nothing is connected yet.

        `url` is `postgresql://user:password@host:port/database`; `schema` is trusted, it comes
        from code.
        """
        engine = create_async_engine(
            make_url(url.get_secret_value()).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=True,
            # Parameters of a failed statement are users' data: not for logs.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "command_timeout": _STATEMENT_TIMEOUT_MS / 1000,
                "server_settings": {
                    "search_path": f"{schema},public",
                    "application_name": f"argosy-{schema}",
                    # A client that vanished must not hold locks.
                    "idle_in_transaction_session_timeout": str(_STATEMENT_TIMEOUT_MS),
                },
            },
        )
        try:
            yield cls(engine, schema)
        finally:
            await engine.dispose()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Run the block in one transaction: committed at its end, rolled back on an error."""
        async with self._engine.begin() as connection:
            yield connection

    async def reachable(self) -> str | None:
        """Readiness check: None, or what is wrong."""
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError, TimeoutError):
            return "The database does not answer."
        return None

    async def migrate(self, package: str) -> None:
        """Bring the schema to the newest revision of `package` (its folder `versions`).

        Safe when several processes start at once: they queue on an advisory lock.
        """
        versions = Path(str(files(package))) / "versions"
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("version_locations", str(versions))
        config.set_main_option("path_separator", "newline")

        def upgrade(connection: Connection) -> None:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")

        async with self._engine.begin() as connection:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                {"name": f"argosy.migrate.{self.schema}"},
            )
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
            await connection.run_sync(upgrade)
        _log.info("schema %s is up to date", self.schema)
