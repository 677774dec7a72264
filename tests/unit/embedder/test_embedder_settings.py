"""Settings that contradict each other stop the process with a sentence."""

from __future__ import annotations

import pytest
from argosy.embedder.settings import EmbedderSettings
from pydantic import ValidationError


def settings(**changed: int) -> EmbedderSettings:
    return EmbedderSettings(
        bind="127.0.0.1:1", health_bind="127.0.0.1:2", service_token="s", **changed
    )


def test_defaults_are_openais_limits() -> None:
    assert settings().max_inputs == 2048
    assert settings().max_request_tokens == 300_000


def test_the_largest_request_must_fit_the_queue() -> None:
    with pytest.raises(ValidationError, match="ARGOSY_MAX_HELD_INPUTS"):
        settings(max_inputs=100, max_held_inputs=99)
