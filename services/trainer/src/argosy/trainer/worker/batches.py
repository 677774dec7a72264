"""Records as tensors, and a step's records cut into parts that fit in memory."""

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch
from argosy.trainer.worker.data.corpus import Corpus, Sequenced
from argosy.trainer.worker.data.tokens import IGNORED, Record
from argosy.trainer.worker.ranks import ALONE, Rank
from argosy.trainer.worker.schedule import split_by_tokens
from datasets import Dataset

Batch = dict[str, Any]
T = TypeVar("T", bound=Sequenced)
T_contra = TypeVar("T_contra", bound=Sequenced, contravariant=True)


def pad(records: Sequence[Record], filler: int = 0) -> Batch:
    """(records, longest) tensors, padded on the right: a causal model never looks there, so no
    attention mask is needed. `tokens` counts what is not padding."""
    width = max(len(record) for record in records)
    input_ids = torch.full((len(records), width), filler, dtype=torch.long)
    labels = torch.full((len(records), width), IGNORED, dtype=torch.long)
    for row, record in enumerate(records):
        input_ids[row, : len(record)] = torch.tensor(record.ids)
        labels[row, : len(record)] = torch.tensor(record.labels())
    return {
        "input_ids": input_ids,
        "labels": labels,
        "tokens": sum(len(record) for record in records),
    }


def cut(records: Sequence[T], budget: int, sequences: int = 1) -> list[list[T]]:
    """`records` in groups of at most `budget` padded tokens; each stands for `sequences` rows."""
    lengths = [len(record) * sequences for record in records]
    groups = split_by_tokens(list(range(len(records))), lengths, budget)
    return [[records[index] for index in group] for group in groups]


class Cutter(Protocol[T_contra]):
    """Makes a step's parts of its records; each part has `units`, what its loss is a sum over."""

    def parts(self, records: Sequence[T_contra]) -> list[Batch]: ...


class Steps(Generic[T]):
    """Item k is step k: the `records` it learns from (their lines), its number, and `parts`, the
    tensors of this rank's share of them. `counts` is false where a rank's share is empty: it is
    given a record to keep in step by, which is not to be learnt from."""

    def __init__(
        self,
        corpus: Corpus[T],
        plan: Sequence[Sequence[int]],
        objective: Cutter[T],
        rank: Rank = ALONE,
    ) -> None:
        self._records = corpus.records
        self._plan = plan
        self._objective = objective
        self._rank = rank

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, step: int) -> Batch:
        records = [self._records[index] for index in self._plan[step]]
        share = self._rank.share(records)
        return {
            "step": step + 1,
            "records": sorted({record.line for record in records}),
            "parts": self._objective.parts(share or records[:1]),
            "counts": bool(share),
        }

    def numbers(self) -> Dataset:
        """The data set that the library insists on: one row a step, holding its number. The library
        deals rows out to the ranks in turn."""
        steps = [step for step in range(len(self)) for _ in range(self._rank.count)]
        return Dataset.from_dict({"step": steps})

    def collate(self, rows: list[dict[str, int]]) -> Batch:
        """The step that a row of `numbers` stands for."""
        return self[rows[0]["step"]]


def in_order(corpus: Corpus[T], batch_size: int) -> list[list[int]]:
    """A plan that goes over the corpus once, as it stands."""
    indices = range(len(corpus))
    return [list(indices[start : start + batch_size]) for start in indices[::batch_size]]
