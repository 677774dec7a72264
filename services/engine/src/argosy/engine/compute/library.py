"""What is loaded: weights and what belongs to them, up to a limit, the longest unused going first.

Knows who uses what. A name whose weights went answers again after a load; whoever is using weights
keeps them. Loads run in the caller's thread, one for each folder however many ask.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import torch
from argosy.engine.artifacts import ADAPTER_WEIGHTS, Artifact, Kind
from argosy.engine.compute.lora import Lora
from argosy.engine.compute.sequence import Means
from argosy.engine.compute.weights import Weights, expected_bytes
from argosy.engine.errors import Broken, Busy
from safetensors.torch import load_file

_PROMPT = "prompt_embeddings"


@dataclass(slots=True)
class _Shelf:
    """One folder of weights. `lock` is held while it is loaded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    weights: Weights | None = None
    prompts: dict[str, torch.Tensor] = field(default_factory=dict)
    # Names that went while somebody used the weights.
    gone: set[str] = field(default_factory=set)
    # The weights' own name went.
    whole_gone: bool = False
    users: int = 0
    used: int = 0
    reserved: int = 0

    @property
    def bytes(self) -> int:
        if self.weights is None:
            return self.reserved
        return int(self.weights.bytes + self.weights.adapters.bytes)


class Library:
    """All that is in memory."""

    def __init__(self, memory_bytes: int, number_format: str) -> None:
        self._limit = memory_bytes
        self._format = number_format
        self._lock = threading.Lock()
        self._shelves: dict[Path, _Shelf] = {}
        self._clock = 0

    @property
    def bytes(self) -> int:
        """What is loaded, and being loaded."""
        with self._lock:
            return sum(shelf.bytes for shelf in self._shelves.values())

    def take(self, artifact: Artifact) -> Means:
        """Return what answers for the artefact, loading what is missing; `give_back` ends its use.

        Blocks while it loads. Raises Busy where others use too much memory now, and Broken.
        """
        shelf = self._reserve(artifact.weights)
        try:
            with shelf.lock:
                if shelf.weights is None:
                    shelf.weights = Weights(artifact.weights, self._format)
                return self._means(artifact, shelf, shelf.weights)
        except BaseException:
            self.give_back(artifact)
            raise

    def give_back(self, artifact: Artifact) -> None:
        """End one use."""
        with self._lock:
            shelf = self._shelves[artifact.weights]
            shelf.users -= 1
            if not shelf.users:
                self._tidy(artifact.weights, shelf)

    def forget(self, artifact: Artifact) -> None:
        """Free what only this artefact needs, if nobody uses it now."""
        with self._lock:
            shelf = self._shelves.get(artifact.weights)
            if shelf is None:
                return
            shelf.gone.add(artifact.name)
            if artifact.kind is Kind.WEIGHTS:
                shelf.whole_gone = True
            if not shelf.users:
                self._tidy(artifact.weights, shelf)

    def _tidy(self, folder: Path, shelf: _Shelf) -> None:
        """Free what nobody uses and nobody can ask for any more."""
        for name in shelf.gone:
            shelf.prompts.pop(name, None)
            if shelf.weights is not None:
                shelf.weights.adapters.drop(name)
        shelf.gone.clear()
        if shelf.weights is None or shelf.whole_gone:
            del self._shelves[folder]

    def _reserve(self, folder: Path) -> _Shelf:
        with self._lock:
            self._clock += 1
            shelf = self._shelves.get(folder)
            if shelf is None:
                shelf = _Shelf(reserved=self._room_for(folder))
                self._shelves[folder] = shelf
            shelf.users += 1
            shelf.used = self._clock
            return shelf

    def _room_for(self, folder: Path) -> int:
        """Return what the weights will take, after dropping what is idle to make room."""
        try:
            size = expected_bytes(folder, self._format)
        except (OSError, ValueError) as error:
            raise Broken("The model's files are gone.") from error
        if size > self._limit:
            raise Broken(
                f"The model needs about {size >> 20} MiB, and the engine may use "
                f"{self._limit >> 20} MiB (ARGOSY_ENGINE_MEMORY_BYTES)."
            )
        idle = sorted((s.used, path) for path, s in self._shelves.items() if not s.users)
        while sum(s.bytes for s in self._shelves.values()) + size > self._limit:
            if not idle:
                raise Busy("Other models use the engine's memory now. Try again in a second.")
            del self._shelves[idle.pop(0)[1]]
        return size

    def _means(self, artifact: Artifact, shelf: _Shelf, weights: Weights) -> Means:
        name = artifact.name
        shelf.gone.discard(name)
        if artifact.kind is Kind.WEIGHTS:
            shelf.whole_gone = False
            return Means(weights)
        if artifact.kind is Kind.LORA:
            if name not in weights.adapters:
                weights.adapters.add(name, Lora(artifact.folder, weights.model))
            return Means(weights, adapter=name)
        if name not in shelf.prompts:
            shelf.prompts[name] = _prompt(artifact.folder, weights)
        return Means(weights, prompt=shelf.prompts[name])


def _prompt(folder: Path, weights: Weights) -> torch.Tensor:
    try:
        found = load_file(folder / ADAPTER_WEIGHTS)[_PROMPT]
    except (OSError, KeyError, ValueError) as error:
        raise Broken("The prompt's file cannot be read.") from error
    return found.to(weights.device, weights.model.dtype)
