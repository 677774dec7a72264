"""From a job to its first step, and from an upload to the first tuned answer, on a running fleet.

`python -m benchmarks.training.start [--home .argosy] [--rounds 2]`, beside `argosy up`. Interleaved
with it runs the bare script: plain TRL on the same records, from the start of its process to its
first step. What a job takes longer is what Argosy adds: the queue, the plan, the fetching of files,
the supervisor. Goals: at most 8 s of that, and at most 180 s from the upload of 100 records to the
first answer of the model they made, with the demonstration's hyperparameters.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.cli.commands.shared import DEFAULT_HOME
from argosy.cli.demo.plan import PLAN
from argosy.cli.fleet import control, credentials
from argosy.cli.fleet.home import Home
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from benchmarks.training.child import write
from benchmarks.training.speed import plain_steps, short_records

RECORDS: Final = 100
LONGEST_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 0.1
ENDED: Final = ("succeeded", "failed", "cancelled")
MOST_ADDED: Final = 8.0
MOST_TO_ANSWER: Final = 180.0


@dataclass(frozen=True)
class Times:
    """Seconds since the upload began; `created` is when the job was made."""

    created: float
    first_step: float
    finished: float
    answered: float
    steps: int

    def to_first_step(self) -> float:
        return self.first_step - self.created


class Way:
    """The way of one file through a fleet, timed as its user sees it."""

    def __init__(self, client: OpenAI, model: str) -> None:
        self._client = client
        self._model = model
        self._began = time.monotonic()

    def walk(self, content: bytes, **parameters: Any) -> Times:
        self._began = time.monotonic()
        upload = ("start.jsonl", io.BytesIO(content))
        file = self._client.files.create(file=upload, purpose="fine-tune")
        job = self._client.fine_tuning.jobs.create(
            model=self._model, training_file=file.id, seed=1, **parameters
        )
        created = self._elapsed()
        first_step = self._first_step(job.id)
        job = self._end(job.id)
        finished = self._elapsed()
        self._client.chat.completions.create(
            model=str(job.fine_tuned_model),
            messages=[{"role": "user", "content": "What is a lamp?"}],
            max_tokens=16,
        )
        steps = int((job.model_extra or {})["argosy"]["total_steps"])
        return Times(created, first_step, finished, self._elapsed(), steps)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _first_step(self, job_id: str) -> float:
        while self._elapsed() < LONGEST_SECONDS:
            events = self._client.fine_tuning.jobs.list_events(job_id, limit=20).data
            if any(event.type == "metrics" for event in events):
                return self._elapsed()
            self._not_failed(self._client.fine_tuning.jobs.retrieve(job_id))
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"{job_id} made no step in {LONGEST_SECONDS:.0f} s")

    def _end(self, job_id: str) -> FineTuningJob:
        while self._elapsed() < LONGEST_SECONDS:
            job = self._client.fine_tuning.jobs.retrieve(job_id)
            self._not_failed(job)
            if job.status == "succeeded":
                return job
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"{job_id} did not end in {LONGEST_SECONDS:.0f} s")

    def _not_failed(self, job: FineTuningJob) -> None:
        if job.status in ENDED and job.status != "succeeded":
            raise RuntimeError(f"{job.id} {job.status}: {job.error}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--no-answer", action="store_true", help="Only the start of jobs.")
    options = parser.parse_args()
    home = Home.at(options.home)
    state = control.require_running(home)
    key = credentials.ensure(home).api_key
    way = Way(OpenAI(base_url=state.base_url, api_key=key, timeout=300), state.model)
    records = short_records(RECORDS)
    content = "".join(json.dumps(record) + "\n" for record in records).encode()
    one_step: dict[str, Any] = {
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 8}}},
        "extra_body": {"argosy": {"max_steps": 1, "lora_rank": 16}},
    }
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    jobs, bare = [], []
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        for number in range(options.rounds):
            place = Path(folder) / str(number)
            place.mkdir()
            file = write(place / "train.jsonl", records)
            bare.append(plain_steps(place, file, 1)[0].seconds)
            jobs.append(way.walk(content, **one_step).to_first_step())
            print(f"bare script {bare[-1]:.1f} s, job {jobs[-1]:.1f} s", flush=True)
    # The first round fills caches; with one alone there is nothing warmer.
    added = statistics.median(jobs[1:] or jobs) - statistics.median(bare[1:] or bare)
    goal = f"(goal: at most {MOST_ADDED:.0f})"
    print(f"added to the bare script, warm: {added:+.1f} s {goal}", flush=True)
    if options.no_answer:
        return int(added > MOST_ADDED)
    times = way.walk(
        content,
        method={
            "type": "supervised",
            "supervised": {
                "hyperparameters": {"n_epochs": PLAN.n_epochs, "batch_size": PLAN.batch_size}
            },
        },
        extra_body={"argosy": PLAN.extension()},
    )
    print(
        f"{RECORDS} records, {times.steps} steps: first step after "
        f"{times.first_step:.1f} s, model after {times.finished:.1f} s, its first answer after "
        f"{times.answered:.1f} s (goal: at most {MOST_TO_ANSWER:.0f})"
    )
    return int(added > MOST_ADDED or times.answered > MOST_TO_ANSWER)


if __name__ == "__main__":
    sys.exit(main())
