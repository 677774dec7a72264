"""The real backend: between the event loop of HTTP and the threads that load and compute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

from argosy.engine.artifacts import Artifact
from argosy.engine.asks import Ask, Conversation, Piece
from argosy.engine.backend import Begun, Load
from argosy.engine.compute.library import Library
from argosy.engine.compute.prompts import tokens_of
from argosy.engine.compute.scoring import score
from argosy.engine.compute.sequence import Means, Sequence
from argosy.engine.compute.worker import Worker
from argosy.engine.errors import BadRequest, EngineError
from argosy.engine.settings import Settings


class Compute:
    """Implements `Backend`."""

    def __init__(self, settings: Settings, memory_bytes: int) -> None:
        self._library = Library(memory_bytes, settings.number_format)
        self._worker = Worker(settings.batch, settings.queue, settings.threads)
        # Loads take seconds; reading prompts must not wait behind them.
        self._loads = ThreadPoolExecutor(2, thread_name_prefix="load")
        self._reads = ThreadPoolExecutor(2, thread_name_prefix="read")

    def forget(self, artifact: Artifact) -> None:
        """Free what only this artefact needs."""
        self._library.forget(artifact)

    async def begin(self, artifact: Artifact, ask: Ask) -> Begun:
        """Load, read the prompts, queue the answers."""
        if artifact.scores:
            raise BadRequest(
                f"'{artifact.name}' is a reward model: it scores, with POST /v1/rewards.",
                param="model",
            )
        means = await self._take(artifact)
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[Piece | EngineError] = asyncio.Queue()

        def tell(piece: Piece | EngineError) -> None:
            loop.call_soon_threadsafe(heard.put_nowait, piece)

        try:
            prompts = await self._read(means, ask)
            sequences = [
                Sequence(means, tokens, ask, index * ask.count + number, tell)
                for index, tokens in enumerate(prompts)
                for number in range(ask.count)
            ]
            self._worker.submit(sequences)
        except BaseException:
            self._library.give_back(artifact)
            raise
        return Begun(sum(map(len, prompts)), self._pieces(artifact, sequences, heard))

    async def _pieces(
        self,
        artifact: Artifact,
        sequences: list[Sequence],
        heard: asyncio.Queue[Piece | EngineError],
    ) -> AsyncGenerator[list[Piece], None]:
        left = len(sequences)
        try:
            while left:
                pieces = [await heard.get()]
                while not heard.empty():
                    pieces.append(heard.get_nowait())
                good = []
                for piece in pieces:
                    if isinstance(piece, EngineError):
                        raise piece
                    good.append(piece)
                    left -= piece.finish is not None
                yield good
        finally:
            for sequence in sequences:
                sequence.abandoned = True
            self._worker.wake()
            self._library.give_back(artifact)

    async def score(self, artifact: Artifact, conversation: Conversation) -> tuple[float, int]:
        """Return the number that a reward model gives, and the tokens that it read."""
        if not artifact.scores:
            raise BadRequest(f"'{artifact.name}' is no reward model.", param="model")
        means = await self._take(artifact)
        try:
            ask = Ask(artifact.name, (conversation,), add_special_tokens=False)
            (tokens,) = await self._read(means, ask)
            work = self._worker.call(lambda: score(means, tokens))
            return await asyncio.wrap_future(work), len(tokens)
        finally:
            self._library.give_back(artifact)

    async def tokens(self, artifact: Artifact, ask: Ask) -> list[list[int]]:
        """Return the tokens of each prompt."""
        means = await self._take(artifact)
        try:
            return await self._read(means, ask)
        finally:
            self._library.give_back(artifact)

    def load(self) -> Load:
        """Tell what is going on."""
        at_work, waiting = self._worker.load()
        names = tuple(sorted({s.means.adapter for s in at_work} - {""}))
        return Load(len(at_work), waiting, names, self._library.bytes)

    async def close(self) -> None:
        """End all work."""
        await asyncio.to_thread(self._worker.close)
        for pool in (self._loads, self._reads):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _take(self, artifact: Artifact) -> Means:
        loop = asyncio.get_running_loop()
        taking = loop.run_in_executor(self._loads, self._library.take, artifact)
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The load goes on, for whoever asks next; this request's use of it ends.
            taking.add_done_callback(lambda t: self._given_back(artifact, t))
            raise

    def _given_back(self, artifact: Artifact, taking: asyncio.Future[Means]) -> None:
        if not taking.cancelled() and taking.exception() is None:
            self._library.give_back(artifact)

    async def _read(self, means: Means, ask: Ask) -> list[list[int]]:
        """Return the prompts' tokens; raises BadRequest for one that leaves no room to answer."""
        weights = means.weights
        vocabulary = weights.model.get_input_embeddings().num_embeddings
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._reads, tokens_of, ask, weights.tokenizer, vocabulary
        )
        room = weights.context - means.virtual
        longest = max(map(len, found))
        wanted = ask.ending.most or 0
        if longest + max(wanted, 1) > room:
            raise BadRequest(
                f"This model's maximum context length is {room} tokens. You asked for {wanted} "
                f"and the prompt has {longest}.",
                param="max_tokens" if longest < room else "messages",
            )
        return found
