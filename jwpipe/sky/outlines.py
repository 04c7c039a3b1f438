"""Outlines of exposures on the sky, what two of them share, and the pixels inside.

Outlines are polygons of great circles. On a plane that touches the sphere nearby these are straight lines, exactly, so
polygons are cut there. What two share is bounded by those pieces of either outline that lie in the other.
"""

import math
from itertools import pairwise

import numpy as np

__all__ = ["Outline", "fill", "shared"]

NEAR = 1e-9  # points nearer than this (on the unit sphere) are one: less than 0.01 pixel
SAME = 5e-9  # outlines whose corners are nearer are the same: a small part of a pixel
HORIZON = 0.1  # cosine of the distance beyond which nothing is drawn on the plane


class Outline:
    """The outline of an image on the sky.

    Parameters
    ----------
    wcs : jwpipe.wcs.Wcs
        Coordinates.
    shape : tuple of int
        Rows and columns.
    step : int, optional
        Largest distance between points along the sides, pixels; by default there are the corners alone.

    Attributes
    ----------
    points : ndarray, (n, 3)
        Corners, unit vectors, in order.
    """

    def __init__(self, wcs, shape, step=None):
        self.points = vectors(*wcs(*border(shape, step)))

    def near(self, other):
        """Whether two outlines may overlap at all."""
        centre, far = self.circle()
        theirs, their_far = other.circle()
        return math.acos(np.clip(centre @ theirs, -1, 1)) <= far + their_far

    def circle(self):
        """Direction of the middle, and how far from it the corners are (radians)."""
        centre = self.points.sum(axis=0)
        centre /= np.linalg.norm(centre)
        return centre, math.acos(np.clip((self.points @ centre).min(), -1, 1)) + NEAR

    def like(self, other):
        """Whether the outlines have the same corners."""
        if len(self.points) != len(other.points):
            return False
        return bool(np.abs(np.sort(self.points, axis=0) - np.sort(other.points, axis=0)).max() <= SAME)


def border(shape, step=None):
    """Points along the outer edges of an image, in pixels, counter-clockwise from the first corner."""
    ny, nx = shape
    xs, ys = (
        np.linspace(-0.5, length - 0.5, 2 if step is None else max(2, math.ceil((length + 1) / step)))
        for length in (nx, ny)
    )
    x = np.concatenate([xs[:-1], np.full(len(ys) - 1, xs[-1]), xs[:0:-1], np.full(len(ys) - 1, xs[0])])
    y = np.concatenate([np.full(len(xs) - 1, ys[0]), ys[:-1], np.full(len(xs) - 1, ys[-1]), ys[:0:-1]])
    return x, y


def vectors(ra, dec):
    """Unit vectors of places in degrees."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def degrees(points):
    """Right ascension and declination of vectors, degrees."""
    x, y, z = points.T
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def shared(one, other):
    """Find what two outlines share.

    Parameters
    ----------
    one, other : Outline
        The outlines.

    Returns
    -------
    list of tuple of ndarray
        Right ascensions and declinations of the corners of each part, degrees.
    """
    if one.like(other):
        return [degrees(one.points)]
    if not one.near(other):
        return []
    axes = plane(one.circle()[0])
    flat = []
    for outline in (one, other):
        x, y, z = axes @ outline.points.T
        if z.min() < HORIZON:
            return []
        flat.append(turned(np.stack([x / z, y / z], axis=1)))
    return [degrees(np.column_stack([part, np.ones(len(part))]) @ axes) for part in cut(*flat)]


def plane(centre):
    """Two axes of the plane that touches the sphere at a point, and the direction of that point."""
    first = np.cross(centre, np.eye(3)[np.abs(centre).argmin()])
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(centre, first), centre])


def turned(polygon):
    """The same polygon, its corners counter-clockwise."""
    x, y = polygon.T
    return polygon if x @ np.roll(y, -1) >= y @ np.roll(x, -1) else polygon[::-1]


def cut(one, other):
    """Cut two polygons of a plane, their corners counter-clockwise, with each other."""
    nodes, pieces = Nodes(), []
    parts = [divided(*pair, nodes) for pair in ((one, other), (other, one))]
    theirs = set(parts[1])
    for mine, polygon, borders in ((parts[0], other, theirs), (parts[1], one, set())):
        for piece in mine:
            start, end = (nodes.points[i] for i in piece)
            middle = (start + end) / 2
            # A side that both have is taken once; where they run against each other, nothing lies between them.
            if piece in borders or (not on_border(middle, polygon) and inside(middle, polygon)):
                pieces.append(piece)
    return [np.array([nodes.points[i] for i in loop]) for loop in loops(pieces, nodes.points) if len(loop) > 2]


class Nodes:
    """Points, of which those that are near each other are one."""

    def __init__(self):
        self.points, self.count = np.full((64, 2), np.nan), 0

    def index(self, point):
        """Number of a point."""
        if self.count:
            distance = np.abs(self.points[: self.count] - point).max(axis=1)
            if distance.min() < NEAR:
                return int(distance.argmin())
        if self.count == len(self.points):
            self.points = np.concatenate([self.points, np.full_like(self.points, np.nan)])
        self.points[self.count] = point
        self.count += 1
        return self.count - 1


def divided(polygon, other, nodes):
    """Sides of a polygon, divided where the other's sides meet them, as pairs of nodes."""
    pieces = []
    starts, sides = other, np.roll(other, -1, axis=0) - other
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        side = end - start
        across = cross(side, sides)
        with np.errstate(divide="ignore", invalid="ignore"):
            mine = cross(starts - start, sides) / across
            theirs = cross(starts - start, side) / across
        met = (mine > 0) & (mine < 1) & (theirs >= 0) & (theirs <= 1)
        points = [*(start + mine[met, None] * side), *other[on_side(other, start, side)]]
        points.sort(key=lambda point: (point - start) @ side)
        numbers = [nodes.index(point) for point in (start, *points, end)]
        pieces += [pair for pair in pairwise(numbers) if pair[0] != pair[1]]
    return pieces


def cross(a, b):
    """Third component of the cross product."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def on_side(points, starts, sides):
    """Whether points lie on sides."""
    away = points - starts
    along = (away * sides).sum(axis=-1) / (sides * sides).sum(axis=-1)
    return (along >= 0) & (along <= 1) & (np.linalg.norm(away - along[..., None] * sides, axis=-1) < NEAR)


def on_border(point, polygon):
    """Whether a point lies on a side of a polygon."""
    return on_side(point, polygon, np.roll(polygon, -1, axis=0) - polygon).any()


def inside(point, polygon):
    """Whether a point lies in a polygon, by the sides that a line from it to the right meets."""
    x, y = (polygon - point).T
    u, v = np.roll(x, -1), np.roll(y, -1)
    meets = (y > 0) != (v > 0)
    return bool(np.count_nonzero(x[meets] - y[meets] * (u - x)[meets] / (v - y)[meets] > 0) % 2)


def loops(pieces, points):
    """Join pieces, each of a start and an end, to closed loops of nodes; where there is a choice, turn left."""
    left = {}
    for start, end in pieces:
        left.setdefault(start, []).append(end)
    while left:
        first = node = next(iter(left))
        loop, before = [], None
        while node in left:
            loop.append(node)
            ends = left[node]
            if before is not None and len(ends) > 1:
                ends.sort(key=lambda end: turn(*(points[i] for i in (before, node, end))))
            before, node = node, ends.pop()
            if not left[before]:
                del left[before]
            if node == first:
                yield loop
                break


def turn(before, node, after):
    """Angle by which a path turns to the left at a node."""
    a, b = node - before, after - node
    return math.atan2(cross(a, b), a @ b)


def fill(x, y, mask):
    """Mark the pixels of a polygon, as 1.14.1 does: corners are put on whole pixels, edges belong to it.

    Parameters
    ----------
    x, y : ndarray, (n,)
        Corners, pixels.
    mask : ndarray of uint8, (ny, nx)
        Set to 1 inside.
    """
    ny, nx = mask.shape
    origin = min(0.0, x.min()), min(0.0, y.min())
    x, y = (np.rint(values - least).astype(int) for values, least in zip((x, y), origin, strict=True))
    left, below = (round(least) for least in origin)
    if x.min() == x.max():
        return
    u, v = np.roll(x, -1), np.roll(y, -1)
    rising = y != v
    x, y, u, v = (values[rising] for values in (x, y, u, v))
    last = y.max(initial=0)
    rows = np.arange(max(0, -below), min(last + 1, ny - below))
    reached = np.minimum(rows, last - 1)[:, None]  # the last row has the sides of the one before
    crossed = (np.minimum(y, v) <= reached) & (reached < np.maximum(y, v))
    places = np.where(crossed, np.ceil((rows[:, None] - y) / (v - y) * (u - x) + x), np.inf)
    places.sort(axis=1)
    for k in range(0, places.shape[1] - 1, 2):
        there = np.isfinite(places[:, k + 1])
        first = np.maximum(places[there, k] + left, 0).astype(int)
        behind = np.minimum(places[there, k + 1] + left + 1, nx).astype(int)
        for row, start, stop in zip((rows[there] + below).tolist(), first.tolist(), behind.tolist(), strict=True):
            mask[row, start : max(start, stop)] = 1
