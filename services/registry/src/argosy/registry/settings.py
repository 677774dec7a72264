"""Settings of the registry: what it reads from `ARGOSY_*` besides what all services share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from argosy.kit.settings import DatabaseSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict


class RegistrySettings(DatabaseSettings):
    """One frozen object, read once. An error in it does not quote what was given."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    key_pepper: SecretStr = Field(
        min_length=16, description="Secret mixed into key digests; the gateway has the same."
    )
    bootstrap_key: SecretStr = Field(
        default=SecretStr(""), description="API key that exists from the first start on."
    )
    blob_root: Path = Field(description="Folder of files and adapters; engines read the latter.")
    catalog_file: Path | None = Field(
        default=None, description="TOML with organization, projects, pools, models and keys."
    )

    sign_up: Literal["closed", "approval"] = Field(
        default="closed",
        description="Whether people may ask for access by themselves, for an owner to approve.",
    )

    gateway_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+)?$",
        description="http://host:port of the gateway, for work that calls it as a client does.",
    )

    max_file_bytes: int = Field(default=512 << 20, ge=1, description="Largest upload, in bytes.")
    max_file_rows: int = Field(default=1_000_000, ge=1, description="Most records in a JSONL file.")
    max_line_bytes: int = Field(default=1 << 20, ge=1, description="Longest JSONL line, in bytes.")
    max_source_bytes: int = Field(
        default=2 << 30, ge=1, description="Largest source of one import, in bytes."
    )
    import_url_hosts: str = Field(
        default="",
        description="Hosts (or host:port) that imports may fetch, by commas; empty for none.",
    )
    import_s3_prefix: str = Field(
        default="",
        pattern=r"^(s3://[^/]+(/.*)?)?$",
        description="s3://bucket/{project_id}: what imports of a project may read; empty for none.",
    )
    import_s3_endpoint: str = Field(
        default="", description="URL of the S3-style store; empty for the region's own."
    )
    import_s3_region: str = Field(default="us-east-1", description="Its region.")
    import_s3_access_key_id: str = Field(default="", description="Its access key.")
    import_s3_secret_access_key: SecretStr = Field(
        default=SecretStr(""), description="Its secret key."
    )
    max_archive_files: int = Field(default=100, ge=1, description="Most files in a ZIP archive.")
    max_archive_member_bytes: int = Field(
        default=100 << 20, ge=1, description="Largest file in a ZIP archive, unpacked, in bytes."
    )
    max_archive_bytes: int = Field(
        default=5 << 30, ge=1, description="Largest ZIP archive, unpacked, in bytes."
    )
    max_dataset_records: int = Field(
        default=5_000_000, ge=1, description="Most records that one task may write."
    )
    preset_datasets: bool = Field(
        default=True, description="Whether every project sees the packaged preset data sets."
    )
    data_slots: int = Field(default=2, ge=0, description="Data tasks at work at the same time.")
    max_data_tasks: int = Field(
        default=100, ge=1, description="Data tasks of one project that have not ended."
    )
    data_lease_seconds: float = Field(
        default=15.0, gt=0, description="After how long a lost registry's data task is taken over."
    )
    data_poll_seconds: float = Field(
        default=1.0, gt=0, description="How soon a data task made by another replica is noticed."
    )
    data_retry_seconds: float = Field(
        default=2.0, ge=0, description="How long a data task rests after its process died."
    )

    max_adapter_bytes: int = Field(
        default=1 << 30, ge=1, description="Largest adapter_model.safetensors, in bytes."
    )
    max_lora_rank: int = Field(default=64, ge=1, description="Largest LoRA rank that is served.")
    upload_idle_seconds: float = Field(
        default=60.0, gt=0, description="An upload that sends nothing for so long is ended."
    )
    measure_seconds: float = Field(
        default=600.0, gt=0, description="Longest time to count the tokens of one source."
    )
    measures_at_once: int = Field(
        default=1, ge=1, description="Sources whose tokens are counted at the same time."
    )

    watch_poll_seconds: float = Field(
        default=0.5, gt=0, description="How soon a change made by another replica is noticed."
    )
    watch_heartbeat_seconds: float = Field(
        default=5.0, gt=0, description="How often a watcher hears that nothing changed."
    )
    key_expiry_seconds: float = Field(
        default=1.0, gt=0, description="How often keys are ended that are past their end."
    )
    spend_seconds: float = Field(
        default=15.0, gt=0, description="How often projects are held to their money of the month."
    )
    webhook_seconds: float = Field(
        default=2.0, gt=0, description="How often messages to users' URLs are looked for."
    )
    webhook_timeout_seconds: float = Field(
        default=10.0, gt=0, description="Longest time that a user's URL may take to answer."
    )
    webhook_allowed_hosts: str = Field(
        default="",
        description="Own hosts and networks that users' URLs may name too, with commas between.",
    )
    cost_gauge_seconds: float = Field(
        default=30.0,
        gt=0,
        description="How often the gauge of the day's cost is brought up to date.",
    )
    sweep_seconds: float = Field(
        default=60.0, gt=0, description="How often expired files are deleted."
    )
    collect_seconds: float = Field(
        default=3600.0, gt=0, description="How often leftovers without a row are removed."
    )
    orphan_grace_seconds: float = Field(
        default=3600.0, ge=0, description="Younger leftovers may belong to an upload under way."
    )
