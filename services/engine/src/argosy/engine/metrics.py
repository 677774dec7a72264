"""What the engine tells of itself, under vLLM's names where the gateway reads them."""

from __future__ import annotations

import resource
import time

from argosy.engine.backend import Load
from argosy.engine.counts import Counts


def exposition(load: Load, counts: Counts, names: int, started_at: float) -> str:
    """Return the text of `/metrics`."""
    label = '{engine="0",model_name="transformers"}'
    active = ",".join(load.active)
    return (
        "# TYPE process_start_time_seconds gauge\n"
        f"process_start_time_seconds {started_at}\n"
        "# TYPE process_max_resident_memory_bytes gauge\n"
        f"process_max_resident_memory_bytes {_peak_bytes()}\n"
        "# TYPE vllm:num_requests_running gauge\n"
        f"vllm:num_requests_running{label} {load.running}\n"
        "# TYPE vllm:num_requests_waiting gauge\n"
        f"vllm:num_requests_waiting{label} {load.waiting}\n"
        "# TYPE vllm:prompt_tokens_total counter\n"
        f"vllm:prompt_tokens_total{label} {counts.read}\n"
        "# TYPE vllm:generation_tokens_total counter\n"
        f"vllm:generation_tokens_total{label} {counts.written}\n"
        # How many run at once is the batch's matter, whosever they are: no number of slots.
        "# TYPE vllm:lora_requests_info gauge\n"
        f'vllm:lora_requests_info{{max_lora="0",running_lora_adapters="{active}",'
        f'waiting_lora_adapters=""}} {time.time()}\n'
        "# TYPE argosy_engine_models_registered gauge\n"
        f"argosy_engine_models_registered {names}\n"
        "# TYPE argosy_engine_loaded_bytes gauge\n"
        f"argosy_engine_loaded_bytes {load.loaded_bytes}\n"
    )


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
