"""What a step or a validation came to: sums that add up over the parts it was cut into.

Standard library only.
"""

from dataclasses import dataclass, field


@dataclass
class Score:
    """`loss` is a sum over `units` (answer tokens or records); `tokens` counts those read.

    `values` holds (total, count) of whatever else the method measures.
    """

    loss: float = 0.0
    units: int = 0
    tokens: int = 0
    values: dict[str, tuple[float, float]] = field(default_factory=dict)

    def note(self, name: str, total: float, count: float) -> None:
        """Nothing counted is nothing noted."""
        if count:
            before, counted = self.values.get(name, (0.0, 0.0))
            self.values[name] = (before + float(total), counted + count)

    def add(self, other: "Score") -> None:
        self.loss += other.loss
        self.units += other.units
        self.tokens += other.tokens
        for name, (total, count) in other.values.items():
            self.note(name, total, count)

    def mean_loss(self) -> float:
        return self.loss / max(self.units, 1)

    def means(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self.values.items()}
