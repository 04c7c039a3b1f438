"""How high the sky is: statistics of pixels after clipping, most of all where their histogram peaks.

Source: the task `gstatistics` of IRAF (STSDAS), whose mode and mid-point these are.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.cext import sky

__all__ = ["STATISTICS", "Statistics"]

STATISTICS = ("median", "midpt", "mean", "mode")
SAMPLE = 1000  # values that tell about where the mean is
FINEST = 10 * float(np.finfo("f4").eps)  # width of bins, and range, below which there is one bin


@dataclass
class Statistics:
    """What is taken for the level of the sky.

    Attributes
    ----------
    name : str
        One of `STATISTICS`.
    lower, upper : float or None
        Values that count at least and at most.
    times : int
        How often to clip.
    lsigma, usigma : float
        Standard deviations below and above the mean up to which values stay.
    width : float
        Width of the histogram's bins, standard deviations.
    threads : int
        Threads.
    """

    name: str = "mode"
    lower: float | None = None
    upper: float | None = None
    times: int = 5
    lsigma: float = 4.0
    usigma: float = 4.0
    width: float = 0.1
    threads: int = 1

    def level(self, values):
        """Tell how high the sky is.

        Parameters
        ----------
        values : ndarray of float32, (n,)
            Values of pixels, all of them finite.

        Returns
        -------
        level : float or None
            The level; None where too little is left.
        count : int
            Number of the values that it is from.
        """
        if not values.size:
            return None, 0
        # Limits are of single precision, as the values are.
        lower = values.min() if self.lower is None else np.float32(self.lower)
        upper = values.max() if self.upper is None else np.float32(self.upper)
        low, high = float(lower), float(upper)
        mean = float(np.clip(values[:: -(-values.size // SAMPLE)], low, high).mean(dtype="f8"))
        for i in range(self.times + 1):
            count, mean, std, least, most = sky.moments(values, low, high, mean, self.threads)
            if not count:
                return None, 0
            if i < self.times:
                before = low, high
                low, high = max(lower, mean - self.lsigma * std), min(upper, mean + self.usigma * std)
                if (low, high) == before:
                    break
        if self.name == "mean":
            level = mean
        elif self.name == "median":
            level = sky.median(values, *((low, high) if self.times else (-np.inf, np.inf)))
        else:
            level = self.of_histogram(values, least, most, std)
        return (level, count) if np.isfinite(level) else (None, 0)

    def of_histogram(self, values, least, most, std):
        """The mode, or the mid-point."""
        width, extent = self.width * std, most - least
        if not (width >= FINEST and abs(extent) >= FINEST and width <= extent):
            return least + 0.5 * width
        bins = int(extent / width) + 1
        step = extent / (bins - 1)
        counts = np.zeros(bins, "u4")
        sky.histogram(values, least, least + step * bins, step, counts, self.threads)
        counts = counts.astype(int)
        # The bins are a little wider than what places are told in: so it is there.
        return least + (peak(counts) if self.name == "mode" else middle(counts)) * width


def peak(counts):
    """Where a histogram peaks, in bins: the vertex of the parabola through the highest bin and its neighbours."""
    highest = int(counts.argmax())
    if len(counts) == 2 and counts[0] == counts[1]:
        return 1.0
    if not 0 < highest < len(counts) - 1:
        return highest + 0.5
    before, after = (int(counts[highest] - counts[highest + side]) for side in (-1, 1))
    return highest + 0.5 + 0.5 * (before - after) / (before + after)


def middle(counts):
    """Where half of the values lie below, in bins."""
    share = np.cumsum(counts).astype("f4")
    share /= share[-1]
    half = int(np.flatnonzero(share >= 0.5)[0])
    below = share[half - 1] if half else np.float32(0)
    return half + float((np.float32(0.5) - below) / (share[half] - below))
