"""How work on a leased job ends early. Knows names only."""

from __future__ import annotations

from argosy.trainer.domain.job import JobError
from argosy.trainer.domain.states import State


class LeaseLost(Exception):
    """Another supervisor may hold the job by now: write nothing more."""


class JobStopped(Exception):
    """The job is not to run any more: it was cancelled or paused."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


class Yielded(Exception):
    """Serving is busy, and the job runs in idle time only: it waits in the queue again."""


class JobFailure(Exception):
    """The job cannot succeed; `error` is shown to the user."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.error = JobError(code, message, param)
