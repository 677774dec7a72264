"""The body of `fine_tuning.jobs.create`: its shape, and OpenAI's names for what the trainer knows.

Judges forms. What a parameter may be, which models and files exist: the trainer judges that, from
the one table that help and documents come from, too.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.gateway.http.body import decode
from argosy.gateway.http.tuning_extension import Extension, read_extension
from argosy.kit.errors import InvalidRequest
from msgspec import Meta, Struct

# OpenAI's types and the trainer's methods.
METHODS: Final = {"supervised": "sft", "dpo": "dpo", "reinforcement": "rlhf"}

# PostgreSQL cannot store NUL in a text, so no text may hold it.
_NO_NUL: Final = r"^[^\x00]*$"

Auto = Literal["auto"]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_NO_NUL)]
FileId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_NO_NUL)]
MetadataKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_NUL)]
MetadataValue = Annotated[str, Meta(max_length=512, pattern=_NO_NUL)]
# OpenAI's limits: 16 pairs of at most 64 and 512 characters.
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]
# What a message of the contract can hold.
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Hyperparameters(Struct, forbid_unknown_fields=True):
    """OpenAI's three; a missing one is "auto"."""

    n_epochs: Whole | Auto | None = None
    batch_size: Whole | Auto | None = None
    learning_rate_multiplier: float | Auto | None = None


class DpoHyperparameters(Hyperparameters, forbid_unknown_fields=True):
    beta: float | Auto | None = None


class ReinforcementHyperparameters(Hyperparameters, forbid_unknown_fields=True):
    compute_multiplier: float | Auto | None = None
    eval_interval: Whole | Auto | None = None
    eval_samples: Whole | Auto | None = None
    reasoning_effort: Literal["default", "low", "medium", "high"] | None = None


class Supervised(Struct, forbid_unknown_fields=True):
    hyperparameters: Hyperparameters | None = None


class Dpo(Struct, forbid_unknown_fields=True):
    hyperparameters: DpoHyperparameters | None = None


class Reinforcement(Struct, forbid_unknown_fields=True):
    grader: dict[str, Any] | None = None
    hyperparameters: ReinforcementHyperparameters | None = None
    response_format: dict[str, Any] | None = None


class Method(Struct, forbid_unknown_fields=True):
    type: str
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    reinforcement: Reinforcement | None = None


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
    argosy: dict[str, Any] | None = None


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
        if job.hyperparameters is not None and _of_type(job.method) is not None:
            raise InvalidRequest(
                "Hyperparameters are sent twice. Send them under "
                f"'method.{job.method.type}.hyperparameters' only.",
                param="hyperparameters",
            )
    return job


def _of_type(method: Method) -> Supervised | Dpo | Reinforcement | None:
    found: Supervised | Dpo | Reinforcement | None = getattr(method, method.type)
    return found


def _check_method(method: Method) -> None:
    if method.type not in METHODS:
        raise InvalidRequest(
            f"The method {method.type[:64]!r} does not exist. Available as 'method.type': "
            f"{', '.join(METHODS)}. Others go into 'argosy.method'; "
            "GET /v1/fine_tuning/methods lists them.",
            param="method.type",
            code="unsupported_method",
        )
    for other in METHODS:
        if other != method.type and getattr(method, other) is not None:
            raise InvalidRequest(
                f"'method.{other}' does not belong to the method {method.type!r}. Leave it out.",
                param=f"method.{other}",
            )
    asked = method.reinforcement and method.reinforcement.hyperparameters
    if asked and asked.reasoning_effort not in (None, "default"):
        raise InvalidRequest(
            "Models on this server have no reasoning effort. Leave 'reasoning_effort' out.",
            param="method.reinforcement.hyperparameters.reasoning_effort",
        )
    if asked and asked.eval_samples not in (None, "auto", 1):
        raise InvalidRequest(
            "Each prompt of the validation file is answered once. Leave 'eval_samples' out.",
            param="method.reinforcement.hyperparameters.eval_samples",
        )


_NO_PARAMETER: Final = ("reasoning_effort", "eval_samples")


def tuning_of(job: JobCreate) -> pb.Tuning:
    """Return what was asked for; what was left out or is "auto" stays absent."""
    tuning = pb.Tuning()
    hyperparameters: Hyperparameters | None = job.hyperparameters
    if job.method is not None:
        tuning.method = METHODS[job.method.type]
        detail = _of_type(job.method)
        if detail is not None:
            hyperparameters = detail.hyperparameters
        if isinstance(detail, Reinforcement):
            if detail.grader is not None:
                tuning.grader_json = msgspec.json.encode(detail.grader).decode()
            if detail.response_format is not None:
                tuning.response_format_json = msgspec.json.encode(detail.response_format).decode()
    extension = Extension() if job.argosy is None else read_extension(job.argosy, tuning)
    if extension.method is not None:
        if job.method is not None and tuning.method != extension.method:
            raise InvalidRequest(
                f"'method.type' is {job.method.type!r} and 'argosy.method' "
                f"{extension.method[:64]!r}. Send one of them.",
                param="argosy.method",
            )
        tuning.method = extension.method
    if hyperparameters is not None:
        _add_hyperparameters(tuning, msgspec.structs.asdict(hyperparameters))
    return tuning


def _add_hyperparameters(tuning: pb.Tuning, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if value in (None, "auto") or name in _NO_PARAMETER:
            continue
        if name in tuning.parameters:
            raise InvalidRequest(
                f"'{name}' is sent twice. Send it under the hyperparameters only.",
                param=f"argosy.{name}",
            )
        if isinstance(value, int):
            tuning.parameters[name].integer = value
        else:
            tuning.parameters[name].number = value


def create_request(
    body: bytes,
    *,
    project_id: str,
    organization_slug: str,
    key_id: str,
    idempotency_key: str = "",
    retry: bool = False,
) -> pb.CreateJobRequest:
    """Return the trainer's request for `body`; raises InvalidRequest naming the field.

    The fingerprint binds the body to the key that sent it: the trainer tells a repeated request
    from a new one by it.
    """
    job = read_job(body)
    return pb.CreateJobRequest(
        project_id=project_id,
        organization_slug=organization_slug,
        key_id=key_id,
        model=job.model,
        training_file=job.training_file,
        validation_file=job.validation_file or "",
        suffix=job.suffix or "",
        seed=job.seed,
        metadata=job.metadata or {},
        tuning=tuning_of(job),
        idempotency_key=idempotency_key,
        fingerprint=hashlib.sha256(key_id.encode() + b"\0" + body).digest(),
        retry=retry,
    )
