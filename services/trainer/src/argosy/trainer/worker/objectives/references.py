"""Log-probabilities under the start of the run, computed once for each record."""

from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.objectives.answers import answer_logprobs
from argosy.trainer.worker.objectives.start import Start


class References:
    def __init__(self, start: Start) -> None:
        self._start = start
        self._known: dict[Any, float] = {}

    def of(self, model: Any, part: Batch, keys: list[Any]) -> torch.Tensor:
        """(rows,) log-probabilities of the part's answers; `keys` name its rows."""
        if any(key not in self._known for key in keys):
            with self._start.restored():
                found = answer_logprobs(model, part).tolist()
            self._known.update(zip(keys, found, strict=True))
        known = [self._known[key] for key in keys]
        return torch.tensor(known, device=part["input_ids"].device)
