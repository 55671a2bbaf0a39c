"""The model and version that a path names."""

from fastapi import Request

from api.errors import InvalidRequest, UnknownModel

_MAX_NAME = 100
_MAX_DIGITS = 18


def model_of(request: Request) -> tuple[str, str]:
    """Return the model and the version that the path names; the version is empty where it names none.

    Raises:
        UnknownModel: The settings don't list the model, or its name holds a slash.
        InvalidRequest: The version is no number.
    """
    model = request.path_params["model"]
    version = request.path_params.get("version", "")
    # An escaped slash would make one name of the path into two.
    is_escaped = b"%2f" in request.scope["raw_path"].lower()
    if is_escaped or not is_listed(request, model):
        raise UnknownModel(f"Request for unknown model: '{model[:_MAX_NAME]}' is not found")
    if not version:
        return model, ""
    if not (version.isascii() and version.isdigit() and len(version) <= _MAX_DIGITS):
        raise InvalidRequest(f"Version {version[:_MAX_NAME]!r} is no number.")
    return model, str(int(version))


def is_listed(request: Request, model: str) -> bool:
    """Say whether the settings let a model be asked."""
    listed: tuple[str, ...] = request.app.state.settings.v2_models
    return "*" in listed or model in listed
