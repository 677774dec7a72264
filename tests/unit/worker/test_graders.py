"""Graders: what they give, what they refuse, and what a python grader cannot do."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from argosy.trainer.worker.failures import GraderFailed
from argosy.trainer.worker.graders.build import build_grader
from argosy.trainer.worker.graders.gateway import Gateway
from argosy.trainer.worker.graders.grader import Grade, Sample
from argosy.trainer.worker.graders.python_code import PythonGrader
from argosy.trainer.worker.graders.similarity import METRICS

ITEM = {"reference": "forty two", "nested": {"list": [7]}}


def grade(raw: dict[str, Any], *texts: str, gateway: Gateway | None = None) -> list[Grade]:
    return list(build_grader(raw, gateway).grade([Sample(text, ITEM) for text in texts]))


def scores(raw: dict[str, Any], *texts: str) -> list[float]:
    return [each.score for each in grade(raw, *texts)]


def check(operation: str, reference: str = "{{item.reference}}") -> dict[str, Any]:
    return {
        "type": "string_check",
        "name": "check",
        "input": "{{ sample.output_text }}",
        "reference": reference,
        "operation": operation,
    }


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("eq", [1, 0, 0]), ("ne", [0, 1, 1]), ("like", [1, 1, 0]), ("ilike", [1, 1, 1])],
)
def test_string_check(operation: str, expected: list[float]) -> None:
    assert scores(check(operation), "forty two", "it is forty two", "Forty Two!") == expected


def test_templates_reach_into_the_record_and_the_answer() -> None:
    assert scores(check("eq", "{{ item.nested.list[0] }}"), "7") == [1]
    inside = check("eq", "5") | {"input": "{{ sample.output_json.a }}"}
    right, wrong = grade(inside, '{"a": 5}', "no json")
    assert right.score == 1
    assert wrong.error == "the answer is no JSON"
    assert "{{ item.absent }}" in str(grade(check("eq", "{{ item.absent }}"), "x")[0].error)


@pytest.mark.parametrize("metric", METRICS)
def test_text_similarity_is_1_for_the_same_and_0_for_nothing_shared(metric: str) -> None:
    raw = {
        "type": "text_similarity",
        "input": "{{sample.output_text}}",
        "reference": "the quick brown fox jumps over it",
        "evaluation_metric": metric,
    }
    same, part, none = scores(raw, raw["reference"], "the quick brown cat sat by it", "?")
    assert same == pytest.approx(1.0)
    assert none == 0
    assert 0 <= part < 1


def test_similarities_as_worked_out_by_hand() -> None:
    # 3 of 4 words shared, in order.
    assert METRICS["rouge_1"]("a b c d", "a b c e") == pytest.approx(0.75)
    assert METRICS["rouge_2"]("a b c d", "a b c e") == pytest.approx(2 / 3)
    assert METRICS["rouge_l"]("a x b c", "a b c") == pytest.approx(6 / 7)
    # 3 + 2 + 1 + 0 of 4 + 3 + 2 + 1 runs of words.
    assert METRICS["gleu"]("a b c d", "a b c e") == pytest.approx(0.6)
    # Precisions 3/4, and smoothed 3/4, 2/3, 1/2; no brevity penalty.
    assert METRICS["bleu"]("a b c d", "a b c e") == pytest.approx(
        (3 / 4 * 3 / 4 * 2 / 3 / 2) ** 0.25
    )
    assert METRICS["fuzzy_match"]("abcd", "abce") == pytest.approx(0.75)
    # Each character of these scripts is a word.
    assert METRICS["rouge_1"]("北京销售", "北京利润") == pytest.approx(0.5)


def multi(formula: str) -> dict[str, Any]:
    return {
        "type": "multi",
        "graders": {"exact": check("eq"), "near": check("ilike")},
        "calculate_output": formula,
    }


def test_multi_calculates_over_its_graders() -> None:
    formula = multi("0.5 * exact + min(near, 0.25) - -1")
    assert scores(formula, "forty two", "FORTY TWO") == [1.75, 1.25]
    assert grade(multi("1 / exact"), "x")[0].error is not None


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "exact.real", "absent + 1", "exact if near else 0", "1 +"]
)
def test_a_formula_that_is_more_than_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(GraderFailed, match="calculate_output"):
        build_grader(multi(formula), None)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({"type": "label_model"}, "grader.type is 'label_model', not one of string_check,"),
        (check("equals"), "grader.operation is 'equals', not one of eq, ne, like, ilike"),
        ({"type": "text_similarity", "evaluation_metric": "meteor"}, "grader.evaluation_metric"),
        ({"type": "python"}, "grader.source"),
        ({"type": "score_model", "model": "m"}, "needs a gateway"),
    ],
)
def test_a_grader_that_cannot_be_made_names_the_field(raw: dict[str, Any], complaint: str) -> None:
    with pytest.raises(GraderFailed, match=complaint):
        build_grader(raw, None)


def python(source: str, seconds: float = 5.0) -> PythonGrader:
    return PythonGrader(source, seconds)


def test_a_python_grader_judges_each_answer_by_itself() -> None:
    source = (
        "import re\n"
        "def grade(sample, item):\n"
        "    print('noise')\n"
        "    return 1 / len(re.findall('a', sample['output_text'])) + len(item['nested'])\n"
    )
    good, bad = python(source).grade([Sample("aa", ITEM), Sample("b", ITEM)])
    assert good == Grade(1.5)
    assert "ZeroDivisionError" in str(bad.error)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("open('left-behind', 'wb', 0).write(b'x')", "PermissionError|OSError"),
        ("__import__('os').fork()", "BlockingIOError|PermissionError"),
        ("bytearray(1 << 30)", "MemoryError"),
        ("__import__('argosy')", "ModuleNotFoundError"),
        ("__import__('torch')", "ModuleNotFoundError"),
        ("__import__('sys').exit(0)", "SystemExit"),
        ("float('nan')", "no finite number"),
        ("'much'", "ValueError"),
    ],
)
def test_a_python_grader_can_do_nothing_but_judge(body: str, complaint: str) -> None:
    [found] = python(f"def grade(sample, item):\n    return {body}").grade([Sample("a", ITEM)])
    assert found.score == 0
    assert any(part in str(found.error) for part in complaint.split("|")), found


def test_a_python_grader_knows_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_TASK_KEY", "secret")
    source = "import os\ndef grade(s, i):\n    return float('ARGOSY_TASK_KEY' in os.environ)"
    assert python(source).grade([Sample("a", ITEM)]) == [Grade(0.0)]


def test_a_python_grader_has_no_network_where_the_kernel_lets_it_go() -> None:
    """A namespace of one's own has not even a loopback that is up."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    source = (
        "import os, socket\n"
        "def grade(sample, item):\n"
        "    alone = os.readlink('/proc/self/ns/net') != sample['output_text']\n"
        f"    reached = not socket.socket().connect_ex(('127.0.0.1', {listener.server_port}))\n"
        "    return float(alone) + 2 * float(reached)\n"
    )
    with listener:
        [found] = python(source).grade([Sample(str(Path("/proc/self/ns/net").readlink()), ITEM)])
    # Apart and cut off, or neither.
    assert found.score in (1.0, 2.0), found


def test_a_python_grader_has_the_standard_library_wherever_the_interpreter_lives() -> None:
    source = (
        "import difflib, socket, statistics, urllib.parse\n"
        "def grade(sample, item):\n"
        "    return float('ä.example'.encode('idna') == b'xn--4ca.example')"
    )
    assert python(source).grade([Sample("a", ITEM)]) == [Grade(1.0)]


def test_a_python_grader_that_never_ends_is_ended() -> None:
    endless = "def grade(sample, item):\n    while True: pass"
    [found] = python(endless, seconds=0.2).grade([Sample("a", ITEM)])
    assert "took too long" in str(found.error)


def test_a_source_that_fails_fails_every_answer() -> None:
    for source in ("def grade(", "x = 1"):
        found = python(source).grade([Sample("a", ITEM), Sample("b", ITEM)])
        assert all(each.error is not None and "source" in each.error for each in found)


class Judge(BaseHTTPRequestHandler):
    """A gateway that is busy at first, and answers by what it is asked."""

    asked: ClassVar[list[dict[str, Any]]] = []
    keys: ClassVar[set[str]] = set()
    busy = 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).keys.add(self.headers["Authorization"])
        if type(self).busy:
            type(self).busy -= 1
            return self._answer(429, {"error": {"message": "busy"}})
        type(self).asked.append(body)
        said = body["messages"][-1]["content"]
        content = {"good": '{"result": 9}', "loose": "I say 3.5 of 5"}.get(said, "no idea")
        return self._answer(200, {"choices": [{"message": {"content": content}}]})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    Judge.asked, Judge.keys, Judge.busy = [], set(), 1
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Gateway(f"http://127.0.0.1:{server.server_port}/v1", "task-key")
    server.shutdown()
    server.server_close()


def test_score_model_asks_the_gateway_and_keeps_to_the_range(gateway: Gateway) -> None:
    raw = {
        "type": "score_model",
        "model": "judge",
        "range": [0, 5],
        "input": [
            {"role": "system", "content": "reference: {{ item.reference }}"},
            {"role": "user", "content": {"type": "input_text", "text": "{{ sample.output_text }}"}},
        ],
        "sampling_params": {"temperature": 0.5, "top_p": None},
    }
    good, loose, lost = grade(raw, "good", "loose", "lost", gateway=gateway)
    assert (good.score, loose.score) == (5, 3.5)
    assert "named no number" in str(lost.error)
    assert Judge.keys == {"Bearer task-key"}
    body = Judge.asked[0]
    assert (body["model"], body["temperature"]) == ("judge", 0.5)
    assert "top_p" not in body
    assert body["messages"][0]["content"] == "reference: forty two"


def test_without_url_or_key_there_is_no_gateway() -> None:
    assert Gateway.of({"ARGOSY_GATEWAY_URL": "http://x/v1"}) is None
    assert Gateway.of({"ARGOSY_GATEWAY_URL": "http://x/v1/", "ARGOSY_TASK_KEY": "k"}) == Gateway(
        "http://x/v1", "k"
    )
