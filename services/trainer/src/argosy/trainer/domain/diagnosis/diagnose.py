"""The whole diagnosis of a run: every question asked, the answers in order of weight.

Knows which answer outweighs which. Does not know where curves come from or how answers are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argosy.trainer.domain.diagnosis.convergence import convergence
from argosy.trainer.domain.diagnosis.findings import Finding, RunSeries, Verdict
from argosy.trainer.domain.diagnosis.generalisation import gap, together
from argosy.trainer.domain.diagnosis.jitter import jitter
from argosy.trainer.domain.diagnosis.overfit import overfit

_WEIGHT: Final = (
    Verdict.WORSE,
    Verdict.FORGOT,
    Verdict.NOT_CONVERGED,
    Verdict.OVERFIT,
    Verdict.JITTER,
    Verdict.UNFINISHED,
    Verdict.DRIFTED,
    Verdict.NO_GAIN,
    Verdict.TOO_SHORT,
    Verdict.CONVERGED,
    Verdict.IMPROVED,
    Verdict.KEPT,
    Verdict.EVALUATE,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`findings` begin with the one that matters most, whose verdict is the run's.

    `converged` is whether the training loss came to rest; `generalisation_gap` is validation
    minus training loss, None without validation. `best_checkpoint` is the step to use, None for
    the last one.
    """

    findings: tuple[Finding, ...]
    converged: bool
    generalisation_gap: float | None

    @property
    def verdict(self) -> Verdict:
        return self.findings[0].verdict

    @property
    def best_checkpoint(self) -> int | None:
        chosen = (f.checkpoint for f in self.findings if f.checkpoint is not None)
        return next(chosen, None)

    @property
    def changes(self) -> dict[str, float | int]:
        """Return the parameters that a rerun should change: the weightiest finding's with any."""
        return next((dict(f.changes) for f in self.findings if f.changes), {})


def diagnose(run: RunSeries, further: Sequence[Finding] = ()) -> Diagnosis:
    """Return what the curves of `run` say, with what is known besides: `further`."""
    own = convergence(run)
    others = (jitter(run), together(run))
    found = [own, *overfit(run), *(finding for finding in others if finding is not None), *further]
    found.sort(key=lambda finding: _WEIGHT.index(finding.verdict))
    return Diagnosis(
        findings=tuple(found),
        converged=own.verdict is Verdict.CONVERGED,
        generalisation_gap=gap(run),
    )
