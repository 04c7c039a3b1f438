"""The smooth background of an image, and its noise, from clipped statistics in boxes.

Source: Bertin & Arnouts 1996, A&AS 117, 393, section 3; the meshes, their filter and the spline are those of
`photutils.background.Background2D` with a median in each box, which is what 1.14.1 uses.
"""

import math

import numpy as np

from jwpipe.cext import clip, spline

__all__ = ["background"]

SIGMA, TIMES = 3.0, 5  # clipping
SHARE = 0.9  # of a box must be there for it to count
NEIGHBOURS = 10  # nearest boxes that stand in for one that does not count


def background(image, missing, size, threads=1):
    """Estimate background and noise.

    Where no box counts, the whole image is one.

    Parameters
    ----------
    image : ndarray of float32, (ny, nx)
        Values.
    missing : ndarray of bool, (ny, nx)
        Pixels without a value; those that are not finite are none either.
    size : int
        Side of the boxes, pixels. Those at the upper and right edges are cut.
    threads : int, optional
        Threads.

    Returns
    -------
    level, noise : ndarray of float32, (ny, nx)
        Background and its standard deviation; 0 where `missing`.

    Raises
    ------
    ValueError
        No pixel has a value.
    """
    values = np.where(missing, np.float32(np.nan), image)
    box = tuple(min(size, length) for length in image.shape)
    meshes = _meshes(values, box, SHARE, threads)
    if meshes is None:
        box = image.shape
        meshes = _meshes(values, box, 0, threads)
        if meshes is None:
            raise ValueError("no pixel has a value")
    return tuple(_enlarge(_filter(_fill(mesh)), box, missing, threads) for mesh in meshes)


def _meshes(values, box, share, threads):
    """Median and standard deviation of every box, NaN in those that do not count; None where none does."""
    (ny, nx), (height, width) = values.shape, box
    shape = -(-ny // height), -(-nx // width)
    counts, medians, deviations = np.empty(shape, np.intp), np.empty(shape), np.empty(shape)
    clip.boxes(values, height, width, SIGMA, TIMES, counts, medians, deviations, threads)
    meshes = np.array([medians, deviations], "f4")
    meshes[:, counts <= share * height * width] = np.nan
    return None if np.isnan(meshes).all() else meshes


def _fill(mesh):
    """Put means of the nearest boxes, weighted by the inverse of their distances, in place of those that are NaN."""
    good = np.isfinite(mesh)
    if good.all():
        return mesh
    filled, here, there = mesh.copy(), np.argwhere(~good), np.argwhere(good)
    if len(there) <= NEIGHBOURS:
        distances = np.hypot(*(here[:, None] - there).transpose(2, 0, 1))
        near = np.broadcast_to(np.arange(len(there)), distances.shape)
    else:
        from scipy.spatial import cKDTree

        # Many boxes are equally near, and not all of them are taken: this tree takes those that 1.14.1 does.
        distances, near = cKDTree(there, leafsize=10).query(here, k=NEIGHBOURS)
    filled[~good] = np.average(mesh[good].astype("f8")[near], axis=1, weights=1 / distances)
    return filled


def _filter(mesh):
    """Take the median over each box and its neighbours."""
    padded = np.pad(mesh, 1, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.nanmedian(windows, axis=(2, 3))


def _enlarge(mesh, box, missing, threads):
    """Draw a cubic spline through the centres of the boxes, within the range of their values; 0 where `missing`."""
    # A spline over rows and columns is one over columns of one over rows, and each a matrix.
    places = zip(mesh.shape, box, missing.shape, strict=True)
    rows, columns = (np.ascontiguousarray(_spline(count, step)[:length]) for count, step, length in places)
    plane = np.empty(missing.shape, "f4")
    columns = np.ascontiguousarray(mesh.astype("f8") @ columns.T)
    spline.draw(rows, columns, mesh.min(), mesh.max(), missing.view("u1"), plane, threads)
    return plane


def _spline(count, step):
    """Weights of `count` values, each in the middle of `step` pixels, in each of these pixels."""
    if count == 1:
        return np.ones((step, 1))
    place = (np.arange(count * step) + 0.5) / step - 0.5
    before = np.floor(place).astype(int)
    weights = np.zeros((count * step, count))
    for offset in range(-1, 3):
        away = np.abs(place - before - offset)
        share = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, (2 - away) ** 3 / 6)
        reflected = (before + offset) % (2 * count)
        reflected = np.minimum(reflected, 2 * count - 1 - reflected)
        np.add.at(weights, (np.arange(count * step), reflected), share)
    return weights @ _heights(count)


def _heights(count):
    """Heights of the cubic B-splines, reflected at the edges, that go through values: a row each, by value.

    Source: Unser 1999, IEEE Signal Processing Magazine 16, 22: a filter that runs forth and back.
    """
    pole = math.sqrt(3) - 2
    heights = 6 * np.eye(count)
    begin = heights[0].copy()
    # Where it begins: the sum of all that comes before, in the mirror. The last term is meant to have the first value,
    # and has the sum so far instead, in `scipy.ndimage` and so in 1.14.1: it matters where there are two or three.
    for i in range(count):
        mirrored = pole**count * heights[count - 1 - i]
        heights[0] += pole**i * (mirrored if i == 0 else heights[i] + mirrored)
    heights[0] = heights[0] * pole / (1 - pole ** (2 * count)) + begin
    for i in range(1, count):
        heights[i] += pole * heights[i - 1]
    heights[-1] *= pole / (pole - 1)
    for i in range(count - 2, -1, -1):
        heights[i] = pole * (heights[i + 1] - heights[i])
    return heights
