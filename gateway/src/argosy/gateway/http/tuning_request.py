"""The body of `fine_tuning.jobs.create`: its shape, its ranges, and what is not offered.

Judges everything that needs no data. Does not know whether a file or a model exists: the
trainer judges that.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from argosy.api.trainer.v1.trainer_pb2 import CreateJobRequest, SupervisedParameters
from argosy.gateway.http.body import decode
from argosy.kit.errors import InvalidRequest
from msgspec import Meta, Struct

METHODS: Final = ("supervised",)

# PostgreSQL cannot store NUL in a text, so no text may hold it.
_NO_NUL: Final = r"^[^\x00]*$"

Auto = Literal["auto"]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_NO_NUL)]
FileId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_NO_NUL)]
MetadataKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_NUL)]
MetadataValue = Annotated[str, Meta(max_length=512, pattern=_NO_NUL)]
# OpenAI's limits: 16 pairs of at most 64 and 512 characters.
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]


class Hyperparameters(Struct, forbid_unknown_fields=True):
    """OpenAI's three; a missing one is "auto"."""

    n_epochs: Annotated[int, Meta(ge=1, le=50)] | Auto | None = None
    batch_size: Annotated[int, Meta(ge=1, le=256)] | Auto | None = None
    learning_rate_multiplier: Annotated[float, Meta(gt=0, le=1000)] | Auto | None = None


class Supervised(Struct, forbid_unknown_fields=True):
    hyperparameters: Hyperparameters | None = None


class Method(Struct, forbid_unknown_fields=True):
    type: str
    supervised: Supervised | None = None
    # Read so that a method that is not offered is refused by its name and not by this field's.
    dpo: dict[str, Any] | None = None
    reinforcement: dict[str, Any] | None = None


class Extension(Struct, forbid_unknown_fields=True):
    """The key `argosy`: what OpenAI has no slot for."""

    lora_rank: Annotated[int, Meta(ge=1, le=512)] | None = None
    learning_rate: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_seq_length: Annotated[int, Meta(ge=8, le=1_048_576)] | None = None
    checkpoint_every_steps: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    max_steps: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class JobCreate(Struct, forbid_unknown_fields=True):
    """The body as it may be sent. `hyperparameters` is OpenAI's older place for them."""

    model: Name
    training_file: FileId
    validation_file: FileId | None = None
    suffix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    seed: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    metadata: Metadata | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    integrations: list[Any] | None = None
    argosy: Extension | None = None


def read_job(body: bytes) -> JobCreate:
    """Return the request that `body` holds; raises InvalidRequest naming the field."""
    job = decode(body, JobCreate)
    if job.integrations:
        raise InvalidRequest(
            "Integrations are not available on this server. Leave 'integrations' out; the job's "
            "metrics are in its events and in its result file.",
            param="integrations",
        )
    if job.method is not None:
        _check_method(job.method)
        if job.hyperparameters is not None and job.method.supervised is not None:
            raise InvalidRequest(
                "Hyperparameters are sent twice. Send them under "
                "'method.supervised.hyperparameters' only.",
                param="hyperparameters",
            )
    return job


def _check_method(method: Method) -> None:
    if method.type not in METHODS:
        raise InvalidRequest(
            f"The method {method.type[:64]!r} is not available on this server. "
            f"Available: {', '.join(METHODS)}.",
            param="method.type",
            code="unsupported_method",
        )
    for other in ("dpo", "reinforcement"):
        if getattr(method, other) is not None:
            raise InvalidRequest(
                f"'method.{other}' does not belong to the method {method.type!r}. Leave it out.",
                param=f"method.{other}",
            )


def parameters_of(job: JobCreate) -> SupervisedParameters:
    """Return what was asked for; what was left out or is "auto" stays absent."""
    asked = job.hyperparameters
    if job.method is not None and job.method.supervised is not None:
        asked = job.method.supervised.hyperparameters
    values: dict[str, Any] = {}
    for group in (asked, job.argosy):
        if group is not None:
            values |= msgspec.structs.asdict(group)
    return SupervisedParameters(
        **{name: value for name, value in values.items() if value not in (None, "auto")}
    )


def create_request(
    body: bytes,
    *,
    project_id: str,
    organization_slug: str,
    key_id: str,
    idempotency_key: str,
    retry: bool,
) -> CreateJobRequest:
    """Return the trainer's request for `body`; raises InvalidRequest naming the field.

    The fingerprint binds the body to the key that sent it: the trainer tells a repeated request
    from a new one by it.
    """
    job = read_job(body)
    return CreateJobRequest(
        project_id=project_id,
        organization_slug=organization_slug,
        key_id=key_id,
        model=job.model,
        training_file=job.training_file,
        validation_file=job.validation_file or "",
        suffix=job.suffix or "",
        seed=job.seed,
        metadata=job.metadata or {},
        parameters=parameters_of(job),
        idempotency_key=idempotency_key,
        fingerprint=hashlib.sha256(key_id.encode() + b"\0" + body).digest(),
        retry=retry,
    )
