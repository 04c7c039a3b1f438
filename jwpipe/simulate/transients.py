"""What an integration begins and ends with, beside charge: offsets of the first and last frames."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Transients"]


@dataclass(frozen=True)
class Transients:
    """Offsets of the counts, DN, for a pixel of average strength.

    Attributes
    ----------
    reset : tuple of float
        What is left of the reset, in the first frame of each integration; the last value is for all further ones.
    reset_frames : float
        Frames in which it falls to 1/e.
    settling : tuple of float
        Growth from frame to frame, likewise by integration: part of the dark current.
    first, last : float
        Of the first and the last frame.
    switching : float
        Of the first frame of integrations after the first, from the charge of the one before.
    switching_frames : float
        Frames in which it falls to 1/e.
    """

    reset: tuple[float, ...]
    reset_frames: float
    settling: tuple[float, ...]
    first: float
    last: float
    switching: float
    switching_frames: float

    def after_reset(self, i, frame):
        """Offset that the reset leaves in a frame of an integration."""
        return self.reset[min(i, len(self.reset) - 1)] * np.exp(-frame / self.reset_frames)

    def settled(self, i, frame):
        """Offset by settling in a frame of an integration."""
        return self.settling[min(i, len(self.settling) - 1)] * (frame + 1)

    def offset(self, i, frame, frames):
        """Sum of all offsets in a frame of an integration of so many frames."""
        total = self.after_reset(i, frame) + self.settled(i, frame)
        total += self.first * (frame == 0) + self.last * (frame == frames - 1)
        return total + (self.switching * np.exp(-frame / self.switching_frames) if i > 0 else 0.0)
