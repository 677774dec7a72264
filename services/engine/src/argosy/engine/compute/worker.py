"""The one thread that computes: it lets sequences in, steps them, and does errands between steps.

Torch uses every core for one step, so a second thread would only take turns with this one. Knows
the order of work. Does not know models.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch
from argosy.engine.compute.batch import Batch
from argosy.engine.compute.sequence import Sequence
from argosy.engine.errors import Broken, Busy

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Worker:
    """At most `at_once` sequences are at work and `queue` wait, in the order of their coming."""

    def __init__(self, at_once: int, queue: int, threads: int) -> None:
        self._at_once = at_once
        self._queue = queue
        self._threads = threads
        self._changed = threading.Condition()
        self._waiting: deque[Sequence] = deque()
        self._errands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._batches: dict[int, Batch] = {}
        self._at_work: list[Sequence] = []
        self._closed = False
        self._thread = threading.Thread(target=self._live, name="compute", daemon=True)
        self._thread.start()

    # From any thread

    def submit(self, sequences: list[Sequence]) -> None:
        """Queue sequences; raises Busy if there is no room for all."""
        with self._changed:
            free = self._at_once - len(self._at_work)
            if len(self._waiting) + len(sequences) > self._queue + max(0, free):
                raise Busy("The engine has too many requests waiting. Try again in a second.")
            self._waiting.extend(sequences)
            self._changed.notify()

    def call(self, errand: Callable[[], T]) -> Future[T]:
        """Have `errand` done between two steps."""
        future: Future[T] = Future()
        with self._changed:
            self._errands.append((errand, future))
            self._changed.notify()
        return future

    def wake(self) -> None:
        """Say that a sequence was abandoned."""
        with self._changed:
            self._changed.notify()

    def load(self) -> tuple[list[Sequence], int]:
        """Return what is at work and how many wait."""
        with self._changed:
            return list(self._at_work), len(self._waiting)

    def close(self) -> None:
        """End the thread after its step."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(10)

    # The thread

    def _live(self) -> None:
        if self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            while self._next():
                for batch in list(self._batches.values()):
                    self._step(batch)
                self._settle()

    def _next(self) -> bool:
        """Wait for work, do the errands, let sequences in; False at the end."""
        with self._changed:
            while not (self._closed or self._waiting or self._errands or self._at_work):
                self._changed.wait()
            if self._closed:
                return False
            errands, self._errands = self._errands, deque()
            while self._waiting and len(self._at_work) < self._at_once:
                sequence = self._waiting.popleft()
                if not sequence.abandoned:
                    self._at_work.append(sequence)
                    self._batch(sequence).add(sequence)
        for errand, future in errands:
            _do(errand, future)
        return True

    def _batch(self, sequence: Sequence) -> Batch:
        weights = sequence.means.weights
        if id(weights) not in self._batches:
            self._batches[id(weights)] = Batch(weights)
        return self._batches[id(weights)]

    def _step(self, batch: Batch) -> None:
        try:
            batch.step()
        except Exception as error:  # noqa: BLE001 - torch raises anything, and the others go on
            _log.exception("a step failed")
            for sequence in batch.sequences():
                sequence.done = True
                sequence.tell(Broken(f"Computing failed: {type(error).__name__}."))
            self._batches = {k: b for k, b in self._batches.items() if b is not batch}

    def _settle(self) -> None:
        with self._changed:
            self._at_work = [s for s in self._at_work if not (s.done or s.abandoned)]
            # A batch without sequences would keep its weights in memory.
            self._batches = {k: b for k, b in self._batches.items() if b.sequences()}


def _do(errand: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(errand())
    except BaseException as error:  # noqa: BLE001 - it is the caller's, in another thread
        future.set_exception(error)
