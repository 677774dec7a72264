"""What this machine can do for a run: device, precision, and how much fits in one pass."""

from dataclasses import dataclass

import torch
from argosy.trainer.worker.failures import Unsupported
from argosy.trainer.worker.ranks import Rank
from argosy.trainer.worker.spec import FULL, Spec

# Logits are what takes most memory beside the weights: 4 bytes for each word of the vocabulary.
CPU_LOGITS_BYTES = 1 << 30
GPU_LOGITS_BYTES = 8 << 30


@dataclass(frozen=True)
class Hardware:
    """`dtype` is the weights'; `mixed` runs the arithmetic in bf16. `gradient_checkpointing` trades
    time for memory. At most `token_budget` padded tokens go through the model at once."""

    device: torch.device
    dtype: torch.dtype
    mixed: bool
    gradient_checkpointing: bool
    max_tokens: int
    logits_bytes: int

    @classmethod
    def of_this_machine(cls, spec: Spec, rank: Rank) -> "Hardware":
        """Raises Unsupported if there are fewer GPUs than processes."""
        on_gpu = torch.cuda.is_available()
        asked = spec.gradient_checkpointing
        if on_gpu:
            if torch.cuda.device_count() < rank.count:
                raise Unsupported(
                    f"the run is to use {rank.count} GPUs, and this machine shows it "
                    f"{torch.cuda.device_count()}"
                )
            torch.cuda.set_device(rank.number)
            # Adam's small updates vanish in bf16 weights; an adapter's own are fp32 anyway.
            dtype = torch.float32 if spec.scale == FULL else torch.bfloat16
            return cls(
                torch.device("cuda", torch.cuda.current_device()),
                dtype,
                mixed=True,
                gradient_checkpointing=asked is not False,
                max_tokens=16_384,
                logits_bytes=GPU_LOGITS_BYTES,
            )
        return cls(
            torch.device("cpu"),
            # On CPUs without matrix units bf16 is slower than fp32 (measured).
            torch.float32,
            mixed=False,
            gradient_checkpointing=asked is True,
            max_tokens=4_096,
            logits_bytes=CPU_LOGITS_BYTES,
        )

    def token_budget(self, vocabulary: int) -> int:
        return max(1, min(self.max_tokens, self.logits_bytes // (4 * vocabulary)))
