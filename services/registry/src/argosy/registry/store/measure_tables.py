"""Counts of tokens that need not be made twice."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.registry.store.tables import metadata
from sqlalchemy.dialects.postgresql import JSONB

# By the digest of the content and that of the tokenizer, so whose content it is plays no part:
# only who may read the content comes this far.
token_count: Final = sa.Table(
    "token_count",
    metadata,
    sa.Column("source_sha256", sa.Text, primary_key=True),
    sa.Column("tokenizer_sha256", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    # [[tokens, records], …]
    sa.Column("lengths", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, index=True),
)
