"""Alembic scripts of the schema `registry`; `argosy.kit.db` runs them at start."""
