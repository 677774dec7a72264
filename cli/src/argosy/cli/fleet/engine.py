"""The engine: which flavour fits this machine, which model it serves, with which flags.

Knows vLLM's flags and environment. Measured defaults are for two cores (docs); every flag can be
replaced with `--engine-flag`, since the last one counts.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.cli.errors import UsageError

PACKAGED_MODEL: Final = "smollm2-135m-instruct"
_PACKAGED_OWNER: Final = "huggingfacetb"
_CONTEXT: Final = 2048
_DEFAULT_LORA_RANK: Final = 16  # vLLM's own
_LORA: Final = ("--enable-lora",)
# Without it the engine never tells how much of its input was cached, which has a price of its own.
_TELLING: Final = ("--enable-prompt-tokens-details",)

# On a CPU an adapter costs by the highest rank allowed, not by its own: 8 streams through one of
# rank 16 keep 0.44, 0.41 and 0.09 of the base model's speed at --max-lora-rank 16, 32 and 64. A
# loaded adapter of rank 16 takes 10 MB.
_CPU_FLAGS: Final = (
    "--enforce-eager", *_TELLING, *_LORA, "--max-loras", "2", "--max-cpu-loras", "8",
    "--max-lora-rank", "32", "--max-num-seqs", "16", "--max-model-len", str(_CONTEXT),
)  # fmt: skip

# A part of the GPU's memory is left to the trainer.
_CUDA_FLAGS: Final = (
    *_TELLING, *_LORA, "--max-loras", "8", "--max-cpu-loras", "64", "--max-lora-rank", "64",
    "--gpu-memory-utilization", "0.6",
)  # fmt: skip


@dataclass(frozen=True)
class Engine:
    """A model and the way it is served. `python` and `weights` may be missing on disk."""

    model_id: str
    weights: str
    owned_by: str
    context_length: int
    flavour: str
    python: Path
    flags: tuple[str, ...]

    @property
    def max_lora_rank(self) -> int:
        """The highest rank of an adapter that this engine serves."""
        return _number(self.flags, "--max-lora-rank") or _DEFAULT_LORA_RANK

    def check(self) -> None:
        """Raise `UsageError` if the engine cannot start for want of an environment or a model."""
        if not self.python.exists():
            raise UsageError(
                f"The engine's environment is missing ({self.python}): run `make setup` first."
            )
        if Path(self.weights).is_absolute() and not Path(self.weights, "config.json").is_file():
            raise UsageError(
                f"{self.weights} holds no model (no config.json): run `make setup` for the "
                "packaged one, or give --model a folder in Hugging Face's form or a hub id."
            )

    def environment(self) -> dict[str, str]:
        """Return what the engine's processes find in their environment."""
        settings = {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "VLLM_SLEEP_WHEN_IDLE": "1",
        }
        if Path(self.weights).is_absolute():
            settings |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        if self.flavour == "cpu":
            settings |= {
                "VLLM_CPU_KVCACHE_SPACE": "1",
                "VLLM_CPU_OMP_THREADS_BIND": _cpu_list(os.sched_getaffinity(0)),
            }
        return settings


def resolve(
    *, ml_environment: Path, model: str | None, extra_flags: Sequence[str], flavour: str | None
) -> Engine:
    """Decide on the engine. `model`: a folder, a hub id, or None for the packaged model."""
    chosen = flavour or _installed_flavour(ml_environment) or detect_flavour()
    weights, model_id, owner = _model(ml_environment, model)
    usual = _CPU_FLAGS if chosen == "cpu" else _CUDA_FLAGS
    # The engine ends at its start when quantized weights are to take adapters (measured: W8A8).
    flags = (*(_without_lora(usual) if _quantized(weights) else usual), *extra_flags)
    return Engine(
        model_id=model_id,
        weights=weights,
        owned_by=owner,
        context_length=_context(weights, flags),
        flavour=chosen,
        python=ml_environment / "bin" / "python",
        flags=flags,
    )


def _quantized(weights: str) -> bool:
    return bool(_config(weights).get("quantization_config"))


def _without_lora(flags: Sequence[str]) -> tuple[str, ...]:
    """Return the flags but for those that say how adapters are taken, each with its value."""
    kept = [flag for flag in flags if flag not in _LORA]
    for name in ("--max-loras", "--max-cpu-loras", "--max-lora-rank"):
        at = kept.index(name)
        del kept[at : at + 2]
    return tuple(kept)


def _config(weights: str) -> dict[str, Any]:
    """Return the weights' configuration; empty if they are not in a folder here."""
    try:
        found = json.loads(Path(weights, "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _installed_flavour(ml_environment: Path) -> str | None:
    """Return what `make setup` installed, unless a setting overrides it."""
    record = ml_environment / "share" / "argosy" / "flavour"
    if os.environ.get("ARGOSY_ENGINE_FLAVOUR") or not record.is_file():
        return None
    return record.read_text("utf-8").strip()


def detect_flavour(environment: Mapping[str, str] | None = None) -> str:
    """Return `cuda` on a machine with an NVIDIA GPU, else `cpu`; ARGOSY_ENGINE_FLAVOUR decides.

    Raises `UsageError` for another word.
    """
    asked = (os.environ if environment is None else environment).get("ARGOSY_ENGINE_FLAVOUR", "")
    if asked:
        if asked not in {"cpu", "cuda"}:
            raise UsageError(f"ARGOSY_ENGINE_FLAVOUR is {asked!r}; write cpu or cuda.")
        return asked
    has_gpu = Path("/dev/nvidia0").exists() and shutil.which("nvidia-smi") is not None
    return "cuda" if has_gpu and sys.platform == "linux" else "cpu"


def _model(ml_environment: Path, model: str | None) -> tuple[str, str, str]:
    """Return the weights, the model's id and its owner."""
    if model is None:
        folder = ml_environment / "share" / "argosy" / "models" / PACKAGED_MODEL
        return str(folder), PACKAGED_MODEL, _PACKAGED_OWNER
    path = Path(model).expanduser()
    if path.is_dir():
        return str(path.resolve()), path.resolve().name.lower(), "local"
    owner, slash, name = model.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise UsageError(
            f"--model {model!r} is neither a folder here nor a hub id such as "
            "HuggingFaceTB/SmolLM2-360M-Instruct."
        )
    return model, name.lower(), owner.lower()


def _number(flags: Sequence[str], name: str) -> int | None:
    """Return the value of a flag; the last one counts, as it does for the engine."""
    words = [part for flag in flags for part in flag.split("=", 1)]
    for index in reversed(range(len(words) - 1)):
        if words[index] == name and words[index + 1].isdigit():
            return int(words[index + 1])
    return None


def _context(weights: str, flags: Sequence[str]) -> int:
    """Return how many tokens a request may have: the flag's, else the model's own limit."""
    asked = _number(flags, "--max-model-len")
    if asked is not None:
        return asked
    try:
        return int(_config(weights)["max_position_embeddings"])
    except (ValueError, KeyError, TypeError):
        return _CONTEXT


def _cpu_list(cpus: set[int]) -> str:
    """Write a set of CPUs as vLLM reads it: {0, 1, 2, 5} → `0-2,5`."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
