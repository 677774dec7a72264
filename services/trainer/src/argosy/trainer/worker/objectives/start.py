"""The model as it was at the start of the run, for methods that hold the policy near it.

Only what is trained differs from the start, so a copy of that suffices, whatever the scale: an
adapter's few tensors, or all of them. Made before a checkpoint is resumed from, so it is the
same start in every life of a run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Start:
    def __init__(self, model: Any) -> None:
        self._kept = [
            (parameter, parameter.detach().clone())
            for parameter in model.parameters()
            if parameter.requires_grad
        ]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """The model is its start again inside; nothing there has a gradient."""
        self._swap()
        try:
            with torch.no_grad():
                yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for index, (parameter, other) in enumerate(self._kept):
            mine = parameter.data
            parameter.data = other.to(mine.device)
            self._kept[index] = (parameter, mine)
