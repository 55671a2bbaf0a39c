"""``POST /orientation``: a picture of text in, the degrees by which it is rotated out."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, Field

from api.errors import InvalidImage
from api.inference.tensors import Tensors
from api.tasks.base import Task

SHORT_SIDE_PX, SIDE_PX = 256, 224
DEGREES = (0, 90, 180, 270)
# Of ImageNet, which the network was trained on. The network takes blue first, as its package reads pictures.
MEAN = np.float32([0.485, 0.456, 0.406]).reshape(3, 1, 1)
DEVIATION = np.float32([0.229, 0.224, 0.225]).reshape(3, 1, 1)


class OrientationAnswer(BaseModel):
    """How a picture is rotated."""

    degrees: int = Field(description="0, 90, 180 or 270.")
    score: float = Field(ge=0, le=1, description="The model's confidence.")


class Orientation(Task):
    """Tells by how many degrees a picture of text is rotated."""

    name, path, model, noun = "orientation", "/orientation", "orientation", "image"
    accepts = ("image/*",)
    Answer, Invalid = OrientationAnswer, InvalidImage

    def encode(self, data: bytes) -> Tensors:
        """Return the picture's middle: (1, 3, 224, 224) float32."""
        try:
            picture = Image.open(io.BytesIO(data))
            if picture.width * picture.height > self.settings.max_image_px:
                raise InvalidImage(f"The image has more than {self.settings.max_image_px} pixels.")
            picture = picture.convert("RGB")
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as exc:
            raise InvalidImage("The image can't be read.") from exc
        factor = SHORT_SIDE_PX / min(picture.size)
        width, height = (round(side * factor) for side in picture.size)
        left, top = (width - SIDE_PX) // 2, (height - SIDE_PX) // 2
        # Resized from the part that is cropped: a long, thin picture would become a very long one.
        box = tuple(value / factor for value in (left, top, left + SIDE_PX, top + SIDE_PX))
        picture = picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box, reducing_gap=None)
        values = np.asarray(picture, np.float32)[..., ::-1].transpose(2, 0, 1) / 255
        return {"x": ((values - MEAN) / DEVIATION)[None]}

    def decode(self, outputs: Tensors) -> list[OrientationAnswer]:
        """Return the most likely rotation of each row of (N, 4) float32 probabilities."""
        rows = outputs["fetch_name_0"]
        return [OrientationAnswer(degrees=DEGREES[row.argmax()], score=min(float(row.max()), 1.0)) for row in rows]
