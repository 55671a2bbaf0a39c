"""What the layers in front of the routes ask for, added to the description that FastAPI makes of the routes."""

import re
from typing import Any

from fastapi import FastAPI

from api.limits.access import Access
from api.limits.admission import TIMEOUT_HEADER

_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The API key, as a bearer token."},
}
# None is right too: keys are a setting.
_SECURITY: list[dict[str, list[str]]] = [{}, {"ApiKey": []}, {"Bearer": []}]
_TIMEOUT = {
    "name": TIMEOUT_HEADER.decode(),
    "in": "header",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "description": "Milliseconds that the answer is worth waiting for, where that is less than the server's own "
    "deadline; then 504.",
}


def describe(app: FastAPI, access: Access) -> None:
    """Let the app's description name the API key and the time-out header of every guarded route."""
    of_routes = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = of_routes()
            schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
            _name_operations(schema["paths"])
            guarded = (path for path in schema["paths"] if access.is_guarded(path))
            for operation in (operation for path in guarded for operation in schema["paths"][path].values()):
                operation["security"] = _SECURITY
                operation["parameters"] = [*operation.get("parameters", ()), _TIMEOUT]
        return app.openapi_schema or {}

    # FastAPI's own way to extend it: https://fastapi.tiangolo.com/how-to/extending-openapi/
    app.openapi = openapi  # type: ignore[method-assign]


def _name_operations(paths: dict[str, dict[str, Any]]) -> None:
    """Name each operation after its path, and its method where a path has several; generated clients show the names."""
    for path, operations in paths.items():
        name = re.sub(r"\W+", "_", path).strip("_")
        for method, operation in operations.items():
            operation["operationId"] = name if len(operations) == 1 else f"{name}_{method}"
