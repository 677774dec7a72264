"""Which steps stand out of the curve, and which records were in them? (E08, E14)"""

from __future__ import annotations

from typing import Final

from argosy.trainer.domain.diagnosis.findings import (
    FEWEST_POINTS,
    Evidence,
    Finding,
    RunSeries,
    Severity,
    Verdict,
)
from argosy.trainer.domain.diagnosis.series import Series, running_median

# A step stands out if it lies so many deviations of the noise, and this share of the level around
# it, above its neighbours.
_DEVIATIONS: Final = 6.0
_SHARE: Final = 0.25
# Losses near zero jump by large shares of themselves and mean nothing by it.
_LEAST: Final = 0.05
_NEIGHBOURS: Final = 7
_MOST_RECORDS: Final = 100


def spikes(series: Series) -> tuple[int, ...]:
    """Return the steps whose value jumps up from that of their neighbours."""
    if len(series) < FEWEST_POINTS:
        return ()
    noise = series.noise()
    levels = running_median(series.values, _NEIGHBOURS)
    return tuple(
        step
        for step, value, level in zip(series.steps, series.values, levels, strict=True)
        if value - level > max(_DEVIATIONS * noise, _SHARE * abs(level), _LEAST)
    )


def jitter(run: RunSeries) -> Finding | None:
    """Return the finding if the training loss has spikes, with the records of their batches."""
    steps = spikes(run.train_loss)
    if not steps:
        return None
    lines = sorted({line for step in steps for line in run.records.get(step, ())})
    named = f" Their batches hold the records on the lines {_listed(lines)}." if lines else ""
    shown = ", ".join(map(str, steps[:10])) + (" …" if len(steps) > 10 else "")
    return Finding(
        Verdict.JITTER,
        Severity.WARNING,
        f"The training loss jumps at {len(steps)} of {len(run.train_loss)} steps: {shown}.{named}",
        "Look at these records: broken, contradictory or foreign examples make such jumps. "
        "Clean the data and run again.",
        Evidence(
            {"spikes": len(steps), "noise": run.train_loss.noise()},
            steps=steps,
            records=tuple(lines[:_MOST_RECORDS]),
        ),
    )


def _listed(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:20]))
    return shown if len(lines) <= 20 else f"{shown} … ({len(lines)} in all)"
