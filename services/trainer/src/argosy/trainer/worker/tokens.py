"""Turns conversations into token ids and says which of them are trained.

The chat template is the model's own, so that what is trained is what will be asked. Only the
tokens of the assistant's answers, and the token that ends each, count in the loss.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argosy.trainer.worker.conversations import Conversation
from argosy.trainer.worker.failures import BadData

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# What the loss skips, by torch's convention.
IGNORED = -100


@dataclass(frozen=True)
class Record:
    """`ids` holds the tokens up to the last trained one; `trained[i]` is 1 where ids[i] counts."""

    ids: "array[int]"
    trained: bytearray

    def labels(self) -> list[int]:
        return [
            token if flag else IGNORED for token, flag in zip(self.ids, self.trained, strict=True)
        ]


@dataclass
class Corpus:
    """The records of one file, in the file's order."""

    records: list[Record] = field(default_factory=list)
    # Cut at max_seq_length.
    truncated: int = 0
    # Left out, since nothing of an answer is left within max_seq_length.
    dropped: int = 0

    def lengths(self) -> list[int]:
        return [len(record.ids) for record in self.records]


class Tokenization:
    """Wraps a tokenizer that has a chat template."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", max_seq_length: int) -> None:
        if not tokenizer.chat_template:
            raise BadData("this model has no chat template, so it cannot be tuned on chats")
        self._tokenizer = tokenizer
        self._limit = max_seq_length

    def corpus(self, conversations: Iterable[Conversation], name: str) -> Corpus:
        """Raises BadData, also when no record is left; `name` is how a message calls the file."""
        corpus = Corpus()
        for conversation in conversations:
            record = self.record(conversation)
            whole = len(record.ids)
            record = _cut(record, self._limit)
            corpus.truncated += whole > self._limit
            if record.ids:
                corpus.records.append(record)
            else:
                corpus.dropped += 1
        if not corpus.records:
            raise BadData(
                f"the {name} has no answer within max_seq_length ({self._limit} tokens): "
                "raise argosy.max_seq_length or shorten the records"
            )
        return corpus

    def record(self, conversation: Conversation) -> Record:
        """Each piece is tokenized by itself, as it is when the prompt is given and the answer
        generated, so no token straddles the border between them."""
        ids = array("i")
        trained = bytearray()
        for text, counts in self._pieces(conversation):
            piece = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            ids.extend(piece)
            trained.extend(bytes([counts]) * len(piece))
        end = trained.rfind(1) + 1
        return Record(ids[:end], trained[:end])

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


def _cut(record: Record, limit: int) -> Record:
    if len(record.ids) <= limit:
        return record
    end = record.trained.rfind(1, 0, limit) + 1
    return Record(record.ids[:end], record.trained[:end])


def _shared_prefix(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
