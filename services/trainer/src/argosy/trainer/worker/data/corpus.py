"""A run's records as tokens, and which were left out for their length.

A record that is longer than the run's sequences is left out whole: cut, it would teach an answer
that stops in its middle. Knows how a line becomes records by way of a form and a tokenization;
does not know what is learnt from them.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from argosy.trainer.worker.data import forms
from argosy.trainer.worker.data.tokens import Record
from argosy.trainer.worker.failures import BadData


class Sequenced(Sized, Protocol):
    """A record in tokens: its length is what the limit holds for."""

    @property
    def line(self) -> int: ...


Form = TypeVar("Form")
T = TypeVar("T", bound=Sequenced)


@dataclass
class Corpus(Generic[T]):
    """The records of a run's files, in the files' order."""

    records: list[T] = field(default_factory=list)
    # The lines of those that were left out.
    dropped: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def lengths(self) -> list[int]:
        return [len(record) for record in self.records]


def build(
    lines: Iterable[tuple[int, bytes]],
    read: Callable[[int, dict[str, Any]], Iterator[Form]],
    tokenize: Callable[[Form], T],
    *,
    limit: int,
    name: str,
) -> Corpus[T]:
    """Raises BadData, also when no record is left; `name` is how a message calls the file.

    `limit` is in tokens.
    """
    corpus: Corpus[T] = Corpus()
    for number, line in lines:
        for form in read(number, forms.load(number, line)):
            record = tokenize(form)
            if len(record) <= limit:
                corpus.records.append(record)
            else:
                corpus.dropped.append(number)
    if not corpus.records:
        raise BadData(
            f"the {name} has no record within {limit} tokens: "
            "raise argosy.max_seq_length or shorten the records"
        )
    return corpus


def pack(texts: Iterable[Record], limit: int) -> list[Record]:
    """The tokens of all texts, one after the other, cut into records of `limit` tokens.

    The last may be shorter. A record has the line of the text that it begins with.
    """
    packed: list[Record] = []
    open_one = Record(0, array("i"), bytearray())
    for text in texts:
        done = 0
        while done < len(text):
            if not open_one.ids:
                open_one = Record(text.line, array("i"), bytearray())
            taken = text.ids[done : done + limit - len(open_one)]
            open_one.ids.extend(taken)
            open_one.trained.extend(b"\x01" * len(taken))
            done += len(taken)
            if len(open_one) == limit:
                packed.append(open_one)
                open_one = Record(0, array("i"), bytearray())
    # Of a single token nothing can be predicted.
    return [*packed, open_one] if len(open_one) > 1 else packed
