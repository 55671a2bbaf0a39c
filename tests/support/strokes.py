"""The ten digits as a clear hand writes them: strokes of points in a square from 0 to 1, y downwards."""

import math

Point = tuple[float, float]
Stroke = list[Point]


def arc(centre: Point, radii: Point, start_deg: float, stop_deg: float, points: int = 14) -> Stroke:
    """Return points of an ellipse's arc; 0° is on the right, 90° at the bottom."""
    angles = [math.radians(start_deg + (stop_deg - start_deg) * i / (points - 1)) for i in range(points)]
    return [(centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in angles]


DIGITS: dict[int, list[Stroke]] = {
    0: [arc((0.5, 0.5), (0.22, 0.34), -90, 275)],
    1: [[(0.5, 0.16), (0.5, 0.84)]],
    2: [
        [
            *arc((0.48, 0.34), (0.2, 0.17), -160, 30),
            (0.5, 0.68),
            *arc((0.38, 0.76), (0.08, 0.07), -60, -300),
            (0.5, 0.76),
            (0.72, 0.82),
        ]
    ],
    3: [[*arc((0.46, 0.33), (0.2, 0.16), -150, 85), *arc((0.46, 0.66), (0.23, 0.18), -85, 150)]],
    4: [[(0.36, 0.16), (0.28, 0.52), (0.7, 0.52)], [(0.66, 0.16), (0.62, 0.86)]],
    5: [[(0.68, 0.16), (0.38, 0.16), (0.34, 0.46), *arc((0.46, 0.63), (0.22, 0.2), -110, 150)]],
    6: [[(0.58, 0.14), (0.38, 0.4), *arc((0.5, 0.66), (0.18, 0.18), -180, 190)]],
    7: [[(0.26, 0.2), (0.74, 0.18), (0.42, 0.86)]],
    8: [
        [
            (0.64, 0.24),
            *arc((0.5, 0.32), (0.15, 0.15), -40, -260),
            *arc((0.5, 0.67), (0.17, 0.18), -70, 250),
            (0.64, 0.28),
        ]
    ],
    9: [[*arc((0.48, 0.34), (0.17, 0.17), 0, -350), (0.65, 0.34), (0.58, 0.86)]],
}
