"""Turns conversations into token ids and says which of them are trained.

The chat template is the model's own, so that what is trained is what will be asked. Only the
tokens of the assistant's answers, and the token that ends each, count in the loss.
"""

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argosy.trainer.worker.data.conversations import Conversation
from argosy.trainer.worker.data.forms import Comparison, Task, Text, Verdict
from argosy.trainer.worker.failures import BadData

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# What the loss skips, by torch's convention.
IGNORED = -100


@dataclass(frozen=True)
class Record:
    """`ids` holds the tokens up to the last trained one; `trained[i]` is 1 where ids[i] counts."""

    line: int
    ids: "array[int]"
    trained: bytearray

    def __len__(self) -> int:
        return len(self.ids)

    def labels(self) -> list[int]:
        return [
            token if flag else IGNORED for token, flag in zip(self.ids, self.trained, strict=True)
        ]


@dataclass(frozen=True)
class Pair:
    line: int
    chosen: Record
    rejected: Record

    def __len__(self) -> int:
        return max(len(self.chosen), len(self.rejected))


@dataclass(frozen=True)
class Judged:
    line: int
    answer: Record
    good: bool

    def __len__(self) -> int:
        return len(self.answer)


@dataclass(frozen=True)
class Prompt:
    """`ids` ends where the answer begins; `text` is what they stand for."""

    line: int
    ids: "array[int]"
    text: str
    item: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ids)


class Tokenization:
    """Wraps a tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer

    def record(self, conversation: Conversation) -> Record:
        """Each piece is tokenized by itself, as it is when the prompt is given and the answer
        generated, so no token straddles the border between them."""
        ids = array("i")
        trained = bytearray()
        for text, counts in self._pieces(conversation):
            piece = self._ids(text)
            ids.extend(piece)
            trained.extend(bytes([counts]) * len(piece))
        end = trained.rfind(1) + 1
        return Record(conversation.line, ids[:end], trained[:end])

    def pair(self, comparison: Comparison) -> Pair:
        return Pair(
            comparison.line, self.record(comparison.chosen), self.record(comparison.rejected)
        )

    def judged(self, verdict: Verdict) -> Judged:
        return Judged(verdict.line, self.record(verdict.answer), verdict.good)

    def prompt(self, task: Task) -> Prompt:
        asked = Conversation(task.line, task.messages, task.tools, frozenset())
        text = self._render(asked, len(task.messages), add_generation_prompt=True)
        return Prompt(task.line, array("i", self._ids(text)), text, task.item)

    def text(self, text: Text) -> Record:
        """Every token counts, and so does the end of the text."""
        ids = array("i", self._ids(text.text))
        if self._tokenizer.eos_token_id is not None:
            ids.append(self._tokenizer.eos_token_id)
        return Record(text.line, ids, bytearray(b"\x01" * len(ids)))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _pieces(self, conversation: Conversation) -> list[tuple[str, bool]]:
        """The rendered conversation cut into (text, is it trained)."""
        whole = self._render(conversation, len(conversation.messages))
        pieces = []
        done = 0
        for index in sorted(conversation.trained):
            start, end = self._span(conversation, index, whole)
            pieces += [(whole[done:start], False), (whole[start:end], True)]
            done = end
        return [(text, counts) for text, counts in pieces if text]

    def _span(self, conversation: Conversation, index: int, whole: str) -> tuple[int, int]:
        """Where in `whole` answer `index` stands, with the token that ends it."""
        before = self._render(conversation, index)
        asked = self._render(conversation, index, add_generation_prompt=True)
        until = self._render(conversation, index + 1)
        if not (whole.startswith(before) and whole.startswith(until)):
            raise BadData(
                f"line {conversation.line}: this model's chat template rewrites earlier turns; "
                "give each answer a record of its own"
            )
        start = _shared_prefix(asked, until)
        eos = self._tokenizer.eos_token
        end = until.rfind(eos, start) + len(eos) if eos and eos in until[start:] else len(until)
        return start, end

    def _render(self, conversation: Conversation, count: int, **options: Any) -> str:
        """The first `count` messages through the chat template."""
        from jinja2 import TemplateError

        if not self._tokenizer.chat_template:
            raise BadData("this model has no chat template, so it cannot be tuned on chats")
        if count == 0:
            return ""
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    conversation.messages[:count],
                    tools=conversation.tools,
                    tokenize=False,
                    **options,
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise BadData(
                f"line {conversation.line}: the model's chat template refuses it: {error}"
            ) from error


def _shared_prefix(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
