"""The bodies of the jobs' routes, as clients see them in OpenAPI."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

Time = Annotated[
    datetime, BeforeValidator(lambda value: datetime.fromtimestamp(value, UTC) if isinstance(value, float) else value)
]


class WebhookState(BaseModel):
    """How far the announcement of the end is."""

    state: Literal["pending", "delivered", "failed"]
    attempts: int = Field(description="Times that it was sent.")


class JobAnswer(BaseModel):
    """A job."""

    id: str
    task: str = Field(description="The task's name; `v2/` and the model's name for tensors.")
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(
        description="`done` once every item has its outcome and at least one has an answer; `failed` where none has."
    )
    total: int = Field(description="Items.")
    done: int = Field(description="Items that have an answer.")
    failed: int = Field(description="Items that ended in an error.")
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time = Field(description="When the job and its results are deleted.")
    results: str = Field(description="Path of the results.")
    webhook: WebhookState | None = None
    webhook_secret: str | None = Field(
        None, description="Signs the webhooks of this API key; only in the answer that makes a job with a webhook."
    )


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobAnswer]
