"""The catalog file that seeds the registry: organization, project, the pool, the first models.

Knows the file's form. Does not know who reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from argosy.cli.fleet.engine import Engine

EMBEDDING_MODEL: Final = "use-multilingual-v3"
_EMBEDDING_CONTEXT: Final = 512

_Value = str | int | bool | Sequence[str]


def render(
    engine: Engine, replicas: Sequence[str], engine_key: str, *, transformers: Sequence[str] = ()
) -> str:
    """Return the TOML text for a fleet whose engines answer at `replicas`.

    `transformers` are the engines for what those cannot serve; without one nothing is trained that
    needs them.
    """
    tables: list[tuple[str, Mapping[str, _Value]]] = [
        ("[organization]", {"id": "org-argosy", "slug": "argosy"}),
        ("[[project]]", {"id": "proj_default", "name": "Default"}),
        (
            "[[pool]]",
            {"name": "main", "engine": "vllm", "replicas": replicas, "engine_key": engine_key},
        ),
        (
            "[[model]]",
            {
                "id": engine.model_id,
                "kind": "base",
                "owned_by": engine.owned_by,
                "context_length": engine.context_length,
                "trainable": True,
                "pool": "main",
                "weights_path": engine.weights,
            },
        ),
        (
            "[[model]]",
            {
                "id": EMBEDDING_MODEL,
                "kind": "embedding",
                "owned_by": "google",
                "context_length": _EMBEDDING_CONTEXT,
            },
        ),
    ]
    if transformers:
        pool = {
            "name": "transformers",
            "engine": "transformers",
            "replicas": transformers,
            "engine_key": engine_key,
        }
        tables.insert(3, ("[[pool]]", pool))
    return "# Written by `argosy up`; changes are lost.\n" + "\n".join(
        "\n".join([head, *(f"{key} = {_toml(value)}" for key, value in table.items())]) + "\n"
        for head, table in tables
    )


def _toml(value: _Value) -> str:
    """Write a value; TOML's basic strings, numbers, booleans and arrays are JSON's."""
    return json.dumps(value if isinstance(value, str | int) else list(value), ensure_ascii=False)
