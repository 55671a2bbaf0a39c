"""The routes of the jobs: ``POST /jobs/{task}`` makes one, the others show, follow, cancel and delete them."""

import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import errors, failures
from api.jobs import results, webhook
from api.jobs.intake import FORM_TYPE, NDJSON_TYPES, ZIP_TYPES, Read
from api.jobs.record import Job, NewJob
from api.jobs.schemas import JobAnswer, JobList
from api.jobs.spool import beside, receive, spool
from api.settings import Settings
from api.tasks.base import Task
from api.tasks.json_task import JsonTask
from api.telemetry.request_context import context_of
from api.v2.names import model_of

if TYPE_CHECKING:
    from api.jobs.service import Jobs

_ID = re.compile(r"[0-9a-f]{32}")
_NDJSON = NDJSON_TYPES[0]
_MAX_KEY = 255
_MAX_LISTED = 100
# Items of a chunk for a model that has no batches, or that Triton doesn't tell of at the moment.
_ROWS = 32
_OF_ANY = (
    errors.Unauthorized,
    errors.RateLimited,
    errors.InvalidRequest,
    errors.JobsOff,
    errors.JobsUnavailable,
    errors.Overloaded,
)
_OF_ONE = (*_OF_ANY, errors.UnknownJob)
_OF_SUBMISSION = (
    *_OF_ANY,
    errors.KeyReused,
    errors.PayloadTooLarge,
    errors.UnsupportedMedia,
    errors.InvalidArchive,
    errors.RequestTimeout,
    errors.JobStorageFull,
)
_HEADERS = [
    {
        "name": "idempotency-key",
        "in": "header",
        "schema": {"type": "string", "maxLength": _MAX_KEY},
        "description": "The same key and items give the same job; other items give 409.",
    },
    {
        "name": "webhook-url",
        "in": "header",
        "schema": {"type": "string", "format": "uri"},
        "description": "Where the end of the job is announced, signed.",
    },
]


def router_of(settings: Settings, tasks: Sequence[Task]) -> APIRouter:
    """Return the routes.

    Args:
        settings: The limits.
        tasks: The tasks, each of which takes jobs.
    """
    router = APIRouter(prefix="/jobs", tags=["jobs"])
    of_one = failures.describe(settings, *_OF_ONE)
    for task in tasks:
        router.add_api_route(
            f"/{task.name}",
            _submission(task),
            methods=["POST"],
            status_code=202,
            response_model=JobAnswer,
            summary=f"Make a job for {task.name}",
            responses=failures.describe(settings, *_OF_SUBMISSION, accepted=", ".join(_accepted(task))),
            openapi_extra=_describe(_accepted(task)),
        )
    router.add_api_route(
        "/v2/{model}",
        _submit_tensors,
        methods=["POST"],
        status_code=202,
        response_model=JobAnswer,
        summary="Make a job of requests of the Open Inference Protocol, one a line",
        responses=failures.describe(settings, *_OF_SUBMISSION, errors.ModelNotReady, accepted=_NDJSON),
        openapi_extra=_describe((_NDJSON,), {"name": "model", "in": "path", "required": True}),
    )
    of_any = failures.describe(settings, *_OF_ANY)
    router.add_api_route("", _list, response_model=JobList, summary="List your jobs", responses=of_any)
    router.add_api_route("/{job_id}", _show, response_model=JobAnswer, summary="Show a job", responses=of_one)
    router.add_api_route(
        "/{job_id}",
        _delete,
        methods=["DELETE"],
        response_model=JobAnswer,
        summary="Cancel a job; delete one that has ended",
        responses={204: {"description": "It had ended, and is deleted."}, **of_one},
    )
    lines: dict[int | str, dict[str, Any]] = {
        200: {"content": {_NDJSON: {"schema": {"type": "string"}}}, "description": "A line for each item, in order."}
    }
    router.add_api_route(
        "/{job_id}/results",
        _results,
        status_code=200,
        response_class=results.Lines,
        summary="Results, as far as done",
        responses=lines | of_one,
    )
    return router


def _accepted(task: Task) -> tuple[str, ...]:
    return (_NDJSON,) if isinstance(task, JsonTask) else (FORM_TYPE, ZIP_TYPES[0], _NDJSON)


def _describe(media_types: Sequence[str], *parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return OpenAPI's description of a body and the headers beside it."""
    file = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": {"type": "array", "items": file}}, "required": ["file"]}
    content = {media_type: {"schema": form if media_type == FORM_TYPE else file} for media_type in media_types}
    of_path = [{**each, "schema": {"type": "string"}} for each in parameters]
    return {"requestBody": {"required": True, "content": content}, "parameters": [*of_path, *_HEADERS]}


def _submission(task: Task) -> Callable[[Request, Response], Awaitable[JobAnswer]]:
    async def submit(request: Request, response: Response) -> JobAnswer:
        jobs = _jobs(request)
        read = jobs.intake.reader_for(task, request.headers.get("content-type", ""))
        rows = await _rows(request, task.model, task.version)
        return _respond(request, response, await _submit(request, read, task.name, rows))

    return submit


async def _submit_tensors(request: Request, response: Response) -> JobAnswer:
    jobs = _jobs(request)
    model, _ = model_of(request)
    read = jobs.intake.reader_for(None, request.headers.get("content-type", ""))
    rows = (await request.app.state.batcher.metadata(model)).max_batch_size or _ROWS
    return _respond(request, response, await _submit(request, read, f"v2/{model}", rows))


async def _submit(request: Request, read: Read, kind: str, rows: int) -> Job:
    jobs, idempotency = _jobs(request), _idempotency(request)
    url, folder = _webhook(jobs.settings, request), jobs.settings.jobs_spool_dir
    async with jobs.uploading():
        with spool(folder) as body, spool(folder) as file:
            await receive(request.stream(), body)
            packed = await beside(lambda: jobs.intake.pack(read, body, file, rows))
            new = NewJob(
                _owner(request),
                kind,
                packed.total,
                packed.starts,
                hashlib.sha256(f"{kind}\0{packed.fingerprint}".encode()).hexdigest(),
                idempotency,
                request.app.state.tracing.traceparent_of(context_of(request.scope)),
                url,
            )
            return await jobs.add(new, packed)


def _respond(request: Request, response: Response, job: Job) -> JobAnswer:
    response.headers["location"] = f"/jobs/{job.id}"
    answer = job.answer()
    secret = _jobs(request).settings.jobs_webhook_secret
    if job.webhook and secret is not None:
        answer.webhook_secret = webhook.secret_of(job.owner, secret.get_secret_value())
    return answer


async def _list(request: Request, limit: Annotated[int, Query(ge=1, le=_MAX_LISTED)] = _MAX_LISTED) -> JobList:
    found = await _jobs(request).store.jobs_of(_owner(request), limit)
    return JobList(jobs=[job.answer() for job in found])


async def _show(request: Request, job_id: str) -> JobAnswer:
    return (await _find(request, job_id)).answer()


async def _delete(request: Request, job_id: str) -> Any:  # noqa: ANN401 - an answer, or none
    jobs, job = _jobs(request), await _find(request, job_id)
    if job.is_open() and await jobs.store.cancel(job_id):
        return (await _find(request, job_id)).answer()
    await jobs.store.remove(job)
    return Response(status_code=204)


async def _results(
    request: Request,
    job_id: str,
    first: Annotated[int, Query(alias="from", ge=0, description="Index of the first item.")] = 0,
    limit: Annotated[int | None, Query(ge=1, description="Most lines.")] = None,
    follow: Annotated[bool, Query(description="Wait for results that aren't there yet.")] = False,  # noqa: FBT002
) -> Response:
    jobs, job = _jobs(request), await _find(request, job_id)
    if follow:
        return results.Lines(_followed(jobs, job, first, limit))
    return results.Lines(results.stream(jobs.store, job, first, limit))


async def _followed(jobs: "Jobs", job: Job, first: int, limit: int | None) -> AsyncGenerator[bytes]:
    lines = results.stream(jobs.store, job, first, limit, jobs.settings.jobs_follow_s)
    async with jobs.following(), aclosing(lines):
        yield b""  # the client gets the headers at once
        async for piece in lines:
            yield piece


async def _find(request: Request, job_id: str) -> Job:
    """Return a job of the request's API key.

    Raises:
        UnknownJob: There is none.
    """
    job = await _jobs(request).store.job(job_id) if _ID.fullmatch(job_id) else None
    if job is None or job.owner != _owner(request):
        raise errors.UnknownJob("There is no such job, or it has expired.")
    return job


def _jobs(request: Request) -> "Jobs":
    jobs: Jobs | None = request.app.state.jobs
    if jobs is None:
        raise errors.JobsOff("Jobs are off: set API_REDIS_URL to a Redis, and start a worker.")
    return jobs


def _owner(request: Request) -> str:
    from api.jobs.service import owner_of  # noqa: PLC0415 - only with a Redis: its client takes 0.3 s and 7 MB

    return owner_of(request.scope["state"].get("owner", ""))


async def _rows(request: Request, model: str, version: str) -> int:
    """Return the items of a chunk: the model's largest batch."""
    try:
        return (await request.app.state.batcher.metadata(model, version)).max_batch_size or _ROWS
    except errors.UpstreamError:
        return _ROWS


def _idempotency(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if len(key) > _MAX_KEY:
        raise errors.InvalidRequest(f"idempotency-key: at most {_MAX_KEY} characters.")
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest() if key else ""


def _webhook(settings: Settings, request: Request) -> str:
    url = request.headers.get("webhook-url", "")
    if url and settings.jobs_webhook_secret is None:
        raise errors.InvalidRequest("webhook-url: webhooks are off; the operator has to set API_JOBS_WEBHOOK_SECRET.")
    if url:
        webhook.target_of(url)
    return url
