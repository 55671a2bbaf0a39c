"""Sets of images that tell what a digit network reads beside MNIST, and what it says about shapes that are no digit.

None of them was trained on: the handwriting is MNIST's test set, the fonts are OpenCV's and the system's, and random
numbers come from seeds of their own.
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sklearn.datasets import load_sample_images
from torch import Tensor

from trainer.digits.data import NO_DIGIT, Images
from trainer.digits.photographs import photographs
from trainer.digits.synthetic.canvas import Pen, draw, to_mnist
from trainer.digits.synthetic.european import european_digits
from trainer.digits.synthetic.non_digits import blobs, pair, scribble

SEED = 987_654_321
PHOTOGRAPHS = 4000
OPENCV_FACES = ("sans", "italic")
OPENCV_WEIGHTS = range(100, 901, 100)
SIZES_PX = (20, 36, 90)
# Those that nobody takes for a digit, whatever the hand or font: without B, O, S, Z, b, g, l, q and the like.
LETTERS = "AEFHKMNPRTVWXdefhkmnprtwx"


@dataclass(frozen=True)
class DigitSet:
    """Images under a name; all of them digits, or none."""

    name: str
    images: Images

    @property
    def has_digits(self) -> bool:
        return int(self.images.labels[0]) != NO_DIGIT


def digit_sets(test: Images, fonts: Sequence[Path]) -> list[DigitSet]:
    """Return every set.

    Args:
        test: MNIST's test images.
        fonts: Font files for a set of typed digits of its own; empty: there is none.
    """
    random = np.random.default_rng(SEED)
    first = test.pick(torch.arange(PHOTOGRAPHS))
    flagged_and_crossed = european_digits(test, 2000, random)
    sets = [
        DigitSet("MNIST's test images", test),
        DigitSet("photographs of them, cleaned up", photographs(first, SEED)),
        DigitSet("thinner strokes", redrawn(first, ImageFilter.MinFilter(7))),
        DigitSet("wider strokes", redrawn(first, ImageFilter.MaxFilter(9))),
        *(
            DigitSet(name, flagged_and_crossed.pick((flagged_and_crossed.labels == digit).nonzero().flatten()))
            for name, digit in (("flagged 1s", 1), ("crossed 7s", 7))
        ),
        DigitSet("typed: OpenCV's fonts", labelled(string.digits, opencv_glyphs)),
    ]
    if fonts:
        sets.append(
            DigitSet(f"typed: {len(fonts)} other fonts", labelled(string.digits, lambda c: file_glyphs(c, fonts)))
        )
    letters = [image for letter in LETTERS for image in [*opencv_glyphs(letter), *file_glyphs(letter, fonts)]]
    return [
        *sets,
        nothing("letters", letters),
        nothing("scribbles", [draw([scribble(random)], Pen(0.06, 1.0, 0.0, 0.0), random) for _ in range(500)]),
        nothing("dirt and textures", [blobs(random) for _ in range(500)]),
        nothing("two digits", [pair(test, random) for _ in range(500)]),
        nothing("pieces of photographs", pieces(random)),
        nothing("noise", list(torch.from_numpy(random.integers(0, 256, (500, 28, 28), np.uint8)))),
    ]


def nothing(name: str, images: list[Tensor]) -> DigitSet:
    """Return a set of shapes that are no digit."""
    return DigitSet(name, Images(torch.stack(images).unsqueeze(1), torch.full((len(images),), NO_DIGIT)))


def labelled(characters: str, glyphs: Callable[[str], list[Tensor]]) -> Images:
    """Return the glyphs of digits, as ``glyphs`` draws each."""
    drawn = [(image, int(character)) for character in characters for image in glyphs(character)]
    return Images(torch.stack([image for image, _ in drawn]).unsqueeze(1), torch.tensor([label for _, label in drawn]))


def redrawn(digits: Images, pen: ImageFilter.Filter) -> Images:
    """Return the digits with another stroke width: enlarged four times, filtered, reduced."""
    changed = []
    for image in digits.images_u8[:, 0].numpy():
        large = Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)
        filtered = large.filter(pen)
        changed.append(to_mnist(filtered if filtered.getbbox() else large))
    return Images(torch.stack(changed).unsqueeze(1), digits.labels)


def opencv_glyphs(character: str) -> list[Tensor]:
    """Return a character in OpenCV's built-in fonts, of every weight, at several sizes."""
    glyphs = []
    for face in OPENCV_FACES:
        for weight in OPENCV_WEIGHTS:
            for size_px in SIZES_PX:
                canvas = np.zeros((size_px * 2, size_px * 2), np.uint8)
                place = (size_px // 2, size_px * 3 // 2)
                cv2.putText(canvas, character, place, (255,), cv2.FontFace(face), size_px, weight)
                glyphs.append(to_mnist(Image.fromarray(canvas)))
    return glyphs


def file_glyphs(character: str, fonts: Sequence[Path]) -> list[Tensor]:
    """Return a character in fonts of the system, at several sizes."""
    glyphs = []
    for path in fonts:
        for size_px in SIZES_PX:
            canvas = Image.new("L", (size_px * 2, size_px * 2))
            font = ImageFont.truetype(path, size_px)
            ImageDraw.Draw(canvas).text((size_px, size_px), character, 255, font, anchor="mm")
            glyphs.append(to_mnist(canvas))
    return glyphs


def pieces(random: np.random.Generator) -> list[Tensor]:
    """Return pieces of scikit-learn's two photographs, as dark on light as a threshold makes them."""
    found = []
    for photo in load_sample_images().images:
        grey = Image.fromarray(photo).convert("L")
        for _ in range(250):
            side_px = int(random.integers(40, 300))
            left, top = (int(random.integers(0, limit - side_px)) for limit in grey.size)
            piece = grey.crop((left, top, left + side_px, top + side_px)).resize((56, 56), Image.Resampling.BOX)
            level = float(np.median(np.asarray(piece))) * random.uniform(0.6, 1.0)
            ink = piece.point(lambda grey_level: 255 if grey_level < level else 0)  # noqa: B023  called at once
            if ink.getbbox():
                found.append(to_mnist(ink))
    return found
