"""What the engine says no with.

    EngineError
    ├── BadRequest    400  the request is wrong; it will be wrong again
    ├── Unauthorized  401  the key is missing or wrong
    ├── UnknownModel  404  nobody has told of a model of this name
    ├── Busy          503  the queue or the memory is full now
    └── Broken        500  the files of a model cannot be used, or computing failed

Messages are OpenAI's form with vLLM's words where the gateway looks for them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class EngineError(Exception):
    """`param` names the field at fault."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "InternalServerError"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.status,
            }
        }


class BadRequest(EngineError):
    status = 400
    kind = "BadRequestError"


class Unauthorized(EngineError):
    status = 401
    kind = "Unauthorized"


class UnknownModel(EngineError):
    status = 404
    kind = "NotFoundError"

    def __init__(self, name: str) -> None:
        super().__init__(f"The model `{name}` does not exist.", param="model")


class Busy(EngineError):
    status = 503
    kind = "ServiceUnavailable"


class Broken(EngineError):
    pass
