"""What Redis keeps of a job."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from api.jobs.schemas import JobAnswer, WebhookState

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN = (QUEUED, RUNNING)


class NewJob(NamedTuple):
    """A job to be stored.

    Attributes:
        owner: Stands for the API key.
        kind: The task's name, or ``v2/`` and the model's.
        total: Items.
        starts: Position of each chunk's first item.
        fingerprint: The same for the same items.
        idempotency: Digest of the Idempotency-Key; empty without one.
        traceparent: The trace that the request belongs to; empty for none.
        webhook: Where the end is announced; empty for nowhere.
    """

    owner: str
    kind: str
    total: int
    starts: list[int]
    fingerprint: str
    idempotency: str = ""
    traceparent: str = ""
    webhook: str = ""

    def fields(self) -> dict[str, str | int | bytes]:
        """Return the fields of the record; an empty one is left out."""
        fields: dict[str, str | int | bytes] = {
            "owner": self.owner,
            "kind": self.kind,
            "state": QUEUED,
            "total": self.total,
            "chunks": len(self.starts),
            "starts": orjson.dumps(self.starts),
            "next": 0,
            "done": 0,
            "failed": 0,
            "fingerprint": self.fingerprint,
        }
        more = {"idempotency": self.idempotency, "traceparent": self.traceparent, "webhook": self.webhook}
        return fields | {name: value for name, value in more.items() if value}


class Job(NamedTuple):
    """A stored job; times in seconds since 1970."""

    id: str
    owner: str
    kind: str
    state: str
    total: int
    done: int
    failed: int
    chunks: int
    starts: list[int]
    created: float
    expires: float
    started: float | None
    finished: float | None
    fingerprint: str
    idempotency: str
    traceparent: str
    webhook: str
    webhook_state: str
    webhook_attempts: int

    def is_open(self) -> bool:
        """Say whether some of its items have no outcome yet."""
        return self.state in OPEN

    def answer(self) -> JobAnswer:
        """Return what clients see of it."""
        webhook = None
        if self.webhook:
            webhook = WebhookState(state=self.webhook_state or "pending", attempts=self.webhook_attempts)
        return JobAnswer(
            id=self.id,
            task=self.kind,
            state=self.state,
            total=self.total,
            done=self.done,
            failed=self.failed,
            created_at=self.created,
            started_at=self.started,
            finished_at=self.finished,
            expires_at=self.expires,
            results=f"/jobs/{self.id}/results",
            webhook=webhook,
        )


def job_of(job_id: str, raw: Mapping[bytes, bytes]) -> Job:
    """Return the job of a record."""
    text = {name.decode(): value.decode() for name, value in raw.items()}

    def seconds(name: str) -> float | None:
        return float(text[name]) if name in text else None

    return Job(
        job_id,
        text["owner"],
        text["kind"],
        text["state"],
        int(text["total"]),
        int(text["done"]),
        int(text["failed"]),
        int(text["chunks"]),
        orjson.loads(text["starts"]),
        float(text["created"]),
        float(text["expires"]),
        seconds("started"),
        seconds("finished"),
        text["fingerprint"],
        text.get("idempotency", ""),
        text.get("traceparent", ""),
        text.get("webhook", ""),
        text.get("webhook_state", ""),
        int(text.get("webhook_attempts", 0)),
    )
