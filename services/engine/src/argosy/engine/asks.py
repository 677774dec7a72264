"""What is asked of a model and what comes back, without HTTP and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. None leaves it to the model's generation configuration.

    `logprobs`: so many alternatives are told with each token; None tells nothing.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    allowed_tokens: tuple[int, ...] = ()
    seed: int | None = None
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """When an answer ends, and what of its last tokens is shown. `most` None: the context's end."""

    most: int | None = None
    least: int = 0
    stops: tuple[str, ...] = ()
    stop_tokens: frozenset[int] = frozenset()
    ignore_end: bool = False
    show_stop: bool = False
    show_special: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages that the model's own template turns into text."""

    messages: tuple[Mapping[str, Any], ...]
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    switches: Mapping[str, Any] = field(default_factory=dict)


# Text, tokens, or a conversation.
Prompt = str | tuple[int, ...] | Conversation


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: every prompt is answered `count` times."""

    model: str
    prompts: tuple[Prompt, ...]
    sampling: Sampling = Sampling()
    ending: Ending = Ending()
    count: int = 1
    add_special_tokens: bool = True
    truncate: int | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class TokenProbability:
    """One token with the logarithm of its probability, and the most likely ones in its place."""

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What was added to the answer `choice`; `tokens` counts what it took, shown or not.

    `finish` is stop or length with the last piece.
    """

    choice: int
    text: str
    tokens: int
    probabilities: tuple[TokenProbability, ...] = ()
    finish: str | None = None
    stop_reason: str | int | None = None
