"""Lanes: which requests may share a call to the inference server.

Requests share calls only inside a lane: same model, version, outputs and decoder, and inputs of the same names, dtypes
and row shapes. Requests that have parameters or ask for classes have a call each, and so have large ones: copying their
tensors together would cost more than a call.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from api.inference import tensors
from api.inference.client import InferenceRequest, Parameter
from api.inference.tensors import Tensors
from api.telemetry.request_context import RequestContext

# Turns the outputs of a call into a sequence of one answer a row, for all its rows at once.
Decode = Callable[[Tensors], Any]

# Inputs of more bytes than this have a call to themselves.
_MAX_SHARED_BYTES = 64 * 1024


class Answer(NamedTuple):
    """What the model said to the rows of a call, or to those of one request in it."""

    values: Any  # what the decoder made of them: a sequence of an item a row, in the rows' order
    model_version: str
    parameters: Mapping[str, Parameter]  # of the call


class Rows:
    """Output tensors as a sequence of their rows: the decoder of requests that want the tensors themselves.

    Args:
        outputs: The tensors by name.
    """

    def __init__(self, outputs: Tensors) -> None:
        self.outputs = outputs

    def __len__(self) -> int:
        return tensors.rows_of(self.outputs)

    def __getitem__(self, rows: slice) -> "Rows":
        return Rows({name: values[rows] for name, values in self.outputs.items()})


@dataclass(slots=True, eq=False)
class Waiting:
    """A request in a lane."""

    request: InferenceRequest
    rows: int
    future: asyncio.Future[Answer]
    context: RequestContext
    since: float  # by time.perf_counter


@dataclass(slots=True)
class Lane:
    """Requests that may share calls, in order of arrival.

    Attributes:
        key: What they have in common.
        decode: Their decoder.
        max_batch_size: Most rows of a call; 0 where the model has no batch dimension.
        is_shared: Whether its requests share calls; else each has its own.
        queue: Those that wait, in order of arrival.
        calls: Calls under way.
    """

    key: Hashable
    decode: Decode
    max_batch_size: int
    is_shared: bool
    queue: OrderedDict[asyncio.Future[Answer], Waiting] = field(default_factory=OrderedDict)
    calls: int = 0


class Lanes:
    """The lanes that have requests, by what their requests have in common."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def of(self, request: InferenceRequest, decode: Decode, max_batch_size: int) -> Lane:
        """Return the lane of a request, a new one where there is none."""
        is_shared = max_batch_size > 0 and _may_share(request)
        # The tensors of requests that never share a call need not be alike.
        signature = tensors.signature_of(request.inputs) if is_shared else ()
        key = (request.model, request.version, request.outputs, decode, max_batch_size, is_shared, signature)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, decode, max_batch_size, is_shared)
        return lane

    def drop_idle(self, lane: Lane) -> None:
        """Forget a lane that has neither requests nor calls."""
        if not lane.queue and not lane.calls and self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]


def _may_share(request: InferenceRequest) -> bool:
    """Say whether a request may share a call with others of its kind."""
    if request.parameters or request.classes:
        return False
    return sum([tensor.nbytes for tensor in request.inputs.values()]) <= _MAX_SHARED_BYTES
