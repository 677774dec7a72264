"""The one table of what a client may send to the completion routes, and what becomes of it.

FORWARD  OpenAI's own, or the engine's public sampling parameters: checked, then sent on.
DROP     OpenAI's, without a meaning for a self-hosted engine: accepted and not sent on.
REFUSE   OpenAI's, and ignoring it would change what the caller gets: 400 with the way out.

Everything else is refused by name, above all the engine's private side: `prompt_embeds`,
`cache_salt`, `priority`, `kv_transfer_params`, `vllm_xargs`, adapter paths, templates. vLLM takes
unknown fields in silence, so what is not in this table must never reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from argosy.gateway.access.priority import TIERS
from argosy.gateway.lane.request.checks import (
    Check,
    an_object,
    anything,
    array,
    boolean,
    either,
    integer,
    mapping,
    number,
    one_of,
    text,
    wrong_value,
)
from argosy.gateway.lane.request.messages import check_messages

_MOST_TOKENS: Final = 2**31 - 1
_TOKEN_ID: Final = integer(0, 2**31 - 1)
_STOPS: Final = 16
_PROMPTS: Final = 256


class Fate(Enum):
    """What becomes of a parameter."""

    FORWARD = "forward"
    DROP = "drop"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`why` is for the reader of the table, and the refusal's message where it is refused."""

    fate: Fate
    check: Check
    why: str


def _forward(check: Check, why: str) -> Parameter:
    return Parameter(Fate.FORWARD, check, why)


def _drop(why: str) -> Parameter:
    return Parameter(Fate.DROP, anything, why)


def _refuse(why: str) -> Parameter:
    return Parameter(Fate.REFUSE, anything, why)


def _best_of(name: str, value: object) -> None:
    integer(1, 20)(name, value)
    if value != 1:
        raise wrong_value(
            name, "only 1 is supported. Use 'n' for several completions and choose among them."
        )


def _format(name: str, value: object) -> None:
    an_object(name, value)
    assert isinstance(value, dict)  # noqa: S101 - checked above
    one_of("text", "json_object", "json_schema")(f"{name}.type", value.get("type"))
    if value["type"] == "json_schema":
        schema = value.get("json_schema")
        an_object(f"{name}.json_schema", schema)
        assert isinstance(schema, dict)  # noqa: S101 - checked above
        an_object(f"{name}.json_schema.schema", schema.get("schema", {}))


_STREAM_OPTIONS: Final = mapping(
    lambda key: key in {"include_usage", "include_obfuscation", "continuous_usage_stats"},
    boolean,
    most=3,
)
_STOP: Final = either(
    "a string or an array of strings",
    {str: text(1000), list: array(text(1000), most=_STOPS)},
)


def _prompt_items(name: str, value: object) -> None:
    assert isinstance(value, list)  # noqa: S101 - dispatched by type
    if value and isinstance(value[0], int):
        array(_TOKEN_ID, most=_MOST_TOKENS, least=1)(name, value)
        return
    item = either(
        "a string or an array of tokens",
        {str: anything, list: array(_TOKEN_ID, most=_MOST_TOKENS, least=1)},
    )
    array(item, most=_PROMPTS, least=1)(name, value)


_PROMPT: Final = either(
    "a string, an array of strings, an array of tokens or an array of arrays of tokens",
    {str: anything, list: _prompt_items},
)
_LOGIT_BIAS: Final = mapping(str.isdigit, number(-100, 100), most=1024)

# Both routes.
_COMMON: Final[dict[str, Parameter]] = {
    "model": _forward(text(512), "the name that decides where the request goes"),
    "stream": _forward(boolean, "whether the answer comes as events"),
    "stream_options": _forward(_STREAM_OPTIONS, "usage at the end; the gateway always asks for it"),
    "frequency_penalty": _forward(number(-2, 2), "sampling"),
    "presence_penalty": _forward(number(-2, 2), "sampling"),
    "logit_bias": _forward(_LOGIT_BIAS, "sampling"),
    "max_tokens": _forward(integer(1, _MOST_TOKENS), "length; bounded again by the model's"),
    "n": _forward(integer(1, 128), "answers a prompt; OpenAI's bound"),
    "seed": _forward(integer(-(2**63), 2**63 - 1), "sampling"),
    "stop": _forward(_STOP, "where to stop; more than OpenAI's 4, engines take them"),
    "temperature": _forward(number(0, 2), "sampling"),
    "top_p": _forward(number(0, 1), "sampling"),
    "response_format": _forward(_format, "JSON by grammar"),
    "user": _drop("OpenAI's abuse tracking"),
    # The engine's public sampling parameters (vLLM's and SGLang's names).
    "top_k": _forward(integer(-1, 2**31 - 1), "sampling; -1 or 0 is off"),
    "min_p": _forward(number(0, 1), "sampling"),
    "repetition_penalty": _forward(number(0.01, 10), "sampling"),
    "min_tokens": _forward(integer(0, _MOST_TOKENS), "length"),
    "stop_token_ids": _forward(array(_TOKEN_ID, most=64), "where to stop"),
    "ignore_eos": _forward(boolean, "length, for measurements"),
    "include_stop_str_in_output": _forward(boolean, "form of the output"),
    "skip_special_tokens": _forward(boolean, "form of the output"),
    "spaces_between_special_tokens": _forward(boolean, "form of the output"),
    "bad_words": _forward(array(text(200), most=64), "sampling"),
    "allowed_token_ids": _forward(array(_TOKEN_ID, most=4096, least=1), "sampling"),
    "truncate_prompt_tokens": _forward(integer(-1, 2**31 - 1), "cut a long prompt"),
    "add_special_tokens": _forward(boolean, "form of the prompt"),
}

_CHAT_ONLY: Final[dict[str, Parameter]] = {
    "messages": _forward(check_messages, "the conversation"),
    "logprobs": _forward(boolean, "form of the output"),
    "top_logprobs": _forward(integer(0, 20), "form of the output"),
    "max_completion_tokens": _forward(integer(1, _MOST_TOKENS), "length"),
    "tools": _forward(array(an_object, most=128), "tool definitions, for models that know tools"),
    "tool_choice": _forward(
        either("a string or an object", {str: text(64), dict: an_object}), "tool use"
    ),
    "parallel_tool_calls": _forward(boolean, "tool use"),
    "reasoning_effort": _forward(
        one_of("none", "minimal", "low", "medium", "high", "xhigh"), "for reasoning models"
    ),
    "add_generation_prompt": _forward(boolean, "form of the prompt"),
    "continue_final_message": _forward(boolean, "go on with a last assistant message"),
    "chat_template_kwargs": _forward(
        # Other keys reach the template renderer's own arguments (CVE-2025-61620, CVE-2025-62426).
        mapping(lambda key: key in {"enable_thinking", "thinking"}, boolean, most=2),
        "switches reasoning of models whose template has the switch",
    ),
    "metadata": _drop("tags of stored completions"),
    "modalities": Parameter(
        Fate.DROP, array(one_of("text"), most=1), "text is what there is; more is refused"
    ),
    "moderation": _drop("a service of OpenAI's"),
    "prediction": _drop("a hint for speed; the answer is the same"),
    "prompt_cache_key": _drop("the gateway routes by itself"),
    "prompt_cache_options": _drop("the engine's cache has no such settings"),
    "prompt_cache_retention": _drop("the engine's cache has no such settings"),
    "safety_identifier": _drop("OpenAI's abuse tracking"),
    "service_tier": Parameter(
        Fate.DROP, one_of(*TIERS), "whose turn it is here; the engine's own order is not asked"
    ),
    "store": _drop("the gateway stores, where the project lets it"),
    "verbosity": _drop("a trait of OpenAI's models"),
    "audio": _refuse("This server answers with text only. Leave 'audio' out."),
    "functions": _refuse("'functions' was replaced by 'tools'. Send them as 'tools'."),
    "function_call": _refuse("'function_call' was replaced by 'tool_choice'. Send that."),
    "web_search_options": _refuse("This server does not search the web. Leave it out."),
}

_COMPLETION_ONLY: Final[dict[str, Parameter]] = {
    "prompt": _forward(_PROMPT, "the text to continue"),
    "best_of": Parameter(Fate.DROP, _best_of, "engines removed it; 1 changes nothing"),
    "echo": _forward(boolean, "form of the output"),
    "logprobs": _forward(integer(0, 20), "form of the output"),
    "suffix": _forward(text(100_000), "for models that fill in the middle"),
}

CHAT: Final = _COMMON | _CHAT_ONLY
COMPLETION: Final = _COMMON | _COMPLETION_ONLY
# For reward models: one number for the last message, which answers those before.
REWARD: Final[dict[str, Parameter]] = {
    "model": _COMMON["model"],
    "messages": _CHAT_ONLY["messages"],
    "user": _COMMON["user"],
}
# For engines that embed; the embedder's own model judges by itself.
EMBEDDING: Final[dict[str, Parameter]] = {
    "model": _COMMON["model"],
    "input": _forward(_PROMPT, "the texts"),
    "dimensions": _forward(integer(1, 65_536), "length of the vectors"),
    "encoding_format": _forward(one_of("float", "base64"), "form of the output"),
    "truncate_prompt_tokens": _COMMON["truncate_prompt_tokens"],
    "add_special_tokens": _COMMON["add_special_tokens"],
    "user": _COMMON["user"],
}
