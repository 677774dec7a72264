"""A model as requests ask of it: the registry's message, read once instead of for each of them.

Reading a field of a message costs a look-up by its name, and a request reads two dozen. Knows the
registry's messages. Decides nothing.
"""

from __future__ import annotations

from argosy.api.registry.v1.registry_pb2 import (
    ARTIFACT_REWARD,
    MODEL_KIND_EMBEDDING,
    Model,
    Price,
)


class Tariff:
    """What a million tokens cost, in millionths of the currency unit."""

    __slots__ = ("cached_input", "input", "output")

    def __init__(self, price: Price) -> None:
        self.input: int = price.input
        self.cached_input: int = price.cached_input
        self.output: int = price.output


class ServedModel:
    """Made when the model is learned; nobody changes it. `message` has what is asked seldom."""

    __slots__ = (
        "adapted", "base", "context_length", "embeds", "family", "id", "message", "pool",
        "project_id", "scores", "servable", "shared_with", "tariff",
    )  # fmt: skip

    def __init__(self, message: Model) -> None:
        self.message = message
        self.id: str = message.id
        self.base: str = message.base
        # The base model's id, its own where it is one: what engines and metrics go by.
        self.family: str = message.base or message.id
        self.project_id: str = message.project_id
        self.shared_with: frozenset[str] = frozenset(message.shared_with)
        self.pool: str = message.pool
        # It is loaded when it is first asked for.
        self.adapted: bool = bool(message.adapter_path)
        self.context_length: int = message.context_length
        self.embeds: bool = message.kind == MODEL_KIND_EMBEDDING
        self.scores: bool = message.artifact == ARTIFACT_REWARD
        self.servable: bool = message.servable
        # Its own; None where its base's holds.
        self.tariff: Tariff | None = Tariff(message.price) if message.HasField("price") else None
