"""Which recipe trains by which method."""

from collections.abc import Callable

from argosy.trainer.worker import spec as specs
from argosy.trainer.worker.recipes import (
    distillation,
    post_pretrain,
    preference,
    reward,
    rlhf,
    supervised,
)
from argosy.trainer.worker.run import Run

RECIPES: dict[str, Callable[[Run], None]] = {
    specs.SFT: supervised.train,
    specs.POST_PRETRAIN: post_pretrain.train,
    specs.DPO: preference.train_dpo,
    specs.KTO: preference.train_kto,
    specs.ORPO: preference.train_orpo,
    specs.REWARD: reward.train,
    specs.RLHF: rlhf.train,
    specs.DISTILLATION: distillation.train,
}


def recipe_of(method: str) -> Callable[[Run], None]:
    return RECIPES[method]
