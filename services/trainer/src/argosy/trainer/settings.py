"""Settings of the trainer's supervisor, read once from `ARGOSY_*`. Knows no defaults of peers."""

from __future__ import annotations

import os
from pathlib import Path

from argosy.kit.settings import Address, DatabaseSettings
from argosy.trainer.domain.memory import Device
from argosy.trainer.load import LoadPolicy
from pydantic import Field


class TrainerSettings(DatabaseSettings):
    """What the trainer reads besides what all services read."""

    registry_url: Address = Field(description="host:port of the registry's gRPC.")
    run_root: Path = Field(description="Folder of the runs; one supervisor at a time uses it.")
    worker_python: Path = Field(
        default=Path("python"), description="Python of the environment that has torch."
    )
    worker_command: list[str] | None = Field(
        default=None,
        description="JSON list that replaces `[worker_python, -m, argosy.trainer.worker]`.",
    )
    compress_python: Path | None = Field(
        default=None,
        description="Python of the environment that compresses; unless it is there, such jobs are "
        "refused.",
    )
    training_programs: Path | None = Field(
        default=None,
        description="TOML file of the programs that jobs of one's own code may run, by name; "
        "without it such jobs are refused.",
    )
    slots: int = Field(default=1, ge=1, le=64, description="Jobs that run at the same time.")
    run_processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="GPUs that share the steps of one run; KTO and RLHF use one.",
    )
    lease_seconds: float = Field(
        default=30.0, ge=1.0, description="How long a dead supervisor's job waits for another."
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="How often to look for work that nobody announced."
    )
    relist_seconds: float = Field(
        default=60.0, gt=0, description="How often to compare jobs and run folders with the truth."
    )
    spend_seconds: float = Field(
        default=15.0, gt=0, description="How often jobs are held to their project's money."
    )
    drift_seconds: float = Field(
        default=24 * 3600.0,
        gt=0,
        description="How often what models are asked is compared with their training data.",
    )
    stall_seconds: float = Field(
        default=1800.0, gt=0, description="A child that says nothing for this long is killed."
    )
    stop_grace_seconds: float = Field(
        default=5.0, ge=0, description="From SIGTERM to SIGKILL of a child."
    )
    crash_retries: int = Field(
        default=3, ge=0, description="Crashes of a child without a new checkpoint in between."
    )
    crash_backoff_seconds: float = Field(
        default=2.0, ge=0, description="Wait after a child's first crash; doubles with each."
    )
    publish_timeout_seconds: float = Field(
        default=120.0, gt=0, description="Limit of one upload of an adapter to the registry."
    )
    max_lora_rank: int = Field(
        default=64, ge=1, description="Highest LoRA rank that the engines serve."
    )
    gpu_memory_gib: float = Field(
        default=0.0,
        ge=0,
        description="Memory of the GPU that trains, in GiB; 0 where the CPU trains.",
    )
    gateway_metrics_urls: list[str] = Field(
        default=[],
        description="JSON list of the gateways' /metrics, for jobs that wait for idle time.",
    )
    idle_requests: int = Field(
        default=0, ge=0, description="Requests under way, up to which serving counts as idle."
    )
    idle_seconds: float = Field(
        default=30.0, ge=0, description="How long serving is idle before idle-time jobs run."
    )
    idle_yield_seconds: float = Field(
        default=60.0,
        ge=0,
        description="How long an idle-time job goes on to a checkpoint when serving wakes.",
    )
    run_retention_seconds: float = Field(
        default=7 * 24 * 3600.0,
        ge=0,
        description="How long the folder of a finished run is kept.",
    )

    def device(self) -> Device:
        """Return what trains."""
        if self.gpu_memory_gib:
            return Device(int(self.gpu_memory_gib * (1 << 30)), accelerated=True)
        return Device(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))

    def load(self) -> LoadPolicy:
        """Return when serving is quiet."""
        return LoadPolicy(
            self.gateway_metrics_urls, self.idle_requests, self.idle_seconds, self.poll_seconds
        )

    def command(self) -> list[str]:
        """Return the child's command, without the run folder that comes last."""
        return self.worker_command or [str(self.worker_python), "-m", "argosy.trainer.worker"]

    def compress_command(self) -> list[str]:
        """Return the command of the child that compresses; empty where there is none."""
        if self.compress_python is None or not self.compress_python.exists():
            return []
        return [str(self.compress_python), "-m", "argosy.trainer.worker.compression"]
