"""What a folder holds: weights, an adapter of others, or the embeddings of virtual tokens.

Reads configurations only, without torch, so that a load is answered at once and a wrong path is
told at once. The registry has judged the files; here they are only told apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from argosy.engine.errors import BadRequest

_MAX_CONFIG_BYTES: Final = 1 << 20
ADAPTER_CONFIG: Final = "adapter_config.json"
ADAPTER_WEIGHTS: Final = "adapter_model.safetensors"


class Kind(Enum):
    """How an artefact is put to work."""

    WEIGHTS = "weights"
    LORA = "lora"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One model that can be asked for by name. `weights` is the folder of the weights it needs.

    `scores`: it gives a conversation one number instead of going on with it.
    """

    name: str
    folder: Path
    weights: Path
    kind: Kind
    scores: bool = False
    base: str = ""


def read_artifact(name: str, folder: str, weights: str = "", base: str = "") -> Artifact:
    """Tell what `folder` holds; `weights` is the base's folder for what has no weights of its own.

    Raises BadRequest.
    """
    path = _folder(folder, "lora_path")
    if (path / ADAPTER_CONFIG).is_file():
        config = _config(path / ADAPTER_CONFIG)
        kind = {"LORA": Kind.LORA, "PROMPT_TUNING": Kind.PROMPT}.get(str(config.get("peft_type")))
        if kind is None or not (path / ADAPTER_WEIGHTS).is_file():
            raise BadRequest(
                f"{name}: its folder holds neither a LoRA adapter nor a prompt.", param="lora_path"
            )
        scores = config.get("task_type") == "SEQ_CLS"
        return Artifact(name, path, _folder(weights, "base_path"), kind, scores, base)
    config = _config(path / "config.json")
    classes = config.get("architectures") or []
    scores = any(str(c).endswith("ForSequenceClassification") for c in classes)
    return Artifact(name, path, path, Kind.WEIGHTS, scores, base)


def _folder(text: str, param: str) -> Path:
    path = Path(text)
    if not text or not path.is_absolute() or not path.is_dir():
        raise BadRequest(f"{param} is not a folder that this engine sees.", param=param)
    return path


def _config(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ValueError("too large")
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        raise BadRequest(f"{path.name} of the model cannot be read.", param="lora_path") from None
    if not isinstance(config, dict):
        raise BadRequest(f"{path.name} of the model is no object.", param="lora_path")
    return config
