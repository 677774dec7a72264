"""Errors that a person at the command line can act on.

FleetError            the message says what is wrong and the way out; exit status 1
├── UsageError        a wrong argument or a broken file of the user's; exit status 2
├── NotRunning        the home has no running fleet; exit status 3
└── StartupFailed     a process did not come up; names it
"""

from __future__ import annotations

from typing import ClassVar


class FleetError(Exception):
    """Something that the user can mend. The message stands alone."""

    exit_status: ClassVar[int] = 1


class UsageError(FleetError):
    """An argument, a setting or a file that the user gave is wrong."""

    exit_status = 2


class NotRunning(FleetError):
    """No fleet runs in this home."""

    exit_status = 3


class StartupFailed(FleetError):
    """A process of the fleet did not become ready."""

    def __init__(self, process: str, reason: str) -> None:
        super().__init__(f"{process}: {reason}")
        self.process = process
        self.reason = reason
