"""What OpenAPI says of the protocol's routes."""

from typing import Any

from api.settings import Settings

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "parameters": {"type": "object"},
        "data": {"type": "array", "items": {}},
    },
}
_WANTED = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
}
_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {"type": "array", "items": _WANTED},
    },
    "example": {"inputs": [{"name": "INPUT", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.5]}]},
}
_ANSWER = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "id": {"type": "string"},
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "parameters": {"type": "object"},
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_BINARY = {"type": "string", "format": "binary"}
_GUARDED = {
    400: "The request is malformed, or doesn't fit the model.",
    401: "The API key is missing or wrong.",
    404: "There is no such model or version.",
    429: "The client is over its rate limit.",
    431: "The request line and the headers are over their limit.",
    500: "The model failed on this request.",
    503: "Triton or the model is away, or the server is at its limit.",
    504: "No answer within the request's time.",
}


def describe(settings: Settings, path: str) -> dict[str, Any]:
    """Return the description of a route, as the arguments of a route class.

    Args:
        settings: The limits.
        path: The route's path.
    """
    is_public = path.startswith("/v2/health/")
    failures = {status: text for status, text in _GUARDED.items() if not is_public or status in (400, 431, 503, 504)}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("model", "version")
        if f"{{{name}}}" in path
    ]
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    answer: dict[str, Any] = {"application/json": {"schema": {}}}
    if path.endswith("/infer"):
        failures |= {
            408: "The body didn't arrive in time.",
            413: f"The body is over {settings.v2_max_body_bytes} bytes, unpacked.",
            501: "The body's Content-Encoding isn't known.",
        }
        answer = {"application/json": {"schema": _ANSWER}, "application/octet-stream": {"schema": _BINARY}}
        content = {"application/json": {"schema": _REQUEST}, "application/octet-stream": {"schema": _BINARY}}
        extra["requestBody"] = {"required": True, "content": content}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in sorted(failures.items())
    }
    responses[200] = {"description": "The answer.", "content": answer}
    return {"responses": responses, "openapi_extra": extra}
