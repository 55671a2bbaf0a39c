"""What can be set of jobs, as ``API_JOBS_*`` variables."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class JobSettings(BaseSettings):
    """The part of the api's settings that the routes of jobs and the worker read."""

    jobs_max_items: int = Field(100_000, ge=1, le=10_000_000, description="Most items of a job; beyond it 413.")
    jobs_max_body_bytes: int = Field(
        256 * 2**20, ge=1024, le=2**36, description="Largest body that makes a job, in bytes; beyond it 413."
    )
    jobs_max_bytes: int = Field(
        512 * 2**20,
        ge=1024,
        le=2**36,
        description="Most bytes of a job's items together, unpacked; beyond it 413. An item has at most "
        "`API_MAX_BODY_BYTES`.",
    )
    jobs_upload_s: float = Field(
        120.0, gt=0, le=3600, description="Seconds that a job's body has to arrive and to be stored."
    )
    jobs_spool_dir: Path | None = Field(
        None,
        description="Folder for uploads while they are read, `API_JOBS_MAX_BODY_BYTES` and `API_JOBS_MAX_BYTES` each; "
        "unset: the system's folder for temporary files.",
    )
    jobs_expire_s: int = Field(
        86_400, ge=1, le=30 * 86_400, description="Seconds after which a job is deleted, counted from its creation."
    )
    jobs_follow_s: float = Field(
        300.0,
        gt=0,
        le=86_400,
        description="Longest that a stream of results with `?follow=true` stays open, in seconds.",
    )
    jobs_concurrency: int = Field(
        1, ge=1, le=64, description="Chunks of jobs that a worker works on at a time, each in a process of its own."
    )
    jobs_nice: int = Field(
        10, ge=0, le=19, description="How far a worker's processes stand back for others in the use of the CPU."
    )
    jobs_deadline_s: float = Field(
        30.0, gt=0, le=300, description="Seconds that a worker's call to Triton has; then the chunk is tried again."
    )
    jobs_chunk_limit_s: int = Field(
        60,
        ge=2,
        le=3600,
        description="Seconds after which a process that works on one chunk is killed. A chunk whose worker has died "
        "altogether is taken over after 5 s more.",
    )
    jobs_max_attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Times that a chunk is begun as a whole. Where as many processes died, its items are answered one "
        "by one, and one whose process dies again fails with `worker_lost`.",
    )
    jobs_retry_s: float = Field(
        900.0,
        ge=0,
        le=86_400,
        description="Seconds for which a chunk is tried again while Triton or the model is away; then its items fail.",
    )
    jobs_heartbeat_file: Path | None = Field(
        None,
        description="File in which a worker notes each second that it works, for `python -m api.jobs.heartbeat`; one "
        "a worker.",
    )
    jobs_webhook_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret from which each API key's secret for signing webhooks is derived; without it no job takes "
        "a webhook.",
    )
    jobs_webhook_private: bool = Field(
        False, description="Whether webhooks may go to loopback, link-local and private addresses."
    )
