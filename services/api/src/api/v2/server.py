"""What the server says of itself: its name, whether it lives, whether it is ready."""

from typing import TYPE_CHECKING

from fastapi import Request, Response

from api.v2.json_response import json_response

if TYPE_CHECKING:
    from api.inference.client import InferenceClient

# Of the extensions that Triton names, those whose routes and fields the api passes on.
_EXTENSIONS = frozenset(
    {
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "parameters",
        "schedule_policy",
        "sequence",
        "statistics",
    }
)


async def metadata(request: Request) -> Response:
    """Return Triton's name and version, and the extensions that are served here."""
    client: InferenceClient = request.app.state.client
    found = await client.server()
    extensions = [extension for extension in found.extensions if extension in _EXTENSIONS]
    return json_response({"name": found.name, "version": found.version, "extensions": extensions})


async def live(_: Request) -> Response:
    """Answer without asking Triton: a Triton that is away is no reason to restart the api."""
    return json_response({"live": True})


async def ready(request: Request) -> Response:
    """Say whether the models answer their canaries, as ``/health/ready`` does."""
    await request.app.state.readiness.check()
    return json_response({"ready": True})
