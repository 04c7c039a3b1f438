"""Fourier transform of a frame in the order of time: 712 x 2048 = 89 x 16384 real samples.

The prime factor of 89 is dear to every general library. Here it is two products with real matrices of 45 x 45, even
and odd parts apart; what is left are 45 short transforms whose length is a power of two. A spectrum stays in the order
in which it falls out: bin ``c + 89 d`` stands at ``[c, d]``, and the bins with c > 44 are the conjugates of others.

Source: J. W. Cooley, J. W. Tukey, Math. Comp. 19, 297 (1965).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from jwpipe.cext import irs2 as kernel

__all__ = ["PRIME", "Transform", "spectrum_order"]

PRIME = 89
ROWS = PRIME // 2 + 1
WIDTH = 128  # columns of a product: few enough for the library not to call its own threads up


class Transform:
    """Transforms of real series of one length, with their tables and buffers.

    Parameters
    ----------
    length : int
        Samples: a multiple of 89 x 128.
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
        self._twiddle = np.exp(-2j * np.pi / length * (a[:, None] * np.arange(self.columns)))
        self._even, self._odd = (np.empty((rows, self.columns)) for rows in (ROWS, ROWS - 1))
        self._real, self._imag = np.empty_like(self._even), np.empty_like(self._odd)
        self._series = np.empty((PRIME, self.columns))
        self._pool = ThreadPoolExecutor(threads)

    def empty_spectrum(self):
        """Make room for a spectrum."""
        return np.empty((ROWS, self.columns), complex)

    def forward(self, series, spectrum):
        """Transform a series.

        Parameters
        ----------
        series : ndarray of float32, any shape of `length` elements
            Real samples.
        spectrum : ndarray of complex128, (45, length / 89)
            Out: made by `empty_spectrum`.
        """
        from scipy.fft import fft

        kernel.split(series.reshape(PRIME, self.columns), self._even, self._odd, self.threads)
        self._multiply(self._cos, self._even, self._real)
        self._multiply(self._sin, self._odd, self._imag)
        kernel.twist(self._real, self._imag, self._twiddle, spectrum, self.threads)
        done = fft(spectrum, axis=1, overwrite_x=True, workers=self.threads)
        if not np.may_share_memory(done, spectrum):
            spectrum[...] = done

    def inverse(self, spectrum):
        """Transform a spectrum back.

        Parameters
        ----------
        spectrum : ndarray of complex128, (45, length / 89)
            As of `forward`; overwritten.

        Returns
        -------
        ndarray of float64, (length,)
            A buffer that the next call fills again.
        """
        from scipy.fft import ifft

        spectrum = ifft(spectrum, axis=1, norm="forward", overwrite_x=True, workers=self.threads)
        kernel.untwist(spectrum, self._twiddle, self._real, self._imag, self.threads)
        self._multiply(self._cos_back, self._real, self._even)
        self._multiply(self._sin_back, self._imag, self._odd)
        kernel.merge(self._even, self._odd, self._series, self.threads)
        return self._series.reshape(-1)

    def _multiply(self, matrix, series, product):
        """Set product, (q, m), to matrix, (q, q), times series, (q, m).

        A product of some columns is what a thread does at a time: the library itself shares no product this small.
        """
        series, product = (array.reshape(len(array), -1, WIDTH).swapaxes(0, 1) for array in (series, product))
        shares = np.array_split(np.arange(len(series)), self.threads)
        parts = [slice(share[0], share[-1] + 1) for share in shares if len(share)]
        list(self._pool.map(lambda part: np.matmul(matrix, series[part], out=product[part]), parts))


def spectrum_order(bins):
    """Put values of all bins, (length,), into the order of a spectrum, (45, length / 89)."""
    return np.ascontiguousarray(bins.reshape(-1, PRIME).T[:ROWS])
