"""Log-probabilities of answer tokens, with logits computed only where answers stand.

Prompts are long, the vocabulary is large, and neither counts in a loss.
"""

import inspect
from typing import Any

import torch
from argosy.trainer.worker.batches import Batch
from argosy.trainer.worker.data.tokens import IGNORED
from torch.nn.functional import cross_entropy


def answer_logits(model: Any, part: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, columns, vocabulary) fp32 logits and the (rows, columns) tokens they should predict.

    The columns are those in which at least one row has an answer token; `IGNORED` where a row has
    none.
    """
    # Position i predicts token i + 1.
    targets = part["labels"][:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
    # The virtual tokens of prompt tuning stand before the first.
    positions = columns + virtual_tokens(model)
    if takes_positions(model):
        output = model(input_ids=part["input_ids"], use_cache=False, logits_to_keep=positions)
        logits = output.logits
    else:
        logits = model(input_ids=part["input_ids"], use_cache=False).logits[:, positions]
    return logits.float(), targets[:, columns]


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(rows, columns) negative log-likelihoods, 0 where nothing is to be predicted."""
    losses = cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view_as(targets)


def answer_logprobs(model: Any, part: Batch) -> torch.Tensor:
    """(rows,) log-probabilities of whole answers."""
    logits, targets = answer_logits(model, part)
    return -token_losses(logits, targets).sum(dim=1)


def answer_lengths(part: Batch) -> torch.Tensor:
    """(rows,) counts of answer tokens."""
    return (part["labels"][:, 1:] != IGNORED).sum(dim=1)


def virtual_tokens(model: Any) -> int:
    config = getattr(unwrapped(model), "active_peft_config", None)
    return config.num_virtual_tokens if config is not None and config.is_prompt_learning else 0


def takes_positions(model: Any) -> bool:
    """Whether the architecture can leave out the logits of other positions."""
    base = unwrapped(model)
    base = base.get_base_model() if hasattr(base, "get_base_model") else base
    return "logits_to_keep" in inspect.signature(base.forward).parameters


def unwrapped(model: Any) -> Any:
    """The model itself, out of the wrapper that several GPUs put around it."""
    return getattr(model, "module", model)
