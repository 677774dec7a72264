"""Which states follow which, and what a user is told who asks too early or too late."""

from __future__ import annotations

import pytest
from argosy.trainer.domain.states import FOLLOWS, TERMINAL, Refused, State, Verb, target_of

S = State
ALLOWED = {
    Verb.CANCEL: {S.VALIDATING_FILES, S.QUEUED, S.RUNNING, S.PAUSED},
    Verb.PAUSE: {S.QUEUED, S.RUNNING},
    Verb.RESUME: {S.PAUSED},
}
TARGET = {Verb.CANCEL: S.CANCELLED, Verb.PAUSE: S.PAUSED, Verb.RESUME: S.QUEUED}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("state", State)
def test_a_verb_is_taken_from_its_states_only(verb: Verb, state: State) -> None:
    if state in ALLOWED[verb]:
        assert target_of(verb, "ftjob-1", state) is TARGET[verb]
        assert TARGET[verb] in FOLLOWS[state]
        return
    with pytest.raises(Refused, match=r"Job 'ftjob-1' cannot be \w+: it .+\. .+\.") as refused:
        target_of(verb, "ftjob-1", state)
    assert "finalizing" not in str(refused.value)


def test_nothing_follows_an_end() -> None:
    assert {state for state, after in FOLLOWS.items() if not after} == TERMINAL


def test_a_job_that_publishes_its_model_looks_running() -> None:
    assert {state.public for state in State} == {
        "validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled",
    }  # fmt: skip
    assert S.FINALIZING.public == "running"
