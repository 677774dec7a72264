"""The number that a reward model gives a conversation.

Read where transformers' ForSequenceClassification reads it: at the last token that is no padding,
of the hidden states that the score head turns into one number.
"""

from __future__ import annotations

import torch
from argosy.engine.compute.sequence import Means
from argosy.engine.errors import Broken


def score(means: Means, tokens: list[int]) -> float:
    """Return the score of one conversation; raises Broken where there is no head."""
    weights = means.weights
    head = getattr(weights.model, "score", None)
    if means.adapter and (loaded := weights.adapters.get(means.adapter).score) is not None:
        matrix = loaded
    elif head is not None:
        matrix = head.weight.float()
    else:
        raise Broken("The model has no score head.")
    ids = torch.tensor([tokens], dtype=torch.long, device=weights.device)
    weights.adapters.use([means.adapter])
    hidden = weights.model.base_model(input_ids=ids).last_hidden_state[0]
    last = max((i for i, token in enumerate(tokens) if token != weights.pad), default=0)
    return float(hidden[last].float() @ matrix[0])
