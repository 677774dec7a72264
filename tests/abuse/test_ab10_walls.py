"""AB10: project B asks for what project A has, and cannot tell it from what does not exist."""

from __future__ import annotations

import io
import json
import statistics
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.harness.api_fleet import ApiFleet, api_fleet
from tests.harness.prepared_home import PreparedHomes

BASE = "smollm2-135m-instruct"
LINE = json.dumps(
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
)


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ApiFleet]:
    with api_fleet(tmp_path_factory.mktemp("ab10"), prepared_homes) as running:
        yield running


def same_answer(call: Callable[[str], httpx.Response], theirs: str, unknown: str) -> None:
    """Require that both ids get the same status, headers and body, but for the id itself."""
    first, second = call(theirs), call(unknown)
    assert first.status_code == second.status_code == 404
    assert first.text.replace(theirs, unknown) == second.text
    varying = {"x-request-id", "openai-processing-ms", "date", "content-length"}
    kept = [
        {name: value for name, value in answer.headers.items() if name not in varying}
        for answer in (first, second)
    ]
    assert kept[0] == kept[1]


def quiet_times(*calls: Callable[[], httpx.Response]) -> list[float]:
    """Return how long each call takes in a quiet moment: the lower quartile of turns taken."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(100):
        for call, taken in zip(calls, times, strict=True):
            begun = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begun)
    return [statistics.quantiles(taken, n=4)[0] for taken in times]


def test_another_projects_things_look_unknown(fleet: ApiFleet) -> None:
    owner = fleet.sdk()
    file_id = owner.files.create(
        file=("secret-name.jsonl", io.BytesIO(f"{LINE}\n".encode() * 10)), purpose="fine-tune"
    ).id
    job = owner.fine_tuning.jobs.create(
        model=BASE, training_file=file_id, suffix="walls", extra_body={"argosy": {"max_steps": 2}}
    )
    done = fleet.finish(job.id)
    assert done["status"] == "succeeded", done["error"]
    model = done["fine_tuned_model"]
    checkpoint = owner.fine_tuning.jobs.checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint

    unknown_file = "file-" + "0" * (len(file_id) - 5)
    unknown_job = "ftjob-" + "0" * (len(job.id) - 6)
    with fleet.http(key=fleet.other_key) as stranger:
        for path in ("/v1/files/{}", "/v1/files/{}/content"):
            same_answer(lambda i, p=path: stranger.get(p.format(i)), file_id, unknown_file)
        same_answer(lambda i: stranger.delete(f"/v1/files/{i}"), file_id, unknown_file)
        jobs = "/v1/fine_tuning/jobs/{}"
        for path in (jobs, jobs + "/events", jobs + "/checkpoints"):
            same_answer(lambda i, p=path: stranger.get(p.format(i)), job.id, unknown_job)
        for verb in ("cancel", "pause", "resume"):
            same_answer(
                lambda i, v=verb: stranger.post(f"{jobs.format(i)}/{v}"), job.id, unknown_job
            )
        for name in (model, checkpoint):
            nobody = name.replace(":walls:", ":nobody:")
            same_answer(lambda i: stranger.get(f"/v1/models/{i}"), name, nobody)
            same_answer(lambda i: stranger.delete(f"/v1/models/{i}"), name, nobody)
            same_answer(
                lambda i: stranger.post(
                    "/v1/chat/completions",
                    json={"model": i, "messages": [{"role": "user", "content": "a"}]},
                ),
                name,
                nobody,
            )

        theirs, unknown = (
            stranger.post("/v1/fine_tuning/jobs", json={"model": BASE, "training_file": each})
            for each in (file_id, unknown_file)
        )
        assert theirs.status_code == unknown.status_code
        assert 400 <= theirs.status_code < 500
        assert theirs.text.replace(file_id, unknown_file) == unknown.text

        listed = [
            stranger.get("/v1/files").text,
            stranger.get("/v1/fine_tuning/jobs").text,
            stranger.get("/v1/models").text,
        ]
        for secret in (file_id, "secret-name", job.id, model, checkpoint):
            assert not any(secret in text for text in listed)
        for cursor in (f"/v1/files?after={file_id}", f"/v1/fine_tuning/jobs?after={job.id}"):
            assert "secret-name" not in stranger.get(cursor).text

        there, nowhere = quiet_times(
            lambda: stranger.get(f"/v1/files/{file_id}"),
            lambda: stranger.get(f"/v1/files/{unknown_file}"),
        )
        assert abs(there - nowhere) < max(0.25 * nowhere, 0.001)

    assert owner.files.retrieve(file_id).filename == "secret-name.jsonl"
    assert owner.models.retrieve(model).id == model
    assert "proj_" not in fleet.gateway_metrics()
