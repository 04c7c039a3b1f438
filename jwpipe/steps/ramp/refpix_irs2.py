"""Improved reference sampling and subtraction (IRS2) of the NIRSpec detectors.

In this mode the four amplifiers step out to reference pixels for 4 samples after every 16, and a reference output is
read along: an array of 3200 rows for 2048. What the interleaved reference pixels and the reference output have in
common with an amplifier, frequency by frequency, is known from darks and subtracted.

Source: S. H. Moseley et al., Proc. SPIE 7742, 77421B (2010); B. J. Rauscher et al., PASP 129, 105003 (2017).
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from jwpipe.cext import irs2 as kernel
from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError
from jwpipe.products.dq import Pixel
from jwpipe.products.parts import blocks
from jwpipe.steps.ramp.irs2_transform import PRIME, ROWS, Transform, order, spectrum_order
from jwpipe.steps.ramp.refpix_nir import BORDER, SIZE, Sections, View, subtract_signals

__all__ = ["correct"]

NORMAL, REFERENCE = 16, 4  # samples of pixels, then of reference pixels
PERIOD = NORMAL + REFERENCE
OUTPUTS = 5  # the reference output, then the amplifiers
LENGTH = SIZE // 4 * PERIOD // NORMAL  # samples of an output in a row
HEIGHT = OUTPUTS * LENGTH
STEP = 1  # ticks to step out to reference pixels, and back
PAUSE = 8  # ticks between rows
TICKS = LENGTH + 2 * STEP * (LENGTH // PERIOD) + PAUSE
FRAME = SIZE * TICKS
MIDDLE = (FRAME - 1) / 2

SAMPLE = np.arange(LENGTH)
INTERLEAVED = np.abs((SAMPLE + 0.5) % PERIOD - PERIOD / 2) < REFERENCE / 2
TICK = SAMPLE + STEP * ((SAMPLE + NORMAL // 2 + REFERENCE) // PERIOD + (SAMPLE + NORMAL // 2) // PERIOD)
GAPS = np.isin(np.arange(TICKS), TICK[~INTERLEAVED], invert=True).astype("u1")

# The low frequencies of the reference output, and those near the fastest, pass; between them the edges are cosines.
PASS, EDGE, ROUNDS = 30268, 5000, 3
READ = 512  # times 89 frequencies: what is read of their weights at a time
BRIDGE = 31  # ticks over which missing samples are first bridged


def correct(ramp, reference, par, run):
    """Subtract the signal of the reference pixels and of the reference output, and take them out of the arrays.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, and their flags, changed in place: 3200 rows become 2048.
    reference : ReferenceFile
        ``refpix``: weights of the frequencies, and bad interleaved reference pixels.
    par : Params
        ``ovr_corr_mitigation_ftr``, ``irs2_mean_subtraction``, ``odd_even_columns``, ``preserve_irs2_refpix``.
    run : Run
        Threads, log.

    Raises
    ------
    Skip
        The reference has weights for another number of frequencies.
    InputError
        The exposure is not of the one size and pattern that such exposures have.
    """
    check(ramp)
    weights = read_weights(reference)
    listed = read_bad_pixels(reference, run.log)
    mirrored = ramp["DETECTOR"] == "NRS2"
    outputs = [Output(k, mirrored) for k in range(OUTPUTS)]
    bad = ((ramp.pixeldq & Pixel.BAD_REF_PIXEL) != 0).any(axis=1) & np.tile(INTERLEAVED, OUTPUTS)
    known = bad.copy()
    for block in blocks(ramp, changes=()):
        bad |= find_bad_pixels(block.data, known, par.ovr_corr_mitigation_ftr, run.threads)
    run.log.info("%d interleaved reference pixels are bad", np.count_nonzero(bad))
    ramp.pixeldq[bad] |= Pixel.BAD_REF_PIXEL | Pixel.DO_NOT_USE
    frame = Frame(weights, run.threads)
    for block in blocks(ramp):
        replace_and_subtract(block, frame, outputs, bad.copy(), listed, par, run.threads)


def replace_and_subtract(ramp, frame, outputs, bad, listed, par, threads):
    """Replace what bad reference pixels say, subtract, and take out; parameters as above."""
    if par.irs2_mean_subtraction:
        subtract_means(ramp, par, threads)
    replace_bad_pixels(ramp.data, np.flatnonzero(bad), bad)
    # The reference file counts as the detector does; its pixels are replaced one by one, by what is good so far.
    mirrored = outputs[0].mirrored
    rows = HEIGHT - 1 - np.arange(HEIGHT) if mirrored else np.arange(HEIGHT)
    for pixels in listed:
        fresh = [row for row in rows[pixels] if not bad[row]]
        bad[fresh] = True
        replace_bad_pixels(ramp.data, fresh, bad, downwards=mirrored)
    for data in ramp.data:
        frame.correct(data, outputs, par.preserve_irs2_refpix, threads)
    if not par.preserve_irs2_refpix:
        keep = np.tile(~INTERLEAVED, OUTPUTS)
        keep[:LENGTH] = False
        strip(ramp, keep[::-1] if mirrored else keep)


def check(ramp):
    """Check that an exposure has the size and the pattern of IRS2.

    Raises
    ------
    InputError
        It has not.
    """
    if ramp.shape[-2:] != (HEIGHT, SIZE) or ramp["INSTRUME"] != "NIRSPEC":
        raise InputError(f"{ramp.path} has an array of {ramp.shape[-1]} x {ramp.shape[-2]}: too large for its detector")
    for keyword, known in (("NRS_NORM", NORMAL), ("NRS_REF", REFERENCE)):
        if ramp.get(keyword, known) != known:
            raise InputError(f"{ramp.path} has {keyword} = {ramp[keyword]}: only {known} can be corrected")


def read_weights(reference):
    """Read the weights of the frequencies, in `spectrum_order`.

    The signal to subtract is real. Whatever the file holds, only the part of its weights counts that turns real series
    into real ones: the mean of the weight of a bin and the conjugate weight of the mirrored bin.

    Parameters
    ----------
    reference : ReferenceFile
        ``refpix``: a table of real and imaginary parts, row by row.

    Returns
    -------
    alpha, beta : ndarray of complex64, (4, 45, 16384)
        Weights of the reference output and of the reference pixels, by amplifier.

    Raises
    ------
    Skip
        There are weights for another number of frequencies.
    ReferenceError
        There is no such table, or it lacks a column.
    """
    if "IRS2" not in reference:
        raise ReferenceError(f"{reference.name}, a refpix reference, has no IRS2 extension")
    extension = reference.file["IRS2"]
    if extension.shape[0] != 2 * FRAME:
        raise Skip(f"{reference.name} has {extension.shape[0]} rows, {2 * FRAME} are needed")
    numbers = range(1, extension.header["TFIELDS"] + 1)
    names = [str(extension.header[f"TTYPE{i}"]).strip().lower() for i in numbers]
    wanted = [f"{name}_{k}" for name in ("alpha", "beta") for k in range(OUTPUTS - 1)]
    plain = all(extension.header[f"TFORM{i}"].strip() in ("E", "1E") for i in numbers)
    if not plain or not set(wanted) <= set(names):
        raise ReferenceError(f"{reference.name}, a refpix reference, has no columns {', '.join(wanted)} of float32")
    columns = FRAME // PRIME
    weights = np.zeros((len(wanted), ROWS, columns), "c8")
    for first in range(0, columns, READ):
        # In bands: the table is four times as large as what is kept of it at a time.
        rows = slice(2 * PRIME * first, 2 * PRIME * (first + READ))
        band = extension.read("u1", rows=rows).view(">f4").reshape(-1, len(names))
        for name, out in zip(wanted, weights, strict=True):
            half = np.ascontiguousarray(band[:, names.index(name)], "f4").view("c8").reshape(-1, PRIME) * np.float32(
                0.5
            )
            mirrored = half.conj()
            out[:, first : first + READ] += half.T[: len(out)]
            out[1:, columns - READ - first : columns - first] += mirrored[::-1, : PRIME // 2 : -1].T
            out[0, -np.arange(first, first + READ)] += mirrored[:, 0]
    at = order(columns)
    for row in weights.reshape(-1, columns):
        row[:] = row[at]
    return weights[: OUTPUTS - 1], weights[OUTPUTS - 1 :]


def read_bad_pixels(reference, log):
    """Bad interleaved reference pixels by rows of the reference's table: lists of detector columns."""
    if "DQ" not in reference:
        log.warning("%s has no list of bad reference pixels", reference.name)
        return []
    listed, table = [], reference.table("DQ")
    columns = {name.lower(): table[name] for name in table.dtype.names}
    for output, parity, mask in zip(columns["output"], columns["odd_even"], columns["mask"], strict=True):
        if not (1 <= output < OUTPUTS and parity in (1, 2)):
            raise ReferenceError(f"{reference.name} lists output {output}, parity {parity} of bad reference pixels")
        # Every other output is read the other way round.
        pair = int(parity) - 1 if output % 2 else 2 - int(parity)
        first = int(output) * LENGTH + NORMAL // 2 + 2 * pair
        listed.append([first + PERIOD * k + i for k in range(32) if int(mask) >> k & 1 for i in (0, 1)])
    return listed


def find_bad_pixels(data, known, limit, threads=1):
    """Find interleaved reference pixels whose samples stand out.

    A pixel is sampled twice in a row. Mean and scatter of its samples and the mean distance of the pair are compared
    with those of the other pixels of the output, integration by integration.

    Parameters
    ----------
    data : ndarray of float32, (nints, ngroups, 3200, 2048)
        Counts, DN.
    known : ndarray of bool, (3200,)
        Rows that are bad already: left out.
    limit : float
        Standard deviations at which a pixel is bad.
    threads : int, optional
        Threads.

    Returns
    -------
    ndarray of bool, (3200,)
        Rows of the pixels found.
    """
    found = np.zeros(HEIGHT, bool)
    first = np.flatnonzero(INTERLEAVED)[::2]

    def measure(ramp, row):
        pair = ramp[:, row : row + 2]
        distance = np.abs(pair[:, 1] - pair[:, 0]).mean(dtype="f8")
        return distance, pair.mean(dtype="f8"), pair.std(dtype="f8")

    with ThreadPoolExecutor(threads) as pool:
        for k in range(OUTPUTS):
            pixels = first + k * LENGTH
            pixels = pixels[~(known[pixels] | known[pixels + 1])]
            for ramp in data:
                measures = np.array(list(pool.map(partial(measure, ramp), pixels))).reshape(-1, 3)
                for values in measures.T:
                    mean, deviation = clipped_statistics(values, limit)
                    outliers = pixels[values - mean > limit * deviation]
                    found[outliers] = found[outliers + 1] = True
    return found


def clipped_statistics(values, limit, rounds=5):
    """Mean and standard deviation, values beyond `limit` deviations from the median left out `rounds` times at most."""
    for _ in range(rounds):
        if not len(values):
            return np.nan, np.nan
        within = np.abs(values - np.median(values)) <= limit * values.std()
        if within.all():
            break
        values = values[within]
    return values.mean(), values.std()


def replace_bad_pixels(data, rows, bad, downwards=False):
    """Replace samples of bad reference pixels by those of good ones near: in the same place of the blocks before and
    after, else of the other parity in the same block, else by zeros, which stand for no sample.

    Parameters
    ----------
    data : ndarray of float32, (nints, ngroups, 3200, 2048)
        Counts, DN, changed in place.
    rows : sequence of int
        Rows to replace, one after the other.
    bad : ndarray of bool, (3200,)
        Rows not to take.
    downwards : bool, optional
        Whether rows run against the columns of the detector.
    """  # noqa: D205 - the rule is one sentence
    for row in rows:
        output = row // LENGTH
        block = [row - PERIOD, row + PERIOD]
        near = [row - 2, row + 2]
        if downwards:
            near.reverse()

        def usable(other, output=output):
            return 0 <= other < HEIGHT and other // LENGTH == output and not bad[other]

        block = [other for other in block if usable(other)]
        near = [other for other in near if usable(other) and INTERLEAVED[other % LENGTH]]
        if len(block) == 2:
            data[:, :, row] = (data[:, :, block[0]] + data[:, :, block[1]]) / 2
        elif block or near:
            data[:, :, row] = data[:, :, (block or near)[0]]
        else:
            data[:, :, row] = 0


def subtract_means(ramp, par, threads):
    """Subtract from each output the means of its reference pixels at top and bottom, as in other modes."""
    view = View(ramp["DETECTOR"], ramp.subarray)
    good = (ramp.pixeldq & Pixel.DO_NOT_USE) == 0
    # Interleaved reference pixels come in pairs: two odd samples, then two even ones.
    interleaved = np.tile(INTERLEAVED, OUTPUTS)
    parity = np.where(interleaved, view.columns // 2 % 2, view.columns % 2)
    if not par.odd_even_columns:
        parity[:] = 0
    edges = [view.rows >= SIZE - BORDER, view.rows < BORDER]
    sections = Sections.choose(view, good, edges, view.columns // LENGTH, parity)
    subtract_signals(ramp.data.reshape(-1, HEIGHT, SIZE), view, sections, None, 0.0, threads)


def strip(ramp, keep):
    """Take reference pixels and reference output out of all arrays, within the memory that they have."""
    nints, ngroups = ramp.shape[:2]
    for name in ("data", "groupdq", "err"):
        if ramp.fields.get(name) is None:
            continue
        array = getattr(ramp, name)
        del ramp.fields[name]
        flat, kept = array.reshape(-1), np.empty((SIZE, SIZE), array.dtype)
        size, rows = SIZE * SIZE, np.flatnonzero(keep)
        for i, plane in enumerate(array.reshape(-1, HEIGHT, SIZE)):
            np.take(plane, rows, axis=0, out=kept, mode="clip")  # the other modes take a buffer of their own
            flat[i * size : (i + 1) * size] = kept.reshape(-1)
        del flat, plane
        shape = nints, ngroups, SIZE, SIZE
        try:
            array.resize(shape)
        except ValueError:  # not the owner of its memory, or not the only one
            array = array.reshape(-1)[: nints * ngroups * size].reshape(shape)
        setattr(ramp, name, array)
    ramp.pixeldq = ramp.pixeldq[keep]


class Output:
    """Where the samples of one output stand.

    Attributes
    ----------
    rows : ndarray of int32, (640,)
        Row of the array of each sample, in the order in which they are read.
    mirrored : bool
        Whether detector rows run against the columns of the array.
    """

    def __init__(self, number, mirrored):
        columns = number * LENGTH + (SAMPLE[::-1] if number % 2 == 0 else SAMPLE)
        self.rows = (HEIGHT - 1 - columns if mirrored else columns).astype("i4")
        self.mirrored = mirrored

    def trend(self, plane, mean):
        """Straight line through the samples of the first and the last rows of the detector.

        Returns
        -------
        intercept, slope : float
            DN, DN a tick; from the middle of the frame.
        """
        ends = np.r_[0:BORDER, SIZE - BORDER : SIZE]
        at = np.ix_(self.rows, SIZE - 1 - ends if self.mirrored else ends)
        values = (plane[at] - mean[at]).astype("f4").T
        times = (ends[:, None] * TICKS + TICK - MIDDLE).astype("f4")
        x, y = times[values != 0], values[values != 0]
        if not len(x):
            return 0.0, 0.0
        # Sums in float32, their combination in float64: to agree to the last bit.
        mean_x, mean_y = x.mean(), y.mean()
        slope = (float((x * y).sum()) - len(x) * float(mean_x) * float(mean_y)) / (
            float((x**2).sum()) - len(x) * float(mean_x**2)
        )
        return float(mean_y) - slope * float(mean_x), slope


class Frame:
    """A frame in the order of time, with tables and buffers.

    Parameters
    ----------
    weights : tuple of ndarray
        Of `read_weights`.
    threads : int
        Threads.
    """

    def __init__(self, weights, threads):
        self.transform = Transform(FRAME, threads)
        self.alpha, self.beta = weights
        self.filter = spectrum_order(low_and_high_pass())
        angles = np.arange(1, BRIDGE + 1, dtype="f4") / np.float32(BRIDGE + 1) * np.float32(np.pi)
        self.bridge = np.sin(angles).astype("f8")
        # A block of reference pixels samples an odd one twice, then an even one twice. The series made of it takes both
        # in turn, first samples before second ones, and fills the ticks just before and behind the block as well.
        block = np.arange(0, TICKS - PAUSE, PERIOD + 2 * STEP)[:, None] + NORMAL // 2 + STEP
        self.targets = (block + np.arange(-REFERENCE // 2, REFERENCE + REFERENCE // 2)).ravel().astype("i4")
        self.sources = (block + np.array([0, 2, 0, 2, 1, 3, 1, 3])).ravel().astype("i4")
        sample_at = np.full(TICKS, -1)
        sample_at[TICK] = SAMPLE
        self.source_samples = sample_at[self.sources]
        self.ticks = TICK.astype("i4")
        self.grid, self.bridged, self.references = np.zeros((3, SIZE, TICKS), "f4")
        self.common = self.transform.empty_spectrum()

    def reference_output(self, threads):
        """Fill what is missing in the reference output, in `bridged`, and transform it, to `common`."""
        kernel.bridge(self.grid.reshape(-1), self.bridge, self.bridged.reshape(-1), threads)
        for _ in range(ROUNDS):
            self.transform.scale(self.bridged, self.filter)
            self.transform.patch(self.bridged, GAPS)
        self.transform.forward(self.bridged, self.common)

    def correct(self, data, outputs, preserve, threads):
        """Correct an integration.

        Parameters
        ----------
        data : ndarray of float32, (ngroups, 3200, 2048)
            Counts, DN, changed in place.
        outputs : list of Output
            Where samples stand.
        preserve : bool
            Whether reference output and reference pixels are to be corrected, too.
        threads : int
            Threads.
        """
        mean = np.empty(data.shape[1:])
        kernel.average(data, mean, threads)
        for plane in data:
            trends = [(*output.trend(plane, mean), MIDDLE) for output in outputs]
            output = outputs[0]
            where = output.rows, self.ticks, self.ticks, output.mirrored
            kernel.unfold(plane, mean, *where, *trends[0], self.grid, threads)
            self.reference_output(threads)
            if preserve:
                at = slice(None, None, -1) if output.mirrored else slice(None)
                plane[output.rows] = self.bridged[at, self.ticks].T + mean[output.rows]
            kept = np.flatnonzero(~INTERLEAVED) if not preserve else SAMPLE
            for k, output in enumerate(outputs[1:], 1):
                rows = output.rows[self.source_samples]
                where = rows, self.sources, self.targets, output.mirrored
                kernel.unfold(plane, mean, *where, *trends[k], self.references, threads)
                self.transform.mix(self.references, self.beta[k - 1], self.common, self.alpha[k - 1])
                correction = self.transform.series().reshape(SIZE, TICKS)
                where = output.rows[kept], self.ticks[kept], output.mirrored
                whole = (~INTERLEAVED[kept]).astype("u1")
                kernel.fold(plane, mean, *where, *trends[k], correction, whole, threads)


def low_and_high_pass():
    """Filter of the reference output by frequency, (FRAME,) float32."""
    half = np.zeros(FRAME // 2 + 1, "f4")
    edge = (np.cos(np.arange(EDGE, dtype="f4") * np.pi / EDGE) + 1) / 2
    half[:PASS] = 1
    half[PASS : PASS + EDGE] = edge
    # The upper pass band ends one frequency below the fastest, and that passes, too.
    half[FRAME // 2 - PASS :] = 1
    half[FRAME // 2 - PASS - EDGE : FRAME // 2 - PASS] = edge[::-1]
    return np.concatenate([half, half[-2:0:-1]])
