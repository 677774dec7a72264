"""Whether tuning cost the model what it could before: the same general questions, before and after.

The verdict is by `key_recall`, since a tuned model may rightly say the same in other words. Knows
figures. Does not know who asked.
"""

from __future__ import annotations

from typing import Final

from argosy.trainer.domain.diagnosis.findings import Evidence, Finding, Severity, Verdict
from argosy.trainer.domain.evaluation.comparison import Comparison, Outcome

HEADLINE: Final = "key_recall"
# In points of 100: less is not worth a run.
_WORTH_IT: Final = 5.0
# Of general records to those of the task, in the first try.
_FIRST_RATIO: Final = 0.2
_MOST: Final = 2.0


def forgetting(
    before: float,
    after: float,
    comparison: Comparison,
    *,
    corpus: str,
    ratio: float,
) -> Finding:
    """Return the finding of a general evaluation of the base and of what was made of it.

    `corpus` is what can be mixed in, of which there were `ratio` for each record of the task.
    """
    delta = comparison.deltas[HEADLINE]
    evidence = _evidence(HEADLINE, before, after, comparison)
    if delta.outcome is Outcome.WORSE and delta.value <= -_WORTH_IT:
        wanted = min(_MOST, ratio * 2 if ratio else _FIRST_RATIO)
        return Finding(
            Verdict.FORGOT,
            Severity.WARNING,
            f"General ability fell from {before:.0f} to {after:.0f} of 100.",
            f'Mix general data in: `argosy.data` with {{"source": "{corpus}", "ratio": '
            f"{wanted:g}}}, that is {wanted:g} general records for each of the task. Or train "
            "less: fewer epochs, a smaller learning rate, LoRA instead of a full update.",
            evidence,
        )
    surely = "" if delta.outcome is not Outcome.UNDECIDED else " as far as these records can tell"
    return Finding(
        Verdict.KEPT,
        Severity.GOOD,
        f"General ability is kept{surely}: {before:.0f} of 100 before, {after:.0f} after.",
        "Nothing to do.",
        evidence,
    )


def gain(metric: str, before: float, after: float, comparison: Comparison) -> Finding:
    """Return the finding of an evaluation on the task, against what training started from."""
    delta = comparison.deltas[metric]
    evidence = _evidence(metric, before, after, comparison)
    name = metric.replace("_", " ")
    told = f"{name} went from {before:.3g} to {after:.3g} on {comparison.records} records"
    if delta.outcome is Outcome.WORSE:
        return Finding(
            Verdict.WORSE,
            Severity.WARNING,
            f"Worse than before tuning: {told}.",
            "Do not publish it. Look at the records that are named, then change the data or the "
            "parameters.",
            evidence,
        )
    if delta.outcome is Outcome.BETTER:
        return Finding(
            Verdict.IMPROVED, Severity.GOOD, f"Better than before tuning: {told}.",
            "Look at the records that are named before you use it.", evidence,
        )  # fmt: skip
    return Finding(
        Verdict.NO_GAIN,
        Severity.ADVICE,
        f"No sure difference to before tuning: {told}.",
        "Evaluate on more records; if it stays so, train longer or on more data.",
        evidence,
    )


def _evidence(metric: str, before: float, after: float, comparison: Comparison) -> Evidence:
    delta = comparison.deltas[metric]
    return Evidence(
        numbers={
            "before": before,
            "after": after,
            "delta": delta.value,
            "delta_low": delta.interval[0],
            "delta_high": delta.interval[1],
            "records": float(comparison.records),
        },
        records=comparison.lost,
    )
