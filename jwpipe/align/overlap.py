"""How much exposures overlap: areas common to the hulls of their stars.

In a plane tangent to the sky great circles are straight, so that hulls are convex polygons there.
"""

import numpy as np

__all__ = ["area", "common", "hull"]


def hull(points):
    """Corners of the convex hull, counter-clockwise, (k, 2), of points (n, 2)."""
    points = np.unique(points[np.isfinite(points).all(axis=1)], axis=0)
    if len(points) < 3:
        return points
    chains = [_chain(points), _chain(points[::-1])]
    return np.concatenate([chain[:-1] for chain in chains])


def _chain(points):
    """One half of a hull, from the first to the last point: it turns left at every corner."""
    chain = []
    for point in points:
        while len(chain) > 1 and _cross(chain[-1] - chain[-2], point - chain[-2]) <= 0:
            chain.pop()
        chain.append(point)
    return np.array(chain)


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def common(polygon, other):
    """The part of a convex polygon that lies in another, both counter-clockwise; corners, (k, 2)."""
    for start, end in zip(other, np.roll(other, -1, axis=0), strict=True):
        if len(polygon) == 0:
            break
        side = _cross(end - start, polygon - start)
        following, beyond = np.roll(polygon, -1, axis=0), np.roll(side, -1)
        corners = []
        for here, there, a, b in zip(polygon, following, side, beyond, strict=True):
            if a >= 0:
                corners.append(here)
            if a * b < 0:
                corners.append(here + (there - here) * (a / (a - b)))
        polygon = np.array(corners).reshape(-1, 2)
    return polygon


def area(polygon):
    """Area of a polygon, counter-clockwise."""
    return 0.5 * float(_cross(polygon, np.roll(polygon, -1, axis=0)).sum()) if len(polygon) > 2 else 0.0
