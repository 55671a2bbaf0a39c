"""Micro-batching: concurrent requests of one worker share calls to the inference server.

A call costs far more than a row: gRPC, protobuf and the event loop are paid once a call. Requests queue in lanes, and
share calls only inside a lane (``lanes.py``). While ``max_calls`` calls of a lane are under way, its requests wait;
they leave together as soon as one of the calls returns. A request to an idle lane leaves at once. The queue is bounded,
and a cancelled request leaves it. The next call is sent before the answers of the last are handed out, since writing
those to many clients takes milliseconds.
"""

import asyncio
import contextlib
import time

from api.errors import DeadlineExceeded, ModelNotReady, Overloaded, Unavailable, UpstreamError
from api.inference import tensors
from api.inference.client import InferenceClient, InferenceRequest, InferenceResult, ModelMetadata
from api.inference.lanes import Answer, Decode, Lane, Lanes, Rows, Waiting
from api.inference.models import Models
from api.inference.traffic import Traffic
from api.telemetry import metrics
from api.telemetry.request_context import RequestContext

# The whole call failed for these reasons: asking for each of its requests again would fail the same way.
_OF_THE_CALL = (Unavailable, ModelNotReady, DeadlineExceeded)
# Calls under way in a lane whose requests have a call each: a batch of inputs to a model without a batch dimension
# could otherwise make thousands.
_MAX_SINGLE_CALLS = 64


class MicroBatcher:
    """Gathers requests and sends them together; lives in one event loop.

    Args:
        client: Makes the calls.
        models: Knows the models' batch sizes.
        max_calls: Most calls under way at a time in a lane, ≥ 1.
        max_queued_rows: Most rows that wait, in all lanes together, ≥ 1; more wait only if they come in one request.
        traffic: Chooses the versions of requests that name none; the server does if not given.
    """

    def __init__(
        self,
        client: InferenceClient,
        models: Models,
        *,
        max_calls: int,
        max_queued_rows: int,
        traffic: Traffic | None = None,
    ) -> None:
        self._client = client
        self._traffic = traffic
        self._models = models
        self._max_calls = max_calls
        self._max_queued_rows = max_queued_rows
        self._lanes = Lanes()
        self._queued_rows = self._queued_requests = 0
        self._tasks: set[asyncio.Task[None]] = set()  # that make the calls, and hand out the answers

    async def submit(self, request: InferenceRequest, context: RequestContext, decode: Decode = Rows) -> Answer:
        """Return the model's answer to a request; cancelled before it is sent, it never is.

        Args:
            request: The question; rows first, unless the model has no batch dimension.
            context: Takes down how long it took, how many rows its call had, and which version answered.
            decode: Turns the outputs of a whole call into one answer a row.

        Raises:
            Overloaded: Too many rows wait already.
            UpstreamError: The call failed.
            ValueError: The inputs differ in their number of rows.
        """
        if self._traffic is not None and not request.version:
            version = self._traffic.version_for(request.model)
            if version:
                # Where that version isn't served any more, its share goes where the rest goes.
                with contextlib.suppress(ModelNotReady):
                    return await self._submit(request._replace(version=version), context, decode)
        return await self._submit(request, context, decode)

    async def _submit(self, request: InferenceRequest, context: RequestContext, decode: Decode) -> Answer:
        metadata = self._models.known(request.model, request.version)
        if metadata is None:
            metadata = await self._models.metadata(request.model, request.version)
        size = metadata.max_batch_size
        rows = tensors.rows_of(request.inputs) if size else 1
        if self._queued_rows and self._queued_rows + rows > self._max_queued_rows:
            raise Overloaded("Too many inputs wait for the model; try again in a second.", retry_after_s=1)
        lane = self._lanes.of(request, decode, size)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        lane.queue[future] = Waiting(request, rows, future, context, time.perf_counter())
        self._count(1, rows)
        self._send(lane)
        try:
            return await future
        except asyncio.CancelledError:
            if lane.queue.pop(future, None):
                self._count(-1, -rows)
                self._lanes.drop_idle(lane)
            raise

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return what the server says of a model.

        Raises:
            UpstreamError: As `InferenceClient.metadata`.
        """
        return await self._models.metadata(model, version)

    async def drain(self) -> None:
        """Wait until everything that was submitted has its answer."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _count(self, requests: int, rows: int) -> None:
        self._queued_requests += requests
        self._queued_rows += rows
        metrics.QUEUED.value = self._queued_requests

    def _send(self, lane: Lane) -> None:
        max_calls = self._max_calls if lane.is_shared else _MAX_SINGLE_CALLS
        while lane.calls < max_calls and (group := self._take(lane)):
            lane.calls += 1
            task = asyncio.create_task(self._serve(lane, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._lanes.drop_idle(lane)

    def _take(self, lane: Lane) -> list[Waiting]:
        """Take the oldest requests that fit into one call together, and drop cancelled ones."""
        group: list[Waiting] = []
        room = lane.max_batch_size if lane.is_shared else 0
        while lane.queue:
            waiting = next(iter(lane.queue.values()))
            is_wanted = not waiting.future.done()  # else it was cancelled in this turn of the loop
            if is_wanted and group and waiting.rows > room:
                break
            del lane.queue[waiting.future]
            self._count(-1, -waiting.rows)
            if is_wanted:
                group.append(waiting)
                room -= waiting.rows
        return group

    async def _serve(self, lane: Lane, taken: list[Waiting]) -> None:
        """Make the call for a group, let the lane's next call go, and hand out the answers."""
        group = [waiting for waiting in taken if not waiting.future.done()]  # cancelled since
        answer = None
        try:
            if group:
                answer = await self._ask(lane, group)
        except BaseException as error:  # the callers must learn of a shutdown too
            for waiting in group:
                _fail(waiting, error)
            raise
        finally:
            lane.calls -= 1
            self._send(lane)
        if answer is not None:
            try:
                _hand_out(group, answer)
            except Exception as error:  # noqa: BLE001 - a decoder's answers that can't be sliced
                for waiting in group:
                    _fail(waiting, error)

    async def _ask(self, lane: Lane, group: list[Waiting]) -> Answer | None:
        """Return the answer to a group, or None where each of its requests has its outcome already.

        Where the call failed for what is in it, each request is asked again by itself.
        """
        try:
            return await self._call(lane, group)
        except Exception as error:  # noqa: BLE001 - a bug in a decoder reaches its own request only
            self._models.expire(group[0].request.model)
            if len(group) > 1 and not isinstance(error, _OF_THE_CALL):
                await self._ask_singly(lane, group)
            else:
                for waiting in group:
                    _fail(waiting, error)
        return None

    async def _ask_singly(self, lane: Lane, group: list[Waiting]) -> None:
        for waiting in group:
            if waiting.future.done():  # cancelled meanwhile
                continue
            try:
                _hand_out([waiting], await self._call(lane, [waiting]))
            except Exception as error:  # noqa: BLE001 - see above
                _fail(waiting, error)

    async def _call(self, lane: Lane, group: list[Waiting]) -> Answer:
        """Ask the model about a group, and take down for each of its requests how that went."""
        rows = sum([waiting.rows for waiting in group])
        metrics.BATCH_ROWS.add(rows)
        inputs = tensors.concatenate([waiting.request.inputs for waiting in group])
        request = group[0].request._replace(inputs=inputs)
        contexts = [waiting.context for waiting in group]
        sent = time.perf_counter()
        try:
            outputs, version, parameters = await self._infer(request, contexts, rows, lane.max_batch_size)
        finally:
            answered = time.perf_counter()
            for waiting in group:
                context = waiting.context
                # A request that is asked again by itself has waited only once.
                context.queue = context.queue or (waiting.since, sent)
                context.triton = (context.queue[1], answered)
                context.batch_rows = rows
        values = lane.decode(outputs)
        if lane.max_batch_size and len(values) != rows:
            raise UpstreamError(f"Model {request.model} answered {len(values)} rows to {rows}.")
        return Answer(values, version, parameters)

    async def _infer(
        self, request: InferenceRequest, contexts: list[RequestContext], rows: int, max_batch_size: int
    ) -> InferenceResult:
        """Ask in one call, or in several where one request has more rows than a call may carry."""
        if not max_batch_size:
            return await self._client.infer(request, contexts)
        if rows <= max_batch_size:
            return _checked(rows, await self._client.infer(request, contexts))
        parts = [
            {name: values[i : i + max_batch_size] for name, values in request.inputs.items()}
            for i in range(0, rows, max_batch_size)
        ]
        calls = [self._client.infer(request._replace(inputs=part), contexts) for part in parts]
        results = [
            _checked(tensors.rows_of(part), result)
            for part, result in zip(parts, await asyncio.gather(*calls), strict=True)
        ]
        outputs = tensors.concatenate([result.outputs for result in results])
        return InferenceResult(outputs, results[-1].model_version, results[-1].parameters)


def _checked(rows: int, result: InferenceResult) -> InferenceResult:
    """Return an answer in which no request can get the rows of another.

    Raises:
        UpstreamError: An output hasn't as many rows as the inputs.
    """
    for name, values in result.outputs.items():
        if values.shape[:1] != (rows,):
            raise UpstreamError(f"The model answered {name} of shape {list(values.shape)} to {rows} rows.")
    return result


def _hand_out(group: list[Waiting], answer: Answer) -> None:
    """Give each request of a group its rows of the answer; a request by itself gets all of it."""
    start = 0
    for waiting in group:
        stop = start + waiting.rows
        if not waiting.future.done():
            values = answer.values if len(group) == 1 else answer.values[start:stop]
            context = waiting.context
            context.model_version = answer.model_version
            if context.triton is not None:
                metrics.account_inference(waiting.request.model, answer.model_version, context.triton)
            waiting.future.set_result(Answer(values, answer.model_version, answer.parameters))
        start = stop


def _fail(waiting: Waiting, error: BaseException) -> None:
    if waiting.future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        waiting.future.cancel()
    else:
        waiting.future.set_exception(error)
