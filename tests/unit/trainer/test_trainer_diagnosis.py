"""What curves say: made-up series of each shape, with and without noise."""

from __future__ import annotations

import math
import random

import pytest
from argosy.trainer.domain.diagnosis.convergence import settled_at
from argosy.trainer.domain.diagnosis.diagnose import Diagnosis, diagnose
from argosy.trainer.domain.diagnosis.findings import Finding, RunSeries, Verdict
from argosy.trainer.domain.diagnosis.jitter import spikes
from argosy.trainer.domain.diagnosis.series import Series

STEPS = 200


def curve(shape: object, *, noise: float = 0.0, seed: int = 7, steps: int = STEPS) -> Series:
    """`shape` maps the share of the run to a loss."""
    assert callable(shape)
    rng = random.Random(seed)
    return Series.of(
        (step, shape(step / steps) + rng.gauss(0, noise)) for step in range(1, steps + 1)
    )


def falls_until(share: float, floor: float = 0.5, top: float = 3.0) -> object:
    """From `top` down to `floor` at `share` of the run, flat from there on."""
    return lambda x: floor + (top - floor) * max(0.0, 1 - x / share) ** 2


def falls_always(x: float) -> float:
    return 3.0 - 2.0 * x


def rises(x: float) -> float:
    return 2.0 + 1.5 * x


def run(loss: Series, **more: object) -> RunSeries:
    return RunSeries(total_steps=STEPS, epochs=more.pop("epochs", 3), train_loss=loss, **more)  # type: ignore[arg-type]


def finding(diagnosis: Diagnosis, verdict: Verdict) -> Finding:
    return next(f for f in diagnosis.findings if f.verdict is verdict)


NOISE = pytest.mark.parametrize("noise", [0.0, 0.05, 0.15])


@NOISE
def test_e02_a_loss_that_falls_and_is_flat_then_has_converged(noise: float) -> None:
    diagnosis = diagnose(run(curve(falls_until(0.7), noise=noise)))
    assert diagnosis.verdict is Verdict.CONVERGED
    assert diagnosis.converged


@NOISE
def test_e03_convergence_late_is_on_time_and_early_asks_for_fewer_epochs(noise: float) -> None:
    late = diagnose(run(curve(falls_until(0.8), noise=noise), epochs=10)).findings[0]
    early = diagnose(run(curve(falls_until(0.2), noise=noise), epochs=10)).findings[0]
    assert "on time" in late.summary
    assert not late.changes
    assert "early" in early.summary
    assert early.changes["n_epochs"] < 10


@NOISE
def test_e04_a_rising_loss_has_not_converged(noise: float) -> None:
    diagnosis = diagnose(run(curve(rises, noise=noise)))
    assert diagnosis.verdict is Verdict.NOT_CONVERGED
    assert "more data or more epochs" in diagnosis.findings[0].advice
    assert not diagnosis.converged


@pytest.mark.parametrize("seed", range(20))
def test_e04_a_loss_that_never_moves_has_not_converged(seed: int) -> None:
    loss = curve(lambda x: 2.0, noise=0.1, seed=seed)
    assert diagnose(run(loss)).verdict is Verdict.NOT_CONVERGED


@NOISE
def test_e05_a_loss_that_still_falls_is_unfinished(noise: float) -> None:
    diagnosis = diagnose(run(curve(falls_always, noise=noise)))
    assert diagnosis.verdict is Verdict.UNFINISHED
    assert "more epochs or on more data" in diagnosis.findings[0].advice
    assert diagnosis.changes["n_epochs"] > 3


@pytest.mark.parametrize(("epochs", "wanted"), [(9, 3), (10, 4), (2, 1)])
def test_e06_certainty_by_a_third_is_overfit_and_asks_for_a_third_of_the_epochs(
    epochs: int, wanted: int
) -> None:
    diagnosis = diagnose(run(curve(falls_until(0.2, floor=0.01)), epochs=epochs))
    assert diagnosis.verdict is Verdict.OVERFIT
    assert diagnosis.changes == {"n_epochs": wanted}


def test_e06_certainty_only_at_the_end_is_not_overfit() -> None:
    assert diagnose(run(curve(falls_until(0.8, floor=0.01)))).verdict is Verdict.CONVERGED


def test_e07_trained_content_known_and_held_out_not_is_overfit() -> None:
    loss = curve(falls_until(0.7))
    apart = diagnose(run(loss, train_score=0.98, held_out_score=0.4))
    close = diagnose(run(loss, train_score=0.98, held_out_score=0.9))
    assert apart.verdict is Verdict.OVERFIT
    assert close.verdict is Verdict.CONVERGED


def test_e07_token_accuracies_stand_in_for_scores() -> None:
    loss = curve(falls_until(0.7))
    accuracy = curve(lambda x: 0.99)
    assert (
        diagnose(run(loss, train_accuracy=accuracy, valid_accuracy=Series((200,), (0.5,)))).verdict
        is Verdict.OVERFIT
    )


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1])
def test_e08_spikes_are_jitter_and_name_the_records_of_their_batches(noise: float) -> None:
    loss = curve(falls_until(0.7), noise=noise)
    values = list(loss.values)
    for step in (60, 120, 121):
        values[step - 1] += 2.5
    records = {step: (step * 4, step * 4 + 1) for step in loss.steps}
    diagnosis = diagnose(run(Series(loss.steps, tuple(values)), records=records))
    found = finding(diagnosis, Verdict.JITTER)
    assert diagnosis.verdict is Verdict.JITTER
    assert found.evidence.steps == (60, 120, 121)
    assert found.evidence.records == (240, 241, 480, 481, 484, 485)
    assert "240, 241" in found.summary


@pytest.mark.parametrize("seed", range(20))
def test_e08_the_noise_of_batches_is_no_jitter(seed: int) -> None:
    assert spikes(curve(falls_until(0.7), noise=0.15, seed=seed)) == ()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.2])
def test_e09_noise_does_not_hide_convergence(seed: int, noise: float) -> None:
    assert diagnose(run(curve(falls_until(0.6), noise=noise, seed=seed))).converged


def test_e09_the_step_of_convergence_is_found() -> None:
    settled = settled_at(curve(falls_until(0.5)))
    assert settled is not None
    assert 0.3 * STEPS < settled <= 0.5 * STEPS


def test_e10_the_gap_is_validation_minus_training_loss() -> None:
    diagnosis = diagnose(
        run(curve(falls_until(0.5)), valid_loss=Series((100, 150, 200), (0.9, 0.8, 0.8)))
    )
    assert diagnosis.generalisation_gap == pytest.approx(0.3, abs=1e-6)
    assert diagnose(run(curve(falls_until(0.5)))).generalisation_gap is None


def validation(shape: object) -> Series:
    assert callable(shape)
    return Series.of((step, shape(step / STEPS)) for step in range(10, STEPS + 1, 10))


def test_e11_both_flat_asks_for_an_evaluation() -> None:
    diagnosis = diagnose(
        run(curve(falls_until(0.6), noise=0.05), valid_loss=validation(falls_until(0.6, 0.7)))
    )
    assert diagnosis.verdict is Verdict.CONVERGED
    assert "Evaluate" in finding(diagnosis, Verdict.EVALUATE).advice


def test_e12_both_falling_asks_to_train_longer() -> None:
    diagnosis = diagnose(run(curve(falls_always, noise=0.05), valid_loss=validation(falls_always)))
    assert diagnosis.verdict is Verdict.UNFINISHED
    assert any("Train longer" in f.advice for f in diagnosis.findings)


def test_e13_validation_that_rises_while_training_falls_is_overfit_at_the_best_checkpoint() -> None:
    valid = validation(lambda x: 1.0 + (x - 0.4) ** 2 * 3)
    diagnosis = diagnose(
        run(curve(falls_always), epochs=5, valid_loss=valid, checkpoints=(50, 100, 150, 200))
    )
    assert diagnosis.verdict is Verdict.OVERFIT
    assert diagnosis.best_checkpoint == 100
    assert finding(diagnosis, Verdict.OVERFIT).evidence.steps == (80,)
    assert diagnosis.changes["n_epochs"] == 2


def test_e14_jitter_asks_to_look_at_the_data() -> None:
    loss = curve(falls_until(0.7))
    values = list(loss.values)
    values[99] = 9.0
    found = finding(diagnose(run(Series(loss.steps, tuple(values)))), Verdict.JITTER)
    assert "Look at these records" in found.advice


def test_a_run_of_few_steps_is_not_judged() -> None:
    diagnosis = diagnose(run(curve(falls_always, steps=4)))
    assert diagnosis.verdict is Verdict.TOO_SHORT
    assert not diagnosis.converged


def test_a_curve_of_one_constant_and_an_empty_one_are_judged_without_error() -> None:
    assert diagnose(run(Series())).verdict is Verdict.TOO_SHORT
    assert diagnose(run(curve(lambda x: 0.0))).verdict is not None
    assert math.isfinite(curve(lambda x: 0.0).noise())
