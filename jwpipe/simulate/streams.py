"""Random numbers: one independent stream a purpose, all from one seed."""

import zlib

import numpy as np

__all__ = ["Streams"]


class Streams:
    """Random number streams that depend on the seed and on what they are for, and on nothing else.

    Frame 7 of integration 2 is the same whether or not more frames follow, and whatever was drawn before.

    Parameters
    ----------
    seed : int
        Not negative.
    within : tuple of str or int, optional
        First part of every purpose.
    """

    def __init__(self, seed, within=()):
        self.seed, self.within = seed, within

    def of(self, *purpose):
        """Give the streams whose purposes start with these words.

        Returns
        -------
        Streams
        """
        return Streams(self.seed, (*self.within, *purpose))

    def __call__(self, *purpose):
        """Make the stream of a purpose.

        Parameters
        ----------
        *purpose : str or int
            For example ``"read", 2, 7``.

        Returns
        -------
        numpy.random.Generator
        """
        key = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in (*self.within, *purpose)]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(self.seed, spawn_key=key)))
