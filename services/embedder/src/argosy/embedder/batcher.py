"""From many requests to full batches, and each vector back to its request.

Texts of all waiting requests take turns, so a request with one text does not wait for one with two
thousand. A batch is full by its tokens, for that is what the model's time depends on. Who has left
is dropped before a batch is made. A batch that fails is computed again request by request, so a
bad text fails the request that brought it and no other.

Knows tokens and vectors. Does not know texts, limits or gRPC. Its state is touched on the event
loop only; the model runs in the executor's threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from argosy.embedder.backends.contract import Backend, Matrix, Tokens
from argosy.embedder.metrics import Metrics
from argosy.kit.errors import Internal

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Job:
    """One request's texts; `answer` is cancelled when its caller leaves."""

    texts: Sequence[Tokens]
    vectors: Matrix
    answer: asyncio.Future[Matrix]
    taken: int = 0
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.missing = len(self.texts)

    def put(self, index: int, vector: Matrix) -> None:
        self.vectors[index] = vector
        self.missing -= 1
        if not self.missing and not self.answer.done():
            self.answer.set_result(self.vectors)

    def fail(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(
                Internal("The model failed on this input.", param="input", code="model_failed")
            )


@dataclass(frozen=True, slots=True)
class _Piece:
    """One text of a job."""

    job: _Job
    index: int

    @property
    def tokens(self) -> Tokens:
        return self.job.texts[self.index]


class Batcher:
    """The queue in front of one model. `run` must be running for `embed` to return."""

    def __init__(
        self, backend: Backend, executor: Executor, metrics: Metrics, *, batch_tokens: int
    ) -> None:
        self._backend = backend
        self._executor = executor
        self._metrics = metrics
        self._batch_tokens = batch_tokens
        self._jobs: deque[_Job] = deque()
        self._waiting = asyncio.Event()

    async def embed(self, texts: Sequence[Tokens]) -> Matrix:
        """Return one vector a text, in order. Cancelling it drops what is not yet computed.

        Raises Internal if the model fails on one of the texts.
        """
        shape = (len(texts), self._backend.dimensions)
        answer: asyncio.Future[Matrix] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(texts, np.empty(shape, np.float32), answer))
        self._waiting.set()
        return await answer

    async def run(self) -> None:
        """Compute batches until cancelled; as many calls of it run as batches may at once."""
        while True:
            await self._waiting.wait()
            if pieces := self._take():
                await self._compute(pieces)

    def _take(self) -> list[_Piece]:
        """Return the next batch: at least one text if there is one, in turns over the requests."""
        pieces: list[_Piece] = []
        room = self._batch_tokens
        while self._jobs:
            job = self._jobs.popleft()
            if job.answer.done():
                self._metrics.dropped_inputs.inc(len(job.texts) - job.taken)
                continue
            piece = _Piece(job, job.taken)
            if pieces and len(piece.tokens) > room:
                self._jobs.appendleft(job)
                return pieces
            room -= len(piece.tokens)
            pieces.append(piece)
            job.taken += 1
            if job.taken < len(job.texts):
                self._jobs.append(job)
        self._waiting.clear()
        return pieces

    async def _compute(self, pieces: list[_Piece]) -> None:
        texts = [piece.tokens for piece in pieces]
        loop = asyncio.get_running_loop()
        with self._metrics.batch(sum(map(len, texts))):
            outcome = loop.run_in_executor(self._executor, self._backend.embed, texts)
            # Waited for, not awaited: a library may raise anything, and this loop must go on.
            await asyncio.wait([outcome])
        error = outcome.exception()
        if error is None:
            for piece, vector in zip(pieces, outcome.result(), strict=True):
                piece.job.put(piece.index, vector)
            return
        jobs = list(dict.fromkeys(piece.job for piece in pieces))
        if len(jobs) == 1:
            _log.error("the model failed on a request", exc_info=error)
            jobs[0].fail()
            return
        for job in jobs:
            if not job.answer.done():
                await self._compute([piece for piece in pieces if piece.job is job])
