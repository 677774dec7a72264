"""From messages or text to tokens, by the model's own tokenizer and template."""

from __future__ import annotations

from typing import Any

from argosy.engine.asks import Ask, Conversation, Prompt
from argosy.engine.errors import BadRequest
from jinja2 import TemplateError


def tokens_of(ask: Ask, tokenizer: Any, size: int) -> list[list[int]]:
    """Return the tokens of each prompt; `size` is the vocabulary's. Raises BadRequest."""
    return [_read(prompt, ask, tokenizer, size) for prompt in ask.prompts]


def _read(prompt: Prompt, ask: Ask, tokenizer: Any, size: int) -> list[int]:
    if isinstance(prompt, tuple):
        if any(not 0 <= token < size for token in prompt):
            raise BadRequest("A token is out of the vocabulary.", param="prompt")
        found = list(prompt)
    else:
        text = prompt if isinstance(prompt, str) else rendered(prompt, tokenizer)
        found = list(tokenizer(text, add_special_tokens=ask.add_special_tokens)["input_ids"])
    if not found:
        raise BadRequest("The prompt is empty.", param="prompt")
    if ask.truncate is not None and 0 < ask.truncate < len(found):
        found = found[-ask.truncate :]
    return found


def rendered(conversation: Conversation, tokenizer: Any) -> str:
    """Return a conversation as the model's template writes it. Raises BadRequest."""
    if not getattr(tokenizer, "chat_template", None):
        raise BadRequest("This model has no chat template: use /v1/completions.", param="messages")
    try:
        text: str = tokenizer.apply_chat_template(
            [dict(message) for message in conversation.messages],
            tokenize=False,
            add_generation_prompt=conversation.add_generation_prompt,
            continue_final_message=conversation.continue_final_message,
            **conversation.switches,
        )
    except (TemplateError, ValueError, TypeError, KeyError) as error:
        raise BadRequest(
            f"The model's chat template does not take these messages: {error}", param="messages"
        ) from None
    return text
