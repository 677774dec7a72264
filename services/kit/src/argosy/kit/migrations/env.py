"""Alembic's environment for every part: the connection is handed over by `argosy.kit.db`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
