"""How much memory an exposure takes, told from its headers, and how much there is.

For stage 1 the peak is the fit of the ramps: the exposure as the steps hold it, and its slopes beside it. In bytes,

    PROGRAM + own + SLOPES * (nints + 1) * pixels + MARK * samples + PLANES * pixels

where an exposure's own arrays are those that its class declares (SCI, PIXELDQ, GROUPDQ, ...), in the types that steps
work with. Of large planes the fit gives the ramp's memory back while it makes the slopes, and the larger of the two
counts. The optional product of the fit (``save_opt``) is not counted: its size depends on the jumps that are found.

An exposure that is larger than its budget is kept in files (`jwpipe.products.store`) and takes

    PROGRAM + PLANES * pixels + parts

where the parts of it that are in memory at a time (`jwpipe.products.parts`) take all that is left of the budget, and at
least ROWS rows of all integrations.

Of images the peak is resampling, or the search for sources afterwards. One exposure is held at a time, whatever
the number of them, and where its pixels fall, beside the mosaic:

    PROGRAM + max(own + PLACES * pixels + MOSAIC * pixels of the mosaic, (MOSAIC + SOURCES) * pixels of the mosaic)

`tests/jobs/test_memory.py` holds the estimates against measured peaks.
"""

import math
import os
from pathlib import Path

from jwpipe.errors import InputError
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Cube, Image
from jwpipe.products.product import Plane

__all__ = ["available_memory", "estimate", "room"]

PROGRAM = 135_000_000  # the interpreter with its libraries (the most: those that read ASDF), headers and tables
MARK = 1 / 8  # one bit a sample, that jump keeps while it looks at neighbours
SLOPES = 20  # slope, error, two variances, flags: of the pixel of an integration, and of the exposure
PLANES = 20  # what references tell of a pixel while its slopes are made: gain, read noise, dark current, and room
PLACES = 20  # where a pixel of an exposure falls, and what is interpolated there
MOSAIC = 24  # a pixel of a mosaic: values, error, weight, three variances; and 4 for every 32 exposures, the context
SOURCES = 48  # a pixel of a mosaic while its sources are found: background, noise, smoothed values, labels
ROWS = 4  # one, the rows beside it, and what the system keeps of files
LARGE = 1 << 22  # pixels of a plane many times larger than a huge page: the band of rows in work is then a small part


def estimate(product, mapped=False):
    """Estimate the peak memory of a pipeline.

    Parameters
    ----------
    product : Product or Exposures
        An exposure, or several, as opened, with no array read.
    mapped : bool, optional
        Whether its own arrays are kept in files (`jwpipe.products.store`), and count in parts only: in the smallest.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(product, Exposures):
        largest = max(product.images, key=lambda image: math.prod(image.shape))
        return _estimate_images(largest, _mosaic(product.images), len(product), mapped)
    if isinstance(product, Image | Cube):
        return _estimate_images(product, math.prod(product.shape[-2:]), 1, mapped)
    *lead, ny, nx = product.shape
    nints = math.prod(lead[:1])
    pixels, samples = ny * nx, math.prod(product.shape)
    if mapped:
        return int(_fixed(pixels) + ROWS * _row(product))
    own, slopes = _own(product), SLOPES * (nints + 1) * pixels
    together = max(own, slopes) if pixels >= LARGE else own + slopes
    return int(PROGRAM + together + MARK * samples + PLANES * pixels)


def room(product, budget):
    """Tell how much of a budget there is for the parts of an exposure that is kept in files.

    Parameters
    ----------
    product : Product or Exposures
        An exposure, or several.
    budget : int
        Bytes.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(product, Exposures | Image | Cube):
        return 0  # no step works on parts of them
    return int(max(budget - _fixed(math.prod(product.shape[-2:])), ROWS * _row(product)))


def _fixed(pixels):
    return PROGRAM + PLANES * pixels


def _row(product):
    """Bytes of a row of all integrations with its slopes."""
    nints, *_, ny, nx = product.shape
    return _own(product) // ny + MARK * math.prod(product.shape) / ny + SLOPES * nints * nx


def _estimate_images(image, mosaic, count, mapped):
    own = PLACES * math.prod(image.shape[-2:]) + (0 if mapped else _own(image))
    planes = 0 if mapped else (MOSAIC + 4 * -(-count // 32)) * mosaic
    return int(PROGRAM + max(own + planes, planes + SOURCES * mosaic if count > 1 else 0))


def _mosaic(images):
    """Pixels of the mosaic that exposures become; of those without coordinates as many as all of them have."""
    from jwpipe.drizzle.grid import lay_out

    try:
        if all(image.wcs is not None for image in images):
            return math.prod(lay_out(images).shape)
    except InputError:  # the step that needs them will say so
        pass
    return sum(math.prod(image.shape[-2:]) for image in images)


def _own(product):
    """Bytes of a product's arrays."""
    return sum(_size(field, product) for field in product.declared if isinstance(field, Plane))


def _size(field, product):
    value = product.fields.get(field.name)
    if value is None and not field.filled:
        return 0
    shape = field.implied_shape(product) if value is None else value.shape
    return math.prod(shape) * field.dtype.itemsize


def available_memory():
    """Bytes that may be used before the machine, or the container, runs out.

    Returns
    -------
    int
    """
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path, read in (("/proc/meminfo", _available), *((path, int) for path in _limits())):
        try:
            sizes.append(read(Path(path).read_text()))
        except (OSError, ValueError, StopIteration):  # no Linux, no such group to be seen, or "max": no limit
            continue
    return min(sizes)


def _limits(process="/proc/self/cgroup", root="/sys/fs/cgroup"):
    """Files that tell the limits of the control groups that this process is in, as containers and job queues set them.

    A group's limit holds for those within it; of a container that sees its own groups alone they begin at the root.
    """
    try:
        lines = Path(process).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            top, name = Path(root, "memory"), "memory.limit_in_bytes"
        elif not controllers:
            top, name = Path(root), "memory.max"
        else:
            continue
        group = top / path.lstrip("/")
        yield from (folder / name for folder in (group, *group.parents) if folder.is_relative_to(top))


def _available(text):
    line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024
