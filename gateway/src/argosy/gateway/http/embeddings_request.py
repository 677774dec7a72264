"""The body of `embeddings.create`: its shape and what is not offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import decode
from argosy.kit.errors import InvalidRequest
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from argosy.gateway.http.ports import Models

# OpenAI's limit of inputs in one request.
MAX_INPUTS: Final = 2048


class EmbeddingCreate(Struct, forbid_unknown_fields=True):
    """The body as it may be sent; `input` is judged apart, for clearer messages."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | list[Any]
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


def read_embedding(body: bytes) -> tuple[EmbeddingCreate, list[str]]:
    """Return the request and its texts; raises InvalidRequest naming the field."""
    request = decode(body, EmbeddingCreate)
    return request, _texts(request.input)


def _texts(given: str | list[Any]) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise _invalid("The array is empty. Send at least one text.")
    if len(texts) > MAX_INPUTS:
        raise _invalid(
            f"The array has {len(texts)} items; the limit is {MAX_INPUTS}. Send several requests."
        )
    for index, text in enumerate(texts):
        where = "input" if isinstance(given, str) else f"input[{index}]"
        if isinstance(text, int | list):
            raise _invalid(
                "Arrays of tokens are not supported: each model here has its own tokenizer. "
                "Send a string or an array of strings."
            )
        if not isinstance(text, str):
            raise _invalid(f"'{where}' is not a string. Send a string or an array of strings.")
        if not text:
            raise _invalid(f"'{where}' is an empty string. Send at least one character.")
    return texts


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid 'input': {reason}", param="input", code="invalid_value")


def no_embedding_model(name: str, caller: Caller, models: Models) -> InvalidRequest:
    """Return the error for a model that makes no embeddings; it names those that do."""
    others = [
        model.id
        for model in models.visible(caller.project_id)
        if model.kind == pb.MODEL_KIND_EMBEDDING
    ]
    return InvalidRequest(
        f"The model {name!r} generates text and makes no embeddings. Use an embedding model"
        f"{': ' + ', '.join(others) if others else ''}.",
        param="model",
        code="model_not_supported",
    )
