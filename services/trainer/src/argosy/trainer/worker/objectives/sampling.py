"""Answers sampled from the policy as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from argosy.trainer.worker.data.tokens import Prompt
from argosy.trainer.worker.objectives.answers import unwrapped
from argosy.trainer.worker.rewards import Answer


@dataclass(frozen=True)
class Sampler:
    """`batch` answers are sampled at once. The step's number seeds its samples, so a resumed run
    draws what the uninterrupted one drew."""

    tokenizer: Any
    filler: int
    seed: int
    temperature: float
    max_tokens: int
    batch: int = 64

    def sample(
        self, model: Any, prompts: Sequence[Prompt], generations: int, step: int
    ) -> list[Answer]:
        """`generations` answers to each prompt, in the order of the prompts."""
        policy = unwrapped(model)
        torch.manual_seed(self.seed * 1_000_003 + step)
        wanted = [prompt for prompt in prompts for _ in range(generations)]
        answers: list[Answer] = []
        cached = policy.config.use_cache
        policy.config.use_cache = True
        try:
            for start in range(0, len(wanted), self.batch):
                answers += self._sample(policy, wanted[start : start + self.batch])
        finally:
            policy.config.use_cache = cached
        return answers

    def _sample(self, policy: Any, prompts: Sequence[Prompt]) -> list[Answer]:
        width = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), width), self.filler)
        mask = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt.ids)
            mask[row, width - len(prompt) :] = 1
        with torch.no_grad():
            output = policy.generate(
                input_ids=ids.to(policy.device),
                attention_mask=mask.to(policy.device),
                do_sample=True,
                temperature=self.temperature,
                # The whole distribution: what is sampled is what is learnt.
                top_k=0,
                top_p=1.0,
                max_new_tokens=self.max_tokens,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.filler,
            )
        return [
            self._answer(prompt, row[width:].tolist())
            for prompt, row in zip(prompts, output, strict=True)
        ]

    def _answer(self, prompt: Prompt, tokens: list[int]) -> Answer:
        """Up to the token that ends it, which is a part of it; cut at the limit it has none."""
        end = self.tokenizer.eos_token_id
        ids = tokens[: tokens.index(end) + 1] if end in tokens else tokens
        return Answer(prompt, ids, self.tokenizer.decode(ids, skip_special_tokens=True))
