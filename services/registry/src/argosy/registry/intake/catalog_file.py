"""The catalogue file: what the operator says exists. Read at each start.

Knows the file's form and that its names fit together. Does not know what the database holds.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from argosy.registry.domain.limits import Priority
from argosy.registry.intake.limit_entries import LimitFields, RouteEntry, check_routes
from argosy.registry.intake.price_entries import PriceEntry, check_prices
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$")]
_Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+(/[^\s]*)?$")]

DEFAULT_PROJECT = "proj_default"


class _Entry(BaseModel):
    # An error that quoted its input would write keys into logs.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class OrganizationEntry(_Entry):
    """`[organization]`: `slug` is the `<org>` in `ft:` names, `currency` that of all prices."""

    id: _Id = "org-argosy"
    slug: _Slug = "argosy"
    currency: Annotated[str, Field(pattern=r"^[a-z]{3}$")] = "usd"


class ProjectEntry(LimitFields):
    """`[project]`, or several `[[project]]`; `share` is its part of a busy pool."""

    id: _Id
    name: str
    share: float = Field(default=1.0, ge=0.001, le=1000)


class KeyEntry(LimitFields):
    """`[[key]]`: a key known from the start. The secret is hashed and forgotten.

    `admin` lets it use the admin API as an owner and see how requests are routed.
    """

    id: _Id
    project_id: _Id = DEFAULT_PROJECT
    name: str = ""
    secret: SecretStr = Field(min_length=16)
    priority: Priority = Priority.DEFAULT
    admin: bool = False


class PoolEntry(_Entry):
    """`[[pool]]`: replicas of one engine. `replicas` are base URLs without `/v1`."""

    name: _Id
    engine: Literal["vllm", "transformers", "tgi", "openai"]
    replicas: tuple[_Url, ...]
    engine_key: SecretStr = SecretStr("")
    concurrency: _Count = 0
    queue: _Count = 0
    queue_seconds: float = Field(default=0.0, ge=0, le=86_400)
    weights: dict[str, Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = {}
    max_loras: _Count = 0
    max_cpu_loras: _Count = 0


class ModelEntry(_Entry):
    """`[[model]]`: a base or embedding model."""

    id: _Id
    kind: Literal["base", "embedding"]
    owned_by: str = ""
    context_length: int = Field(ge=1)
    modalities: tuple[Literal["image", "audio"], ...] = ()
    trainable: bool = False
    pool: str = ""
    weights_path: str = ""

    @model_validator(mode="after")
    def _holds_together(self) -> ModelEntry:
        if self.kind == "base" and not self.pool:
            raise ValueError(f"base model {self.id} names no pool")
        if self.trainable and not self.weights_path:
            raise ValueError(f"trainable model {self.id} has no weights_path")
        return self


class CatalogFile(_Entry):
    """The whole file."""

    organization: OrganizationEntry = OrganizationEntry()
    project: tuple[ProjectEntry, ...] = (ProjectEntry(id=DEFAULT_PROJECT, name="Default"),)
    key: tuple[KeyEntry, ...] = ()
    pool: tuple[PoolEntry, ...] = ()
    model: tuple[ModelEntry, ...] = ()
    route: tuple[RouteEntry, ...] = ()
    price: tuple[PriceEntry, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_project_or_many(cls, data: dict[str, object]) -> dict[str, object]:
        if isinstance(data.get("project"), dict):
            return {**data, "project": [data["project"]]}
        return data

    @model_validator(mode="after")
    def _names_fit(self) -> CatalogFile:
        for what, ids in (
            ("project", [p.id for p in self.project]),
            ("key", [k.id for k in self.key]),
            ("pool", [p.name for p in self.pool]),
            ("model", [m.id for m in self.model]),
        ):
            if len(set(ids)) != len(ids):
                raise ValueError(f"two [[{what}]] entries have the same name")
        pools = {p.name for p in self.pool}
        loading = {p.name for p in self.pool if p.engine == "transformers"}
        for model in self.model:
            if model.pool and model.pool not in pools:
                raise ValueError(f"model {model.id} names pool {model.pool}, which has no [[pool]]")
            if model.pool in loading and not model.weights_path:
                raise ValueError(f"model {model.id} has no weights_path for its engine to load")
        check_prices(self.price, pools)
        projects = {p.id for p in self.project}
        check_routes(self.route, projects)
        for key in self.key:
            if key.project_id not in projects:
                raise ValueError(f"key {key.id} names a project that has no [[project]]")
        return self


def read_catalog_file(path: Path | None) -> CatalogFile:
    """Return what `path` says, or the defaults without a file.

    Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError: a process with a wrong
    catalogue does not start.
    """
    if path is None:
        return CatalogFile()
    return CatalogFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
