"""Finds evaluations to work on and works on them, answer by answer, until all are given.

What was answered is in the database window by window: whoever takes an evaluation up again asks
only for the rest. Knows leases and the order of things. Does not know how models are asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError, RateLimited, Unavailable
from argosy.trainer.domain.evaluation.cases import Case, task_type
from argosy.trainer.domain.evaluation.evaluation import (
    Answer,
    Evaluation,
    EvaluationState,
)
from argosy.trainer.domain.evaluation.result import result
from argosy.trainer.domain.job import JobError
from argosy.trainer.evaluations.asking import Asker, refused
from argosy.trainer.evaluations.drawing import drawn
from argosy.trainer.metrics import TrainerMetrics
from argosy.trainer.patience import first_of, uninterrupted, wait_for_event
from argosy.trainer.sources import Sources
from argosy.trainer.store import evaluation_answers, evaluations
from argosy.trainer.store.transactions import DatabaseAway, Transactions
from argosy.trainer.task_keys import TaskKeys
from argosy.trainer.worker.failures import GatewayAway, GraderFailed

_log = logging.getLogger(__name__)

# Answers asked for at once, and written together.
WINDOW: Final = 8
_SLOTS: Final = 2
_KEY_SECONDS: Final = 24 * 3600
_RELEASE_SECONDS: Final = 5.0
# A peer that is away is waited for so often, longer each time: an hour in all.
_ATTEMPTS: Final = 16
# From then on single answers that nobody gives are given up.
_TRIES: Final = 4
_LONGEST_WAIT: Final = 300.0
_SURPRISE: Final = JobError("internal", "The trainer failed at this evaluation; its log says why.")


class _Stopped(Exception):
    """Cancelled, or somebody else's by now."""


class _Hopeless(Exception):
    """It cannot be done; `error` is for the user."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.error = JobError(code, message, param)


@dataclass(frozen=True, slots=True)
class EvaluatorPolicy:
    """Times in seconds. Files are read by way of `folder`."""

    lease: float
    poll: float
    folder: Path


class Evaluator:
    """All work on evaluations in this process. `told` hears of each that has a result."""

    def __init__(
        self,
        transactions: Transactions,
        sources: Sources,
        task_keys: TaskKeys,
        told: Callable[[Evaluation, Mapping[str, Any]], Awaitable[None]],
        clock: Clock,
        metrics: TrainerMetrics,
        policy: EvaluatorPolicy,
    ) -> None:
        self._transactions = transactions
        self._sources = sources
        self._task_keys = task_keys
        self._told = told
        self._clock = clock
        self._metrics = metrics
        self._policy = policy
        self._wakes = [asyncio.Event() for _ in range(_SLOTS)]
        # Apart from those of the rest of the process, which must not wait for slow answers.
        self._threads = ThreadPoolExecutor(_SLOTS * WINDOW, thread_name_prefix="asks")

    def wake(self) -> None:
        """There may be work: nobody need wait for the next poll."""
        for event in self._wakes:
            event.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for wake in self._wakes:
                group.create_task(self._slot(wake))

    async def _slot(self, wake: asyncio.Event) -> None:
        while True:
            leased = None
            try:
                async with self._transactions.begin() as connection:
                    leased = await evaluations.take(connection, self._lease)
            except DatabaseAway as error:
                _log.warning("looking for evaluations waits: %s", error.message)
            if leased is None:
                await wait_for_event(wake, self._policy.poll)
            else:
                await self._work(leased)

    async def _work(self, evaluation: Evaluation) -> None:
        wait = None
        try:
            await first_of(self._evaluate(evaluation), self._keep(evaluation))
        except _Stopped:
            _log.info("evaluation %s is stopped", evaluation.id)
        except _Hopeless as hopeless:
            await self._fail(evaluation, hopeless.error)
        except (Unavailable, RateLimited) as away:
            _log.warning("evaluation %s waits: %s", evaluation.id, away.message)
            if evaluation.attempts + 1 >= _ATTEMPTS:
                await self._fail(evaluation, JobError("unavailable", away.message))
            wait = timedelta(seconds=min(_LONGEST_WAIT, 2.0**evaluation.attempts))
        except ApiError as refusal:
            code, param = refusal.code or "refused", refusal.param or ""
            await self._fail(evaluation, JobError(code, refusal.message, param))
        except Exception:  # noqa: BLE001 - one evaluation's surprise must not end the others
            _log.exception("evaluation %s failed unexpectedly", evaluation.id)
            await self._fail(evaluation, _SURPRISE)
        finally:
            # If the database is away, the lease lapses by itself.
            with contextlib.suppress(Unavailable, TimeoutError):
                await uninterrupted(self._release(evaluation, wait))

    async def _evaluate(self, evaluation: Evaluation) -> None:
        if not evaluation.total:
            await self._read(evaluation)
        gateway = await self._task_keys.gateway(evaluation.project_id, "evaluation", _KEY_SECONDS)
        try:
            asker = await asyncio.to_thread(Asker, gateway, evaluation.wish)
        except GatewayAway as away:
            raise Unavailable(away.message) from away
        except GraderFailed as failure:
            raise _Hopeless("invalid_grader", failure.message, "grader") from failure
        async with self._transactions.begin() as connection:
            cases = await evaluation_answers.cases_of(connection, evaluation.id)
            answers = await evaluation_answers.answers_of(connection, evaluation.id)
        for place in range(len(evaluation.models)):
            own = [answer for answer in answers if answer.model == place]
            await self._ask(evaluation, asker, place, own, cases)
        await self._finish(evaluation, cases)

    async def _read(self, evaluation: Evaluation) -> None:
        """Read the records and lay out what is to be answered."""
        wish = evaluation.wish
        source = await self._sources.published(evaluation.project_id, wish.source)
        with tempfile.TemporaryDirectory(prefix="evaluation-", dir=self._policy.folder) as folder:
            path = Path(folder) / "records.jsonl"
            await self._sources.download(evaluation.project_id, source, path)
            cases = await asyncio.to_thread(drawn, path, wish.max_records, wish.seed)
        if not cases:
            raise _Hopeless(
                "no_cases",
                f"'{source}' has no record with a question and an answer that would be right. "
                "Evaluate on dialogues, pairs, rankings or prompts.",
                "data",
            )
        task = wish.task_type or task_type(cases, labelled=bool(wish.labels))
        async with self._transactions.begin() as connection:
            await self._held(connection, evaluation)
            await evaluation_answers.lay_out(
                connection, evaluation.id, cases, len(evaluation.models)
            )
            await evaluations.update(
                connection,
                evaluation.id,
                source=source,
                task_type=task,
                total=len(cases) * len(evaluation.models),
            )

    async def _ask(
        self,
        evaluation: Evaluation,
        asker: Asker,
        place: int,
        answers: Sequence[Answer],
        cases: Mapping[int, Case],
    ) -> None:
        """Have one model answer what it has not answered yet.

        Raises `Unavailable`, with what was answered kept.
        """
        missing = [each.line for each in answers if each.text is None and not each.error]
        some = any(each.text is not None for each in answers)
        for start in range(0, len(missing), WINDOW):
            lines = missing[start : start + WINDOW]
            asked = await asyncio.gather(
                *(self._one(evaluation, asker, place, cases[line]) for line in lines)
            )
            given = [each for each in asked if isinstance(each, Answer)]
            both = zip(lines, asked, strict=True)
            away = [(line, each) for line, each in both if isinstance(each, GatewayAway)]
            # One that nobody can answer must not hold up the others for ever; where none is
            # answered, it is not the record's fault.
            if away and (evaluation.attempts < _TRIES or (not given and len(away) > 1)):
                await self._keep_answers(evaluation, given)
                raise Unavailable(away[0][1].message)
            given += [refused(place, line, failure) for line, failure in away]
            some = some or any(each.text is not None for each in given)
            if not some:
                # Each refusal takes seconds: a model that refuses a window's refuses the rest.
                why = f"not asked: the first {len(given)} failed: {given[0].error}"
                left = missing[start + WINDOW :]
                given += [Answer(place, line, None, error=why) for line in left]
            await self._keep_answers(evaluation, given)
            if not some:
                return

    async def _one(
        self, evaluation: Evaluation, asker: Asker, place: int, asked: Case
    ) -> Answer | GatewayAway:
        name = evaluation.models[place].model
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, asker.answer, place, name, asked
            )
        except GatewayAway as away:
            return away

    async def _keep_answers(self, evaluation: Evaluation, given: Sequence[Answer]) -> None:
        async with self._transactions.begin() as connection:
            now = await self._held(connection, evaluation)
            await evaluation_answers.put(connection, evaluation.id, given)
            failed = sum(each.text is None for each in given)
            await evaluations.update(
                connection,
                evaluation.id,
                answered=now.answered + len(given) - failed,
                failed=now.failed + failed,
            )

    async def _finish(self, evaluation: Evaluation, cases: Mapping[int, Case]) -> None:
        async with self._transactions.begin() as connection:
            now = await self._held(connection, evaluation)
            answers = await evaluation_answers.answers_of(connection, evaluation.id)
        if not any(answer.text is not None for answer in answers):
            raise _Hopeless(
                "no_answers",
                f"No model answered. The first said: {answers[0].error}. Evaluate again when the "
                "models answer.",
                "models",
            )
        found = await asyncio.to_thread(result, now, now.task, cases, answers)
        done = EvaluationState.AWAITING_SCORES if now.wish.manual else EvaluationState.SUCCEEDED
        # Before it is done: who sees it done sees it beside its models, too.
        await self._told(now, found)
        async with self._transactions.begin() as connection:
            await self._held(connection, evaluation)
            await evaluations.update(connection, evaluation.id, state=done, result=found)
        took = self._clock.now() - evaluation.created_at
        self._metrics.evaluation_ended(done, took.total_seconds())

    async def _held(self, connection: Any, evaluation: Evaluation) -> Evaluation:
        now = await evaluations.held(connection, evaluation.id, evaluation.epoch)
        if now is None:
            raise _Stopped
        return now

    async def _fail(self, evaluation: Evaluation, error: JobError) -> None:
        with contextlib.suppress(DatabaseAway):
            async with self._transactions.begin() as connection:
                if await evaluations.held(connection, evaluation.id, evaluation.epoch) is None:
                    return
                await evaluations.update(
                    connection, evaluation.id, state=EvaluationState.FAILED, error=error
                )
            self._metrics.evaluation_ended(EvaluationState.FAILED)

    async def _keep(self, evaluation: Evaluation) -> NoReturn:
        """Renew the lease until cancelled. Raises `_Stopped`."""
        while True:
            await asyncio.sleep(self._policy.lease / 3)
            async with self._transactions.begin() as connection:
                state = await evaluations.renew(
                    connection, evaluation.id, evaluation.epoch, self._lease
                )
            if state is not EvaluationState.RUNNING:
                raise _Stopped

    async def _release(self, evaluation: Evaluation, wait: timedelta | None) -> None:
        async with asyncio.timeout(_RELEASE_SECONDS), self._transactions.begin() as connection:
            await evaluations.release(connection, evaluation.id, evaluation.epoch, wait=wait)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._policy.lease)
