"""Holds the simulator against two real vLLM engines: the loads it predicts and the loads they log.

python -m benchmarks.placement.validate --model FOLDER [--requests 240] [--seed 1 2]

Starts two CPU engines with 2 slots and room for 4 adapters in host memory, makes 6 random adapters
with peft, and sends seeded traces through a gateway that runs alone. Each trace then runs in the
simulator with the engines' speed, as the answers of the real run show it, and with what the gateway
was told of loads: it learns how long they take, and its choices follow. Measured are the engines'
own log lines at debug level: "Activating LoRA" for each adapter that enters a slot, "Adding lora"
for each that is read from the disk. Takes both cores for some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Final

import httpx
from argosy.gateway.placement.decision_costs import Costs
from argosy.kit.processes import free_port

from benchmarks.placement.prediction import predicted, simulated
from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import OUTPUT, Request, Shape, Trace, make

ROOT: Final = Path(__file__).resolve().parents[2]
ML_PYTHON: Final = ROOT / ".venv-ml" / "bin" / "python"
ARGOSY: Final = Path(sys.executable).with_name("argosy")
KEY: Final = "sk-validate-0123456789"
ADAPTERS: Final = 6
TOKENS: Final = 8
BATCH: Final = 8
ENGINES: Final = 2
# From the issue: predicted and measured loads differ by no more.
TOLERANCE: Final = 0.15
FLAGS: Final = (
    "--enforce-eager", "--enable-lora", "--max-loras", "2", "--max-cpu-loras", "4",
    "--max-lora-rank", "8", "--max-num-seqs", str(BATCH), "--max-model-len", "1024",
    "--no-enable-prefix-caching", "--served-model-name", "base",
)  # fmt: skip


class Engine:
    """One vLLM process, bound to one core, and its log."""

    def __init__(self, index: int, model: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.log = folder / f"engine-{index}.log"
        environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": str(sorted(os.sched_getaffinity(0))[index]),
            "VLLM_LOGGING_LEVEL": "DEBUG",
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        }
        command = [
            str(ML_PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", model,
            "--host", "127.0.0.1", "--port", str(port), *FLAGS,
        ]  # fmt: skip
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment, start_new_session=True
            )

    def loads(self) -> tuple[int, int]:
        """Return how many adapters entered a slot so far, and how many came from the disk."""
        text = self.log.read_text(errors="replace")
        return len(re.findall("Activating LoRA", text)), len(re.findall("Adding lora", text))

    def wait(self, seconds: float) -> None:
        """Wait until it serves."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(1)
        raise SystemExit(f"an engine did not start: see\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it and its children."""
        os.killpg(self.process.pid, 9)
        self.process.wait()


@contextmanager
def gateway(engines: Sequence[Engine], adapters: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """A gateway alone in front of the engines; yields its base URL and that of its metrics."""
    port, metrics_port = free_port(), free_port()
    urls = ", ".join(f'"{engine.url}"' for engine in engines)
    tables = "".join(
        f'[[adapter]]\nname = "a{n}"\nbase = "base"\npath = "{adapters / str(n)}"\n'
        for n in range(ADAPTERS)
    )
    config = folder / "gateway.toml"
    config.write_text(
        f"[gateway]\nport = {port}\nmetrics_port = {metrics_port}\nreplica_batch = {BATCH}\n"
        "queue_timeout_seconds = 300\nfirst_byte_timeout_seconds = 300\n"
        f'[[pool]]\nname = "main"\nengine = "vllm"\nreplicas = [{urls}]\nmodels = ["base"]\n'
        f'max_loras = 2\nmax_cpu_loras = 4\n[[key]]\nname = "us"\nsecret = "{KEY}"\n{tables}'
    )
    with (folder / "gateway.log").open("wb") as out:
        process = subprocess.Popen(
            [str(ARGOSY), "gateway", "--config", str(config)], stdout=out, stderr=out
        )
    try:
        base = f"http://127.0.0.1:{port}/v1"
        for _ in range(100):
            try:
                if _complete(base, "base", 1) > 0:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        else:
            raise SystemExit((folder / "gateway.log").read_text()[-3000:])
        yield base, f"http://127.0.0.1:{metrics_port}/metrics"
    finally:
        process.terminate()
        process.wait(30)


def _body(model: str, tokens: int) -> dict[str, object]:
    return {"model": model, "prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0}


def _complete(base: str, model: str, tokens: int) -> float:
    """Return the seconds that one completion takes."""
    begun = time.monotonic()
    httpx.post(
        f"{base}/completions", json=_body(model, tokens), timeout=300,
        headers={"authorization": f"Bearer {KEY}"},
    ).raise_for_status()  # fmt: skip
    return time.monotonic() - begun


async def replay(base: str, trace: Trace) -> float:
    """Send the trace's requests at their times; return the mean seconds to an answer."""
    headers = {"authorization": f"Bearer {KEY}"}
    loop = asyncio.get_running_loop()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(headers=headers, timeout=600, limits=limits) as client:

        async def ask(request: Request) -> float:
            await asyncio.sleep(request.arrival)
            begun = loop.time()
            body = _body(f"a{request.adapter}", request.output)
            (await client.post(f"{base}/completions", json=body)).raise_for_status()
            return loop.time() - begun

        return fmean(await asyncio.gather(*(ask(request) for request in trace.requests)))


def measured_speed(url: str, adapter: Path) -> Speed:
    """Return what one engine alone needs for a step, by requests to an adapter of no other use.

    Its slot counts as empty afterwards: it is the one used longest ago.
    """
    name = {"lora_name": "probe"}
    loading = name | {"lora_path": str(adapter)}
    begun = time.monotonic()
    httpx.post(f"{url}/v1/load_lora_adapter", json=loading, timeout=60).raise_for_status()
    load = time.monotonic() - begun

    async def together(count: int) -> float:
        async with httpx.AsyncClient(timeout=300) as client:
            begun = time.monotonic()
            answers = await asyncio.gather(
                *(
                    client.post(f"{url}/v1/completions", json=_body("probe", TOKENS))
                    for _ in range(count)
                )
            )
            for answer in answers:
                answer.raise_for_status()
            return (time.monotonic() - begun) / TOKENS

    asyncio.run(together(1))  # the first one warms it up
    one, four = (median(asyncio.run(together(count)) for _ in range(3)) for count in (1, 4))
    httpx.post(f"{url}/v1/unload_lora_adapter", json=name, timeout=60).raise_for_status()
    each = max(0.0, (four - one) / 3)
    return Speed(
        slots=2, host=4, batch=BATCH, step=max(0.001, one - each), per_sequence=each,
        per_token=0.0, disk_load=load, host_load=0.01,
    )  # fmt: skip


def mean_load(metrics_url: str) -> float:
    """Return the mean seconds of the loads that the gateway asked for."""
    text = httpx.get(metrics_url, timeout=5).text
    found = dict(re.findall(r"^argosy_gateway_adapter_load_seconds_(sum|count) (\S+)", text, re.M))
    return float(found["sum"]) / max(1.0, float(found["count"]))


def forget(engines: Sequence[Engine]) -> None:
    """Let the engines forget all adapters by name; what they hold counts as used longest ago."""
    for engine in engines:
        for number in range(ADAPTERS):
            body = {"lora_name": f"a{number}"}
            httpx.post(f"{engine.url}/v1/unload_lora_adapter", json=body, timeout=60)


def trace_for(speed: Speed, requests: int, seed: int) -> Trace:
    """Draw a trace whose requests are short enough for a CPU."""
    shape = Shape(
        "validation", adapters=ADAPTERS, replicas=ENGINES, exponent=0.8, load=0.5, requests=requests
    )
    # The arrival rate is made for answers of OUTPUT tokens; these are shorter, so is their time.
    share = TOKENS / OUTPUT
    shorter = replace(speed, step=speed.step * share, per_sequence=speed.per_sequence * share)
    trace = make(shape, seed, shorter)
    for request in trace.requests:
        request.output, request.prompt = TOKENS, 4
    return trace


def compare(base: str, metrics: str, engines: Sequence[Engine], speed: Speed, trace: Trace) -> bool:
    """Run the trace in both worlds and print the loads; tell whether they agree."""
    before = [engine.loads() for engine in engines]
    seconds = asyncio.run(replay(base, trace))
    after = [engine.loads() for engine in engines]
    slots, disk = (sum(a[n] - b[n] for a, b in zip(after, before, strict=True)) for n in (0, 1))
    load = mean_load(metrics)
    foreseen, factor = predicted(trace, speed, load, seconds)
    unlearned = simulated(trace, speed, Costs().disk, factor)
    last = trace.requests[-1].arrival
    print(f"seed {trace.seed}, {len(trace.requests)} requests in {last:.0f} s, {speed}")
    print(f"answers took {seconds:.2f} s, steps {factor:.2f} of that speed, loads {load:.3f} s")
    apart = [abs(p - m) / max(1, m) for p, m in ((foreseen.slots, slots), (foreseen.disk, disk))]
    print("| loads | predicted | measured | apart |\n| --- | ---: | ---: | ---: |")
    print(f"| into a slot | {foreseen.slots:.1f} | {slots} | {apart[0]:.0%} |")
    print(f"| from the disk | {foreseen.disk:.1f} | {disk} | {apart[1]:.0%} |")
    print(f"without learning what loads take: {unlearned.slots}, {unlearned.disk}\n", flush=True)
    return max(apart) <= TOLERANCE


def main() -> int:
    """Run it; 1 if a prediction and a measurement are too far apart."""
    parser = argparse.ArgumentParser(prog="benchmarks.placement.validate")
    parser.add_argument("--model", required=True, help="a folder in Hugging Face's form")
    parser.add_argument("--requests", type=int, default=240)
    parser.add_argument("--seed", type=int, nargs="*", default=[1, 2])
    given = parser.parse_args()
    # The engines are ended however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="validate-")))
        script = Path(__file__).with_name("random_adapters.py")
        adapters = folder / "adapters"
        made = [str(ML_PYTHON), str(script), given.model, str(adapters), str(ADAPTERS + 1)]
        subprocess.run(made, check=True)
        engines = []
        for index in range(ENGINES):
            engines.append(Engine(index, given.model, folder))
            stack.callback(engines[-1].stop)
        for engine in engines:
            engine.wait(600)
        agreed = []
        for seed in given.seed:
            with gateway(engines, adapters, folder) as (base, metrics):
                speed = measured_speed(engines[0].url, adapters / str(ADAPTERS))
                trace = trace_for(speed, given.requests, seed)
                agreed.append(compare(base, metrics, engines, speed, trace))
            forget(engines)
    return int(not all(agreed))


if __name__ == "__main__":
    sys.exit(main())
