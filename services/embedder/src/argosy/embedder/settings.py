"""Settings of the embedder: limits of a request, size of the queue, use of the processor."""

from __future__ import annotations

from typing import Self

from argosy.kit.settings import ServiceSettings
from pydantic import Field, model_validator


class EmbedderSettings(ServiceSettings):
    """What `python -m argosy.embedder` reads."""

    max_inputs: int = Field(
        default=2048, ge=1, description="Texts in one embeddings request; 2048 is OpenAI's limit."
    )
    max_input_bytes: int = Field(
        default=32 << 10, ge=1, description="UTF-8 bytes of one text, checked before it is read."
    )
    max_input_tokens: int = Field(
        default=512, ge=1, description="Tokens of one text: the model's context length."
    )
    max_request_tokens: int = Field(
        default=300_000, ge=1, description="Tokens of all texts of a request; OpenAI's limit."
    )
    max_held_inputs: int = Field(
        default=8192, ge=1, description="Texts that wait or are computed; above it: error 429."
    )
    batch_tokens: int = Field(
        default=2048, ge=1, description="Tokens that one call of the model computes."
    )
    threads: int = Field(default=1, ge=1, le=256, description="Batches computed at once.")

    @model_validator(mode="after")
    def _one_request_fits(self) -> Self:
        if self.max_held_inputs < self.max_inputs:
            raise ValueError(
                f"ARGOSY_MAX_HELD_INPUTS ({self.max_held_inputs}) must be at least "
                f"ARGOSY_MAX_INPUTS ({self.max_inputs}), or the largest request can never run"
            )
        return self
