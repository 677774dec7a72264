"""What an engine of the simulation holds and how fast it is. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast an engine is; the defaults are of the order of an 8B model on one large GPU."""

    slots: int = 8
    host: int = 32
    batch: int = 32
    # A step takes `step` + `per_sequence` for each running request + `per_token` of new prompts.
    step: float = 0.012
    per_sequence: float = 0.0003
    per_token: float = 0.00005
    # Prompt tokens that one step takes in.
    budget: int = 4096
    disk_load: float = 0.25
    host_load: float = 0.02

    def step_seconds(self, running: int) -> float:
        """Return what a step without new prompts takes."""
        return self.step + self.per_sequence * running
