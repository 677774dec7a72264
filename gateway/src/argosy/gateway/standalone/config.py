"""`gateway.toml`: pools, models, keys and routes of a gateway that runs alone.

Knows the file's form and that its names fit together; an error says where in the file it is and
never shows a value. Does not know what becomes of it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from argosy.gateway.routing.router import wrong_weight
from argosy.gateway.settings import TrafficSettings
from argosy.gateway.standalone.judged import ConfigError
from argosy.kit.addresses import HostPort
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

DEFAULT_PROJECT: Final = "proj_default"

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+(/[^\s]*)?$")]
_Port = Annotated[int, Field(ge=1, le=65535)]
_Count = Annotated[int, Field(ge=0)]

# What `[gateway]` may hold of the settings that a gateway in a fleet reads from its environment.
_SHARED: Final = frozenset(TrafficSettings.model_fields) - {
    "bind", "health_bind", "service_token", "nats_url", "nats_user", "nats_password",
    "nats_monitor_url", "nats_replicas", "tls_cert_file", "tls_key_file", "tls_ca_file",
}  # fmt: skip


# Problems whose usual words speak of Python.
_WORDS: Final = {
    "extra_forbidden": "there is no such field; docs/gateway.md lists them",
    "missing": "is missing",
    "too_short": "needs at least one entry",
}
# How a value that may be one of two things is named where it is neither.
_BRANCHES: Final = frozenset({"constrained-str", "PoolModel"})


class _Table(BaseModel):
    # An error that quoted its input would write secrets into a terminal.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Secret(_Table):
    """A secret in the file, or the name of the environment variable that holds it."""

    secret: SecretStr = SecretStr("")
    secret_env: str = ""

    def reveal(self) -> str:
        return self.secret.get_secret_value() or os.environ.get(self.secret_env, "")


class LimitFields(_Table):
    """The most that may be used; 0 is no limit. Money is in millionths of the currency unit."""

    requests_per_minute: _Count = 0
    tokens_per_minute: _Count = 0
    tokens_per_day: _Count = 0
    concurrent_requests: _Count = 0
    micros_per_day: _Count = 0


class GatewayTable(BaseModel):
    """`[gateway]`: the process; beside these, the settings of docs/settings.md by their names."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: _Port = 9100
    # /livez, /readyz and /metrics; the port after `port` if unset.
    metrics_host: str = "127.0.0.1"
    metrics_port: _Port | None = None
    workers: int = Field(default=1, ge=1, le=256)
    # One JSON line a request; none is written if unset.
    usage_log: Path | None = None

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name in self.model_extra or {}:
            if name not in _SHARED:
                own = [field for field in type(self).model_fields if field != "model_config"]
                near = difflib.get_close_matches(name, [*own, *_SHARED], n=1)
                hint = f"; did you mean {near[0]}?" if near else "; docs/gateway.md lists them"
                raise ValueError(f"no setting is called {name}{hint}")
        return self

    @property
    def bind(self) -> HostPort:
        return HostPort(self.host, self.port)

    @property
    def metrics_bind(self) -> HostPort:
        return HostPort(self.metrics_host, self.metrics_port or self.port + 1)


class PriceTable(_Table):
    """Millionths of the currency unit for a million tokens."""

    input: _Count = 0
    cached_input: _Count = 0
    output: _Count = 0


class PoolModel(_Table):
    """A model of a pool, where its name alone does not say enough."""

    name: _Name
    kind: Literal["chat", "embedding"] = "chat"
    context_length: _Count = 0
    # What it reads beside text.
    modalities: tuple[Literal["image", "audio"], ...] = ()
    price: PriceTable = PriceTable()


class PoolTable(_Table):
    """`[[pool]]`: replicas of one engine. `replicas` are base URLs without `/v1`."""

    name: _Name
    engine: Literal["vllm", "tgi", "openai"]
    replicas: tuple[_Url, ...] = Field(min_length=1)
    models: tuple[_Name | PoolModel, ...] = Field(min_length=1)
    engine_key: SecretStr = SecretStr("")
    engine_key_env: str = ""
    concurrency: _Count = 0
    queue: _Count = 0
    queue_seconds: float = Field(default=0.0, ge=0)
    weights: dict[str, float] = {}
    max_loras: _Count = 0
    max_cpu_loras: _Count = 0

    @field_validator("weights")
    @classmethod
    def _weights_are_known(cls, weights: dict[str, float]) -> dict[str, float]:
        for name, weight in weights.items():
            if (wrong := wrong_weight(name, weight)) is not None:
                raise ValueError(wrong)
        return weights

    def described(self) -> Iterator[PoolModel]:
        """Yield the models with all that is said of them."""
        for model in self.models:
            yield model if isinstance(model, PoolModel) else PoolModel(name=model)


class AdapterTable(_Table):
    """`[[adapter]]`: a LoRA adapter on a base model's pool; `path` is as the engine sees it."""

    name: _Name
    base: _Name
    path: str = Field(min_length=1)
    pinned_replicas: _Count = 0


class KeyTable(_Secret, LimitFields):
    """`[[key]]`: who may call, and how much."""

    name: _Name
    project: _Name = DEFAULT_PROJECT
    priority: Literal["batch", "flex", "default", "high"] = "default"
    admin: bool = False


class ProjectTable(LimitFields):
    """`[[project]]`: limits and a share for several keys together; it need not be listed."""

    name: _Name
    share: float = Field(default=1.0, gt=0)


class TargetTable(_Table):
    """One of the models behind a route."""

    model: _Name
    weight: float = Field(default=1.0, ge=0)


class RouteTable(_Table):
    """`[[route]]`: an alias, a weighted split, or a model with fallbacks."""

    name: _Name
    targets: tuple[TargetTable, ...] = Field(min_length=1)
    fallbacks: tuple[_Name, ...] = ()


class Config(_Table):
    """The whole file."""

    gateway: GatewayTable = GatewayTable()
    pool: tuple[PoolTable, ...] = Field(min_length=1)
    key: tuple[KeyTable, ...] = Field(min_length=1)
    project: tuple[ProjectTable, ...] = ()
    adapter: tuple[AdapterTable, ...] = ()
    route: tuple[RouteTable, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        models = [model.name for pool in self.pool for model in pool.described()]
        models += [adapter.name for adapter in self.adapter]
        for what, names in (
            ("pools", [pool.name for pool in self.pool]),
            ("keys", [key.name for key in self.key]),
            ("projects", [project.name for project in self.project]),
            ("models or adapters", models),
            ("routes", [route.name for route in self.route]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"two {what} are called {sorted(twice)[0]}")
        secrets = [key.reveal() for key in self.key]
        for key, secret in zip(self.key, secrets, strict=True):
            if not secret:
                where = (
                    f"the variable {key.secret_env} is not set" if key.secret_env else "it has none"
                )
                raise ValueError(f"key {key.name} needs a secret or secret_env: {where}")
            if secrets.count(secret) > 1:
                raise ValueError(f"key {key.name} has the secret of another key")
        served = set(models)
        named = [(f"adapter {a.name}", a.base) for a in self.adapter]
        named += [(f"route {r.name}", t.model) for r in self.route for t in r.targets]
        named += [(f"route {r.name}", fallback) for r in self.route for fallback in r.fallbacks]
        for who, model in named:
            if model not in served:
                raise ValueError(f"{who} names the model {model}, which no pool has")
        return self


def read_config(path: Path) -> Config:
    """Return what the file says. Raises ConfigError."""
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not TOML: {error}") from error
    try:
        config = Config.model_validate(data)
        traffic_settings(config)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in _problems(error, data))) from None
    return config


def traffic_settings(config: Config, health: HostPort | None = None) -> TrafficSettings:
    """Return the settings of one worker; `health` is its own address if it is one of several.

    Raises pydantic.ValidationError for a value that is not allowed.
    """
    table = config.gateway
    return TrafficSettings(
        bind=table.bind,
        health_bind=health or table.metrics_bind,
        service_token=SecretStr(""),
        **(table.model_extra or {}),
    )


def _problems(error: ValidationError, data: dict[str, Any]) -> Iterator[str]:
    problems = error.errors(include_input=False, include_url=False)
    places = [problem["loc"] for problem in problems]
    for problem in problems:
        place = problem["loc"]
        # A list whose every entry is wrong is also said to be empty.
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if problem["type"] == "too_short" and deeper:
            continue
        said = _WORDS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        yield f"{_place(place, data)}{said}"


def _place(location: tuple[int | str, ...], data: Any) -> str:
    """Return where a problem is, in the words of the file: `[[key]] bench: secret: `."""
    words: list[str] = []
    for step in location:
        if isinstance(step, int):
            data = data[step] if isinstance(data, list) and step < len(data) else None
            name = data.get("name") if isinstance(data, dict) else None
            shown = name if isinstance(name, str) else f"number {step + 1}"
            words[-1] = f"[[{words[-1]}]] {shown}" if len(words) == 1 else f"{words[-1]} {shown}"
        elif not words or step in (data if isinstance(data, dict) else ()):
            words.append(step)
            data = data.get(step) if isinstance(data, dict) else None
        elif step not in _BRANCHES:
            words.append(step)
    return "".join(f"{word}: " for word in words)
