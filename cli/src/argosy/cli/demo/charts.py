"""The demonstration's task: requests for charts and their one right answer each.

A request, in Chinese or English, asks for a chart of one region's measure in one month. The answer
is a compact Vega-Lite specification that names the region, the month, the measure and the mark.
This module writes the training records and the held-out requests from a seed, and judges answers.
It knows nothing about files, models or the API; standard library only.
"""

import json
import random
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Value = TypeVar("Value")

SYSTEM_PROMPT = "You draw charts."


@dataclass(frozen=True)
class Term:
    """One value of a slot: `key` stands in the specification, the others in requests."""

    key: str
    english: tuple[str, ...]
    chinese: tuple[str, ...]


REGIONS = (
    Term("north-china", ("North China",), ("华北", "华北地区")),
    Term("east-china", ("East China",), ("华东", "华东地区")),
    Term("south-china", ("South China",), ("华南", "华南地区")),
    Term("central-china", ("Central China",), ("华中", "华中地区")),
    Term("northeast-china", ("Northeast China",), ("东北", "东北地区")),
    Term("northwest-china", ("Northwest China",), ("西北", "西北地区")),
    Term("southwest-china", ("Southwest China",), ("西南", "西南地区")),
)
MEASURES = (
    Term("sales", ("sales",), ("销售额",)),
    Term("profit", ("profit",), ("利润",)),
    Term("orders", ("orders",), ("订单量",)),
    Term("visitors", ("visitors",), ("访客数",)),
    Term("inventory", ("inventory",), ("库存",)),
)
MARKS = (
    Term("line", ("a line chart",), ("折线图",)),
    Term("bar", ("a bar chart",), ("柱状图",)),
    Term("area", ("an area chart",), ("面积图",)),
    Term("point", ("a scatter plot",), ("散点图",)),
)
MONTHS = tuple(
    Term(f"{number:02d}", (name,), (f"{number}月",))
    for number, name in enumerate(
        (
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        start=1,
    )
)
YEARS = tuple(range(2015, 2025))

WORDINGS: dict[str, tuple[str, ...]] = {
    "en": (
        "Draw {mark} of {region}'s {measure} in {month} {year}.",
        "Please plot {measure} in {region} for {month} {year} as {mark}.",
        "I need {mark}: {region}, {measure}, {month} {year}.",
        "Show me the {measure} of {region} in {month} {year} with {mark}.",
        "Can you make {mark} showing {region} {measure} for {month} {year}?",
    ),
    "zh": (
        "请画出{region}{year}年{month}{measure}的{mark}。",
        "帮我用{mark}展示{year}年{month}{region}的{measure}",
        "生成一张{region}{year}年{month}的{measure}{mark}",
        "我想看{year}年{month}{region}{measure}的{mark}",
        "{year}年{month}{region}的{measure},画成{mark}。",
    ),
}
LANGUAGES = tuple(WORDINGS)


class InvalidSpecificationError(ValueError):
    """The text is not a chart specification; the message says why."""


@dataclass(frozen=True)
class Chart:
    """What is asked for: keys of the tables above, and a year and month as `YYYY-MM`."""

    region: str
    month: str
    measure: str
    mark: str

    def specification(self) -> dict[str, object]:
        """A valid Vega-Lite view of a named data source."""
        return {
            "data": {"name": f"{self.region}/{self.month}"},
            "mark": self.mark,
            "encoding": {"x": {"field": "day"}, "y": {"field": self.measure}},
        }

    def answer(self) -> str:
        return json.dumps(self.specification(), separators=(",", ":"))


@dataclass(frozen=True)
class Request:
    language: str
    text: str
    chart: Chart

    def messages(self) -> list[dict[str, str]]:
        """The request as the API takes it."""
        return [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": self.text},
        ]

    def record(self) -> dict[str, object]:
        """The request with its answer, as a line of a training file holds it."""
        return {
            "messages": [*self.messages(), {"role": "assistant", "content": self.chart.answer()}]
        }


# The request that the demonstration shows before and after; never among the training records.
SHOWN_CHART = Chart(region="north-china", month="2019-03", measure="sales", mark="line")
SHOWN_REQUESTS = (
    Request("zh", "请画出华北地区2019年3月销售额的折线图。", SHOWN_CHART),
    Request("en", "Draw a line chart of North China's sales in March 2019.", SHOWN_CHART),
)


class Verdict(StrEnum):
    EXACT = "exact"
    WRONG_CHART = "wrong chart"
    INVALID = "invalid"


def read_specification(text: str) -> Chart:
    """The chart that a specification names; raises InvalidSpecificationError."""
    try:
        specification = json.loads(text)
    except ValueError as error:
        raise InvalidSpecificationError(f"not JSON: {error}") from None
    chart = _named_chart(specification)
    for name, value, terms in (
        ("region", chart.region, REGIONS),
        ("measure", chart.measure, MEASURES),
        ("mark", chart.mark, MARKS),
        ("month", chart.month[5:], MONTHS),
    ):
        if value not in {term.key for term in terms}:
            raise InvalidSpecificationError(f"unknown {name} {value!r}")
    year = chart.month[:4]
    if chart.month[4:5] != "-" or not (year.isascii() and year.isdigit()):
        raise InvalidSpecificationError(f"month {chart.month!r} is not YYYY-MM")
    if chart.specification() != specification:
        raise InvalidSpecificationError("fields that do not belong in this specification")
    return chart


def _named_chart(specification: object) -> Chart:
    match specification:
        case {
            "data": {"name": str(source)},
            "mark": str(mark),
            "encoding": {"x": {"field": "day"}, "y": {"field": str(measure)}},
        }:
            region, _, month = source.partition("/")
            return Chart(region=region, month=month, measure=measure, mark=mark)
        case _:
            raise InvalidSpecificationError("data.name, mark, encoding.x or encoding.y is missing")


def judge(answer: str, expected: Chart) -> Verdict:
    """Whether `answer` is exactly the specification of `expected`, key order and spaces aside."""
    try:
        chart = read_specification(answer)
    except InvalidSpecificationError:
        return Verdict.INVALID
    return Verdict.EXACT if chart == expected else Verdict.WRONG_CHART


@dataclass(frozen=True)
class Task:
    """Training records and held-out requests; no chart stands in both."""

    training: tuple[Request, ...]
    held_out: tuple[Request, ...]

    def training_jsonl(self) -> bytes:
        lines = (json.dumps(each.record(), ensure_ascii=False) for each in self.training)
        return "".join(f"{line}\n" for line in lines).encode()


def make_task(seed: int, training: int = 100, held_out: int = 64) -> Task:
    """The same seed gives the same task. Both parts are half Chinese, half English.

    The training part shows every value of every slot about equally often in each language, so
    that nothing held out depends on a name that was never seen. The shown requests come first
    among the held-out ones.
    """
    rng = random.Random(seed)  # noqa: S311 - data, not secrets
    taken = {SHOWN_CHART}
    records = _draw(rng, training, taken)
    requests = _draw(rng, held_out - len(SHOWN_REQUESTS), taken)
    return Task(tuple(records), (*SHOWN_REQUESTS, *requests))


def _draw(rng: random.Random, count: int, taken: set[Chart]) -> list[Request]:
    """`count` requests, the languages in turn, for charts not in `taken`, which grows by them."""
    decks = [_Deck(rng, language) for language in LANGUAGES]
    requests = []
    for index in range(count):
        request = decks[index % len(decks)].draw(taken)
        taken.add(request.chart)
        requests.append(request)
    return requests


class _Deck:
    """Draws requests of one language, each slot from its own endlessly reshuffled pile."""

    def __init__(self, rng: random.Random, language: str) -> None:
        self._language = language
        self._wording = _shuffled(rng, WORDINGS[language])
        self._region = _shuffled(rng, REGIONS)
        self._measure = _shuffled(rng, MEASURES)
        self._mark = _shuffled(rng, MARKS)
        self._month = _shuffled(rng, MONTHS)
        self._year = _shuffled(rng, YEARS)
        self._rng = rng

    def draw(self, taken: AbstractSet[Chart]) -> Request:
        """A request for a chart that is not among `taken`."""
        while True:
            slots = {
                "region": next(self._region),
                "measure": next(self._measure),
                "mark": next(self._mark),
                "month": next(self._month),
            }
            year = next(self._year)
            chart = Chart(
                region=slots["region"].key,
                month=f"{year}-{slots['month'].key}",
                measure=slots["measure"].key,
                mark=slots["mark"].key,
            )
            if chart not in taken:
                words = {slot: self._word(term) for slot, term in slots.items()}
                text = next(self._wording).format(year=year, **words)
                return Request(self._language, text, chart)

    def _word(self, term: Term) -> str:
        return self._rng.choice(term.english if self._language == "en" else term.chinese)


def _shuffled(rng: random.Random, values: Sequence[Value]) -> Iterator[Value]:
    """The values in random order, then again in another, without end."""
    while True:
        yield from rng.sample(values, len(values))
