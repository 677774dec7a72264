"""The transformers engine as a process: whatever a run leaves behind answers, by its name.

What it must say is what peft and transformers themselves say (`tests/fakes/tiny_artifacts.py`), for
a miniature of every architecture that the catalogue calls trainable here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from argosy.kit.processes import free_port
from argosy.registry.domain.architectures import known

from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[2]
MAKER = ROOT / "tests" / "fakes" / "tiny_artifacts.py"
PROMPT, NEW_TOKENS = "the ship sails", 10
CONVERSATION = [
    {"role": "user", "content": "Where to?"},
    {"role": "assistant", "content": "To the islands."},
]
KEY = "engine-secret"
# For a few of the miniatures, not for all.
MEMORY_BYTES = 700_000
# By name, the class that the catalogue knows it by.
ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
    "glm4": "Glm4ForCausalLM",
    "ernie4_5": "Ernie4_5ForCausalLM",
    "bloom": "BloomForCausalLM",
    "falcon": "FalconForCausalLM",
    "mpt": "MptForCausalLM",
    "rwkv": "RwkvForCausalLM",
    "llava": "LlavaForConditionalGeneration",
}

pytestmark = [pytest.mark.ml, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Engine:
    """A running engine and the folder of what it may load."""

    url: str
    folder: Path
    expected: dict[str, Any]
    pid: int

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {KEY}"}, timeout=120
        )

    @property
    def sdk(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=KEY, timeout=120, max_retries=0)

    def load(self, name: str, base: str = "") -> None:
        """Register a folder; an adapter with its base's."""
        body = {"lora_name": name, "lora_path": str(self.folder / name)}
        if base:
            body |= {"base_path": str(self.folder / base), "base_name": base}
        with self.http as http:
            answer = http.post("/v1/load_lora_adapter", json=body)
        assert answer.status_code == 200, answer.text

    def metric(self, name: str) -> float:
        with self.http as http:
            for line in http.get("/metrics").text.splitlines():
                if line.split("{")[0].split(" ")[0] == name:
                    return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no {name}")

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def python() -> str:
    found = Path(os.environ.get("ARGOSY_WORKER_PYTHON", ROOT / ".venv-ml" / "bin" / "python"))
    if not found.exists():
        pytest.skip(f"no ML environment at {found}: run `make setup`")
    return str(found)


@pytest.fixture(scope="module")
def folder(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("artifacts")
    done = subprocess.run(
        [python, str(MAKER), str(out)], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def engine(python: str, folder: Path) -> Iterator[Engine]:
    port = free_port()
    log = (folder / "engine.log").open("wb")
    process = subprocess.Popen(
        [python, "-m", "argosy.engine"], stdout=log, stderr=log,
        env={
            "PATH": os.environ["PATH"],
            "ARGOSY_BIND": f"127.0.0.1:{port}",
            "ARGOSY_ENGINE_KEY": KEY,
            "ARGOSY_ENGINE_BATCH": "4",
            "ARGOSY_ENGINE_QUEUE": "8",
            "ARGOSY_ENGINE_MEMORY_BYTES": str(MEMORY_BYTES),
            # Miniatures have nothing to share among threads.
            "ARGOSY_ENGINE_THREADS": "1",
        },
    )  # fmt: skip
    running = Engine(
        f"http://127.0.0.1:{port}", folder, json.loads((folder / "expected.json").read_text()),
        process.pid,
    )  # fmt: skip

    def up() -> bool:
        assert process.poll() is None, (folder / "engine.log").read_text()[-3000:]
        try:
            return httpx.get(f"{running.url}/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_until(up, 60, "the engine")
        yield running
    finally:
        process.terminate()
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
            log.close()


@pytest.fixture(scope="module")
def loaded(engine: Engine) -> Engine:
    """The engine with every miniature registered."""
    idle = engine.resident_bytes()
    # It costs a laptop nothing until it is needed: no torch before the first model.
    assert idle < 80 << 20, f"{idle >> 20} MiB"
    for name in ARCHITECTURES:
        engine.load(name)
    for name in engine.expected["says"]:
        base = name.partition("-")[0]
        if name != base and base in ARCHITECTURES:
            engine.load(name, base)
    engine.load("whole")
    engine.load("reward-lora", "llama")
    engine.load("reward-full")
    return engine


def say(sdk: openai.OpenAI, model: str, prompt: str = PROMPT, **more: Any) -> Any:
    settings: dict[str, Any] = {
        "temperature": 0, "max_tokens": NEW_TOKENS, "logprobs": 0,
        "extra_body": {"ignore_eos": True, "min_tokens": NEW_TOKENS},
    }  # fmt: skip
    return sdk.completions.create(model=model, prompt=prompt, **settings | more)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_answers_as_its_library_does(loaded: Engine, name: str) -> None:
    found = known(ARCHITECTURES[name])
    assert found is not None
    assert found.transformers
    made = {n.partition("-")[2] for n in loaded.expected["says"] if n.partition("-")[0] == name}
    # What the catalogue promises of it was made, and nothing else.
    assert ("lora" in made, "prompt" in made) == (found.lora, found.prompt_tuning)
    for kind in sorted(made):
        model = f"{name}-{kind}" if kind else name
        answer = say(loaded.sdk, model)
        expected = loaded.expected["says"][model]
        assert answer.model == model
        assert answer.choices[0].logprobs.token_logprobs == pytest.approx(
            expected["logprobs"], abs=2e-3
        ), model
        assert answer.choices[0].text == expected["text"], model
        assert answer.usage.prompt_tokens == len(PROMPT)
        assert answer.usage.completion_tokens == NEW_TOKENS


def test_d48_a_whole_model_answers_by_its_name(loaded: Engine) -> None:
    answer = say(loaded.sdk, "whole")
    assert answer.choices[0].text == loaded.expected["says"]["whole"]["text"]
    assert answer.choices[0].text != loaded.expected["says"]["llama"]["text"]


def test_h04_adapters_of_one_base_share_its_memory_and_its_batch(loaded: Engine) -> None:
    sdk = loaded.sdk
    names = ["llama", "llama-lora", "llama-prompt"]
    for name in names:
        say(sdk, name)
    before = loaded.metric("argosy_engine_loaded_bytes")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda name: (name, say(sdk, name)), names * 4))
    for name, answer in answers:
        assert answer.choices[0].text == loaded.expected["says"][name]["text"]
    assert loaded.metric("argosy_engine_loaded_bytes") == before


def test_d42_a_reward_model_gives_one_scalar(loaded: Engine) -> None:
    with loaded.http as http:
        for name in ("reward-lora", "reward-full"):
            body = {"model": name, "messages": CONVERSATION}
            answer = http.post("/v1/rewards", json=body).json()
            assert answer["reward"] == pytest.approx(loaded.expected["scores"][name], abs=1e-3)
            assert (answer["object"], answer["model"]) == ("reward", name)
            assert answer["usage"]["prompt_tokens"] > 0
            refused = http.post("/v1/chat/completions", json=body)
            assert refused.status_code == 400
            assert "/v1/rewards" in refused.json()["error"]["message"]
        body = {"model": "llama", "messages": CONVERSATION}
        assert http.post("/v1/rewards", json=body).status_code == 400


def test_what_is_idle_goes_when_memory_is_needed_and_comes_back(loaded: Engine) -> None:
    sizes = [(loaded.folder / n / "model.safetensors").stat().st_size for n in ARCHITECTURES]
    assert max(sizes) < MEMORY_BYTES < sum(sizes)
    for name in [*ARCHITECTURES, "llama"]:
        answer = say(loaded.sdk, name)
        assert answer.choices[0].text == loaded.expected["says"][name]["text"]
        assert loaded.metric("argosy_engine_loaded_bytes") <= MEMORY_BYTES


def test_a_stream_is_the_same_answer_in_pieces(loaded: Engine) -> None:
    sdk = loaded.sdk
    chat: dict[str, Any] = {
        "model": "llama", "messages": [{"role": "user", "content": "Ahoy"}], "temperature": 0,
        "max_tokens": 8, "logprobs": True, "top_logprobs": 2,
    }  # fmt: skip
    whole = sdk.chat.completions.create(**chat)
    chunks = list(
        sdk.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert whole.choices[0].logprobs is not None
    told = whole.choices[0].logprobs.content or []
    assert len(told) == whole.usage.completion_tokens
    assert [len(t.top_logprobs) for t in told] == [2] * len(told)


def test_seeds_stops_and_several_answers(loaded: Engine) -> None:
    sdk = loaded.sdk
    hot: dict[str, Any] = {"temperature": 1.5, "n": 3, "seed": 5, "logprobs": None}
    first, again = (say(sdk, "llama", **hot) for _ in range(2))
    texts = [choice.text for choice in first.choices]
    assert texts == [choice.text for choice in again.choices]
    assert len(set(texts)) == 3
    assert first.usage.completion_tokens == 3 * NEW_TOKENS
    plain = say(sdk, "llama").choices[0].text
    stopped = say(sdk, "llama", stop=[plain[2:4]], extra_body={}).choices[0]
    assert (stopped.text, stopped.finish_reason) == (plain[:2], "stop")
    two = say(sdk, "llama", prompt=[PROMPT, "ahoy"])
    assert [c.index for c in two.choices] == [0, 1]
    assert two.choices[0].text == plain
    assert two.usage.prompt_tokens == len(PROMPT) + len("ahoy")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"model": "nobody"}, 404, "does not exist"),
        ({"max_tokens": 600}, 400, "maximum context length"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "text only"),
        ({"messages": []}, 400, ""),
        ({"messages": 3}, 400, "array"),
    ],
)
def test_what_cannot_be_done_is_refused(
    loaded: Engine, changes: dict[str, Any], status: int, reason: str
) -> None:
    body = {"model": "llama", "messages": [{"role": "user", "content": "Ahoy"}], **changes}
    with loaded.http as http:
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["error"]["message"]


def test_parameters_that_leave_no_token_fail_alone(loaded: Engine) -> None:
    # No token is allowed but the one that may not come yet.
    impossible = {"allowed_token_ids": [2], "min_tokens": 4}
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(say, loaded.sdk, "llama", max_tokens=40, extra_body={"ignore_eos": True})
        with pytest.raises(openai.BadRequestError, match="No token can be chosen"):
            say(loaded.sdk, "llama", temperature=1, extra_body=impossible)
        assert good.result().usage.completion_tokens == 40


def test_a_client_that_goes_ends_the_work_and_a_full_queue_says_so(loaded: Engine) -> None:
    long: dict[str, Any] = {"extra_body": {"ignore_eos": True}, "max_tokens": 480, "stream": True}
    streams = [say(loaded.sdk, "mpt", logprobs=None, **long) for _ in range(4)]
    for stream in streams:
        next(iter(stream))
    assert loaded.metric("vllm:num_requests_running") == 4
    with pytest.raises(openai.APIStatusError) as caught:
        say(loaded.sdk, "mpt", n=9)
    assert caught.value.status_code == 503
    for stream in streams:
        stream.close()
    wait_until(lambda: loaded.metric("vllm:num_requests_running") == 0, 30, "the aborts")


def test_names_come_and_go_as_in_vllm(loaded: Engine) -> None:
    with loaded.http as http:
        body = {"lora_name": "llama-lora", "lora_path": str(loaded.folder / "llama-lora")}
        body["base_path"] = str(loaded.folder / "llama")
        again = http.post("/v1/load_lora_adapter", json=body)
        assert again.status_code == 400
        assert "has already been loaded" in again.json()["error"]["message"]
        gone = http.post("/v1/unload_lora_adapter", json={"lora_name": "llama-lora"})
        assert gone.status_code == 200
        assert "llama-lora" not in {m["id"] for m in http.get("/v1/models").json()["data"]}
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            say(loaded.sdk, "llama-lora")
        again = http.post("/v1/unload_lora_adapter", json={"lora_name": "llama-lora"})
        assert again.status_code == 404
        wrong = http.post("/v1/load_lora_adapter", json={"lora_name": "x", "lora_path": "/nowhere"})
        assert wrong.status_code == 400
    loaded.load("llama-lora", "llama")
    expected = loaded.expected["says"]["llama-lora"]["text"]
    assert say(loaded.sdk, "llama-lora").choices[0].text == expected


def test_the_key_is_asked_for(loaded: Engine) -> None:
    with httpx.Client(base_url=loaded.url, timeout=10) as http:
        assert http.get("/v1/models").status_code == 401
        assert http.post("/v1/rewards", json={}).status_code == 401
        assert http.get("/metrics").status_code == 200
