"""The closed list of reasons why a run fails, and how an exception becomes one of them.

    Failure
    ├── BadData        a line of a file cannot be trained on
    ├── BadCheckpoint  the checkpoint to resume from is torn
    ├── Diverged       the loss or its gradient is no number
    ├── GraderFailed   a grader of answers cannot judge
    │   └── GatewayAway  for now, since nobody answers
    └── Unsupported    the model cannot be trained in the way asked for

Imports nothing heavy, so that a failure to import torch can still be reported.
"""

import errno
from enum import StrEnum

SPACE_ERRORS = {errno.ENOSPC, errno.EDQUOT}
# torch writes its archives in C++ and reports a full disk by these words only.
SPACE_PHRASES = ("No space left on device", "unexpected pos", "file write failed", "os error 28")
MEMORY_PHRASES = ("out of memory", "DefaultCPUAllocator: can't allocate memory")


class Reason(StrEnum):
    BAD_DATA = "bad_data"
    BAD_CHECKPOINT = "bad_checkpoint"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    # The loss is no number any more.
    DIVERGED = "diverged"
    # The grader of a reinforcement run cannot judge.
    GRADER = "grader_failed"
    # This base cannot be trained this way.
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


class Failure(Exception):
    """Ends the run with `reason`; the message is shown to the user."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class BadData(Failure):
    def __init__(self, message: str) -> None:
        super().__init__(Reason.BAD_DATA, message)


class BadCheckpoint(Failure):
    def __init__(self, message: str) -> None:
        super().__init__(Reason.BAD_CHECKPOINT, message)


class Diverged(Failure):
    def __init__(self, step: int, learning_rate: float) -> None:
        super().__init__(
            Reason.DIVERGED,
            f"training diverged: at step {step} the loss was no number any more. Lower the "
            f"learning rate (it was {learning_rate:.2g}; try a third of it) and look at the "
            "records of that step",
        )


class GraderFailed(Failure):
    def __init__(self, message: str) -> None:
        super().__init__(Reason.GRADER, message)


class GatewayAway(GraderFailed):
    """Nobody who could judge answers for now; the same may be asked again."""


class Unsupported(Failure):
    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNSUPPORTED, message)


def failure_of(error: Exception) -> Failure:
    """The failure that `error` amounts to."""
    if isinstance(error, Failure):
        return error
    text = str(error)
    if isinstance(error, OSError) and error.errno in SPACE_ERRORS:
        return _disk_full()
    if any(phrase in text for phrase in SPACE_PHRASES):
        return _disk_full()
    if isinstance(error, MemoryError) or any(phrase in text for phrase in MEMORY_PHRASES):
        return Failure(
            Reason.OUT_OF_MEMORY,
            "the machine ran out of memory: lower batch_size or argosy.max_seq_length",
        )
    return Failure(Reason.INTERNAL, f"{type(error).__name__}: {text}")


def _disk_full() -> Failure:
    return Failure(
        Reason.DISK_FULL,
        "no space is left for a checkpoint: free some, or raise argosy.checkpoint_every_steps",
    )
