"""Evaluations of tuned models and the drift of what they are asked, through the stock SDK."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.test_contract_fine_tuning import BASE, upload
from tests.contract.test_contract_reflow import let_store, stored_while_on
from tests.contract.test_contract_tuning_report import argosy
from tests.docs.sources import DOCS
from tests.fakes.answers import script
from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

EVALUATIONS = "/v1/fine_tuning/evaluations"
UNKNOWN = "fteval-000000000000000000000000"


@pytest.fixture(scope="module")
def job(fleet: ApiFleet) -> dict[str, Any]:
    sdk = fleet.sdk()
    made = sdk.fine_tuning.jobs.create(
        model=BASE,
        training_file=upload(sdk),
        extra_body={"argosy": {"max_steps": 4, "checkpoint_every_steps": 2}},
    )
    done = fleet.finish(made.id)
    assert done["status"] == "succeeded", done["error"]
    return done


def questions(fleet: ApiFleet, count: int = 4) -> str:
    """Upload records that the engine answers with `yes`, where every second one wants `no`."""
    records = [
        {
            "messages": [
                {"role": "user", "content": f"{script('yes')} Is {n} even?"},
                {"role": "assistant", "content": "no" if n % 2 else "yes"},
            ]
        }
        for n in range(count)
    ]
    content = io.BytesIO("".join(f"{json.dumps(each)}\n" for each in records).encode())
    sdk = fleet.sdk()
    return sdk.files.create(file=("q.jsonl", content), purpose="fine-tune").id


def ended(client: httpx.Client, evaluation: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"{EVALUATIONS}/{evaluation['id']}").json()
        return None if found["status"] in ("queued", "running") else found

    found = wait_until(look, 60, "the end of the evaluation", pause=0.1)
    assert found is not None
    return found


def test_d30_an_evaluation_stands_beside_the_model_in_the_list(
    fleet: ApiFleet, job: dict[str, Any]
) -> None:
    model = job["fine_tuned_model"]
    body = {"data": questions(fleet), "models": ["base", "result"], "seed": 1}
    with fleet.http() as client:
        path = f"/v1/fine_tuning/jobs/{job['id']}/evaluations"
        made = client.post(path, json=body)
        assert made.status_code == 200, made.text
        again = client.post(path, json=body, headers={"x-stainless-retry-count": "1"})
        assert again.json()["id"] == made.json()["id"]
        done = ended(client, made.json())
        assert (done["status"], done["run_state"]) == ("succeeded", "Done"), done
        assert done["answers"] == {"total": 8, "completed": 8, "failed": 0}
        base, result = done["models"]
        assert (base["role"], result["role"], result["model"]) == ("base", "result", model)
        assert result["metrics"]["accuracy"]["value"] == 50
        assert result["worst"] == [2, 4]
        assert done["comparisons"][0]["ties"] == 4
        page = client.get(f"{EVALUATIONS}/{done['id']}/answers", params={"limit": 1}).json()
        assert (page["data"][0]["line"], page["data"][0]["answer"]) == (1, "yes")
        rest = client.get(
            f"{EVALUATIONS}/{done['id']}/answers", params={"after": 1, "model": model}
        ).json()
        assert [row["scores"]["accuracy"] for row in rest["data"]] == [0, 100, 0]
        assert [each["id"] for each in client.get(path).json()["data"]] == [done["id"]]
        assert done["id"] in [each["id"] for each in client.get(EVALUATIONS).json()["data"]]

        def shown() -> dict[str, Any] | None:
            listed = {each["id"]: each for each in client.get("/v1/models").json()["data"]}
            found: dict[str, Any] | None = listed[model]["argosy"]["evaluation"]
            return found

        # The gateway hears of it by its watch.
        beside = wait_until(shown, 20, "the figures beside the model", pause=0.1)
        assert beside is not None
        assert (beside["id"], beside["task_type"]) == (done["id"], "closed")
        assert beside["metrics"].keys() >= {
            "bleu_4", "edit_distance", "embedding_distance", "rouge_1", "rouge_2", "rouge_l",
        }  # fmt: skip
        report = client.get(f"/v1/fine_tuning/jobs/{job['id']}/report?format=html").text
        assert "<h2>Evaluations</h2>" in report
        assert done["id"] not in client.get(EVALUATIONS, params={"after": done["id"]}).text
        cancelled = client.post(f"{EVALUATIONS}/{done['id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["error"]["code"]) == (
            409, "evaluation_ended",
        )  # fmt: skip
        with fleet.http(fleet.other_key) as other:
            assert other.delete(f"{EVALUATIONS}/{done['id']}").status_code == 404
        gone = client.delete(f"{EVALUATIONS}/{done['id']}").json()
        assert gone == {
            "object": "fine_tuning.evaluation.deleted", "id": done["id"], "deleted": True,
        }  # fmt: skip
        assert client.get(f"{EVALUATIONS}/{done['id']}").status_code == 404
        assert client.get(f"{EVALUATIONS}/{done['id']}/answers").status_code == 404
        assert client.delete(f"{EVALUATIONS}/{done['id']}").status_code == 404
        assert client.get(path).json()["data"] == []


def test_refusals_name_the_field(fleet: ApiFleet, job: dict[str, Any]) -> None:
    data = questions(fleet)
    path = f"/v1/fine_tuning/jobs/{job['id']}/evaluations"
    with fleet.http() as client:
        for where, body, status, param in (
            (path, {}, 400, "data"),
            (path, {"data": data, "max_records": 0}, 400, "max_records"),
            (path, {"data": data, "judge": {"model": BASE, "range": [5, 1]}}, 400, "judge.range"),
            (path, {"data": data, "colour": 1}, 400, "colour"),
            (path, {"data": data, "grader": {"type": "magic"}}, 400, "grader.type"),
            (path, {"data": "file-000000000000000000000000"}, 404, None),
            (EVALUATIONS, {"data": data}, 400, "models"),
            (f"{EVALUATIONS}/{UNKNOWN}/scores", {"model": "m", "line": 0, "scores": {}}, 400,
             "line"),
        ):  # fmt: skip
            refused = client.post(where, json=body)
            assert refused.status_code == status, (body, refused.text)
            if param is not None:
                assert str(refused.json()["error"]["param"]).startswith(param), refused.text


def test_ab10_another_projects_evaluations_are_unknown(
    fleet: ApiFleet, job: dict[str, Any]
) -> None:
    with fleet.http() as client:
        mine = client.post(EVALUATIONS, json={"data": questions(fleet), "models": [BASE]}).json()
        ended(client, mine)
    with fleet.http(fleet.other_key) as client:
        assert client.get(EVALUATIONS).json()["data"] == []
        for method, rest in (("GET", ""), ("POST", "/cancel"), ("GET", "/answers")):
            ours, none = (
                client.request(method, f"{EVALUATIONS}/{each}{rest}")
                for each in (mine["id"], UNKNOWN)
            )
            assert ours.status_code == none.status_code == 404
            assert ours.text.replace(mine["id"], UNKNOWN) == none.text
        for rest in ("evaluations", "drift"):
            assert client.get(f"/v1/fine_tuning/jobs/{job['id']}/{rest}").status_code == 404


def test_d31_drift_suggests_incremental_training_with_the_data_filled_in(
    fleet: ApiFleet, job: dict[str, Any]
) -> None:
    sdk, model = fleet.sdk(), job["fine_tuned_model"]
    let_store(fleet, True)
    try:
        stored_while_on(fleet, sdk, "drift")
        asked = [
            sdk.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": f"A recipe of mushrooms, please: {n}"}],
                store=True,
                max_tokens=2,
                metadata={"tag": "mushrooms"},
            )
            for n in range(31)
        ]
        with fleet.http() as client:

            def told() -> dict[str, Any] | None:
                found = client.get(f"/v1/fine_tuning/jobs/{job['id']}/drift").json()
                return found if found["requests"] >= len(asked) else None

            drift = wait_until(told, 30, "the stored completions", pause=0.2)
            assert drift is not None
            assert drift["verdict"] == "new_scene"
            first = drift["findings"][0]
            assert set(first["evidence"]["completions"]) <= {each.id for each in asked}
            suggested = drift["suggestion"]
            assert suggested["reflow"]["model"] == model
            # The suggested job is one, once its data is there.
            wish = {**suggested["job"], "training_file": upload(sdk, 12)}
            preview = client.post("/v1/fine_tuning/jobs/preview", json=wish)
            assert preview.status_code == 200, preview.text
            assert wish["argosy"]["data"] == [{"source": job["training_file"], "rate": 0.1}]
            report = client.get(f"/v1/fine_tuning/jobs/{job['id']}/report").json()
            assert "drifted" in [f["verdict"] for f in report["diagnosis"]["findings"]]
        events = sdk.fine_tuning.jobs.list_events(job["id"], limit=100)
        assert any("Incremental training is suggested" in event.message for event in events)
    finally:
        let_store(fleet, False)


def test_the_guide_to_the_report_runs(
    fleet: ApiFleet,
    job: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{fleet.cluster.url()}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", fleet.key)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "tuning-report.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    # The newest job is to have a result: others of the fleet's tests may not.
    newest = fleet.sdk().fine_tuning.jobs.create(model=BASE, training_file=upload(fleet.sdk()))
    assert fleet.finish(newest.id)["status"] == "succeeded"
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/tuning-report.md", "exec"), names)  # noqa: S102 - our own page
    assert names["check"]["status"] == "succeeded"
    assert (tmp_path / "report.html").exists()


def test_the_command_line_evaluates(fleet: ApiFleet, job: dict[str, Any], tmp_path: Path) -> None:
    told = argosy(fleet, "evaluate", job["id"], questions(fleet), "--checkpoints")
    rows = [line.split() for line in told.splitlines()]
    assert rows[0][:3] == ["model", "records", "accuracy"]
    assert [row[0] for row in rows[1:5]] == ["base", "result", "checkpoint", "checkpoint"]
    assert "closed" in told
    records = tmp_path / "none.jsonl"
    records.write_text('{"messages": [{"role": "user", "content": "Q"}]}\n' * 10)
    # Prompts without anything that would be right are answered, and have nothing to be measured.
    assert "base" in argosy(fleet, "evaluate", job["id"], str(records))
