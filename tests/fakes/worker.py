"""A training child that only pretends: the protocol of `argosy.trainer.worker`, at once, no torch.

`python tests/fakes/worker.py [--control FILE] RUN_DIR`. Losses, tokens and adapters are functions
of the seed and the step alone, so a resumed run can be held against an uninterrupted one. What it
does is `KNOBS`, changed by FILE (JSON): keys as in KNOBS, and `lives`, a list whose item n changes
the knobs of the n-th child of a run. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

KNOBS: dict[str, Any] = {
    # Wall time of a step.
    "step_seconds": 0.0,
    # kill -9 of itself before this step is reported.
    "die_at_step": None,
    # Exit with this status instead.
    "exit_at_step": None,
    "exit_status": 3,
    # Die of this signal before this step.
    "signal_at_step": None,
    "signal": 11,
    # Say `failed` before this step.
    "fail_at_step": None,
    "fail_reason": "internal",
    "fail_message": "a failure made on purpose",
    # Say nothing more from this step on.
    "hang_at_step": None,
    # Wait before this step until `hold_file` exists.
    "hold_at_step": None,
    "hold_file": None,
    # Die after a checkpoint was written aside and before its rename.
    "die_before_rename_at": None,
    # Damage a file of the checkpoint of this step after its rename, then die.
    "tear_at_step": None,
    # Go on when asked to stop.
    "ignore_sigterm": False,
    # Start a process that outlives this one and holds its output.
    "grandchild": False,
    # Print what no protocol knows.
    "noise": False,
    # Print a traceback that quotes the training data, then die of it.
    "spill": False,
    # Say `bad_checkpoint` if told to resume.
    "refuse_to_resume": False,
    # Training losses by step, the last one for all that come after; null: as the seed says.
    "train_losses": None,
    # Validation losses in order, the last one for all that come after; null: as the seed says.
    "valid_losses": None,
    # Lines that cannot be learnt from.
    "dropped": [],
    # Width of the adapter's matrices where the base's is not known.
    "width": 8,
}


class Worker:
    """One life of a run's child."""

    def __init__(self, run_dir: Path, knobs: dict[str, Any]) -> None:
        self._run_dir = run_dir
        self._knobs = knobs
        self._spec = json.loads((run_dir / "spec.json").read_text("utf-8"))
        self._stopped = False
        self._best, self._fruitless = (math.inf, 0), 0

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._on_sigterm)
        spec = self._spec
        (self._run_dir / "aside").mkdir(exist_ok=True)
        (self._run_dir / "checkpoints").mkdir(exist_ok=True)
        if self._knobs["grandchild"]:
            # Its pid is all that the test needs to know of it.
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (self._run_dir / "grandchild").write_text(str(child.pid))
        if self._knobs["noise"]:
            print("Loading weights: 100%\n{not json\n[1, 2]\n" + "x" * (3 << 20), flush=True)
        if self._knobs["spill"]:
            text = Path(spec["sources"][0]["path"]).read_text("utf-8")
            print(text, flush=True)
            raise ValueError(f"cannot read {text!r}")
        records = sum(
            max(1, math.floor(_count_records(Path(each["path"])) * each["rate"] + 0.5))
            for each in spec["sources"]
        )
        total = spec["max_steps"] or spec["n_epochs"] * math.ceil(records / spec["batch_size"])
        first = self._resume_step()
        if first and self._knobs["refuse_to_resume"]:
            say("failed", reason="bad_checkpoint", message="refused on purpose")
            return 1
        if self._knobs["dropped"]:
            lines = self._knobs["dropped"]
            say("dropped", count=len(lines), lines=lines, reason="longer than max_seq_length")
        say("started", total_steps=total, records=records, resumed_from=first)
        for step in range(first + 1, total + 1):
            if self._misbehave(step):
                return 1
            time.sleep(self._knobs["step_seconds"])
            if self._stopped:
                return 143
            say("step", step=step, **self._numbers(step), **self._more(step))
            due = step % spec["checkpoint_every_steps"] == 0 or step == total
            stop = self._validate(step)
            # A run that may stop early keeps the checkpoint of its best validation.
            best = spec["early_stop_patience"] and self._best[1] == step
            if due or stop or best:
                path = self._checkpoint(step)
                say("checkpoint", step=step, path=str(path))
            if stop:
                say("early_stopped", step=step, best_step=self._best[1])
                total = step
                break
        say("finished", step=total, path=str(self._run_dir / "checkpoints" / f"step-{total}"))
        return 0

    def _validate(self, step: int) -> bool:
        """Look at the validation file if it is due; tell whether the run stops early."""
        every = self._spec["validate_every_steps"]
        if not self._spec["validation_file"] or not every:
            return False
        if step % every:
            return False
        losses = self._knobs["valid_losses"]
        told = validation_numbers(self._spec["seed"], step)
        if losses:
            told["valid_loss"] = losses[min(step // every, len(losses)) - 1]
        say("validation", step=step, **told)
        self._fruitless += 1
        if told["valid_loss"] < self._best[0]:
            self._best, self._fruitless = (told["valid_loss"], step), 0
        patience = self._spec["early_stop_patience"]
        return bool(patience) and self._fruitless >= patience

    def _numbers(self, step: int) -> dict[str, Any]:
        told = numbers(self._spec["seed"], step)
        losses = self._knobs["train_losses"]
        if losses:
            told["train_loss"] = losses[min(step, len(losses)) - 1]
        return told

    def _more(self, step: int) -> dict[str, Any]:
        """What reinforcement measures besides, and which records a step saw."""
        more: dict[str, Any] = {"records": [step, step + 1]}
        if self._spec["method"] == "rlhf":
            more["values"] = {"reward": round(1 - 1 / (step + 1), 6), "kl": 0.01}
            say("sample", step=step, prompt="Hello?", text="Hello!", logprob=-1.5, reward=0.5)
        return more

    def _resume_step(self) -> int:
        if self._spec["resume_from"] is None:
            return 0
        manifest = Path(self._spec["resume_from"]) / "manifest.json"
        step: int = json.loads(manifest.read_text("utf-8"))["step"]
        return step

    def _misbehave(self, step: int) -> bool:
        """Do what is due before `step`; tell whether the run has failed."""
        knobs = self._knobs
        if knobs["hold_at_step"] == step:
            while not Path(knobs["hold_file"]).exists() and not self._stopped:
                time.sleep(0.005)
        if knobs["die_at_step"] == step:
            die()
        if knobs["signal_at_step"] == step:
            os.kill(os.getpid(), knobs["signal"])
            signal.pause()
        if knobs["exit_at_step"] == step:
            os._exit(knobs["exit_status"])
        if knobs["hang_at_step"] == step:
            while not self._stopped:
                time.sleep(0.05)
        if knobs["fail_at_step"] == step:
            say("failed", reason=knobs["fail_reason"], message=knobs["fail_message"])
            return True
        return False

    def _checkpoint(self, step: int) -> Path:
        written = self._run_dir / "aside" / f"checkpoint-{step}"
        shutil.rmtree(written, ignore_errors=True)
        written.mkdir()
        seed = self._spec["seed"]
        width = base_width(self._spec) or self._knobs["width"]
        for name, content in result_files(self._spec, width, step).items():
            (written / name).write_bytes(content)
        (written / "optimizer.pt").write_bytes(random.Random(seed + step).randbytes(64))
        files = {path.name: _describe(path) for path in sorted(written.iterdir())}
        manifest = {"step": step, "files": files}
        (written / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        if self._knobs["die_before_rename_at"] == step:
            die()
        target = self._run_dir / "checkpoints" / f"step-{step}"
        shutil.rmtree(target, ignore_errors=True)
        written.rename(target)
        if self._knobs["tear_at_step"] == step:
            file = target / "adapter_model.safetensors"
            os.truncate(file, file.stat().st_size // 2)
            die()
        return target

    def _on_sigterm(self, _number: int, _frame: object) -> None:
        self._stopped = not self._knobs["ignore_sigterm"]


def numbers(seed: int, step: int) -> dict[str, Any]:
    """The metrics of a step: a function of seed and step, as a deterministic run's are."""
    draw = random.Random(f"{seed}/{step}")
    return {
        "train_loss": round(2.0 / step + draw.random() / 10, 6),
        "train_mean_token_accuracy": round(1 - 1 / (step + 1), 6),
        "learning_rate": 0.001,
        "grad_norm": round(draw.random(), 6),
        "tokens": 100 + draw.randrange(100),
        "tokens_per_second": 170.0,
    }


def validation_numbers(seed: int, step: int) -> dict[str, Any]:
    draw = random.Random(f"valid/{seed}/{step}")
    return {
        "valid_loss": round(2.2 / step + draw.random() / 10, 6),
        "valid_mean_token_accuracy": round(1 - 1 / (step + 1), 6),
    }


def base_width(spec: dict[str, Any]) -> int | None:
    """The base model's width, if its folder can be read here: what is made is held against it."""
    config = Path(spec["weights_path"]) / "config.json"
    return int(json.loads(config.read_text())["hidden_size"]) if config.exists() else None


def result_files(spec: dict[str, Any], width: int, step: int) -> dict[str, bytes]:
    """What a run of this method and scale makes."""
    seed, scores = spec["seed"], spec["method"] == "reward"
    if spec["scale"] == "full":
        return whole_model(Path(spec["weights_path"]), f"{seed}/{step}", scores=scores)
    if spec["scale"] == "prompt_tuning":
        tokens = spec["virtual_tokens"]
        return {
            "adapter_config.json": prompt_config(tokens, width),
            "adapter_model.safetensors": tensors(
                {"prompt_embeddings": [tokens, width]}, f"{seed}/{step}"
            ),
        }
    rank = spec["lora_rank"]
    return {
        "adapter_config.json": adapter_config(rank, scores=scores),
        "adapter_model.safetensors": adapter(rank, width, seed, step, scores=scores),
    }


def whole_model(base: Path, seed: str, *, scores: bool) -> dict[str, bytes]:
    """All weights, in the base's shapes; a reward model has a score head besides."""
    config = json.loads((base / "config.json").read_text())
    raw = (base / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    shapes = {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    if scores:
        config["architectures"] = ["LlamaForSequenceClassification"]
        shapes["score.weight"] = [1, config["hidden_size"]]
    return {
        "config.json": json.dumps({**config, "dtype": "float32"}).encode(),
        "model.safetensors": tensors(shapes, seed),
    }


def adapter_config(rank: int, *, scores: bool = False) -> bytes:
    more = {"task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score"]} if scores else {}
    return json.dumps(
        {
            "base_model_name_or_path": "base",
            "bias": "none",
            "inference_mode": True,
            "lora_alpha": 2 * rank,
            "lora_dropout": 0.0,
            "peft_type": "LORA",
            "r": rank,
            "target_modules": ["q_proj"],
            "task_type": "CAUSAL_LM",
            **more,
        }
    ).encode()


def prompt_config(tokens: int, width: int) -> bytes:
    return json.dumps(
        {
            "base_model_name_or_path": "base",
            "inference_mode": True,
            "num_attention_heads": 2,
            "num_layers": 1,
            "num_transformer_submodules": 1,
            "num_virtual_tokens": tokens,
            "peft_type": "PROMPT_TUNING",
            "prompt_tuning_init": "RANDOM",
            "task_type": "CAUSAL_LM",
            "token_dim": width,
        }
    ).encode()


def adapter(rank: int, width: int, seed: int, step: int, *, scores: bool = False) -> bytes:
    """A safetensors file with one LoRA pair: A (rank, width) and B (width, rank), float32."""
    prefix = "base_model.model.model.layers.0.self_attn.q_proj"
    shapes = {
        f"{prefix}.lora_A.weight": [rank, width],
        f"{prefix}.lora_B.weight": [width, rank],
    }
    if scores:
        shapes["base_model.model.score.weight"] = [1, width]
    return tensors(shapes, f"weights/{seed}/{step}")


def tensors(shapes: dict[str, list[int]], seed: str) -> bytes:
    """A safetensors file of float32 numbers that the seed draws."""
    draw = random.Random(seed)
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in shapes.items():
        count = math.prod(shape)
        raw = struct.pack(f"<{count}f", *(draw.uniform(-1, 1) for _ in range(count)))
        entries[name] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + data


def say(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is on its way; nothing more may happen here.
    signal.pause()
    raise AssertionError


def _count_records(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _describe(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def _knobs(control: Path | None, run_dir: Path) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if control is not None and control.exists():
        changes = json.loads(control.read_text("utf-8"))
    lives = changes.pop("lives", [])
    counter = run_dir / "lives"
    life = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(life + 1))
    if life < len(lives):
        changes |= lives[life]
    unknown = changes.keys() - KNOBS.keys()
    if unknown:
        raise SystemExit(f"unknown knobs: {sorted(unknown)}")
    return KNOBS | changes


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=Path)
    parser.add_argument("run_dir", type=Path)
    arguments = parser.parse_args()
    directory: Path = arguments.run_dir.absolute()
    sys.exit(Worker(directory, _knobs(arguments.control, directory)).run())
