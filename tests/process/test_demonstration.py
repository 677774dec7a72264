"""The demonstration on a fleet whose engine only counts: it must say that nothing was learnt."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

from argosy.cli.demo.plan import Plan
from argosy.cli.demo.replay import Demonstration
from rich.console import Console

from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import MODEL, Cluster


def test_it_runs_to_the_end_and_fails_a_model_that_learnt_nothing(
    make_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    control = tmp_path / "worker.json"
    control.write_text(json.dumps({"step_seconds": 0.01}))
    cluster = make_cluster(
        worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)]
    ).start()
    screen = io.StringIO()
    demonstration = Demonstration(
        cluster.client(),
        Console(file=screen, width=100),
        model=MODEL,
        seed=1,
        price_per_hour=0.1,
        plan=Plan(
            n_epochs=1,
            batch_size=10,
            max_steps=10,
            learning_rate=1e-3,
            lora_rank=8,
            max_seq_length=256,
            checkpoint_every_steps=5,
        ),
    )
    assert demonstration.run() is False
    shown = screen.getvalue()
    assert "0 of 64 (0%)" in shown
    assert "华北地区2019年3月销售额的折线图" in shown
    assert "ft:smollm2-135m-instruct:argosy:charts:" in shown
    assert "10 steps" in shown
    assert "training loss" in shown
    assert "upload → tuned answer" in shown
    assert "at 0.1 an hour" in shown
