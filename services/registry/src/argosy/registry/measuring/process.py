"""Runs the child that counts and feeds it a blob as it is read.

Knows processes and the child's answer. Does not know whose data it is or which model is meant.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from argosy.kit.errors import Internal, InvalidRequest, Unavailable
from argosy.kit.processes import spawn, terminate_group
from argosy.registry.domain.measures import Counted

_log = logging.getLogger(__name__)

_MODULE: Final = "argosy.registry.measuring"
# One number a length; of a million records with a million lengths that is 20 MB.
_ANSWER_BYTES: Final = 64 << 20
# What the child needs of this process's environment; nothing that is secret.
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TZ")


class CountingProcess:
    """Starts a child a call; it ends with the call, whatever ends the call."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def count(self, folder: Path, pieces: AsyncIterator[bytes]) -> Counted:
        """Return the lengths of the records in `pieces` to the model in `folder`.

        Raises InvalidRequest if a record cannot be read by this model, Unavailable if it takes
        too long.
        """
        process = await spawn(
            [sys.executable, "-m", _MODULE, str(folder)],
            env={n: v for n in _ENVIRONMENT if (v := os.environ.get(n)) is not None},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
            line_limit=_ANSWER_BYTES,
        )
        try:
            async with asyncio.timeout(self._seconds):
                answer = await _talk(process, pieces)
        except TimeoutError:
            raise Unavailable(
                f"Counting the tokens took longer than {self._seconds:g} seconds. Try again "
                "later, or with a smaller file.",
                code="measuring_timeout",
            ) from None
        finally:
            # A child that answered is gone by itself; one that did not has nothing to save.
            await terminate_group(process, 0.0)
        return _counted(answer, process.returncode)


async def _talk(process: asyncio.subprocess.Process, pieces: AsyncIterator[bytes]) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes, see above
    assert process.stdout is not None  # noqa: S101
    # A child that has seen enough answers and goes before the end of the data.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        async for piece in pieces:
            if process.stdin.is_closing():
                break
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()
    answer = await process.stdout.readline()
    await process.wait()
    return answer


def _counted(answer: bytes, status: int | None) -> Counted:
    told = json.loads(answer) if answer else {}
    if reason := told.get("refused"):
        raise InvalidRequest(f"The tokens cannot be counted: {reason}.", param="source_id")
    if reason := told.get("unusable"):
        raise InvalidRequest(f"The model cannot count tokens here: {reason}.", param="model")
    if "rows" not in told:
        _log.error("the counting child ended with status %s and no answer", status)
        raise Internal("The registry could not count the tokens.")
    return Counted(told["rows"], told["total"], tuple((t, n) for t, n in told["lengths"]))
