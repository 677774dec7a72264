"""Sequences of one model that take their steps together.

Reads a new prompt in chunks, by itself; then it joins the others, padded on the left to the
longest, and leaves when it is done. Only keys and values that grow with every token can be joined
so: a recurrent state, or a layer that forgets what is out of its window, stays alone.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from argosy.engine.compute.sequence import Sequence
from argosy.engine.compute.weights import Weights
from argosy.engine.errors import BadRequest
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer

# Tokens of a prompt that are read between two steps of the others.
_CHUNK: Final = 512


class Batch:
    """All sequences of one model."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._rows: list[Sequence] = []
        # Tokens in memory of each row; the cache is as wide as the longest.
        self._lengths: list[int] = []
        self._cache: Any = None
        self._alone: list[Sequence] = []
        self._reading: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        """Take a new sequence; its prompt is read from the next step on."""
        self._reading.append(sequence)

    def sequences(self) -> list[Sequence]:
        """Return all that are at work."""
        return [*self._rows, *self._alone, *self._reading]

    def step(self) -> None:
        """Read a chunk of one prompt, then go on by one token with all others."""
        self._let_go()
        if self._reading:
            self._read(self._reading[0])
        if self._rows:
            self._together()
        for sequence in self._alone:
            _accept(
                sequence,
                self._forward([sequence], sequence.memory_length, sequence.memory)[0],
            )
            sequence.memory_length += 1
        self._let_go()

    def _read(self, sequence: Sequence) -> None:
        begin, end = sequence.read, min(sequence.length, sequence.read + _CHUNK)
        inputs = self._inputs(sequence, begin, end)
        if sequence.memory is None and self._weights.memory_name == "past_key_values":
            sequence.memory = DynamicCache(config=self._weights.model.config)
        if self._weights.takes_mask:
            inputs["attention_mask"] = torch.ones((1, end), dtype=torch.long, device=self._device)
        if self._weights.takes_positions:
            inputs["position_ids"] = torch.arange(begin, end, device=self._device)[None]
        logits, sequence.memory = self._run([sequence], inputs, sequence.memory)
        sequence.read = end
        if end < sequence.length:
            return
        self._reading.remove(sequence)
        sequence.memory_length = end
        _accept(sequence, logits[0])
        if sequence.done:
            return
        if _grows(sequence.memory):
            self._join(sequence)
        else:
            self._alone.append(sequence)

    def _inputs(self, sequence: Sequence, begin: int, end: int) -> dict[str, Any]:
        """Return tokens `begin` to `end` of the prompt, as embeddings where some are virtual."""
        virtual = sequence.means.virtual
        ids = sequence.tokens[max(0, begin - virtual) : end - virtual]
        tokens = torch.tensor([ids], dtype=torch.long, device=self._device)
        if begin >= virtual:
            return {"input_ids": tokens}
        prompt = sequence.means.prompt
        assert prompt is not None  # noqa: S101 - there are virtual tokens
        return {
            "inputs_embeds": torch.cat(
                [prompt[None, begin:virtual], self._weights.embed(tokens)], dim=1
            )
        }

    def _join(self, sequence: Sequence) -> None:
        mine, sequence.memory = sequence.memory, None
        if not self._rows:
            self._cache = mine
        else:
            width = max(self._width, sequence.memory_length)
            for ours, its in zip(self._cache.layers, mine.layers, strict=True):
                ours.keys = torch.cat([_widened(ours.keys, width), _widened(its.keys, width)])
                ours.values = torch.cat([_widened(ours.values, width), _widened(its.values, width)])
        self._rows.append(sequence)
        self._lengths.append(sequence.memory_length)

    def _together(self) -> None:
        width = self._width + 1
        lengths = torch.tensor(self._lengths, device=self._device)[:, None]
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor([[row.last] for row in self._rows], device=self._device),
            "attention_mask": (
                torch.arange(width, device=self._device)[None] >= width - 1 - lengths
            ).long(),
        }
        if self._weights.takes_positions:
            inputs["position_ids"] = lengths
        logits, self._cache = self._run(self._rows, inputs, self._cache)
        self._lengths = [length + 1 for length in self._lengths]
        for row, scores in zip(self._rows, logits, strict=True):
            _accept(row, scores)

    def _forward(self, rows: list[Sequence], length: int, memory: Any) -> torch.Tensor:
        """Take one step of a sequence that stays alone."""
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor([[row.last] for row in rows], device=self._device)
        }
        if self._weights.takes_mask:
            inputs["attention_mask"] = torch.ones(
                (1, length + 1), dtype=torch.long, device=self._device
            )
        if self._weights.takes_positions:
            inputs["position_ids"] = torch.tensor([[length]], device=self._device)
        logits, rows[0].memory = self._run(rows, inputs, memory)
        return logits

    def _run(
        self, rows: list[Sequence], inputs: dict[str, Any], memory: Any
    ) -> tuple[torch.Tensor, Any]:
        """Return the last logits of each row, and the memory for the next step."""
        weights = self._weights
        weights.adapters.use([row.means.adapter for row in rows])
        more = {"logits_to_keep": 1} if weights.cuts_logits else {}
        out = weights.model(
            **inputs, **{weights.memory_name: memory}, use_cache=True, return_dict=True, **more
        )
        return out.logits[:, -1], getattr(out, weights.memory_name)

    def _let_go(self) -> None:
        """Drop what is done or nobody waits for, and the padding that only they needed."""
        self._alone = [s for s in self._alone if not _over(s)]
        self._reading = [s for s in self._reading if not _over(s)]
        kept = [i for i, row in enumerate(self._rows) if not _over(row)]
        if len(kept) == len(self._rows):
            return
        self._rows = [self._rows[i] for i in kept]
        self._lengths = [self._lengths[i] for i in kept]
        if not kept:
            self._cache = None
            return
        self._cache.batch_select_indices(torch.tensor(kept, device=self._device))
        longest = max(self._lengths)
        for layer in self._cache.layers:
            layer.keys = layer.keys[..., -longest:, :]
            layer.values = layer.values[..., -longest:, :]

    @property
    def _width(self) -> int:
        return max(self._lengths)

    @property
    def _device(self) -> Any:
        return self._weights.device


def _accept(sequence: Sequence, logits: torch.Tensor) -> None:
    """Let a sequence choose its token; one that cannot, ends, and the others go on."""
    try:
        sequence.accept(logits)
    except (RuntimeError, ValueError, IndexError):
        sequence.done = True
        sequence.tell(BadRequest("No token can be chosen under these sampling parameters."))


def _over(sequence: Sequence) -> bool:
    return sequence.done or sequence.abandoned


def _grows(memory: Any) -> bool:
    """Tell whether every layer keeps a key and a value for each token, and nothing else."""
    return isinstance(memory, DynamicCache) and all(
        type(layer) is DynamicLayer for layer in memory.layers
    )


def _widened(tensor: torch.Tensor, width: int) -> torch.Tensor:
    return pad(tensor, (0, 0, width - tensor.shape[-2], 0))
