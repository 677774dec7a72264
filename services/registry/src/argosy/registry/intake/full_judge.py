"""The judge of a model that was trained whole: its weights are its base's in name and shape.

Takes config.json and the weights, in one file or in shards with their index; a tokenizer, a
template or a generation configuration is refused, since those come from the base. Knows no disk;
bytes stream by and memory stays bounded, and so is what may be sent: four bytes for each of the
base's numbers.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final

from argosy.registry.domain.artifacts import BaseShape
from argosy.registry.intake.adapter_judge import hidden_size
from argosy.registry.intake.artifacts import Files, Judged, fault, refused
from argosy.registry.intake.compressed import Scheme, originals, read_scheme
from argosy.registry.intake.full_config import (
    DTYPES,
    MAX_CONFIG_BYTES,
    judge_full_config,
    written,
)
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.safetensors import SafetensorsJudge, Tensor
from argosy.registry.intake.shapes import obj, required
from argosy.registry.intake.strict_json import parse

CONFIG: Final = "config.json"
SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
_SHARD: Final = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
_MAX_INDEX_BYTES: Final = 4 << 20
# For headers and a score head.
_ROOM: Final = 16 << 20
_HEAD: Final = "score.weight"
# The output layer: a score head stands in its place, and where it shares the input's numbers it
# may be written or not.
_OUTPUT: Final = frozenset({"lm_head.weight", "head.weight", "embed_out.weight"})


class FullJudge:
    """Implements `Judge`. `scores`: a reward model, which has a score head for an output layer.

    `compressed`: weights may be integers.
    """

    def __init__(self, base: BaseShape, *, scores: bool = False, compressed: bool = False) -> None:
        self._base = base
        self._scores = scores
        self._compressed = compressed
        self._files = Files()
        self._texts: dict[str, bytearray] = {}
        self._weights: dict[str, SafetensorsJudge] = {}
        self._bytes = 0
        numbers = [math.prod(shape) for shape in base.tensors.values()]
        # The largest once more: an output layer that the base shares with its input.
        self._most = 4 * (sum(numbers) + max(numbers)) + _ROOM

    def begin(self, file_name: str) -> bool:
        """Refuse any file that is neither the configuration nor weights."""
        text = file_name in (CONFIG, INDEX)
        if not text and file_name != SINGLE and not _SHARD.fullmatch(file_name):
            raise refused(
                f"A whole model consists of {CONFIG} and {SINGLE}, or its shards and {INDEX}; any "
                "other file is refused. Its tokenizer is the base model's.",
                "file_name",
            )
        self._files.begin(file_name)
        if text:
            self._texts[file_name] = bytearray()
        else:
            self._weights[file_name] = SafetensorsJudge(integers=self._compressed)
        return not text

    def feed(self, chunk: bytes) -> None:
        """Keep the configuration and the index; look through the weights."""
        name = self._files.need_current()
        if name in self._texts:
            self._texts[name] += chunk
            limit = MAX_CONFIG_BYTES if name == CONFIG else _MAX_INDEX_BYTES
            self._files.check_size(len(self._texts[name]), limit)
            return
        self._bytes += len(chunk)
        self._files.check_size(self._bytes, self._most)
        try:
            self._weights[name].feed(chunk)
        except Problem as problem:
            raise fault(name, problem) from None

    def finish(self) -> Judged:
        """Hold the files against each other and against the base."""
        if CONFIG not in self._files.seen:
            raise refused(f"{CONFIG} is missing.", "file_name")
        self._complete()
        where: dict[str, str] = {}
        tensors: list[Tensor] = []
        for name, judge in sorted(self._weights.items()):
            try:
                found = judge.finish()
            except Problem as problem:
                raise fault(name, problem) from None
            for tensor in found:
                if tensor.name in where:
                    raise refused(f"{name}: a tensor is in two files.", name)
                where[tensor.name] = name
            tensors += found
        scheme = self._scheme()
        try:
            plain = tensors
            if scheme is not None:
                plain = originals(tensors, self._base.tensors, scheme)
            self._fits(plain)
        except Problem as problem:
            raise fault(SINGLE, problem) from None
        raw = bytes(self._texts[CONFIG])
        try:
            config = judge_full_config(raw, self._base, scores=self._scores, scheme=scheme)
        except Problem as problem:
            raise fault(CONFIG, problem) from None
        files = {CONFIG: written(config, _common(tensors))}
        if INDEX in self._texts:
            files[INDEX] = self._index(where, sum(t.end - t.begin for t in tensors))
        return Judged(whole=True, files=files)

    def _scheme(self) -> Scheme | None:
        if not self._compressed:
            return None
        try:
            return read_scheme(obj(parse(bytes(self._texts[CONFIG])), ""))
        except Problem as problem:
            raise fault(CONFIG, problem) from None

    def _complete(self) -> None:
        shards = sorted(name for name in self._weights if name != SINGLE)
        if not self._weights:
            raise refused(f"{SINGLE} is missing.", "file_name")
        if not shards:
            if INDEX in self._texts:
                raise refused(f"{INDEX} belongs to shards, and there are none.", "file_name")
            return
        total = int(shards[0][-17:-12])
        wanted = [f"model-{n:05d}-of-{total:05d}.safetensors" for n in range(1, total + 1)]
        if shards != wanted or SINGLE in self._weights or INDEX not in self._texts:
            raise refused("The shards are not complete, or their index is missing.", "file_name")

    def _fits(self, tensors: list[Tensor]) -> None:
        """Check names and shapes against the base's."""
        wanted = {n: tuple(s) for n, s in self._base.tensors.items()}
        extra = _OUTPUT - wanted.keys()
        missing = _OUTPUT if self._base.config.get("tie_word_embeddings") is True else frozenset()
        if self._scores:
            wanted = {n: s for n, s in wanted.items() if n not in _OUTPUT}
            wanted[_HEAD] = (1, hidden_size(self._base) or 0)
            extra = missing = frozenset()
        found = {t.name: t.shape for t in tensors}
        if not found.keys() - extra <= wanted.keys():
            raise Problem("", "holds a tensor that the base model does not have")
        if not wanted.keys() - missing <= found.keys():
            raise Problem("", "lacks a tensor that the base model has")
        if any(shape != wanted[name] for name, shape in found.items() if name in wanted):
            raise Problem("", "has a tensor of another shape than the base model's")

    def _index(self, where: dict[str, str], size: int) -> bytes:
        """Return the index to store, after checking that the uploaded one says the same."""
        try:
            index = obj(parse(bytes(self._texts[INDEX])), "")
            if required(index, "weight_map", "the index") != where:
                raise Problem("weight_map", "does not say which file holds which tensor")
        except Problem as problem:
            raise fault(INDEX, problem) from None
        return json.dumps({"metadata": {"total_size": size}, "weight_map": where}).encode()


def _common(tensors: list[Tensor]) -> str:
    """Return the format of most numbers that are not whole: some layers may be kept finer."""
    sizes: dict[str, int] = {}
    for tensor in tensors:
        if tensor.dtype not in DTYPES:
            continue
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + math.prod(tensor.shape)
    return max(sizes, key=lambda dtype: sizes[dtype])
