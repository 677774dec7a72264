"""The bodies that clients send, read strictly where a wrong value would change the answer.

The gateway judges every parameter before; what is not listed here is ignored, as vLLM does, but for
what would be promised and not kept: grammars, tools, other prompts than text.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from argosy.engine.asks import Ask, Conversation, Ending, Prompt, Sampling
from argosy.engine.errors import BadRequest

MAX_BODY_BYTES: Final = 16 << 20
_MOST_CHOICES: Final = 128
_MOST_ALTERNATIVES: Final = 20


class StreamOptions(msgspec.Struct):
    include_usage: bool = False
    continuous_usage_stats: bool = False


class _Common(msgspec.Struct):
    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    allowed_token_ids: list[int] | None = None
    max_tokens: int | None = None
    min_tokens: int | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    include_stop_str_in_output: bool = False
    skip_special_tokens: bool = True
    ignore_eos: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    response_format: dict[str, Any] | None = None
    truncate_prompt_tokens: int | None = None

    @property
    def usage_at_end(self) -> bool:
        """Whether a stream ends with what was used."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def usage_always(self) -> bool:
        """Whether each event of a stream says what was used so far."""
        return self.stream_options is not None and self.stream_options.continuous_usage_stats

    def sampling(self, alternatives: int | None) -> Sampling:
        """Return how tokens are to be chosen; raises BadRequest."""
        if self.response_format not in (None, {"type": "text"}):
            raise BadRequest(
                "This model's engine has no grammars: leave 'response_format' out, or ask for the "
                "form in the prompt.",
                param="response_format",
            )
        if alternatives is not None and not 0 <= alternatives <= _MOST_ALTERNATIVES:
            raise BadRequest(f"At most {_MOST_ALTERNATIVES} alternatives.", param="top_logprobs")
        _check("temperature", self.temperature, 0, 100)
        _check("top_p", self.top_p, 0, 1)
        _check("min_p", self.min_p, 0, 1)
        _check("repetition_penalty", self.repetition_penalty, 1e-6, 1e6)
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            logit_bias=self.logit_bias or {},
            allowed_tokens=tuple(self.allowed_token_ids or ()),
            seed=self.seed,
            logprobs=alternatives,
        )

    def ending(self, most: int | None) -> Ending:
        """Return when answers end."""
        _check("max_tokens", most, 1, 2**31)
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Ending(
            most=most,
            least=self.min_tokens or 0,
            stops=tuple(stop for stop in stops if stop),
            stop_tokens=frozenset(self.stop_token_ids or ()),
            ignore_end=self.ignore_eos,
            show_stop=self.include_stop_str_in_output,
            show_special=not self.skip_special_tokens,
        )

    def count(self) -> int:
        """Return how many answers a prompt gets."""
        _check("n", self.n, 1, _MOST_CHOICES)
        return 1 if self.n is None else self.n


class ChatBody(_Common):
    messages: list[dict[str, Any]] = []
    max_completion_tokens: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    tools: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    chat_template_kwargs: dict[str, Any] | None = None
    add_special_tokens: bool = False

    def ask(self) -> Ask:
        """Return what is asked; raises BadRequest."""
        if self.tools:
            raise BadRequest(
                "This model's engine does not call tools: leave 'tools' out.", param="tools"
            )
        conversation = Conversation(
            messages=tuple(plain(message) for message in self.messages),
            add_generation_prompt=self.add_generation_prompt and not self.continue_final_message,
            continue_final_message=self.continue_final_message,
            switches=self.chat_template_kwargs or {},
        )
        most = self.max_completion_tokens or self.max_tokens
        return Ask(
            model=self.model,
            prompts=(conversation,),
            sampling=self.sampling(self.top_logprobs or 0 if self.logprobs else None),
            ending=self.ending(most),
            count=self.count(),
            add_special_tokens=self.add_special_tokens,
            truncate=self.truncate_prompt_tokens,
        )


class CompletionBody(_Common):
    prompt: str | list[int | str | list[int]] = ""
    logprobs: int | None = None
    echo: bool = False
    suffix: str | None = None
    add_special_tokens: bool = True

    def ask(self) -> Ask:
        """Return what is asked; raises BadRequest."""
        if self.suffix:
            raise BadRequest(
                "This model's engine does not fill in the middle: leave 'suffix' out.",
                param="suffix",
            )
        if self.echo and self.logprobs is not None:
            raise BadRequest(
                "This model's engine tells no probabilities of the prompt: leave out 'echo' or "
                "'logprobs'.",
                param="echo",
            )
        return Ask(
            model=self.model,
            prompts=_prompts(self.prompt),
            sampling=self.sampling(self.logprobs),
            # OpenAI's default of this route, and vLLM's.
            ending=self.ending(16 if self.max_tokens is None else self.max_tokens),
            count=self.count(),
            add_special_tokens=self.add_special_tokens,
            truncate=self.truncate_prompt_tokens,
            echo=self.echo,
        )


class RewardBody(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]

    def conversation(self) -> Conversation:
        """Return what is to be scored: the last message answers those before."""
        if not self.messages:
            raise BadRequest("'messages' must not be empty.", param="messages")
        messages = tuple(plain(message) for message in self.messages)
        return Conversation(messages, add_generation_prompt=False)


class TokenizeBody(msgspec.Struct):
    model: str
    prompt: str | None = None
    messages: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    add_special_tokens: bool | None = None

    def ask(self) -> Ask:
        """Return the prompt to count."""
        if self.messages is not None:
            prompt: Prompt = Conversation(
                tuple(plain(m) for m in self.messages), self.add_generation_prompt
            )
            special = bool(self.add_special_tokens)
        else:
            prompt, special = self.prompt or "", self.add_special_tokens is not False
        return Ask(self.model, (prompt,), add_special_tokens=special)


class LoadBody(msgspec.Struct):
    """vLLM's two fields, and where the weights are that an adapter needs."""

    lora_name: str
    lora_path: str
    base_path: str = ""
    base_name: str = ""


class UnloadBody(msgspec.Struct):
    lora_name: str


BodyT = TypeVar("BodyT", bound=msgspec.Struct)


def parse(raw: bytes, body: type[BodyT]) -> BodyT:
    """Read a body; raises BadRequest."""
    try:
        return msgspec.json.decode(raw, type=body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(str(error)) from None


def plain(message: Any) -> dict[str, Any]:
    """Return a message whose content is text: parts are joined, pictures are refused."""
    if not isinstance(message, dict):
        raise BadRequest("A message must be an object.", param="messages")
    content = message.get("content")
    if not isinstance(content, list):
        return {**message, "content": content or ""}
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
            raise BadRequest("This model's engine reads text only.", param="messages")
        texts.append(str(part.get("text") or part.get("refusal") or ""))
    return {**message, "content": "\n".join(texts)}


def _prompts(prompt: str | list[int | str | list[int]]) -> tuple[Prompt, ...]:
    """Return one prompt for a text or for tokens, several for a list of either."""
    if isinstance(prompt, str):
        return (prompt,)
    if not prompt:
        raise BadRequest("'prompt' must not be empty.", param="prompt")
    tokens = tuple(one for one in prompt if isinstance(one, int))
    if len(tokens) == len(prompt):
        return (tokens,)
    if tokens:
        raise BadRequest("'prompt' mixes tokens with texts.", param="prompt")
    return tuple(tuple(one) if isinstance(one, list) else str(one) for one in prompt)


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise BadRequest(f"'{name}' must be between {low:g} and {high:g}.", param=name)
