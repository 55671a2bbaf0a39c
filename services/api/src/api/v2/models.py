"""What the server says of its models: metadata, readiness, configuration, statistics, and the list of them."""

from typing import Any

from fastapi import Request, Response

from api.inference.client import InferenceClient, TensorSpec
from api.v2.json_response import json_response
from api.v2.names import is_listed, model_of


async def metadata(request: Request) -> Response:
    """Return a model's inputs and outputs."""
    found = await _client(request).metadata(*model_of(request))
    return json_response(
        {
            "name": found.name,
            "versions": found.versions,
            "platform": found.platform,
            "inputs": [_tensor(spec) for spec in found.inputs],
            "outputs": [_tensor(spec) for spec in found.outputs],
        }
    )


async def ready(request: Request) -> Response:
    """Say whether a model is loaded."""
    model, version = model_of(request)
    if await _client(request).is_ready(model, version):
        return json_response({"name": model, "ready": True})
    # Some clients read the status, which is Triton's, and some the body.
    return json_response({"name": model, "ready": False, "error": f"Model {model} is not ready."}, 400)


async def config(request: Request) -> Response:
    """Return a model's configuration."""
    return json_response(await _client(request).config(*model_of(request)))


async def stats(request: Request) -> Response:
    """Return a model's statistics."""
    return json_response({"model_stats": await _client(request).statistics(*model_of(request))})


async def all_stats(request: Request) -> Response:
    """Return the statistics of all models that may be asked."""
    found = await _client(request).statistics()
    return json_response({"model_stats": [each for each in found if is_listed(request, each["name"])]})


async def index(request: Request) -> Response:
    """Return every version of every model that may be asked and is served."""
    served = await _client(request).list_models()
    rows = [{"name": each.name, "version": each.version, "state": "READY"} for each in served]
    return json_response([row for row in rows if is_listed(request, row["name"])])


def _client(request: Request) -> InferenceClient:
    client: InferenceClient = request.app.state.client
    return client


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
