"""Subtract the electromagnetic interference that MIRI's electronics add to its ramps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from jwpipe.cext import emicorr as kernel
from jwpipe.engine.params import AtLeast, File, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError
from jwpipe.products.emi import Case, EmiWaves
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.miri import need_miri

__all__ = ["emicorr"]

READPATTS = ("FAST", "FASTR1", "SLOW", "SLOWR1")
SAMPLE = 10.0e-6  # s, time of one A/D conversion

# Rows and frames in samples, for waves found without a reference file. Source: JWST User Documentation, emicorr.
CLOCKS = {
    "SLITLESSPRISM": (28, 15904),
    "MASKLYOT": (90, 32400),
    "SUB64": (28, 8512),
    "SUB128": (44, 11904),
    "MASK1140": (82, 23968),
    "MASK1550": (82, 23968),
    "MASK1065": (82, 23968),
    "FULL_FAST": (271, 277504),
    "FULL_SLOW": (2333, 2388992),
    "BRIGHTSKY": (162, 86528),
    "SUB256": (96, 29952),
}
FRAME_ROWS, PAUSE = 1024, 7  # rows that a subarray's frame passes over, and what each of them takes
REFERENCE_PIXELS_END = 258  # samples of a row up to the reference pixels on the right
LATE = 3.0 + 2.0**32  # by which the last column is later there: 3 samples, and a number without effect on most waves
FEWEST_GROUPS = 4  # two of which are between the first and the last
MOST_BINS = 501
PARTS = 64  # of an exposure, summed apart
ROUNDS, LIMIT, CORE = 9, 3.0, 2.0  # of clipping; standard deviations


class Params(StepParams):
    """Parameters of `emicorr`."""

    save_intermediate_results: Annotated[bool, Help("save the waves found without a reference (emi_ref_waves)")] = False
    user_supplied_reffile: Annotated[str | None, Help("emicorr reference to use in place of the context's"), File()] = (
        None
    )
    nints_to_phase: Annotated[int | None, Help("integrations in which the waves are sought; all"), AtLeast(1)] = None
    nbins: Annotated[int | None, Help("bins of a wave; half its period in samples of 10 us"), AtLeast(1)] = None
    scale_reference: Annotated[bool, Help("scale the reference's waves to those found")] = True
    skip: Annotated[bool, Help("leave the step out")] = True
    onthefly_corr_freq: Annotated[
        list[float] | None, Help("frequencies to correct by the waves found, Hz; no reference is used"), AtLeast(0.1)
    ] = None


@dataclass(frozen=True)
class Clock:
    """When pixels are read, in samples of 10 us: first pixels of groups (nints, ngroups), and what follows them."""

    start: np.ndarray
    row: float
    column: float
    last: float

    @classmethod
    def of(cls, ramp, case):
        """Clock of an exposure."""
        nints, ngroups, ny, nx = ramp.shape
        group = ny * case.rowclocks + (FRAME_ROWS - ny) * PAUSE
        reset = case.frameclocks if ramp["READPATT"].upper().endswith("R1") else 0
        start = np.arange(nints * ngroups, dtype="f8").reshape(nints, ngroups) * group
        start += np.arange(nints)[:, None] * reset
        at_end = nx // 4 + ramp.subarray.x == REFERENCE_PIXELS_END
        return cls(start, case.rowclocks, float(ramp["NSAMPLES"]), LATE if at_end else 0.0)

    def times(self, nints=None):
        """Arguments of the kernels, for the first integrations."""
        return self.start[:nints], self.row, self.column, self.last


@step(
    "emicorr",
    status="S_MIREMI",
    peer="jwst.emicorr.emicorr_step.EmiCorrStep",
    references=["emicorr"],
    params=Params,
)
def emicorr(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Subtract the electromagnetic interference that MIRI's electronics add to its ramps.

    Of each frequency in turn: the ramps without their straight lines are folded over the period, by the time at which
    each pixel is read, into bins of phase; the clipped means of the bins are the wave. It is subtracted as it is
    (`onthefly_corr_freq`), or gives the phase and the amplitude of the reference's wave, which is less noisy.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; SCI is changed. Skipped where it is not of MIRI, was not read out fast or slow, or has fewer than
        four groups: no wave shows in them.
    refs : References
        ``emicorr``: waves, and how subarrays are clocked. Skipped where none applies, or it does not have the subarray.
    par : Params
        Parameters.
    run : Run
        Threads, log, by-products.

    Returns
    -------
    Ramp
        The same.
    """
    need_miri(ramp)
    if ramp["READPATT"].upper() not in READPATTS:
        raise Skip(f"the interference is not known for READPATT {ramp['READPATT']}")
    speed = ramp["READPATT"].upper().removesuffix("R1")
    name = str(ramp["SUBARRAY"])
    name = f"FULL_{speed}" if name == "FULL" else name
    reference = reference_waves(refs, par)
    case = known_case(name, par) if reference is None else reference.case(name, speed, ramp["DETECTOR"])
    if case is None or not case.names:
        raise Skip(f"no waves are known for {name}, {speed}, {ramp['DETECTOR']}")
    ngroups, nx = ramp.shape[1], ramp.shape[3]
    if ngroups < FEWEST_GROUPS:
        raise Skip(f"{ngroups} groups are too few to find waves in")
    if nx % 4:
        raise InputError(f"{ramp.path} has {nx} columns, which four amplifiers cannot share")
    clock, found = Clock.of(ramp, case), {}
    for wave_name in case.names:
        frequency, wave = (float(wave_name), None) if reference is None else reference.waves[wave_name]
        period = 1.0 / frequency / SAMPLE
        amplitudes = find_wave(ramp.data[: par.nints_to_phase], clock, period, par.nbins, run.threads)
        table = stretched(amplitudes, period)
        if wave is not None:
            table = aligned(wave, amplitudes, table, period, par.scale_reference)
        kernel.subtract(ramp.data, *clock.times(), period, table, run.threads)
        found[wave_name] = frequency, amplitudes
        run.log.info("%s: %g Hz, %g DN from peak to peak", wave_name, frequency, np.ptp(table))
    if par.save_intermediate_results and reference is None:
        names = list(case.names) if speed == "FAST" else {ramp["DETECTOR"]: list(case.names)}
        # In this order: build 10.2 reads no further once it has both clocks.
        clocks = {"freqs": {speed: names}, "rowclocks": case.rowclocks, "frameclocks": case.frameclocks}
        run.save(EmiWaves(found, {name: clocks}), "emi_ref_waves")
    return ramp


def reference_waves(refs, par):
    """Read the reference; None where the waves are to be taken from the exposure."""
    if par.onthefly_corr_freq is not None:
        return None
    given = par.user_supplied_reffile
    path = refs.path("emicorr") if given is None else Path(given).expanduser()
    if path is None:
        raise Skip("no emicorr reference applies to this exposure")
    return EmiWaves.read(path)


def known_case(name, par):
    """Case of a subarray, for the frequencies that the user gives; None where its clocks are not known."""
    return Case(*CLOCKS[name], tuple(map(repr, par.onthefly_corr_freq))) if name in CLOCKS else None


def find_wave(data, clock, period, nbins, threads):
    """Find a wave in an exposure.

    Parameters
    ----------
    data : ndarray of float32, (nints, ngroups, ny, nx)
        Counts, DN.
    clock : Clock
        When they were read.
    period : float
        Of the wave, samples of 10 us.
    nbins : int or None
        Bins of phase; None for half the period.
    threads : int
        Threads.

    Returns
    -------
    ndarray of float64, (nbins,)
        Clipped means of the bins, DN, less their median; 0 in bins without samples.
    """
    nints, ngroups, ny, nx = data.shape
    nbins = max(1, int(period / 2)) if nbins is None else nbins
    nbins = MOST_BINS - 1 if nbins > MOST_BINS else nbins
    slope, level = np.empty((2, nints, ny, nx // 4), "f4")
    room = np.empty((threads, 2 * kernel.STRIP * (ngroups - 2)), "f4")
    kernel.straighten(data, slope, level, median_network(ngroups - 2), room, threads)
    median = np.empty((nints, ngroups))
    kernel.medians(data, slope, level, median, np.empty((threads, 2 * ny * nx // 4), "f4"), threads)
    samples = Samples((data, slope, level, median, *clock.times(nints), period), nbins, threads)
    amplitudes = clipped_means(samples, nbins)
    return amplitudes - np.median(amplitudes)


def median_network(count):
    """Pairs to compare and exchange, in order, to bring the middle one or two of `count` values to their places.

    Batcher's merge exchange, which sorts them all, without what has no effect on the middle.
    """
    pairs = []
    top = p = 1 << (count - 1).bit_length() >> 1
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(count - d) if i & p == r]
            if q == p:
                break
            q, r, d = q >> 1, p, q - p
        p >>= 1
    needed, kept = {(count - 1) // 2, count // 2}, []
    for pair in reversed(pairs):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)
    return np.array(kept[::-1], "i4").reshape(-1, 2)


class Samples:
    """The samples of an exposure, summed by phase again and again as limits close in.

    Those between the limits and a core around the mean are set aside in the first pass: as long as the limits leave the
    core whole, later sums need no other pass over the ramp.

    Parameters
    ----------
    exposure : tuple
        First arguments of `kernel.fold`.
    nbins, threads : int
        Bins of phase, threads.
    """

    def __init__(self, exposure, nbins, threads):
        self.exposure, self.threads = exposure, threads
        nints, ngroups, ny, nx = exposure[0].shape
        parts = min(PARTS, nints * ngroups)
        # Room for half of the samples, and for a chunk a part left unfilled. Memory is taken only as it is filled.
        nchunks = nints * ngroups * ny * nx // 8 // kernel.CHUNK + 1 + parts
        self.bins = np.empty((nbins, 6))
        self.bins[:, 0], self.bins[:, 1] = np.arange(nbins) / nbins, np.arange(1, nbins + 1) / nbins
        self.sums = np.empty((parts, nbins, 3))
        shape = nchunks, kernel.CHUNK
        self.outer = np.empty(shape, "f4"), np.empty(shape, "u2"), np.empty((nchunks, 2), "i4")
        self.used = 0
        self.core_sums = None

    def within(self, low, high, core_low, core_high, active):
        """Sum the samples within limits.

        Parameters
        ----------
        low, high : ndarray of float64, (nbins,)
            Limits, DN; they lie within those of the last time.
        core_low, core_high : ndarray of float64, (nbins,)
            Limits between which no later ones are expected.
        active : ndarray of bool, (nbins,)
            Bins whose sums count.

        Returns
        -------
        number, total, squares : ndarray of float64, (nbins,)
            Number of samples, their sum (DN), and that of their squares.
        """
        whole = (low <= self.bins[:, 4]) & (high >= self.bins[:, 5])
        self.bins[:, 2], self.bins[:, 3] = low, high
        if self.core_sums is None or not whole[active].all():
            self.bins[:, 4], self.bins[:, 5] = core_low, core_high
            self.sums[:] = 0
            self.used = kernel.fold(*self.exposure, self.bins, self.sums, *self.outer, self.threads)
            self.core_sums = self.sums.copy()
        self.sums[:] = self.core_sums
        kernel.fold_outer(self.bins, self.sums, *self.outer, self.used, self.threads)
        return self.sums.sum(axis=0).T


def clipped_means(samples, nbins):
    """Means of the bins, clipped as build 10.2 does.

    What was once left out stays so. The limits stand about the mean, but for the first ones: about twice the mean, by
    a quirk that shifts them little as the samples of a group have a median of 0. Every sample counts twice, which only
    the standard deviation feels; a bin is done when the count no longer changes.

    Parameters
    ----------
    samples : Samples
        What is binned.
    nbins : int
        Number of bins.

    Returns
    -------
    ndarray of float64, (nbins,)
    """
    low, high = np.full(nbins, -np.finfo("f4").max), np.full(nbins, np.finfo("f4").max)
    number, total, squares = samples.within(low, high, low, high, np.ones(nbins, bool))
    active = number > 1
    single = np.where(active, number, 1)  # so that empty bins divide by something
    mean = np.where(active, 2 * total / single, 0.0)
    spread = np.sqrt(np.maximum(squares - 2 * mean * total + number * mean**2, 0) / np.maximum(number - 1, 1))
    counted = number
    for _ in range(ROUNDS):
        if not active.any():
            break
        low = np.where(active, np.maximum(low, mean - LIMIT * spread), low)
        high = np.where(active, np.minimum(high, mean + LIMIT * spread), high)
        core = np.maximum(low, mean - CORE * spread), np.minimum(high, mean + CORE * spread)
        number, total, squares = samples.within(low, high, *core, active)
        renew = active & (number > 0)
        single = np.where(renew, number, 1)
        mean = np.where(renew, total / single, mean)
        scatter = np.maximum(squares - total**2 / single, 0)
        spread = np.where(renew, np.sqrt(2 * scatter / (2 * single - 1)), spread)
        active = renew & (2 * number != counted)
        counted = 2 * number
    return mean


def stretched(wave, length):
    """Stretch a wave to a length in samples, by nearest neighbours."""
    step = wave.size / length
    return wave[np.minimum((np.arange(int(np.ceil(wave.size / step))) * step).astype("i8"), wave.size - 1)]


def aligned(wave, amplitudes, table, period, scale):
    """Shift a reference wave to where it correlates best with the wave found, and scale it to that.

    Parameters
    ----------
    wave : ndarray of float64
        One period of the reference, DN.
    amplitudes, table : ndarray of float64
        The wave found, as it is and stretched to the period.
    period : float
        Samples of 10 us.
    scale : bool
        Whether to scale.

    Returns
    -------
    ndarray of float64
        Stretched to the period.
    """
    sought = stretched(amplitudes, wave.size)[: wave.size]
    spectrum = np.fft.rfft(sought - sought.mean()) * np.conj(np.fft.rfft(wave - wave.mean()))
    shifted = stretched(np.roll(wave, np.argmax(np.fft.irfft(spectrum, wave.size))), period)
    if not scale:
        return shifted
    deviation = shifted - shifted.mean()
    power = deviation @ deviation
    return shifted * (deviation @ table[: shifted.size] / power if power > 0 else 0.0)
