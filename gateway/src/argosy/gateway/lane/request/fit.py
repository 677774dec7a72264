"""Whether a model can do what a request asks. Knows the model's card, not its engine."""

from __future__ import annotations

from typing import Final

from argosy.gateway.lane.request.checks import wrong_value
from argosy.gateway.lane.request.completion import CompletionRequest, Operation
from argosy.gateway.served_model import ServedModel
from argosy.kit.errors import InvalidRequest

# A name of an enumeration's member is looked up by code of its own, each time.
_REWARD: Final = Operation.REWARD


def check_model(model: ServedModel, request: CompletionRequest) -> None:
    """Raise InvalidRequest unless the model can do what is asked."""
    if model.embeds and request.operation is not Operation.EMBEDDING:
        raise InvalidRequest(
            f"The model {model.id!r} makes embeddings and writes no text. Send the request to "
            "/v1/embeddings, or choose a chat model.",
            param="model",
            code="model_not_supported",
        )
    if model.scores is not (request.operation is _REWARD):
        raise InvalidRequest(
            f"The model {model.id!r} is a reward model: it scores a conversation and writes no "
            "text. Send the request to /v1/rewards, or choose another model."
            if model.scores
            else f"The model {model.id!r} is no reward model and gives no scores. Choose one whose "
            "'argosy.artifact' is 'reward' in GET /v1/models.",
            param="model",
            code="model_not_supported",
        )
    if not model.servable:
        raise InvalidRequest(
            f"The model {model.id!r} cannot be served here; it can only be tuned. GET /v1/models "
            "tells which are servable.",
            param="model",
            code="model_not_servable",
        )
    if request.max_tokens is not None and 0 < model.context_length < request.max_tokens[1]:
        name, asked = request.max_tokens
        raise wrong_value(
            name,
            f"{asked} is too large. This model's context holds {model.context_length} tokens, "
            "prompt and answer together. Ask for fewer.",
            "integer_above_max_value",
        )
