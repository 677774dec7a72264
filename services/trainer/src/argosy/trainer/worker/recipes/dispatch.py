"""Which recipe trains a spec."""

from collections.abc import Callable

from argosy.trainer.worker.failures import Failure, Reason
from argosy.trainer.worker.recipes import supervised
from argosy.trainer.worker.spec import LORA, SFT, Spec


def recipe_of(spec: Spec) -> Callable[..., None]:
    """Raises Failure(internal) for what cannot be trained yet."""
    if (spec.method, spec.scale) == (SFT, LORA):
        return supervised.train
    raise Failure(Reason.INTERNAL, f"{spec.method} of scale {spec.scale} cannot be trained yet")
