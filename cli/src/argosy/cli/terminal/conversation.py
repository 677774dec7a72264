"""A conversation in the terminal through the stock OpenAI SDK; answers stream."""

from __future__ import annotations

import openai
import typer
from argosy.cli.errors import FleetError
from openai.types.chat import ChatCompletionMessageParam


class Conversation:
    """What was said so far to one model. `said` grows by two messages a turn."""

    def __init__(self, base_url: str, api_key: str, model: str) -> None:
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key)
        self._model = model
        self._said: list[ChatCompletionMessageParam] = []

    def ask(self, text: str) -> None:
        """Print the answer as it comes. Raises `FleetError`; then the turn is forgotten."""
        asked: list[ChatCompletionMessageParam] = [*self._said, {"role": "user", "content": text}]
        self._said = [*asked, {"role": "assistant", "content": self._stream(asked)}]

    def until_done(self) -> None:
        """Ask what the user types, until an empty line or the end of the input."""
        while True:
            try:
                text = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                typer.echo()
                return
            if not text:
                return
            try:
                self.ask(text)
            except KeyboardInterrupt:
                typer.echo()
            except FleetError as error:
                typer.echo(f"argosy: {error}", err=True)

    def _stream(self, messages: list[ChatCompletionMessageParam]) -> str:
        parts: list[str] = []
        try:
            with self._client.chat.completions.create(
                model=self._model, messages=messages, stream=True
            ) as stream:
                for chunk in stream:
                    for choice in chunk.choices:
                        parts.append(choice.delta.content or "")
                        typer.echo(parts[-1], nl=False)
        except openai.APIConnectionError as error:
            raise FleetError("The gateway does not answer; see `argosy status`.") from error
        except openai.APIError as error:
            raise FleetError(f"The gateway refused: {error.message}") from error
        typer.echo()
        return "".join(parts)
