"""What a stand-in engine is asked to do wrong, or slowly. Knows not how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Faults:
    """How the engine misbehaves. Counts of tokens are from the start of each answer."""

    # The process ends, as by kill -9, after this many tokens; 0 is before the first byte.
    die_after_tokens: int | None = None
    # Nothing more is sent after this many tokens; the connection stays open.
    stall_after_tokens: int | None = None
    # Completions are answered with this status and an error body.
    status: int | None = None
    # Only each so manieth completion is; the others succeed.
    status_every: int = 1
    # Milliseconds before each token.
    slow_ms: float = 0.0
    # Each token comes with the next `POST /_tick` only.
    by_hand: bool = False
    # Bytes that each token of a stream is longer.
    wide_bytes: int = 0
    # What each token says besides, and each error.
    says: str = ""
    # The stream holds what is no event after this many tokens.
    malformed_after_tokens: int | None = None
    # The stream holds vLLM's error event after this many tokens.
    error_after_tokens: int | None = None
    # The stream ends in order after this many tokens, without [DONE].
    end_after_tokens: int | None = None
    # Events are cut into pieces of this many bytes.
    piece_bytes: int | None = None
    # Loads are answered with 500.
    refuse_loads: bool = False
    # Milliseconds that a load takes.
    load_ms: float = 0.0
    # /health answers 503.
    sick: bool = False
    # A prompt that was read before, under the same salt, is told as cached and needs no time to
    # its first token; another needs this many milliseconds more. None: nothing is ever cached.
    prefill_ms: float | None = None
