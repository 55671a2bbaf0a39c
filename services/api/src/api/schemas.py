"""The bodies that go in and out, as clients see them in OpenAPI."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, FailFast, Field

Probability = Annotated[float, Field(ge=0, le=1)]


class PredictRequest(BaseModel):
    """One image."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1, description="The image file (PNG, JPEG, BMP, WebP or GIF) in base64.")


class BatchRequest(BaseModel):
    """Several images."""

    model_config = ConfigDict(extra="forbid")

    # Without FailFast, 8 MB of wrong items become 4 GB of complaints.
    images: Annotated[list[Annotated[str, Field(min_length=1)]], FailFast()] = Field(
        min_length=1, description="The image files in base64, in the order in which the answers come."
    )


class PredictMnistRequest(BaseModel):
    """One image as clients of the older demo send it; unknown fields are ignored as it ignored them."""

    image: str = Field(min_length=1, description="Raw 8-bit pixels or an image file, in standard or URL-safe base64.")
    height: int = Field(28, ge=1, le=16384, description="Height in pixels; used for raw pixels.")
    width: int = Field(28, ge=1, le=16384, description="Width in pixels; used for raw pixels.")


class Prediction(BaseModel):
    """What the network read in one image."""

    prediction: int = Field(ge=0, le=9, description="The digit.")
    probabilities: list[Probability] = Field(
        min_length=10, max_length=10, description="One probability a digit, 0 to 9, summing to 1."
    )
    model_version: str = Field(description="Version of the model that answered.")


class SinglePrediction(Prediction):
    """The answer to one image."""

    input: str | None = Field(
        None,
        description="The 28×28 image that the model was given, white ink on black, as a PNG in a `data:` URL; "
        "only there with `?include=input`. Sent back as an image, it gets the same answer.",
        examples=["data:image/png;base64,iVBORw0KGgo…"],
    )


class BatchPrediction(BaseModel):
    """The answers to a batch, in the order of its images."""

    predictions: list[Prediction]


class PredictMnistResponse(BaseModel):
    """The answer as clients of the older demo expect it."""

    prediction: int = Field(ge=0, le=9)


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class Ready(BaseModel):
    """The model really answers."""

    status: str = "ready"
    model: str
    model_version: str


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable name of the error, for programs.")
    message: str = Field(description="What went wrong and what to do, for people.")
    request_id: str = Field(description="Also in the `x-request-id` header and in the log.")


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail
