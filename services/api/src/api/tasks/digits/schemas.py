"""The digit task's bodies, as clients see them in OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]


class PredictionWarning(BaseModel):
    """Why the answer may be wrong."""

    code: Literal["low_confidence", "several_digits"] = Field(description="For programs.")
    message: str = Field(description="For people.")


class Prediction(BaseModel):
    """What the network read in one image."""

    prediction: int = Field(ge=0, le=9, description="The digit.")
    probabilities: list[Probability] = Field(
        min_length=10, max_length=10, description="One probability a digit, 0 to 9, summing to 1."
    )
    confidence: Probability = Field(description="Probability that `prediction` is right.")
    warning: PredictionWarning | None = Field(
        description="Why the answer may be wrong; null where nothing hints at it."
    )


class PredictMnistRequest(BaseModel):
    """One image as clients of the older demo send it; unknown fields are ignored, as the older demo ignored them."""

    image: str = Field(min_length=1, description="Raw 8-bit pixels or an image file, in standard or URL-safe base64.")
    height: int = Field(28, ge=1, le=16384, description="Height in pixels; used for raw pixels.")
    width: int = Field(28, ge=1, le=16384, description="Width in pixels; used for raw pixels.")


class PredictMnistResponse(BaseModel):
    """The answer as clients of the older demo expect it."""

    prediction: int = Field(ge=0, le=9)
