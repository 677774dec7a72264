"""The life of a tuning job: its states, which may follow which, and what a user may ask for when.

    validating_files → queued ⇄ running → finalizing → succeeded
           │             │ ↑       │            └→ failed
           │             │ └ paused┤
           └─────────────┴─────────┴→ cancelled | failed

`finalizing` is internal: the adapter goes to the registry and nothing can stop it any more; the
public API shows it as running. Knows states. Does not know where they are stored.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a job stands. Values are OpenAI's words, but for `paused` and `finalizing`."""

    VALIDATING_FILES = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    FINALIZING = "finalizing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def public(self) -> str:
        """The word that users and events see."""
        return State.RUNNING.value if self is State.FINALIZING else self.value

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

# States in which a training child may exist for the job.
ACTIVE: Final = frozenset({State.RUNNING, State.FINALIZING})

FOLLOWS: Final[dict[State, frozenset[State]]] = {
    State.VALIDATING_FILES: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
    # Back to queued when an idle-time job makes room for serving.
    State.RUNNING: frozenset(
        {State.FINALIZING, State.PAUSED, State.QUEUED, State.FAILED, State.CANCELLED}
    ),
    # Back to running only if the finished adapter was lost with its disk.
    State.FINALIZING: frozenset({State.SUCCEEDED, State.FAILED, State.RUNNING}),
    State.PAUSED: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Verb(StrEnum):
    """What a user may ask of an existing job."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


_TARGET: Final = {
    Verb.CANCEL: State.CANCELLED,
    Verb.PAUSE: State.PAUSED,
    Verb.RESUME: State.QUEUED,
}
_FROM: Final = {
    Verb.CANCEL: frozenset({State.VALIDATING_FILES, State.QUEUED, State.RUNNING, State.PAUSED}),
    Verb.PAUSE: frozenset({State.QUEUED, State.RUNNING}),
    Verb.RESUME: frozenset({State.PAUSED}),
}
_WHEN: Final = {
    Verb.CANCEL: "A job can be cancelled until it has finished training.",
    Verb.PAUSE: "Only a queued or running job can be paused.",
    Verb.RESUME: "Only a paused job can be resumed.",
}


class Refused(Exception):
    """The job's state forbids what was asked; the message is meant for the user."""


def target_of(verb: Verb, job_id: str, state: State) -> State:
    """Return the state that `verb` leads to from `state`; raises `Refused`."""
    if state in _FROM[verb]:
        return _TARGET[verb]
    if state is State.FINALIZING:
        now = "has finished training and is publishing its model"
    elif state is State.CANCELLED:
        now = "has been cancelled"
    elif state is State.VALIDATING_FILES:
        now = "is still validating its files"
    else:
        now = {
            State.SUCCEEDED: "has already succeeded",
            State.FAILED: "has already failed",
        }.get(state, f"is {state.value}")
    raise Refused(f"Job '{job_id}' cannot be {_PAST[verb]}: it {now}. {_WHEN[verb]}")


_PAST: Final = {Verb.CANCEL: "cancelled", Verb.PAUSE: "paused", Verb.RESUME: "resumed"}
