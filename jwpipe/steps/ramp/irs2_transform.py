"""Fourier transform of a frame in the order of time: 712 x 2048 = 89 x 16384 real samples.

The prime factor of 89 is dear to every general library. Here it is two products with real matrices of 45 x 45, even
and odd parts apart; what is left are 45 short transforms whose length is a power of two. A spectrum stays in the order
in which it falls out: bin ``c + 89 d`` stands in row ``c``, at the place that `order` tells; the bins with c > 44 are
the conjugates of others.

Source: J. W. Cooley, J. W. Tukey, Math. Comp. 19, 297 (1965).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from jwpipe.cext import irs2 as kernel

__all__ = ["PRIME", "ROWS", "Transform", "order", "spectrum_order"]

PRIME = 89
ROWS = PRIME // 2 + 1
WIDTH = 128  # columns of a product: few enough for the library not to call its own threads up


class Transform:
    """Transforms of real series of one length, with their tables and buffers.

    Parameters
    ----------
    length : int
        Samples: 89 times a power of two, at least 256.
    threads : int
        Threads.
    """

    def __init__(self, length, threads):
        self.length, self.threads = length, threads
        self.columns = length // PRIME
        a = np.arange(ROWS)
        angle = 2 * np.pi / PRIME * (a * a[:, None] % PRIME)
        cos, sin = np.cos(angle), np.sin(angle)[1:, 1:]
        self._cos, self._sin = cos, -sin
        self._cos_back = cos * (np.where(a == 0, 1, 2) / length)
        self._sin_back = sin * (-2 / length)
        fine = 1 << (self.columns.bit_length() - 1) // 2
        steps = np.arange(self.columns // fine) * fine, np.arange(fine)
        turns = [unit_circle(a[:, None] * step, length) for step in steps]
        self._tables = *(np.stack([turn.real, turn.imag], 1) for turn in turns), transform_factors(self.columns)
        self._even, self._odd = (np.empty((rows, self.columns)) for rows in (ROWS, ROWS - 1))
        self._real, self._imag = np.empty_like(self._even), np.empty_like(self._odd)
        self._series = np.empty((PRIME, self.columns))
        self._scratch = np.empty((threads, 2 * self.columns))
        self._pool = ThreadPoolExecutor(threads)

    def empty_spectrum(self):
        """Make room for a spectrum: rows, real and imaginary parts, bins."""
        return np.empty((ROWS, 2, self.columns))

    def forward(self, series, spectrum):
        """Transform a series.

        Parameters
        ----------
        series : ndarray of float32, any shape of `length` elements
            Real samples.
        spectrum : ndarray of float64, (45, 2, length / 89)
            Out: made by `empty_spectrum`.
        """
        self._split(series)
        kernel.transform(self._real, self._imag, *self._tables, spectrum, self.threads)

    def scale(self, series, weights):
        """Multiply the spectrum of a series, as of `forward`, by real weights of the bins, float32, and take it back.

        The result stays in buffers, for `series` or `patch`.
        """
        self._split(series)
        kernel.scale(self._real, self._imag, *self._tables, weights, self._scratch, self.threads)
        self._multiply_back()

    def mix(self, series, own, other, its):
        """The same, but add another spectrum: weights of each are complex64."""
        self._split(series)
        kernel.mix(self._real, self._imag, *self._tables, own, other, its, self._scratch, self.threads)
        self._multiply_back()

    def series(self):
        """Give the result as ndarray of float64, (length,): a buffer that the next call fills again."""
        kernel.merge(self._even, self._odd, self._series, self.threads)
        return self._series.reshape(-1)

    def patch(self, series, gaps):
        """Put the result into the gaps of a series of float32; `gaps`, uint8, tells for each place of a cycle."""
        kernel.patch(self._even, self._odd, gaps, series.reshape(PRIME, self.columns), self.threads)

    def _split(self, series):
        kernel.split(series.reshape(PRIME, self.columns), self._even, self._odd, self.threads)
        self._multiply(self._cos, self._even, self._real)
        self._multiply(self._sin, self._odd, self._imag)

    def _multiply_back(self):
        self._multiply(self._cos_back, self._real, self._even)
        self._multiply(self._sin_back, self._imag, self._odd)

    def _multiply(self, matrix, series, product):
        """Set product, (q, m), to matrix, (q, q), times series, (q, m).

        A product of some columns is what a thread does at a time: the library itself shares no product this small.
        """
        series, product = (array.reshape(len(array), -1, WIDTH).swapaxes(0, 1) for array in (series, product))
        shares = np.array_split(np.arange(len(series)), self.threads)
        parts = [slice(share[0], share[-1] + 1) for share in shares if len(share)]
        list(self._pool.map(lambda part: np.matmul(matrix, series[part], out=product[part]), parts))


def unit_circle(numerator, denominator):
    """Numbers exp(-2 pi i numerator / denominator), the numerator reduced first."""
    return np.exp(-2j * np.pi / denominator * (numerator % denominator))


def transform_factors(count):
    """Factors of the transform of a row of `count` samples, in the order in which the kernel takes them."""
    vectors = count // kernel.LANES
    parts, size = [], vectors
    while size >= 4:
        turns = unit_circle(np.arange(size // 4)[:, None] * np.arange(1, 4), size)
        parts.append(np.stack([turns.real, turns.imag], axis=-1))
        size //= 4
    turns = unit_circle(vector_order(vectors)[:, None] * np.arange(kernel.LANES), count)
    parts.append(np.stack([turns.real, turns.imag], axis=1))
    return np.concatenate([part.reshape(-1) for part in parts])


def vector_order(size):
    """Bins of a transform by steps of four (the last of two, where need be), in the order in which they fall out."""
    if size == 1:
        return np.zeros(1, int)
    step = 4 if size % 4 == 0 else 2
    return np.concatenate([vector_order(size // step) * step + k for k in range(step)])


def order(count):
    """Bins of the transform of a row of `count` samples, in the order in which they fall out."""
    vectors = vector_order(count // kernel.LANES).reshape(-1, 1, kernel.LANES)
    return (vectors + np.arange(kernel.LANES)[:, None] * (count // kernel.LANES)).reshape(-1)


def spectrum_order(bins):
    """Put values of all bins, (length,), into the order of a spectrum, (45, length / 89)."""
    rows = bins.reshape(-1, PRIME).T[:ROWS]
    return np.ascontiguousarray(rows[:, order(rows.shape[1])])
