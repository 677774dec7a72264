"""How a database shows what is wrong, so that others need not know the driver's errors."""

from __future__ import annotations

from enum import Enum
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# What a statement may raise: the driver's errors, or the socket's when a connection is refused.
DATABASE_ERRORS: Final = (DBAPIError, PoolTimeout, ConnectionError, TimeoutError)


class Fault(Enum):
    """Whose fault a database error is."""

    CALLER = "a value that no column takes, such as text with NUL"
    OURS = "a broken constraint or a wrong statement"
    NOBODY = "the server is away, or too busy"


# Classes of SQLSTATE (PostgreSQL's documentation, appendix A): the first two characters.
_BY_CLASS: Final = {
    "22": Fault.CALLER,
    "0A": Fault.OURS,
    "23": Fault.OURS,
    "42": Fault.OURS,
}


def fault(error: Exception) -> Fault:
    """Return whose fault one of DATABASE_ERRORS is."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return _BY_CLASS.get(state[:2], Fault.NOBODY)
    return Fault.NOBODY
