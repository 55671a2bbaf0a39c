"""Components: which connected pieces of ink are the digit, and which are dust, frames or what reaches in."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Shares of the digit's size (its longer side) or area.
_MIN_STROKE_SIZE, _MIN_STROKE_AREA = 0.12, 0.02
_MAX_GAP = 0.14
_RIVAL_SIZE = 0.55
# Shares of the picture.
_MIN_SIZE, _MIN_STROKE = 0.045, 0.015
_GRAIN = 0.008  # gaps that chalk and pencil leave
_STRIP_CONTACT, _STRIP_DEPTH = 0.3, 0.2
_CORNER_CONTACT = 0.85
# What reaches from side to side is a line if it is this long and thin, and a grid if it has so many holes.
_LIES_FLAT = 2.5  # no digit is so many times as wide as high; words are
_LINE_ASPECT, _GRID_HOLES = 10, 4
_FRAME_SIZE = 0.2
_FRAME_FILL = 0.35  # of its box, at most
_FRAME_CONTENT = 0.15  # of its size, at least
_FRAME_RECTANGULARITY = 0.86  # an ellipse has 0.785


class Piece(NamedTuple):
    """A connected piece of ink: its label, box in pixels and area in pixels."""

    label: int
    left: int
    top: int
    width: int
    height: int
    area: int

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.width, self.height)

    def gap_to(self, other: "Piece") -> int:
        """Return the distance between two boxes, 0 where they overlap."""
        x = max(self.left, other.left) - min(self.left + self.width, other.left + other.width)
        y = max(self.top, other.top) - min(self.top + self.height, other.top + other.height)
        return max(x, y, 0)


class Digit(NamedTuple):
    """The pieces that are the digit.

    Attributes:
        mask_u8: ``(H, W)`` of 0 and 255.
        box: left, top, width, height in pixels.
        rivals: Pieces of about its size that aren't part of it.
    """

    mask_u8: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    rivals: int


class Pieces:
    """The pieces of a ``(H, W)`` mask of 0 and 255."""

    def __init__(self, mask_u8: NDArray[np.uint8]) -> None:
        grain = 2 * max(1, round(_GRAIN * max(mask_u8.shape))) - 1
        joined = cv2.morphologyEx(mask_u8, cv2.MORPH_CLOSE, np.ones((grain, grain), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        self.labels = np.asarray(labels, np.int32)
        self.shape = mask_u8.shape
        pieces = [Piece(label, *(int(value) for value in stats[label])) for label in range(1, min(count, 4000))]
        least = _MIN_STROKE * max(self.shape)
        self.all = [piece for piece in pieces if piece.size >= least]

    def foreign(self) -> list[Piece]:
        """Return strips along the picture's edge, frames and what else is no writing."""
        return [piece for piece in self.all if self._is_strip(piece) or self._is_frame(piece)]

    def digit(self) -> Digit | None:
        """Return the piece that is most likely the digit, with its other strokes."""
        foreign = {piece.label for piece in self.foreign()}
        pieces = [piece for piece in self.all if piece.label not in foreign]
        least = _MIN_SIZE * max(self.shape)
        large = [piece for piece in pieces if piece.size >= least and piece.width < _LIES_FLAT * piece.height]
        if not large:
            return None
        main = max(large, key=self._weight)
        chosen = [main]
        for piece in sorted(pieces, key=main.gap_to):
            if piece is not main and self._belongs(piece, main, chosen):
                chosen.append(piece)
        rivals = [p for p in pieces if p not in chosen and p.size >= _RIVAL_SIZE * main.size]
        return Digit(self.mask_of(chosen), _box_around(chosen), len(rivals))

    def mask_of(self, pieces: list[Piece]) -> NDArray[np.uint8]:
        """Return the pixels of some pieces, 255 each."""
        wanted = np.zeros(int(self.labels.max()) + 1, np.uint8)
        wanted[[piece.label for piece in pieces]] = 255
        return np.asarray(wanted[self.labels], np.uint8)

    def _weight(self, piece: Piece) -> float:
        """Weigh a piece by its size, its ink, and how near the middle it lies."""
        height, width = self.shape
        x = (piece.left + piece.width / 2) / width - 0.5
        y = (piece.top + piece.height / 2) / height - 0.5
        touches = sum(self._sides_touched(piece))
        return float(piece.size * np.sqrt(piece.area) * (1 - np.hypot(x, y)) * 0.5**touches)

    def _belongs(self, piece: Piece, main: Piece, chosen: list[Piece]) -> bool:
        if piece.size < _MIN_STROKE_SIZE * main.size or piece.area < _MIN_STROKE_AREA * main.area:
            return False
        gap = min(piece.gap_to(each) for each in chosen)
        beside = piece.left >= main.left + main.width or piece.left + piece.width <= main.left
        if beside and piece.height >= _RIVAL_SIZE * main.height:
            return gap <= 0.3 * _MAX_GAP * main.size
        return gap <= _MAX_GAP * main.size

    def _sides_touched(self, piece: Piece) -> tuple[bool, bool, bool, bool]:
        height, width = self.shape
        return (
            piece.left <= 1,
            piece.top <= 1,
            piece.left + piece.width >= width - 1,
            piece.top + piece.height >= height - 1,
        )

    def _is_strip(self, piece: Piece) -> bool:
        height, width = self.shape
        left, top, right, bottom = self._sides_touched(piece)
        if (left or right) and piece.width <= _STRIP_DEPTH * width and piece.height >= _STRIP_CONTACT * height:
            return self._contact(piece, self.labels[:, :2] if left else self.labels[:, -2:], axis=1)
        if (top or bottom) and piece.height <= _STRIP_DEPTH * height and piece.width >= _STRIP_CONTACT * width:
            return self._contact(piece, self.labels[:2] if top else self.labels[-2:], axis=0)
        if not ((left and right) or (top and bottom)):
            return False
        edges = (self.labels[:, :2], self.labels[:, -2:], self.labels[:2].T, self.labels[-2:].T)
        along = [float((edge == piece.label).any(axis=1).mean()) for edge in edges]
        if sum(share >= _CORNER_CONTACT for share in along) > 1:  # a strip around a corner
            return True
        thin = min(piece.width, piece.height) * _LINE_ASPECT <= piece.size
        return (thin and min(self.shape) > 4 * min(piece.width, piece.height)) or self._holes(piece) >= _GRID_HOLES

    def _contact(self, piece: Piece, edge: NDArray[np.int32], axis: int) -> bool:
        """Say whether a piece lies along an edge of the picture, and doesn't only touch it."""
        touching = (edge == piece.label).any(axis=axis)
        return int(touching.sum()) >= _STRIP_CONTACT * len(touching)

    def _holes(self, piece: Piece) -> int:
        part = self.labels[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width] == piece.label
        _, tree = cv2.findContours(part.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        return 0 if tree is None else int((tree[0, :, 3] >= 0).sum())

    def _is_frame(self, piece: Piece) -> bool:
        """Say whether a piece is a rectangle around other pieces."""
        if piece.size < _FRAME_SIZE * max(self.shape) or piece.area > _FRAME_FILL * piece.width * piece.height:
            return False
        inner = [
            each
            for each in self.all
            if each is not piece
            and each.left > piece.left
            and each.top > piece.top
            and each.left + each.width < piece.left + piece.width
            and each.top + each.height < piece.top + piece.height
            and each.size >= _FRAME_CONTENT * piece.size
        ]
        return bool(inner) and self._rectangularity(piece) > _FRAME_RECTANGULARITY

    def _rectangularity(self, piece: Piece) -> float:
        part = self.labels[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width] == piece.label
        outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        outline = max(outlines, key=cv2.contourArea)
        _, (width, height), _ = cv2.minAreaRect(outline)
        return float(cv2.contourArea(outline) / max(1.0, width * height))


def _box_around(pieces: list[Piece]) -> tuple[int, int, int, int]:
    left, top = min(p.left for p in pieces), min(p.top for p in pieces)
    right, bottom = max(p.left + p.width for p in pieces), max(p.top + p.height for p in pieces)
    return left, top, right - left, bottom - top
