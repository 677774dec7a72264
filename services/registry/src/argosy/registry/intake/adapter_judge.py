"""The judge of a published adapter: two files, nothing else, consistent with each other.

Only `adapter_config.json` and `adapter_model.safetensors`: a pickle runs code when it is read, a
tokenizer or template changes what the base model says to everybody. Knows no disk; bytes stream
by and memory stays bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from argosy.kit.errors import InvalidRequest, TooLarge
from argosy.registry.intake.adapter_config import MAX_CONFIG_BYTES, AdapterConfig, judge_config
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.safetensors import SafetensorsJudge, Tensor

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"

_LORA_NAME: Final = re.compile(
    r"base_model\.model\.(?P<module>[A-Za-z0-9_.]+)\.lora_(?P<side>[AB])\.weight"
)


@dataclass(frozen=True, slots=True)
class AdapterLimits:
    """The largest rank that engines serve, and the largest weights file in bytes."""

    max_rank: int
    max_bytes: int


class AdapterJudge:
    """Judges one adapter: `begin` each file, `feed` its bytes, then `finish` for the rank."""

    def __init__(self, limits: AdapterLimits) -> None:
        self._limits = limits
        self._file = ""
        self._seen: set[str] = set()
        self._config = bytearray()
        self._weights = SafetensorsJudge()
        self._weight_bytes = 0

    def begin(self, file_name: str) -> None:
        """Judge a file's name; raises InvalidRequest for any but the two, and for a repeat."""
        if file_name not in (CONFIG, WEIGHTS):
            raise InvalidRequest(
                f"An adapter consists of {CONFIG} and {WEIGHTS}; any other file is refused.",
                param="file_name",
                code="invalid_adapter",
            )
        if file_name in self._seen:
            raise InvalidRequest(
                f"{file_name} was sent twice.", param="file_name", code="invalid_adapter"
            )
        self._seen.add(file_name)
        self._file = file_name

    def feed(self, chunk: bytes) -> None:
        """Judge the next bytes of the current file; raises InvalidRequest or TooLarge."""
        if not self._file:
            raise InvalidRequest(
                "Bytes came before a file's name.", param="chunk", code="invalid_adapter"
            )
        if self._file == CONFIG:
            self._config += chunk
            self._check_size(len(self._config), MAX_CONFIG_BYTES)
            return
        self._weight_bytes += len(chunk)
        self._check_size(self._weight_bytes, self._limits.max_bytes)
        try:
            self._weights.feed(chunk)
        except Problem as problem:
            raise _refusal(WEIGHTS, problem) from None

    def finish(self) -> int:
        """Hold the two files against each other; returns the rank. Raises InvalidRequest."""
        for name in (CONFIG, WEIGHTS):
            if name not in self._seen:
                raise InvalidRequest(
                    f"{name} is missing.", param="file_name", code="invalid_adapter"
                )
        try:
            config = judge_config(bytes(self._config), self._limits.max_rank)
        except Problem as problem:
            raise _refusal(CONFIG, problem) from None
        try:
            judge_lora(self._weights.finish(), config)
        except Problem as problem:
            raise _refusal(WEIGHTS, problem) from None
        return config.rank

    def _check_size(self, size: int, limit: int) -> None:
        if size > limit:
            raise TooLarge(
                f"{self._file} is larger than the limit of {limit} bytes.",
                param="chunk",
                code="adapter_too_large",
            )


def judge_lora(tensors: list[Tensor], config: AdapterConfig) -> None:
    """Check that the tensors are pairs A (rank × in) and B (out × rank) of configured modules."""
    sides: dict[str, set[str]] = {}
    for number, tensor in enumerate(tensors, start=1):
        where = f"tensor {number}"
        match = _LORA_NAME.fullmatch(tensor.name)
        if match is None:
            raise Problem(where, "is not named base_model.model.<module>.lora_A or lora_B.weight")
        module, side = match["module"], match["side"]
        if not any(module == t or module.endswith("." + t) for t in config.target_modules):
            raise Problem(where, "belongs to a module that target_modules does not name")
        rank_axis = 0 if side == "A" else 1
        if len(tensor.shape) != 2 or tensor.shape[rank_axis] != config.rank:
            raise Problem(where, f"must be a matrix of the rank {config.rank} in {CONFIG}")
        sides.setdefault(module, set()).add(side)
    if any(found != {"A", "B"} for found in sides.values()):
        raise Problem("", "a module has lora_A without lora_B, or lora_B without lora_A")


def _refusal(file_name: str, problem: Problem) -> InvalidRequest:
    return InvalidRequest(f"{file_name}: {problem}.", param=file_name, code="invalid_adapter")
