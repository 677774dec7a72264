"""A teacher's answers before a distillation: asked for, judged, the good ones kept as dialogues.

Done in the supervisor before the child starts; what was answered is on disk line by line, so that
a run that begins again asks only for the rest. Knows prompts, answers and scores. Does not know
how the gateway is spoken to.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.trainer.domain import mixing
from argosy.trainer.runs.outcomes import JobFailure
from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.build import build_grader
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grader, Sample

# Prompts asked at once, whose answers are written together.
_WINDOW: Final = 8
# With less than this nothing can be learnt.
_FEWEST: Final = 10
# Told about so often.
_REPORTS: Final = 10

Tell = Callable[[int, int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Teacher:
    """Who answers and what is kept: answers with at least `min_score` by `grader`, or all."""

    model: str
    system: str
    max_answers: int
    min_score: float
    grader: Mapping[str, Any] | None
    temperature: float
    max_tokens: int
    seed: int

    @classmethod
    def of(cls, wish: Mapping[str, Any], values: Mapping[str, Any], seed: int) -> Teacher:
        return cls(
            model=str(wish["model"]),
            system=str(wish.get("system") or ""),
            max_answers=int(wish.get("max_answers", 1)),
            min_score=float(wish.get("min_score", 0.0)),
            grader=wish.get("grader"),
            temperature=float(values["temperature"]),
            max_tokens=int(values["max_completion_tokens"]),
            seed=seed,
        )


async def distil(
    sources: Sequence[tuple[Path, float]],
    target: Path,
    teacher: Teacher,
    gateway: Gateway,
    tell: Tell,
) -> None:
    """Write `target`, which exists only once every prompt was answered.

    `tell` hears how many prompts were answered, of how many, and how many answers were kept.
    Raises `JobFailure`.
    """
    if await asyncio.to_thread(target.exists):
        return
    prompts = await asyncio.to_thread(lambda: list(_drawn(sources, teacher.seed)))
    diary = target.with_suffix(".answers")
    done = await asyncio.to_thread(_answered, diary)
    kept = sum(each is not None for each in done)
    judge = _judge(teacher, gateway)
    every = max(_WINDOW, len(prompts) // _REPORTS)
    told = len(done)
    with await asyncio.to_thread(diary.open, "ab") as book:
        for start in range(len(done), len(prompts), _WINDOW):
            window = prompts[start : start + _WINDOW]
            answers = await asyncio.gather(
                *(
                    asyncio.to_thread(_best_answer, teacher, gateway, judge, prompt, start + n)
                    for n, prompt in enumerate(window)
                )
            )
            kept += sum(each is not None for each in answers)
            book.write(b"".join(json.dumps(each).encode() + b"\n" for each in answers))
            book.flush()
            if start + len(window) - told >= every or start + len(window) == len(prompts):
                told = start + len(window)
                await tell(told, len(prompts), kept)
    if kept < _FEWEST:
        raise JobFailure(
            "too_few_answers",
            f"Of {len(prompts)} answers of the teacher {kept} were good enough, but at least "
            f"{_FEWEST} are needed. Lower 'argosy.teacher.min_score', raise "
            "'argosy.teacher.max_answers', or give more prompts.",
            "argosy.teacher.min_score",
        )
    await asyncio.to_thread(_write_records, diary, target)


def _drawn(sources: Sequence[tuple[Path, float]], seed: int) -> Iterator[dict[str, Any]]:
    """Yield the prompts of all sources, drawn by their rates, the same for the same seed."""
    for number, (path, rate) in enumerate(sources):
        records = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
        draw = random.Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, no secret
        wanted = mixing.drawn(len(records), rate)
        for round_start in range(0, wanted, len(records)):
            count = min(len(records), wanted - round_start)
            for index in sorted(draw.sample(range(len(records)), count)):
                yield _prompt(records[index])


def _prompt(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out the answer that a dialogue has; what else a record has, graders may look at."""
    messages = list(record["messages"])
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    return {**record, "messages": messages}


def _best_answer(
    teacher: Teacher,
    gateway: Gateway,
    judge: Grader | None,
    prompt: dict[str, Any],
    number: int,
) -> dict[str, Any] | None:
    """Return the record to learn from; None if no answer was good enough."""
    system = [{"role": "system", "content": teacher.system}] if teacher.system else []
    best, best_score = "", -1.0
    for attempt in range(teacher.max_answers):
        text = _ask(teacher, gateway, [*system, *prompt["messages"]], number * 16 + attempt)
        score = 1.0 if judge is None else judge.grade([Sample(text, prompt)])[0].score
        if text.strip() and score > best_score:
            best, best_score = text, score
    if not best or best_score < teacher.min_score:
        return None
    return {"messages": [*prompt["messages"], {"role": "assistant", "content": best}]}


def _ask(teacher: Teacher, gateway: Gateway, messages: list[Any], number: int) -> str:
    try:
        return gateway.chat(
            {
                "model": teacher.model,
                "messages": messages,
                "temperature": teacher.temperature,
                "max_tokens": teacher.max_tokens,
                "seed": (teacher.seed + number) % 2**31,
            }
        )
    except GraderFailed as failure:
        raise JobFailure(
            "teacher_failed",
            f"The teacher '{teacher.model}' does not answer: {failure.message}. "
            "Create the job again when it does.",
            "argosy.teacher.model",
        ) from failure


def _judge(teacher: Teacher, gateway: Gateway) -> Grader | None:
    return None if teacher.grader is None else build_grader(dict(teacher.grader), gateway)


def _answered(diary: Path) -> list[dict[str, Any] | None]:
    """Return what was answered in an earlier life; a torn last line is cut off."""
    if not diary.exists():
        return []
    raw = diary.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) < len(raw):
        diary.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def _write_records(diary: Path, target: Path) -> None:
    aside = target.with_suffix(".part")
    lines = [line for line in diary.read_bytes().splitlines(keepends=True) if line != b"null\n"]
    aside.write_bytes(b"".join(lines))
    aside.rename(target)
