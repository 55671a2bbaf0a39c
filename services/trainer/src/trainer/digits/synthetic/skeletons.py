"""The lines of typed and European digits, of letters that look like no digit, and of other signs."""

import itertools
import math

import numpy as np

from trainer.digits.synthetic.canvas import Points

Skeleton = tuple[Points, ...]


def line(*corners: tuple[float, float]) -> Points:
    """Return a stroke through corners, with points between them, so that a wobble bends it."""
    ends = np.array(corners, np.float64)
    shares = np.linspace(0, 1, 6)[:, None]
    return np.concatenate([start + shares * (stop - start) for start, stop in itertools.pairwise(ends)])


def arc(middle: tuple[float, float], radii: tuple[float, float], start_deg: float, stop_deg: float) -> Points:
    """Return a part of an ellipse; 0° points to the right, 90° downwards."""
    angles = np.linspace(math.radians(start_deg), math.radians(stop_deg), 24)
    return np.stack([middle[0] + radii[0] * np.cos(angles), middle[1] + radii[1] * np.sin(angles)], 1)


def curve(*parts: Points) -> Points:
    """Join parts into one stroke."""
    return np.concatenate(parts)


RING = arc((0.5, 0.5), (0.5, 0.5), 0, 360)
TOP_BAR, BASE, MIDDLE = line((0, 0), (1, 0)), line((0, 1), (1, 1)), line((0, 0.5), (1, 0.5))
LEFT, RIGHT = line((0, 0), (0, 1)), line((1, 0), (1, 1))
STEM = line((0.5, 0), (0.5, 1))
SEVEN = line((0, 0), (1, 0), (0.35, 1))
BOWL = arc((0.45, 0.68), (0.5, 0.32), 230, 500)  # of a 3 and a 5, open to the left

# Several forms of each digit: a font's, a seven-segment display's, a European hand's.
DIGITS: dict[int, tuple[Skeleton, ...]] = {
    0: ((RING,), (RING, line((0.8, 0.15), (0.2, 0.85))), (line((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),)),
    1: (
        (STEM,),
        (line((0.15, 0.22), (0.5, 0), (0.5, 1)),),
        (line((0.1, 0.25), (0.5, 0), (0.5, 1)), line((0.1, 1), (0.9, 1))),
    ),
    2: (
        (curve(arc((0.5, 0.3), (0.47, 0.3), 190, 390), line((0.86, 0.5), (0.02, 1), (1, 1))),),
        (line((0, 0), (1, 0), (1, 0.5), (0, 0.5), (0, 1), (1, 1)),),
    ),
    3: (
        (curve(arc((0.45, 0.25), (0.43, 0.25), 200, 450), arc((0.45, 0.74), (0.5, 0.26), 270, 520)),),
        (curve(line((0.05, 0), (0.95, 0), (0.45, 0.4)), arc((0.45, 0.7), (0.5, 0.3), 270, 510)),),
        (line((0, 0), (1, 0), (1, 1), (0, 1)), line((0.1, 0.5), (1, 0.5))),
    ),
    4: (
        (line((0.72, 1), (0.72, 0), (0, 0.68), (1, 0.68)),),
        (line((0.4, 0), (0, 0.65), (1, 0.65)), line((0.72, 0.35), (0.72, 1))),
        (line((0, 0), (0, 0.5), (1, 0.5)), RIGHT),
    ),
    5: (
        (curve(line((0.9, 0), (0.15, 0), (0.1, 0.45)), BOWL),),
        (line((1, 0), (0, 0), (0, 0.5), (1, 0.5), (1, 1), (0, 1)),),
    ),
    6: (
        (curve(arc((0.8, 0.65), (0.78, 0.65), 270, 180), arc((0.5, 0.68), (0.48, 0.32), 180, 540)),),
        (line((0.75, 0), (0.1, 0.55)), arc((0.5, 0.68), (0.46, 0.32), 0, 360)),
        (line((1, 0), (0, 0), (0, 1), (1, 1), (1, 0.5), (0, 0.5)),),
    ),
    7: (
        (SEVEN,),
        (SEVEN, line((0.25, 0.5), (0.9, 0.5))),
        (line((0, 0.15), (0, 0), (1, 0), (0.4, 1)),),
        (line((0, 0), (1, 0), (1, 1)),),
    ),
    8: (
        (arc((0.5, 0.25), (0.4, 0.25), 0, 360), arc((0.5, 0.74), (0.5, 0.26), 0, 360)),
        (line((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)), MIDDLE),
    ),
    9: (
        (curve(arc((0.2, 0.35), (0.78, 0.65), 90, 0), arc((0.5, 0.32), (0.48, 0.32), 0, 360)),),
        (line((0.25, 1), (0.9, 0.45)), arc((0.5, 0.32), (0.46, 0.32), 0, 360)),
        (line((1, 0.5), (0, 0.5), (0, 0), (1, 0), (1, 1), (0, 1)),),
    ),
}

# Without those that a reader takes for a digit in some hand: B D G I J L O Q S U Y Z, and b g i j l o q s y z.
SIGNS: tuple[Skeleton, ...] = (
    (line((0, 1), (0.5, 0), (1, 1)), line((0.2, 0.62), (0.8, 0.62))),  # A
    (LEFT, TOP_BAR, line((0, 0.5), (0.8, 0.5)), BASE),  # E
    (LEFT, TOP_BAR, line((0, 0.5), (0.8, 0.5))),  # F
    (LEFT, RIGHT, MIDDLE),  # H
    (LEFT, line((0.95, 0), (0, 0.55)), line((0.3, 0.4), (1, 1))),  # K
    (line((0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)),),  # M
    (line((0, 1), (0, 0), (1, 1), (1, 0)),),  # N
    (LEFT, curve(line((0, 0), (0.5, 0)), arc((0.5, 0.27), (0.45, 0.27), -90, 90), line((0.5, 0.54), (0, 0.54)))),  # P
    (
        LEFT,
        curve(line((0, 0), (0.5, 0)), arc((0.5, 0.27), (0.45, 0.27), -90, 90), line((0.5, 0.54), (0, 0.54))),
        line((0.4, 0.54), (1, 1)),
    ),  # R
    (TOP_BAR, STEM),  # T
    (line((0, 0), (0.5, 1), (1, 0)),),  # V
    (line((0, 0), (0.25, 1), (0.5, 0.2), (0.75, 1), (1, 0)),),  # W
    (line((0, 0), (1, 1)), line((1, 0), (0, 1))),  # X
    (LEFT, curve(arc((0.5, 0.75), (0.5, 0.3), 180, 360), line((1, 0.75), (1, 1)))),  # h
    (arc((0.3, 0.35), (0.25, 0.35), 180, 360), arc((0.78, 0.35), (0.23, 0.35), 180, 360), line((0.05, 0.3), (0.05, 1))),
    (line((0, 1), (0.5, 0), (1, 1), (0, 1)),),  # triangle
    (line((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5), (0.5, 0)), line((0, 0.5), (1, 0.5))),  # diamond with a bar
    (STEM, MIDDLE, line((0.15, 0.15), (0.85, 0.85)), line((0.85, 0.15), (0.15, 0.85))),  # asterisk
    (MIDDLE, line((0.7, 0.2), (1, 0.5), (0.7, 0.8))),  # arrow
    (RING, line((0.3, 0.3), (0.3, 0.4)), line((0.7, 0.3), (0.7, 0.4)), arc((0.5, 0.55), (0.25, 0.25), 20, 160)),  # face
    (RING, MIDDLE, STEM),
    (line((0.33, 0), (0.33, 1)), line((0.67, 0), (0.67, 1)), line((0, 0.33), (1, 0.33)), line((0, 0.67), (1, 0.67))),
    (line((0.2, 0), (0.2, 1)), line((0.8, 0), (0.8, 1)), MIDDLE, line((0, 0.1), (1, 0.1)), line((0, 0.9), (1, 0.9))),
    (line((0, 0), (1, 0)), line((0, 0.5), (1, 0.5)), line((0, 1), (1, 1))),  # three rules
)
