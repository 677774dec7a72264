"""Reports of tuning jobs and reruns, through the stock SDK and through `argosy tune`."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.contract.test_contract_fine_tuning import BASE, upload
from tests.harness.api_fleet import ApiFleet

# Down to nothing by a third of the run: learnt by heart.
BY_HEART = [2.0, 1.0, 0.5, 0.1, 0.01]
# Flat from 60 % on.
HEALTHY = [0.5 + 2.5 * max(0.0, 1 - step / 18) ** 2 for step in range(1, 31)]


def trained(fleet: ApiFleet, losses: list[float], **argosy: Any) -> dict[str, Any]:
    """Train 30 steps whose losses are given; return the job as it ended."""
    sdk = fleet.sdk()
    asked = {"batch_size": 3, "n_epochs": 3, "max_steps": 30, **argosy}
    hyper = {name: asked.pop(name) for name in ("batch_size", "n_epochs")}
    with fleet.worker(train_losses=losses):
        job = sdk.fine_tuning.jobs.create(
            model=BASE,
            training_file=upload(sdk, 30),
            method={"type": "supervised", "supervised": {"hyperparameters": hyper}},
            extra_body={"argosy": asked},
        )
        done = fleet.finish(job.id)
    assert done["status"] == "succeeded", done["error"]
    return done


def report_of(fleet: ApiFleet, job_id: str) -> dict[str, Any]:
    return fleet.sdk().get(f"/fine_tuning/jobs/{job_id}/report", cast_to=dict[str, Any])


@pytest.fixture(scope="module")
def by_heart(fleet: ApiFleet) -> dict[str, Any]:
    return trained(fleet, BY_HEART, n_epochs=9)


def test_e06_e15_an_overfit_run_is_run_again_with_a_third_of_its_epochs(
    fleet: ApiFleet, by_heart: dict[str, Any]
) -> None:
    diagnosis = report_of(fleet, by_heart["id"])["diagnosis"]
    assert diagnosis["verdict"] == "overfit"
    assert diagnosis["rerun_with"] == {"n_epochs": 3}
    again = fleet.sdk().post(f"/fine_tuning/jobs/{by_heart['id']}/rerun", cast_to=dict[str, Any])
    assert again["argosy"]["rerun_of"] == by_heart["id"]
    # 30 steps were asked for, which would hide the epochs: they are cut alike.
    assert again["argosy"]["changes"] == {"n_epochs": 3, "max_steps": 10}
    assert again["training_file"] == by_heart["training_file"]
    assert again["seed"] == by_heart["seed"]
    done = fleet.finish(again["id"])
    assert done["hyperparameters"]["n_epochs"] == 3
    assert done["argosy"]["total_steps"] == 10
    told = [e.message for e in fleet.sdk().fine_tuning.jobs.list_events(again["id"], limit=100)]
    assert f"Runs {by_heart['id']} again with n_epochs = 3, max_steps = 10" in " ".join(told)


def test_e01_the_report_is_also_csv_and_one_page(fleet: ApiFleet, by_heart: dict[str, Any]) -> None:
    def fetched(form: str) -> httpx.Response:
        return fleet.sdk().get(
            f"/fine_tuning/jobs/{by_heart['id']}/report",
            cast_to=httpx.Response,
            options={"params": {"format": form}},
        )

    table = fetched("csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 31)]
    assert [float(row["train_loss"]) for row in rows[:5]] == BY_HEART
    assert float(rows[0]["perplexity"]) == pytest.approx(7.389, abs=0.001)
    page = fetched("html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == "sandbox"
    assert by_heart["fine_tuned_model"] in page.text
    assert "<svg" in page.text


def test_e08_the_records_of_a_batch_that_jumps_are_named(fleet: ApiFleet) -> None:
    losses = list(HEALTHY)
    losses[19] = 6.0
    job = trained(fleet, losses)
    report = report_of(fleet, job["id"])
    found = report["diagnosis"]["findings"][0]
    assert found["verdict"] == "jitter"
    assert found["evidence"]["steps"] == [20]
    # The fake child's batch of step 20.
    assert found["evidence"]["records"] == [20, 21]


def test_a_healthy_run_has_nothing_to_change(fleet: ApiFleet) -> None:
    job = trained(fleet, HEALTHY)
    report = report_of(fleet, job["id"])
    assert report["diagnosis"]["verdict"] == "converged"
    assert report["diagnosis"]["converged"] is True
    assert [kept["step"] for kept in report["checkpoints"]][-1] == 30
    with fleet.http() as http:
        refused = http.post(f"/v1/fine_tuning/jobs/{job['id']}/rerun")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "no_advice"


def test_ab10_another_projects_report_is_unknown(fleet: ApiFleet, by_heart: dict[str, Any]) -> None:
    unknown = "ftjob-000000000000000000000000"
    for method, what in (("GET", "report"), ("POST", "rerun")):
        with fleet.http(fleet.other_key) as http:
            answers = [
                http.request(method, f"/v1/fine_tuning/jobs/{job}/{what}")
                for job in (by_heart["id"], unknown)
            ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text.replace(by_heart["id"], unknown) == answers[1].text


def test_an_unknown_format_is_refused_by_name(fleet: ApiFleet, by_heart: dict[str, Any]) -> None:
    with fleet.http() as http:
        refused = http.get(f"/v1/fine_tuning/jobs/{by_heart['id']}/report?format=pdf")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "format"
    assert "json, csv, html" in refused.json()["error"]["message"]


def argosy(fleet: ApiFleet, *words: str, expected: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "argosy.cli", "tune", *words],
        env={
            "PATH": "/usr/bin:/bin",
            "ARGOSY_HOME": str(fleet.cluster.home.root),
            "COLUMNS": "120",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout


def test_the_command_line_watches_lists_and_reports(
    fleet: ApiFleet, by_heart: dict[str, Any]
) -> None:
    assert by_heart["id"] in argosy(fleet, "list")
    watched = argosy(fleet, "watch", by_heart["id"])
    assert "succeeded" in watched
    assert "30 of 30 steps" in watched
    assert "argosy tune rerun" in watched
    assert argosy(fleet, "report", by_heart["id"], "--format", "csv").startswith("step,train_loss")
