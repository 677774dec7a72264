"""The registry as the trainer uses it: models and files to read, adapters and results to hand in.

Knows gRPC. Decides nothing; every method raises `ApiError`, `Unavailable` if it may be tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from argosy.api.registry.v1 import (
    datasets_pb2,
    datasets_pb2_grpc,
    measures_pb2,
    measures_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    usage_reports_pb2,
    usage_reports_pb2_grpc,
)
from argosy.kit.errors import Conflict, NotFound, Unavailable
from argosy.kit.rpc import calling
from argosy.trainer.domain import artifacts
from argosy.trainer.domain.evaluation.evaluation import Evaluation
from argosy.trainer.domain.evaluation.result import summaries

_TIMEOUT: Final = 5.0
# A stream that brings nothing for this long is dead.
_CHUNK_TIMEOUT: Final = 30.0
_CHUNK: Final = 1 << 20
_MEASURE_TIMEOUT: Final = 600.0
# From the last word to the answer: a caller may hold a lock meanwhile.
_COMMIT_TIMEOUT: Final = 20.0

# A stream of messages with bytes in `chunk`: of a file, or of a version.
Chunks = grpc.aio.UnaryStreamCall[Any, Any]
Commit = Callable[[], Awaitable[None]]


class Registry:
    """Calls to the registry over one channel."""

    def __init__(self, channel: grpc.aio.Channel, publish_timeout: float) -> None:
        self._catalog = registry_pb2_grpc.CatalogServiceStub(channel)
        self._files = registry_pb2_grpc.FileServiceStub(channel)
        self._datasets = datasets_pb2_grpc.DatasetServiceStub(channel)
        self._measures = measures_pb2_grpc.MeasureServiceStub(channel)
        self._reports = usage_reports_pb2_grpc.UsageReportServiceStub(channel)
        self._publish_timeout = publish_timeout

    async def model(self, project_id: str, model_id: str) -> registry_pb2.Model:
        """Raises `NotFound`."""
        request = registry_pb2.GetModelRequest(project_id=project_id, model_id=model_id)
        with calling("registry"):
            return (await self._catalog.GetModel(request, timeout=_TIMEOUT)).model

    async def file(self, project_id: str, file_id: str) -> registry_pb2.File:
        """Raises `NotFound`."""
        request = registry_pb2.GetFileRequest(project_id=project_id, file_id=file_id)
        with calling("registry"):
            return (await self._files.GetFile(request, timeout=_TIMEOUT)).file

    async def version(self, project_id: str, version_id: str) -> datasets_pb2.DatasetVersion:
        """Raises `NotFound`."""
        request = datasets_pb2.GetVersionRequest(project_id=project_id, version_id=version_id)
        with calling("registry"):
            return (await self._datasets.GetVersion(request, timeout=_TIMEOUT)).version

    async def newest_version(self, project_id: str, dataset_id: str) -> str:
        """Return the id of a data set's newest published version. Raises `NotFound`, `Conflict`."""
        request = datasets_pb2.ListVersionsRequest(project_id=project_id, dataset_id=dataset_id)
        with calling("registry"):
            found = (await self._datasets.ListVersions(request, timeout=_TIMEOUT)).versions
        published = [version for version in found if version.status == "published"]
        if not published:
            raise Conflict(
                f"The data set '{dataset_id}' has no published version. Publish one first.",
                code="version_not_published",
            )
        return max(published, key=lambda version: version.number).id

    async def lengths(
        self, project_id: str, source_id: str, model_id: str
    ) -> list[tuple[int, int]]:
        """Return (tokens, records with so many), shortest first. Takes up to minutes.

        Raises `NotFound`, and `InvalidRequest` if they cannot be counted.
        """
        request = measures_pb2.MeasureTokensRequest(
            project_id=project_id, source_id=source_id, model_id=model_id
        )
        with calling("registry"):
            answer = await self._measures.MeasureTokens(request, timeout=_MEASURE_TIMEOUT)
        return [(each.tokens, each.records) for each in answer.lengths]

    async def training_cost(
        self, model_id: str, tokens: int, seconds: float
    ) -> usage_reports_pb2.EstimateCostResponse:
        """Return what training a base model on so many tokens costs by today's prices.

        `seconds` 0 means that nobody knows the time.
        """
        request = usage_reports_pb2.EstimateCostRequest(
            model=model_id, operation="training", training_tokens=tokens, seconds=seconds
        )
        with calling("registry"):
            return await self._reports.EstimateCost(request, timeout=_TIMEOUT)

    async def download(self, project_id: str, file_id: str, target: Path) -> None:
        """Write a file's content to `target`, which exists only once its hash was checked.

        Raises `NotFound`, `Unavailable`, and OSError from the disk.
        """
        request = registry_pb2.ReadFileRequest(project_id=project_id, file_id=file_id)
        expected = (await self.file(project_id, file_id)).sha256
        await _write(self._files.ReadFile(request), expected, target, file_id)

    async def download_version(self, project_id: str, version_id: str, target: Path) -> None:
        """As `download`, for a published version of a data set."""
        request = datasets_pb2.ReadVersionRequest(project_id=project_id, version_id=version_id)
        expected = (await self.version(project_id, version_id)).sha256
        await _write(self._datasets.ReadVersion(request), expected, target, version_id)

    @contextlib.asynccontextmanager
    async def uploading(self, model: registry_pb2.Model, folder: Path) -> AsyncIterator[Commit]:
        """Upload an adapter's files, and enter the block when all but the last word is said.

        The block awaits the value it gets to make the model exist; without that the upload is
        thrown away. So a caller can look, under a lock, whether the model is still wanted.
        """
        sent, last_word = asyncio.Event(), asyncio.Event()

        async def parts() -> AsyncIterator[registry_pb2.PublishAdapterRequest]:
            async for part in _adapter_parts(model, folder):
                yield part
            sent.set()
            await last_word.wait()

        call = self._catalog.PublishAdapter(parts(), timeout=self._publish_timeout)
        waiting = asyncio.create_task(sent.wait())
        answering = asyncio.ensure_future(call)
        try:
            # The registry may answer early: it knows the model already, or refuses it.
            await asyncio.wait({waiting, answering}, return_when=asyncio.FIRST_COMPLETED)

            async def commit() -> None:
                last_word.set()
                try:
                    with calling("registry"):
                        async with asyncio.timeout(_COMMIT_TIMEOUT):
                            await answering
                except TimeoutError:
                    raise Unavailable("The registry does not answer to an upload.") from None
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    # Not we were cancelled, but the call: its request stream broke.
                    raise Unavailable("The upload of an adapter was broken off.") from None

            yield commit
        finally:
            waiting.cancel()
            if not answering.done():
                call.cancel()
            await asyncio.gather(waiting, answering, return_exceptions=True)

    async def delete_model(self, project_id: str, model_id: str) -> None:
        """Remove a model; one that is gone already is as good as removed."""
        request = registry_pb2.DeleteModelRequest(project_id=project_id, model_id=model_id)
        with contextlib.suppress(NotFound), calling("registry"):
            await self._catalog.DeleteModel(request, timeout=_TIMEOUT)

    async def tell_metrics(self, evaluation: Evaluation, found: Mapping[str, Any]) -> None:
        """Put what an evaluation says on its tuned models; one that is gone is passed over."""
        for model_id, told in summaries(evaluation, found):
            request = registry_pb2.SetModelEvaluationRequest(
                project_id=evaluation.project_id,
                model_id=model_id,
                evaluation_json=json.dumps(told, ensure_ascii=False),
            )
            with contextlib.suppress(NotFound), calling("registry"):
                await self._catalog.SetModelEvaluation(request, timeout=_TIMEOUT)

    async def upload_result(
        self, project_id: str, file_id: str, filename: str, content: bytes
    ) -> None:
        """Make a result file under a fixed id; doing it again changes nothing."""

        async def parts() -> AsyncIterator[registry_pb2.CreateFileRequest]:
            yield registry_pb2.CreateFileRequest(
                header=registry_pb2.FileHeader(
                    project_id=project_id,
                    filename=filename,
                    purpose="fine-tune-results",
                    file_id=file_id,
                )
            )
            for start in range(0, len(content), _CHUNK):
                yield registry_pb2.CreateFileRequest(chunk=content[start : start + _CHUNK])

        with calling("registry"):
            await self._files.CreateFile(parts(), timeout=_CHUNK_TIMEOUT)


async def _write(call: Chunks, expected: str, target: Path, source_id: str) -> None:
    aside = target.with_suffix(".part")
    digest = hashlib.sha256()
    with await asyncio.to_thread(aside.open, "wb") as out:
        async for chunk in _chunks(call):
            digest.update(chunk)
            await asyncio.to_thread(out.write, chunk)
        out.flush()
        await asyncio.to_thread(os.fsync, out.fileno())
    if digest.hexdigest() != expected:
        aside.unlink()
        raise Unavailable(f"'{source_id}' arrived damaged from the registry.")
    aside.rename(target)


async def _chunks(call: Chunks) -> AsyncIterator[bytes]:
    with calling("registry"):
        answers = aiter(call)
        try:
            while True:
                async with asyncio.timeout(_CHUNK_TIMEOUT):
                    answer = await anext(answers)
                yield answer.chunk
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Unavailable("The registry stopped sending records.") from None
        finally:
            call.cancel()


async def _adapter_parts(
    model: registry_pb2.Model, folder: Path
) -> AsyncIterator[registry_pb2.PublishAdapterRequest]:
    yield registry_pb2.PublishAdapterRequest(model=model)
    present = await asyncio.to_thread(os.listdir, folder)
    for name in artifacts.result_files(present):
        yield registry_pb2.PublishAdapterRequest(file_name=name)
        with (folder / name).open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield registry_pb2.PublishAdapterRequest(chunk=chunk)
