"""The bodies that every task shares, as clients see them in OpenAPI."""

from pydantic import BaseModel, Field


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class Ready(BaseModel):
    """Every task's model really answers."""

    status: str = "ready"
    model: str = Field(description="The first task's model; empty where no task is served.")
    model_version: str = Field(description="The version of it that answered.")
    models: dict[str, str] = Field(description="The version of each task's model that answered.")


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable name of the error, for programs.")
    message: str = Field(description="What went wrong and what to do, for people.")
    request_id: str = Field(description="Also in the `x-request-id` header and in the log.")


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail
