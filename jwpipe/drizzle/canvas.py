"""The images on which exposures are drizzled, one after another."""

import numpy as np

from jwpipe.cext import drizzle

__all__ = ["KERNELS", "Canvas"]

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")
BLOCK = 64  # columns of input that share a range of output rows; as in cext/drizzle.pyx
SUMS = 8  # of an output pixel, while a band of rows is worked on
BAND = 1 << 22  # bytes of a band's sums: near what a core's own cache holds; the lower, the more drops fall on two
PLANE = 32  # exposures to a plane of the context image
NARROWEST = 0.001  # width of a drop that is still no point, pixels
LANCZOS_LENGTH = 512  # entries of the tables
LANCZOS_STEP = np.float32(0.01)  # between them, pixels
LEAST = 0.2  # sum of the weights, as a part of that of their sizes, below which it is no divisor


class Canvas:
    """Weighted mean of drizzled exposures, with its variances.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    kernel : str, optional
        One of `KERNELS`.
    pixfrac : float, optional
        Width of the drop to which an input pixel shrinks, in input pixels.
    variances : bool, optional
        Whether variances and the context image are wanted.
    least : float, optional
        For kernels with negative shares: an exposure adds nothing to a pixel where its weights sum to less than this
        part of the sum of their sizes. `jwst` has no such limit; -1 is none.
    threads : int, optional
        Threads.
    store : Store, optional
        Where the images are kept; None: in memory.

    Attributes
    ----------
    sci, wht : ndarray of float32, (rows, columns)
        Weighted mean, and sum of the weights.
    con : ndarray of int32, (nplanes, rows, columns)
        Which exposures went into a pixel: bit ``i % 32`` of plane ``i // 32`` stands for exposure ``i``.
    variances : ndarray of float32, (3, rows, columns)
        By read noise, photon noise and the flat; before `finish`, the sums of their inverses.
    err : ndarray of float32 or None
        Standard deviation, once `finish` has been called.

    Notes
    -----
    The mean of an exposure is taken with its weights, its variances are means with the mere overlaps as weights, and
    the inverse variances of exposures are summed: this is what `jwst` 1.14.1 does.
    """

    def __init__(self, shape, kernel="square", pixfrac=1.0, *, variances=True, least=LEAST, threads=1, store=None):
        self.kernel = "point" if pixfrac <= NARROWEST else kernel
        self.pixfrac, self.least, self.threads = pixfrac, least, threads
        self._zeros = np.zeros if store is None else store.array
        self.sci, self.wht = self._zeros(shape, "f4"), self._zeros(shape, "f4")
        self.planes = []
        self.variances = self._zeros((3, *shape), "f4") if variances else np.zeros((0, 0, 0), "f4")
        self.err = None
        self.count = 0
        self.table = _lanczos(int(self.kernel[-1])) if self.kernel.startswith("lanczos") else np.zeros(0, "f4")

    @property
    def con(self):
        """The context image."""
        return np.stack(self.planes) if len(self.planes) != 1 else self.planes[0][np.newaxis]

    def add(self, data, dq, variances, x, y, *, bad=0, level=0.0, scale=1.0, weight=1.0, part=None):
        """Drizzle an exposure.

        Parameters
        ----------
        data : ndarray of float32, (ny, nx)
            Values.
        dq : ndarray of uint32, (ny, nx)
            Flags.
        variances : sequence of (ndarray of float32, (ny, nx), or None)
            By read noise, photon noise and the flat; the first alone where the canvas has none.
        x, y : ndarray of float64, (ny, nx)
            Where on the canvas the centres of the pixels lie; NaN where nowhere.
        bad : int, optional
            Flags of pixels that are left out.
        level : float, optional
            Is subtracted from the values.
        scale : float, optional
            Its square multiplies the values; drops other than square ones are smaller by it.
        weight : float or None, optional
            The weight of every pixel; None for inverse variances of the read noise.
        part : tuple of int, optional
            First row of the canvas that is wanted, and that behind the last; by default all. The exposure is done with
            the part that has the last row.
        """
        if not len(self.planes) * PLANE > self.count and self.variances.size:
            self.planes.append(self._zeros(self.sci.shape, "i4"))
        rows, columns = self.sci.shape
        first, last = part or (0, rows)
        reach = self.reach(scale)
        ranges = np.empty((len(x), -(-x.shape[1] // BLOCK), 4), "i4")
        drizzle.find_ranges(x, y, reach, rows, ranges, self.threads)
        height = self.height
        wide, tall = int(ranges[..., 2].max(initial=0)), int(ranges[..., 3].max(initial=0))
        if self.kernel == "square":
            room = (min(wide, columns) + 2) * min(tall, height)
        else:
            room = min(wide, columns) + min(tall, height)
        scratch = np.empty((self.threads, height * columns * SUMS + room + SUMS))
        nothing = np.zeros((0, 0), "f4")
        drizzle.add_image(
            data,
            dq,
            *(nothing if plane is None else plane for plane in (*variances, None, None)[:3]),
            x,
            y,
            ranges,
            self.sci,
            self.wht,
            self.planes[-1] if self.variances.size else np.zeros((0, 0), "i4"),
            self.variances,
            scratch,
            self.table,
            bad,
            level,
            scale,
            weight is None and variances[0] is not None,
            1.0 if weight is None else weight,
            KERNELS.index(self.kernel),
            self.pixfrac,
            self.least,
            np.int32(np.uint32(1 << (self.count % PLANE)).view("i4")),
            height,
            first,
            last,
            self.threads,
        )
        self.count += last == rows

    @property
    def height(self):
        """Rows of a band, which is what a thread works on."""
        rows, columns = self.sci.shape
        return max(4, min(BAND // (columns * SUMS * 8), 64, rows))

    def reach(self, scale):
        """What drops have beyond the distance to the next pixel, output pixels."""
        if self.kernel == "gaussian":
            return max(2.5 * self.pixfrac / 2.3548, 1.2) / scale + 1
        if self.kernel.startswith("lanczos"):
            return int(self.kernel[-1]) * self.pixfrac / scale + 2
        return (self.pixfrac / scale / 2 if self.kernel == "turbo" else 0) + 1

    def finish(self, fill=np.nan, factor=1.0):
        """Make variances and errors of their sums, when all exposures are there.

        Parameters
        ----------
        fill : float, optional
            Value of pixels that nothing fell on. Their error is NaN with NaN, and 0 with a number.
        factor : float, optional
            Multiplies the variances.
        """
        self.err = self._zeros(self.sci.shape, "f4")
        fill_err = np.nan if np.isnan(fill) else 0.0
        drizzle.finish(self.sci, self.wht, self.variances, self.err, fill, fill_err, factor, self.threads)


def _lanczos(order):
    """Tabulate a Lanczos function as `drizzle` does, in its precision; entry 0 is 1, those past its last zero are 0."""
    offset = (np.pi * np.arange(1, LANCZOS_LENGTH) * LANCZOS_STEP.astype("f8")).astype("f4")
    part = (offset / np.float32(order)).astype("f8")
    inside = offset < np.pi * order
    offset = offset.astype("f8")
    table = np.ones(LANCZOS_LENGTH, "f4")
    table[1:] = np.where(inside, np.sin(offset) / offset * np.sin(part) / part, 0)
    return table
