"""When a run has learnt what it can: the losses of its validations, judged. Standard library only.

Its memory is written into each checkpoint, so that a resumed run counts on.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

MEMORY = "early_stop.json"


@dataclass
class EarlyStop:
    """`patience` is how many validations in a row may fail to better the best; 0 is endless."""

    patience: int
    best: float = math.inf
    best_step: int = 0
    failures: int = 0

    def judge(self, step: int, loss: float) -> bool:
        """Whether this is the best so far. A loss that is no number never is."""
        if loss < self.best:
            self.best, self.best_step, self.failures = loss, step, 0
            return True
        self.failures += 1
        return False

    def is_due(self) -> bool:
        return bool(self.patience) and self.failures >= self.patience

    def save(self, folder: Path) -> None:
        (folder / MEMORY).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def load(cls, patience: int, folder: Path | None) -> "EarlyStop":
        if folder is None or not (folder / MEMORY).exists():
            return cls(patience)
        return cls(**json.loads((folder / MEMORY).read_text("utf-8")) | {"patience": patience})
