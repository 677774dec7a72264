"""Tuning jobs through the stock OpenAI SDK: start, list, watch, report, run again.

Knows the public API. Draws nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import openai
from argosy.cli.errors import FleetError, UsageError
from argosy.cli.terminal.tuning import TERMINAL, advised, findings, sayable, view
from openai.types.fine_tuning import FineTuningJob
from rich.console import Console
from rich.live import Live
from rich.table import Table

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 1.0
# A gateway that is restarted is waited for this long.
_PATIENCE: Final = 60.0
_MESSAGES: Final = 4
_LISTED: Final = 20

Json = dict[str, Any]


class TuningDesk:
    """What a person does with tuning jobs in the terminal."""

    def __init__(self, base_url: str, api_key: str, console: Console) -> None:
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=_SECONDS)
        self._console = console

    def start(
        self, file: Path, model: str, suffix: str | None, extension: Mapping[str, Any]
    ) -> str:
        """Upload a file of records and create a job on it; return the job's id."""
        if not file.is_file():
            raise UsageError(f"{file} is no file. Give a JSONL file with one record a line.")
        with told(), file.open("rb") as content:
            uploaded = self._client.files.create(file=content, purpose="fine-tune")
        with told():
            job = self._client.fine_tuning.jobs.create(
                model=model,
                training_file=uploaded.id,
                extra_body={"argosy": dict(extension)} if extension else None,
                suffix=suffix or openai.omit,
            )
        self._console.print(f"uploaded [bold]{uploaded.id}[/bold], created [bold]{job.id}[/bold]")
        return job.id

    def advise(
        self,
        goals: Sequence[str],
        has: str,
        records: int,
        *,
        facts_change_often: bool,
        keep_general_ability: bool,
    ) -> None:
        """Print which method fits what is said, with the reasons; without goals, what to say."""
        said: Json = {
            "goals": ",".join(goals),
            "has": has,
            "records": records,
            "facts_change_often": "true" if facts_change_often else "false",
            "keep_general_ability": "true" if keep_general_ability else "false",
        }
        with told():
            advice = self._client.get(
                "/fine_tuning/methods/advice", cast_to=dict[str, Any], options={"params": said}
            )
        self._console.print(advised(advice))
        if not goals:
            self._console.print(sayable("--goal", advice["goals"]))
            self._console.print(sayable("--has", advice["has"]))

    def show_all(self) -> None:
        """Print the newest jobs."""
        with told():
            jobs = self._client.fine_tuning.jobs.list(limit=_LISTED).data
        if not jobs:
            self._console.print("No job yet. Start one: argosy tune start FILE --model MODEL")
            return
        table = Table(show_edge=False, pad_edge=False, box=None)
        for name in ("job", "status", "method", "steps", "model or result"):
            table.add_column(name, overflow="fold")
        for job in jobs:
            table.add_row(*_row(job))
        self._console.print(table)

    def watch(self, job_id: str) -> bool:
        """Show a job live until it has ended; tell whether it succeeded."""
        began = time.monotonic()
        with Live(console=self._console, auto_refresh=False, transient=False) as live:
            while True:
                try:
                    with told():
                        report, messages = self._report(job_id), self._messages(job_id)
                except GatewayAway:
                    if time.monotonic() - began > _PATIENCE:
                        raise
                    time.sleep(_POLL_SECONDS)
                    continue
                began = time.monotonic()
                live.update(view(report, messages, self._console.width), refresh=True)
                if report["status"] in TERMINAL:
                    break
                time.sleep(_POLL_SECONDS)
        if report["completed_steps"]:
            self._console.print(findings(report))
        return bool(report["status"] == "succeeded")

    def report(self, job_id: str, form: str) -> bytes:
        """Return the report as `json`, `csv` or `html`."""
        with told():
            answer = self._client.get(
                f"/fine_tuning/jobs/{job_id}/report",
                cast_to=httpx.Response,
                options={"params": {"format": form}},
            )
        return answer.content

    def rerun(self, job_id: str) -> str:
        """Create the job that the report advises; return its id."""
        with told():
            job = self._client.post(f"/fine_tuning/jobs/{job_id}/rerun", cast_to=FineTuningJob)
        changed = (job.model_extra or {}).get("argosy", {}).get("changes") or {}
        wanted = ", ".join(f"{name} = {value:g}" for name, value in changes_of(changed).items())
        self._console.print(f"created [bold]{job.id}[/bold] with {wanted or 'nothing changed'}")
        return job.id

    def control(self, verb: str, job_id: str) -> None:
        """Cancel, pause or resume a job."""
        calls = self._client.fine_tuning.jobs
        with told():
            job = {"cancel": calls.cancel, "pause": calls.pause, "resume": calls.resume}[verb](
                job_id
            )
        self._console.print(f"{job.id} is {job.status}")

    def _report(self, job_id: str) -> Json:
        return self._client.get(f"/fine_tuning/jobs/{job_id}/report", cast_to=dict[str, Any])

    def _messages(self, job_id: str) -> Sequence[str]:
        events = self._client.fine_tuning.jobs.list_events(job_id, limit=_LISTED).data
        said = [event.message for event in events if event.type == "message"]
        return list(reversed(said[:_MESSAGES]))


class GatewayAway(FleetError):
    """The gateway does not answer."""


def changes_of(changed: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among the changes of a rerun."""
    return {name: value for name, value in changed.items() if isinstance(value, int | float)}


@contextmanager
def told() -> Iterator[None]:
    """Turn the SDK's errors into ours, with the gateway's reason."""
    try:
        yield
    except openai.APIConnectionError as error:
        raise GatewayAway("The gateway does not answer.") from error
    except openai.APIError as error:
        raise FleetError(f"The gateway refused: {error.message}") from error


def _row(job: FineTuningJob) -> tuple[str, str, str, str, str]:
    own = (job.model_extra or {}).get("argosy", {})
    steps = f"{own.get('completed_steps', 0)} of {own.get('total_steps') or '?'}"
    method = own.get("method") or (job.method.type if job.method else "")
    return job.id, job.status, method, steps, job.fine_tuned_model or job.model
