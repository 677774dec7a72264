"""The judge of an adapter: two files, nothing else, consistent with each other and with the base.

A LoRA, the LoRA of a reward model, or the embeddings of prompt tuning. Knows no disk; bytes stream
by and memory stays bounded.
"""

from __future__ import annotations

import re
from typing import Final

from argosy.registry.domain.artifacts import Artifact, BaseShape
from argosy.registry.intake.adapter_config import MAX_CONFIG_BYTES, AdapterConfig, judge_config
from argosy.registry.intake.artifacts import ArtifactLimits, Files, Judged, fault, refused
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.prompt_config import judge_prompt, judge_prompt_config
from argosy.registry.intake.safetensors import SafetensorsJudge, Tensor

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"

_LORA_NAME: Final = re.compile(
    r"base_model\.model\.(?P<module>[A-Za-z0-9_.]+)\.lora_(?P<side>[AB])\.weight"
)
_SCORE: Final = "base_model.model.score.weight"


class AdapterJudge:
    """Implements `Judge`. `base` is None where its weights cannot be read here."""

    def __init__(self, limits: ArtifactLimits, artifact: Artifact, base: BaseShape | None) -> None:
        self._limits = limits
        self._artifact = artifact
        self._base = base
        self._files = Files()
        self._config = bytearray()
        self._weights = SafetensorsJudge()
        self._weight_bytes = 0

    def begin(self, file_name: str) -> bool:
        """Refuse any file but the two."""
        if file_name not in (CONFIG, WEIGHTS):
            raise refused(
                f"An adapter consists of {CONFIG} and {WEIGHTS}; any other file is refused.",
                "file_name",
            )
        self._files.begin(file_name)
        return file_name == WEIGHTS

    def feed(self, chunk: bytes) -> None:
        """Keep the configuration; look through the weights."""
        if self._files.need_current() == CONFIG:
            self._config += chunk
            self._files.check_size(len(self._config), MAX_CONFIG_BYTES)
            return
        self._weight_bytes += len(chunk)
        self._files.check_size(self._weight_bytes, self._limits.max_bytes)
        try:
            self._weights.feed(chunk)
        except Problem as problem:
            raise fault(WEIGHTS, problem) from None

    def finish(self) -> Judged:
        """Hold the two files against each other and against the base."""
        for name in (CONFIG, WEIGHTS):
            if name not in self._files.seen:
                raise refused(f"{name} is missing.", "file_name")
        if self._artifact is Artifact.PROMPT_TUNING:
            return self._finish_prompt()
        raw, scores = bytes(self._config), self._artifact is Artifact.REWARD
        try:
            config = judge_config(raw, self._limits.max_rank, scores=scores)
        except Problem as problem:
            raise fault(CONFIG, problem) from None
        try:
            tensors = self._weights.finish()
            if scores:
                tensors = _without_score(tensors, self._base)
            judge_lora(tensors, config, self._base)
        except Problem as problem:
            raise fault(WEIGHTS, problem) from None
        return Judged(rank=config.rank, files={CONFIG: raw})

    def _finish_prompt(self) -> Judged:
        try:
            config = judge_prompt_config(bytes(self._config))
            width = hidden_size(self._base)
            if width not in (None, config.width):
                raise Problem("token_dim", f"must be {width}, the width of the base model")
        except Problem as problem:
            raise fault(CONFIG, problem) from None
        try:
            judge_prompt(self._weights.finish(), config)
        except Problem as problem:
            raise fault(WEIGHTS, problem) from None
        return Judged(virtual_tokens=config.virtual_tokens, files={CONFIG: config.written()})


def hidden_size(base: BaseShape | None) -> int | None:
    """Return the width of the base's embeddings, None if it is not known."""
    if base is None:
        return None
    for part in (base.config, base.config.get("text_config")):
        if isinstance(part, dict):
            for key in ("hidden_size", "n_embd", "d_model"):
                if isinstance(part.get(key), int):
                    return int(part[key])
    return None


def judge_lora(tensors: list[Tensor], config: AdapterConfig, base: BaseShape | None = None) -> None:
    """Check that the tensors are pairs A (rank × in) and B (out × rank) of configured modules.

    Where the base has a matrix of the module's name, in and out are its sides.
    """
    sides: dict[str, dict[str, int]] = {}
    targets = frozenset(config.target_modules)
    for number, tensor in enumerate(tensors, start=1):
        where = f"tensor {number}"
        match = _LORA_NAME.fullmatch(tensor.name)
        if match is None:
            raise Problem(where, "is not named base_model.model.<module>.lora_A or lora_B.weight")
        module, side = match["module"], match["side"]
        parts = module.split(".")
        if not any(".".join(parts[i:]) in targets for i in range(len(parts))):
            raise Problem(where, "belongs to a module that target_modules does not name")
        rank_axis = 0 if side == "A" else 1
        if len(tensor.shape) != 2 or tensor.shape[rank_axis] != config.rank:
            raise Problem(where, f"must be a matrix of the rank {config.rank} in {CONFIG}")
        sides.setdefault(module, {})[side] = tensor.shape[1 - rank_axis]
    if not sides:
        raise Problem("", "holds no pair of lora_A and lora_B")
    if any(found.keys() != {"A", "B"} for found in sides.values()):
        raise Problem("", "a module has lora_A without lora_B, or lora_B without lora_A")
    for module, found in sides.items():
        matrix = base.tensors.get(f"{module}.weight") if base else None
        # Some architectures keep their matrices transposed.
        if matrix and len(matrix) == 2 and sorted(matrix) != sorted(found.values()):
            raise Problem("", "a module's matrices do not fit the base model's")


def _without_score(tensors: list[Tensor], base: BaseShape | None) -> list[Tensor]:
    """Check that there is one score head of one row; return the other tensors."""
    heads = [t for t in tensors if t.name == _SCORE]
    if len(heads) != 1:
        raise Problem("", f"must hold the score head, {_SCORE}")
    shape, width = heads[0].shape, hidden_size(base)
    if len(shape) != 2 or shape[0] != 1 or width not in (None, shape[1]):
        raise Problem(_SCORE, "must be one row of the base model's width: one score")
    return [t for t in tensors if t is not heads[0]]
